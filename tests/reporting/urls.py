"""Every route of the platform, and those of reports."""

from django.urls import include, path

from config import urls
from reporting import api

REPORTS = [
    path("reports", api.Reports.as_view()),
    path("reports/<str:report_id>", api.ReportDoor.as_view()),
    path("reports/<str:report_id>/cancel", api.ReportCancel.as_view()),
    path("reports/<str:report_id>/download", api.ReportDownload.as_view()),
    path("reports/<str:report_id>/manifest", api.ReportManifest.as_view()),
]

urlpatterns = [path("v1/", include(REPORTS)), *urls.urlpatterns]
