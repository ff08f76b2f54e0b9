"""Every route of the platform; the only module that opens the doors of the apps."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import TemplateView
from django.views.i18n import set_language

from payments.admin import account, fresh, login
from payments.intents import api as intents
from payments.intents import views as intent_views
from payments.methods import api as methods
from payments.orders import api as orders
from payments.rest import views as rest
from payments.webhooks import api as webhooks
from refunds.api import disputes, refunds
from reporting import api as reports
from reporting import metrics
from reporting import views as report_views
from reporting.admin import dashboards, search, uptime

# The REST API: each line names one door.
V1: list[URLPattern | URLResolver] = [
    path("openapi.json", rest.OpenApi.as_view(), name="openapi"),
    path("docs", rest.Docs.as_view(), name="docs"),
    path("customers", orders.Customers.as_view()),
    path("customers/<str:customer_id>", orders.CustomerDoor.as_view()),
    path("customers/<str:customer_id>/payment_methods", methods.CustomersMethods.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/<str:order_id>", intents.OrderDoor.as_view()),
    path("orders/<str:order_id>/cancel", intents.OrderCancel.as_view()),
    path("payment_methods/available", methods.Available.as_view()),
    path("payment_methods/<str:method_id>", methods.SavedMethod.as_view()),
    path("payment_intents", intents.Intents.as_view()),
    path("payment_intents/<str:intent_id>", intents.IntentDoor.as_view()),
    path("payment_intents/<str:intent_id>/confirm", intents.IntentConfirm.as_view()),
    path("payment_intents/<str:intent_id>/complete_action", intents.IntentComplete.as_view()),
    path("payment_intents/<str:intent_id>/capture", intents.IntentCapture.as_view()),
    path("payment_intents/<str:intent_id>/cancel", intents.IntentCancel.as_view()),
    path("payment_intents/<str:intent_id>/timeline", intents.IntentTimeline.as_view()),
    path("refunds", refunds.Refunds.as_view()),
    path("refunds/<str:refund_id>", refunds.RefundDoor.as_view()),
    path("refunds/<str:refund_id>/cancel", refunds.RefundCancel.as_view()),
    path("disputes", disputes.Disputes.as_view()),
    path("disputes/<str:dispute_id>", disputes.DisputeDoor.as_view()),
    path("disputes/<str:dispute_id>/evidence", disputes.DisputeEvidence.as_view()),
    path("disputes/<str:dispute_id>/submit", disputes.DisputeSubmit.as_view()),
    path("disputes/<str:dispute_id>/accept", disputes.DisputeAccept.as_view()),
    path("reports", reports.Reports.as_view()),
    path("reports/<str:report_id>", reports.ReportDoor.as_view()),
    path("reports/<str:report_id>/cancel", reports.ReportCancel.as_view()),
    path("reports/<str:report_id>/download", reports.ReportDownload.as_view()),
    path("reports/<str:report_id>/link", reports.ReportLink.as_view()),
    path("reports/<str:report_id>/manifest", reports.ReportManifest.as_view()),
    path("status", reports.StatusDoor.as_view()),
    path("tie_outs", reports.TieOuts.as_view()),
    path("closes", reports.Closes.as_view()),
    path("webhook_endpoints", webhooks.Endpoints.as_view()),
    path("webhook_endpoints/<str:endpoint_id>", webhooks.OneEndpoint.as_view()),
    path("webhook_endpoints/<str:endpoint_id>/deliveries", webhooks.Deliveries.as_view()),
    path("webhook_endpoints/<str:endpoint_id>/rotate_secret", webhooks.RotateSecret.as_view()),
    path("webhook_endpoints/<str:endpoint_id>/test", webhooks.Test.as_view()),
    path("webhook_endpoints/<str:endpoint_id>/replay", webhooks.Replays.as_view()),
    path("events", webhooks.Events.as_view()),
    path("events/<str:event_id>", webhooks.OneEvent.as_view()),
    re_path(r"", rest.Nowhere.as_view()),
]

handler400 = rest.bad_request
urlpatterns: list[URLPattern | URLResolver] = [
    path("", TemplateView.as_view(template_name="home.html")),
    path("v1/", include(V1)),
    path("webhooks/<str:psp>/<str:account_code>", webhooks.Notifications.as_view()),
    path("return/<str:state>", intent_views.Return.as_view()),
    path("reports/<str:token>", report_views.File.as_view()),
    path("status", report_views.Status.as_view(), name="status"),
    path("metrics", metrics.metrics),
    path("admin/login/", login.login),
    path("admin/login/code/", login.code, name="sign_in_code"),
    path("admin/login/enrol/", login.enrol, name="sign_in_enrol"),
    path("admin/language/", set_language, name="set_language"),
    path("admin/logout/", admin.site.admin_view(login.logout)),
    path("admin/confirm/", admin.site.admin_view(fresh.confirm), name="confirm_identity"),
    re_path(r"^admin/search/?$", admin.site.admin_view(search.page), name="search"),
    path("admin/account/", admin.site.admin_view(account.account), name="my_account"),
    path("admin/account/sessions/end/", admin.site.admin_view(account.end_others), name="my_sessions_end"),
    path("admin/account/factor/", admin.site.admin_view(account.factor), name="my_factor"),
    path("admin/account/codes/", admin.site.admin_view(account.codes), name="my_codes"),
    path("admin/password_change/", admin.site.admin_view(account.password)),
    path("admin/", include(dashboards.routes())),
    path("admin/", include(uptime.routes())),
    path("admin/", admin.site.urls),
]
