"""The way through the back office: groups of pages, each shown to who may open it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

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


LINE: Final = "flex h-[38px] items-center -mx-3 px-3 rounded-default hover:text-primary-600 dark:hover:text-primary-500"
HERE: Final = "bg-base-100 font-semibold text-primary-600 dark:bg-white/[.06] dark:text-primary-500 active"
BADGE: Final = (
    "font-semibold h-[18px] leading-[18px] ml-2 px-1 relative rounded-xs text-center text-[11px] whitespace-nowrap"
    " uppercase min-w-[18px] bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400"
)
"""Unfold's classes of a line of the menu, of the one that stands on this page, and of a number beside it."""

Place = tuple[str, str, str]
"""Words, address, symbol."""


@dataclass(frozen=True)
class Group:
    """Pages that somebody may open: each with its place, and how the menu writes it, elsewhere and here."""

    title: str
    separator: bool
    pages: Sequence[tuple[Place, SafeString, SafeString]]


@dataclass(frozen=True)
class Heading:
    """A group of the menu as it stands at the side of one page."""

    title: str
    separator: bool
    lines: Sequence[SafeString]


_KNOWN: dict[tuple[str, frozenset[str] | None], Sequence[Group]] = {}
"""Language and rights -> the groups: they are the same for everybody who has the same, as long as a program runs."""
MOST_KNOWN: Final = 100


def menu(request: HttpRequest) -> list[Heading]:
    """The menu at the side; whoever decides about refunds sees how many wait."""
    waiting, there = _waiting(request), request.path
    headings = []
    for number, group in enumerate(_groups(request)):
        lines = [
            here if there.startswith(address) and not (waiting and there == waiting[1]) else elsewhere
            for (_words, address, _icon), elsewhere, here in group.pages
        ]
        if waiting and not number:
            lines.insert(1, _line(waiting[:3], waiting[3], here=there == waiting[1]))
        headings.append(Heading(group.title, group.separator, lines))
    return headings


def _groups(request: HttpRequest) -> Sequence[Group]:
    """What this person may open."""
    user = request.user
    rights = None if user.is_superuser else frozenset(user.get_all_permissions())
    key = (get_language() or "", rights)
    groups = _KNOWN.get(key)
    if groups is None:
        groups = _made(request)
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = groups
    return groups


def _made(request: HttpRequest) -> Sequence[Group]:
    groups: list[tuple[str, list[dict[str, Any]]]] = [
        (
            _(title) if title else "",
            [
                {"title": _(words), "icon": icon, "link": reverse(f"admin:{app}_{model}_changelist"),
                 "permission": _may_view(app, model)}
                for words, app, model, icon in pages
            ],
        )
        for title, pages in GROUPS.items()
    ]  # fmt: skip
    groups[list(GROUPS).index("Operations")][1].insert(0, uptime.entry())
    boards = dashboards.group()
    groups.insert(1, (boards["title"], boards["items"]))
    made = []
    for title, entries in groups:
        places = [(str(one["title"]), str(one["link"]), one["icon"]) for one in entries if one["permission"](request)]
        if places:
            pages = [(one, _line(one), _line(one, here=True)) for one in places]
            made.append(Group(title, bool(title), pages))
    return made


def _line(place: Place, badge: int = 0, *, here: bool = False) -> SafeString:
    words, address, icon = place
    return format_html(
        '<li><a href="{}" class="{}"><span class="material-symbols-outlined md-18 mr-3 w-[18px]">{}</span>'
        "<span>{}</span>{}</a></li>",
        address,
        f"{LINE} {HERE}" if here else LINE,
        icon,
        words,
        format_html('<span class="{}">{}</span>', BADGE, badge) if badge else "",
    )


def _waiting(request: HttpRequest) -> tuple[str, str, str, int] | None:
    """The place of refunds that wait for a second person, and how many, for who may be that."""
    if request.user.is_superuser or not request.user.has_perm("refunds.approve_refund"):
        return None
    return _("Approvals"), reverse("admin:refunds_refund_waiting"), "approval", undoing.waiting().count()


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(f"{app}.view_{model}")


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows besides the menu: the same places, as large targets."""
    places, waiting = [], _waiting(request)
    for number, group in enumerate(_groups(request)):
        links = [place for place, _elsewhere, _here in group.pages]
        if waiting and not number:  # on a phone the menu is folded away: its number stands on the target too
            words, address, icon, badge = waiting
            links.insert(1, (f"{words}: {badge}" if badge else words, address, icon))
        places.append((group.title or _("Every day"), links))
    return {**context, "title": _("Home"), "places": places, "searches_itself": True, "boxes": first.boxes(request)}
