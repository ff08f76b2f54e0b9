"""The way through the back office: groups of pages, each shown to who may open it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from reporting.admin import dashboards, undoing, uptime
from reporting.admin import home as first

GROUPS: Final[Mapping[str, tuple[tuple[str, str, str, str], ...]]] = {
    "": (
        (gettext_noop("Payments"), "payments", "paymentintent", "payments"),
        (gettext_noop("Orders"), "payments", "order", "shopping_bag"),
        (gettext_noop("Customers"), "payments", "customer", "person"),
        (gettext_noop("Saved methods"), "payments", "paymentmethod", "credit_score"),
        (gettext_noop("Refunds"), "refunds", "refund", "undo"),
        (gettext_noop("Bulk refunds"), "refunds", "refundbatch", "playlist_add_check"),
        (gettext_noop("Refund limits"), "refunds", "refundlimit", "speed"),
        (gettext_noop("Disputes"), "refunds", "dispute", "gavel"),
        (gettext_noop("Fraud warnings"), "refunds", "fraudwarning", "report"),
    ),
    gettext_noop("Finance"): (
        (gettext_noop("Daily close"), "reporting", "close", "event_available"),
        (gettext_noop("Tie-outs"), "reporting", "tieout", "balance"),
        (gettext_noop("Differences"), "reporting", "discrepancy", "difference"),
        (gettext_noop("Reports"), "reporting", "reportrun", "description"),
        (gettext_noop("Scheduled reports"), "reporting", "reportschedule", "event_repeat"),
        (gettext_noop("Report downloads"), "reporting", "reportdownload", "download"),
        (gettext_noop("Settlement files"), "reporting", "settlementfile", "upload_file"),
        (gettext_noop("Settlement lines"), "reporting", "settlementline", "receipt_long"),
        (gettext_noop("Payouts"), "reporting", "payout", "payments"),
        (gettext_noop("Bank statements"), "reporting", "bankstatement", "upload_file"),
        (gettext_noop("Bank lines"), "reporting", "bankline", "receipt_long"),
        (gettext_noop("Bank accounts"), "reporting", "bankaccount", "account_balance_wallet"),
        (gettext_noop("Bank transfers"), "refunds", "banktransfer", "outbound"),
        (gettext_noop("Ledger transfers"), "payments", "transfer", "sync_alt"),
        (gettext_noop("Ledger entries"), "payments", "entry", "list_alt"),
        (gettext_noop("Ledger accounts"), "payments", "account", "account_balance"),
        (gettext_noop("Fee contracts"), "payments", "feecontract", "percent"),
        (gettext_noop("PSP balances"), "reporting", "pspbalance", "savings"),
        (gettext_noop("Exchange rates"), "reporting", "exchangerate", "currency_exchange"),
    ),
    gettext_noop("Operations"): (
        (gettext_noop("Incidents"), "reporting", "incident", "emergency"),
        (gettext_noop("Needs attention"), "payments", "attentionitem", "priority_high"),
        (gettext_noop("Proposals"), "payments", "settlement", "how_to_vote"),
        (gettext_noop("Alerts"), "reporting", "alert", "notifications_active"),
        (gettext_noop("Service levels"), "reporting", "servicelevel", "speed"),
        (gettext_noop("Canaries"), "reporting", "canaryrun", "flutter_dash"),
        (gettext_noop("Silences"), "reporting", "silence", "notifications_paused"),
        (gettext_noop("Alert rules"), "reporting", "alertrule", "rule"),
        (gettext_noop("Alert channels"), "reporting", "alertchannel", "forum"),
        (gettext_noop("Alert messages"), "reporting", "alertmessage", "outgoing_mail"),
        (gettext_noop("Notices of alerts"), "reporting", "notice", "mark_chat_read"),
        (gettext_noop("Jobs"), "payments", "job", "bolt"),
        (gettext_noop("Runs of jobs"), "payments", "jobrun", "history_toggle_off"),
        (gettext_noop("Provider accounts"), "payments", "provideraccount", "toggle_on"),
        (gettext_noop("Routing rules"), "payments", "routingrule", "alt_route"),
        (gettext_noop("Kill switches"), "payments", "killswitch", "power_settings_new"),
        (gettext_noop("Calls to PSPs"), "payments", "providercall", "call_made"),
        (gettext_noop("PSP notifications"), "payments", "inboundevent", "call_received"),
        (gettext_noop("Replayed notifications"), "payments", "inboundreplay", "replay"),
        (gettext_noop("Lost notifications"), "payments", "eventsweep", "sync_problem"),
        (gettext_noop("Success of methods"), "payments", "methodsuccess", "leaderboard"),
        (gettext_noop("Client events"), "payments", "event", "campaign"),
        (gettext_noop("Deliveries"), "payments", "delivery", "local_shipping"),
        (gettext_noop("Tries of deliveries"), "payments", "deliverytry", "local_post_office"),
        (gettext_noop("Replays of events"), "payments", "eventreplay", "replay_circle_filled"),
        (gettext_noop("Webhook endpoints"), "payments", "endpoint", "webhook"),
    ),
    gettext_noop("Records"): (
        (gettext_noop("Attempts"), "payments", "paymentattempt", "credit_card"),
        (gettext_noop("Kept methods"), "payments", "paymentmethodtoken", "token"),
        (gettext_noop("PSPs' customers"), "payments", "payer", "person_add"),
        (gettext_noop("Captures"), "payments", "capture", "download_done"),
        (gettext_noop("Dispute movements"), "refunds", "disputemovement", "swap_horiz"),
        (gettext_noop("State changes"), "payments", "statechange", "history"),
        (gettext_noop("API clients"), "payments", "apiclient", "apps"),
        (gettext_noop("API keys"), "payments", "apikey", "key"),
        (gettext_noop("API requests"), "payments", "apirequest", "list_alt_check"),
        (gettext_noop("Idempotency keys"), "payments", "idempotencykey", "fingerprint"),
        (gettext_noop("Legal entities"), "payments", "legalentity", "domain"),
    ),
    gettext_noop("Staff"): (
        (gettext_noop("Audit log"), "payments", "auditevent", "policy"),
        (gettext_noop("Row history"), "payments", "rowchange", "manage_history"),
        (gettext_noop("Users"), "auth", "user", "badge"),
        (gettext_noop("Roles"), "auth", "group", "groups"),
        (gettext_noop("Sessions"), "payments", "staffsession", "devices"),
        (gettext_noop("Second factors"), "payments", "secondfactor", "key"),
        (gettext_noop("Known browsers"), "payments", "knownbrowser", "important_devices"),
        (gettext_noop("Wrong sign-ins"), "payments", "signinguess", "lock_clock"),
    ),
}
"""Heading -> (words, app, model, symbol). Lines of orders and refunds, what belongs to a dispute, and matches with
the bank are reached from their pages."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu at the side, as unfold wants it; whoever decides about refunds sees how many wait."""
    groups: list[dict[str, Any]] = [
        {
            "title": _(title) or None,
            "separator": bool(title),
            "items": [
                {
                    "title": _(words),
                    "icon": icon,
                    "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
                    "permission": _may_view(app, model),
                }
                for words, app, model, icon in pages
            ],
        }
        for title, pages in GROUPS.items()
    ]
    operations = list(GROUPS).index("Operations")
    groups[operations]["items"].insert(0, uptime.entry())
    groups.insert(1, dashboards.group())
    if not request.user.is_superuser and request.user.has_perm("refunds.approve_refund"):
        waiting = {"title": _("Approvals"), "icon": "approval", "link": reverse_lazy("admin:refunds_refund_waiting"),
                   "permission": lambda _: True, "badge": undoing.waiting().count()}  # fmt: skip
        groups[0]["items"].insert(1, waiting)
        if request.path == waiting["link"]:
            for item in groups[0]["items"]:
                item["active"] = item is waiting  # the list of refunds begins with the same address
    return groups


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(f"{app}.view_{model}")


def _counted(place: dict[str, Any]) -> str:
    """On a phone the menu is folded away: its number stands on the target too."""
    return f"{place['title']}: {place['badge']}" if place.get("badge") else str(place["title"])


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows besides the menu: the same places, as large targets."""
    places = []
    for group in sidebar(request):
        links = [(_counted(one), one["link"], one["icon"]) for one in group["items"] if one["permission"](request)]
        if links:
            places.append((group["title"] or _("Every day"), links))
    return {**context, "title": _("Home"), "places": places, "searches_itself": True, "boxes": first.boxes(request)}
