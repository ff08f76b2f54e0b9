"""The way through the back office: groups of pages, each shown to who may open it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse_lazy

from reporting.admin import dashboards, undoing
from reporting.admin import home as first

GROUPS: Final[Mapping[str, tuple[tuple[str, str, str, str], ...]]] = {
    "": (
        ("Payments", "payments", "paymentintent", "payments"),
        ("Orders", "payments", "order", "shopping_bag"),
        ("Customers", "payments", "customer", "person"),
        ("Saved methods", "payments", "paymentmethod", "credit_score"),
        ("Refunds", "refunds", "refund", "undo"),
        ("Bulk refunds", "refunds", "refundbatch", "playlist_add_check"),
        ("Refund limits", "refunds", "refundlimit", "speed"),
        ("Disputes", "refunds", "dispute", "gavel"),
        ("Fraud warnings", "refunds", "fraudwarning", "report"),
    ),
    "Finance": (
        ("Daily close", "reporting", "close", "event_available"),
        ("Tie-outs", "reporting", "tieout", "balance"),
        ("Differences", "reporting", "discrepancy", "difference"),
        ("Reports", "reporting", "reportrun", "description"),
        ("Scheduled reports", "reporting", "reportschedule", "event_repeat"),
        ("Report downloads", "reporting", "reportdownload", "download"),
        ("Settlement files", "reporting", "settlementfile", "upload_file"),
        ("Settlement lines", "reporting", "settlementline", "receipt_long"),
        ("Payouts", "reporting", "payout", "payments"),
        ("Bank statements", "reporting", "bankstatement", "upload_file"),
        ("Bank lines", "reporting", "bankline", "receipt_long"),
        ("Bank accounts", "reporting", "bankaccount", "account_balance_wallet"),
        ("Bank transfers", "refunds", "banktransfer", "outbound"),
        ("Ledger transfers", "payments", "transfer", "sync_alt"),
        ("Ledger entries", "payments", "entry", "list_alt"),
        ("Ledger accounts", "payments", "account", "account_balance"),
        ("Fee contracts", "payments", "feecontract", "percent"),
        ("PSP balances", "reporting", "pspbalance", "savings"),
        ("Exchange rates", "reporting", "exchangerate", "currency_exchange"),
    ),
    "Operations": (
        ("Needs attention", "payments", "attentionitem", "priority_high"),
        ("Proposals", "payments", "settlement", "how_to_vote"),
        ("Alerts", "reporting", "alert", "notifications_active"),
        ("Service levels", "reporting", "servicelevel", "speed"),
        ("Silences", "reporting", "silence", "notifications_paused"),
        ("Alert rules", "reporting", "alertrule", "rule"),
        ("Alert channels", "reporting", "alertchannel", "forum"),
        ("Alert messages", "reporting", "alertmessage", "outgoing_mail"),
        ("Notices of alerts", "reporting", "notice", "mark_chat_read"),
        ("Jobs", "payments", "job", "bolt"),
        ("Runs of jobs", "payments", "jobrun", "history_toggle_off"),
        ("Provider accounts", "payments", "provideraccount", "toggle_on"),
        ("Routing rules", "payments", "routingrule", "alt_route"),
        ("Kill switches", "payments", "killswitch", "power_settings_new"),
        ("Calls to PSPs", "payments", "providercall", "call_made"),
        ("PSP notifications", "payments", "inboundevent", "call_received"),
        ("Replayed notifications", "payments", "inboundreplay", "replay"),
        ("Lost notifications", "payments", "eventsweep", "sync_problem"),
        ("Success of methods", "payments", "methodsuccess", "leaderboard"),
        ("Client events", "payments", "event", "campaign"),
        ("Deliveries", "payments", "delivery", "local_shipping"),
        ("Tries of deliveries", "payments", "deliverytry", "local_post_office"),
        ("Replays of events", "payments", "eventreplay", "replay_circle_filled"),
        ("Webhook endpoints", "payments", "endpoint", "webhook"),
    ),
    "Records": (
        ("Attempts", "payments", "paymentattempt", "credit_card"),
        ("Kept methods", "payments", "paymentmethodtoken", "token"),
        ("PSPs' customers", "payments", "payer", "person_add"),
        ("Captures", "payments", "capture", "download_done"),
        ("Dispute movements", "refunds", "disputemovement", "swap_horiz"),
        ("State changes", "payments", "statechange", "history"),
        ("API clients", "payments", "apiclient", "apps"),
        ("API keys", "payments", "apikey", "key"),
        ("API requests", "payments", "apirequest", "list_alt_check"),
        ("Idempotency keys", "payments", "idempotencykey", "fingerprint"),
        ("Legal entities", "payments", "legalentity", "domain"),
    ),
    "Staff": (
        ("Audit log", "payments", "auditevent", "policy"),
        ("Row history", "payments", "rowchange", "manage_history"),
        ("Users", "auth", "user", "badge"),
        ("Roles", "auth", "group", "groups"),
        ("Sessions", "payments", "staffsession", "devices"),
        ("Second factors", "payments", "secondfactor", "key"),
        ("Known browsers", "payments", "knownbrowser", "important_devices"),
        ("Wrong sign-ins", "payments", "signinguess", "lock_clock"),
    ),
}
"""Heading -> (words, app, model, symbol). Lines of orders and refunds, what belongs to a dispute, and matches with
the bank are reached from their pages."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu at the side, as unfold wants it; whoever decides about refunds sees how many wait."""
    groups: list[dict[str, Any]] = [
        {
            "title": title or None,
            "separator": bool(title),
            "items": [
                {
                    "title": words,
                    "icon": icon,
                    "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
                    "permission": _may_view(app, model),
                }
                for words, app, model, icon in pages
            ],
        }
        for title, pages in GROUPS.items()
    ]
    groups.insert(1, dashboards.group())
    if not request.user.is_superuser and request.user.has_perm("refunds.approve_refund"):
        waiting = {"title": "Approvals", "icon": "approval", "link": reverse_lazy("admin:refunds_refund_waiting"),
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
            places.append((group["title"] or "Every day", links))
    return {**context, "title": "Home", "places": places, "searches_itself": True, "boxes": first.boxes(request)}
