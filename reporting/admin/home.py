"""The first page, by role: what waits for whoever looks at it, each number a link to the list behind it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import shown
from payments.gateway.models import KillSwitch, ProviderAccount
from payments.intents.models import PaymentAttempt
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.audit import AuditEvent
from payments.kernel.jobs import Job
from payments.webhooks.models import Delivery
from refunds import selectors as refunds
from refunds.models import Dispute, Refund, RefundBatch
from refunds.policy import Person
from refunds.states import BatchStatus, RefundStatus
from reporting import desks
from reporting.admin import morning, sentence, undoing
from reporting.admin.morning import Line
from reporting.models import Incident
from reporting.uptime import incidents as reading
from reporting.uptime import postmortem

MINE: Final = 5
"""So many of somebody's last refunds are shown."""

KINDS_SHOWN: Final = 5
CURRENCIES_SHOWN: Final = 3


@dataclass(frozen=True)
class Box:
    """One heading of the first page: who may see it, its lines, and what is said where there are none."""

    title: Any
    right: str
    lines: Callable[[Person], Iterator[Line]]
    well: Any


def boxes(request: HttpRequest) -> list[tuple[str, list[Line], str]]:
    """The boxes of somebody's roles, in their order, each once; a superuser has none of the money's."""
    person, viewer = refunds.person(request.user), shown.Viewer(request.user)
    roles = person.roles if not getattr(request.user, "is_superuser", False) else ("admin", "engineer", "auditor")
    wanted = dict.fromkeys(box for role in roles for box in OF.get(role, ()))
    found = [(str(box.title), list(box.lines(person)), str(box.well)) for box in wanted if viewer.may(box.right)]
    return [*found, *morning.home(viewer)] if {"finance", "auditor"} & set(roles) else found


# --- refunds and disputes


def _approvals(_person: Person) -> Iterator[Line]:
    pile = desks.waiting()
    if pile.count:
        words = ngettext("%(count)s refund to decide about", "%(count)s refunds to decide about", pile.count)
        yield words % {"count": f"{pile.count:,}"}, reverse("admin:refunds_refund_waiting"), _sums(pile.minor)
        if pile.oldest:
            yield _("The oldest waits for"), reverse("admin:refunds_refund_waiting"), undoing.ago(pile.oldest)


def _bulk(_person: Person) -> Iterator[Line]:
    found = desks.batches()
    states = (
        (BatchStatus.NEEDS_APPROVAL, _("To be approved"), "wait"),
        (BatchStatus.PAUSED, _("Paused"), "bad"),
        (BatchStatus.CHECKED, _("Checked, not sent for approval"), "wait"),
        (BatchStatus.RUNNING, _("Running"), "quiet"),
    )
    for status, words, tone in states:
        if found.get(status):
            yield words, _list(RefundBatch, status__exact=status), _number(found[status], tone)


def _mine(person: Person) -> Iterator[Line]:
    waits = desks.waiting_of(person.name)
    if waits:
        link = _list(Refund, whose="mine", status__exact=RefundStatus.NEEDS_APPROVAL)
        yield _("Yours that wait for a second person"), link, _number(waits, "wait")
    for row in desks.last_of(person.name, MINE):
        order = row.intent.order
        about = order.reference if order else sentence.method(row.attempt)
        words = _("%(amount)s of %(what)s") % {"amount": shown.amount_text(row.amount), "what": about}
        yield words, shown.address(Refund, row.pk), shown.status(row.status)


def _not_received(_person: Person) -> Iterator[Line]:
    found = desks.not_received()
    for status, words in ((RefundStatus.BOUNCED, _("Came back")), (RefundStatus.FAILED, _("Failed"))):
        if found.get(status):
            yield words, _list(Refund, status__exact=status, created="30"), _number(found[status], "bad")


def _disputes(_person: Person) -> Iterator[Line]:
    late, day, three, seven = desks.due()
    lines = (
        ("over", _("Too late"), late, "bad"),
        ("1", _("Within a day"), day, "bad"),
        ("3", _("Within 3 days"), three, "wait"),
        ("7", _("Within 7 days"), seven, "wait"),
    )
    for due, words, count, tone in lines:
        if count:
            yield words, _list(Dispute, due=due), _number(count, tone)


# --- matters


def _matters(person: Person) -> Iterator[Line]:
    mine, nobodys, kinds = desks.matters(person.name)
    if mine:
        yield _("Looked after by you"), _list(AttentionItem, state="mine"), _number(mine, "wait")
    if nobodys:
        yield _("Nobody looks after"), _list(AttentionItem, state="nobody"), _number(nobodys, "bad")
    for kind, count in kinds[:KINDS_SHOWN]:
        words = shown.said(AttentionKind(kind).label)
        yield words, _list(AttentionItem, state="open", kind__exact=kind), _number(count, "quiet")


# --- the engine


def _uptime(_person: Person) -> Iterator[Line]:
    now, before, since = desks.last_hour()
    link = _list(PaymentAttempt, created="today")
    if now.rate is None and before.rate is None:
        return
    hour = {"from": f"{since:%H:%M}", "to": f"{since.replace(hour=(since.hour + 1) % 24):%H:%M}"}
    yield _("Payments a minute, %(from)s to %(to)s") % hour, link, f"{now.approved / 60:,.1f}"
    yield _("A week ago"), link, f"{before.approved / 60:,.1f}"
    yield _("Approved"), link, _rate(now.rate, before.rate)
    yield _("A week ago"), link, _percent(before.rate)
    yield _("Not approved"), f"{link}&{urlencode({'status__exact': 'declined'})}", _sums(now.lost)


def _incidents(_person: Person) -> Iterator[Line]:
    for row in reading.open_incidents()[:KINDS_SHOWN]:
        words = _("%(words)s For %(long)s.") % {"words": row.words, "long": undoing.ago(row.since)}
        cost = _("%(amount)s a minute") % {"amount": postmortem.amounts(row.per_minute_minor)}
        yield words, shown.address(Incident, row.pk), cost if row.per_minute_minor else shown.status("bad", _("Open"))


def _rate(now: float | None, before: float | None) -> object:
    """Coloured once it is two points below a week ago: about what chance does not do in an hour."""
    if now is None or before is None:
        return _percent(now)
    return shown.status("bad" if now < before - 2 else "good", _percent(now), morning.TONES)


def _percent(rate: float | None) -> str:
    return shown.NOTHING if rate is None else f"{rate:.1f} %"


def _engine(_person: Person) -> Iterator[Line]:
    accounts, switches = desks.switched_off()
    for code in accounts:
        yield code, _list(ProviderAccount, enabled__exact="0"), shown.status("bad", _("Off"), morning.TONES)
    if switches:
        yield _("Kill switches that are off"), shown.list_address(KillSwitch), _number(switches, "bad")
    dead, late, oldest = desks.jobs()
    if dead:
        yield _("Dead jobs"), _list(Job, state__exact="dead"), _number(dead, "bad")
    if late and oldest:
        words = _("Jobs that are due, the oldest for %(long)s") % {"long": undoing.ago(oldest)}
        yield words, _list(Job, state__exact="ready"), _number(late, "wait")
    behind, given_up = desks.deliveries()
    if behind:
        yield _("Deliveries behind"), _list(Delivery, state__exact="pending"), _number(behind, "wait")
    if given_up:
        link = _list(Delivery, state__exact="failed", created="today")
        yield _("Deliveries given up today"), link, _number(given_up, "bad")


# --- what staff do, and who they are


def _record(_person: Person) -> Iterator[Line]:
    done, refused = desks.on_record()
    yield _("Done by staff today"), _list(AuditEvent, created="today"), f"{done:,}"
    if refused:
        link = _list(AuditEvent, created="today", q="user.sign_in_failed")
        yield _("Sign-ins that failed today"), link, _number(refused, "wait")


def _staff(_person: Person) -> Iterator[Line]:
    found, users = desks.staff(), reverse("admin:auth_user_changelist")
    yield _("May sign in"), f"{users}?is_active__exact=1", f"{found.all:,}"
    if found.factorless:
        yield _("Without a second factor"), f"{users}?factor=none", _number(found.factorless, "bad")
    if found.bare:
        yield _("Without a role"), f"{users}?groups__isnull=True", _number(found.bare, "wait")
    if found.held_up:
        link = _list(AuditEvent, created="today", q="user.sign_in_failed")
        yield _("Held up after wrong guesses"), link, _number(found.held_up, "bad")


# --- how it is shown


def _list(model: Any, **narrowed: str) -> str:
    return f"{shown.list_address(model)}?{urlencode(narrowed)}"


def _number(count: int, tone: str) -> object:
    return shown.status(tone, f"{count:,}", {**morning.TONES, "quiet": "quiet"})


def _sums(minor: Mapping[str, int]) -> object:
    """The largest of a few currencies; how many more there are is said."""
    largest = sorted(minor.items(), key=lambda one: -one[1])
    cells: list[object] = [shown.minor(amount, code) for code, amount in largest[:CURRENCIES_SHOWN]]
    if len(largest) > CURRENCIES_SHOWN:
        cells.append(_("and %(count)s more currencies") % {"count": len(largest) - CURRENCIES_SHOWN})
    return shown.joined(cells)


APPROVALS: Final = Box(
    gettext_lazy("Approvals"), "refunds.approve_refund", _approvals,
    gettext_lazy("All decided: no refund waits for a second person."),
)  # fmt: skip
BULK: Final = Box(
    gettext_lazy("Bulk refunds"), "refunds.view_refundbatch", _bulk, gettext_lazy("No upload waits or runs.")
)
MY_REFUNDS: Final = Box(
    gettext_lazy("My refunds"), "refunds.add_refund", _mine, gettext_lazy("You have not asked for a refund yet.")
)
NOT_RECEIVED: Final = Box(
    gettext_lazy("Refunds that did not arrive"), "refunds.view_refund", _not_received,
    gettext_lazy("All well: none came back or failed in 30 days."),
)  # fmt: skip
DISPUTES: Final = Box(
    gettext_lazy("Disputes to answer"), "refunds.view_dispute", _disputes,
    gettext_lazy("All well: none is due within a week."),
)  # fmt: skip
MATTERS: Final = Box(
    gettext_lazy("Needs attention"), "payments.view_attentionitem", _matters,
    gettext_lazy("All well: nothing needs a person."),
)  # fmt: skip
INCIDENTS: Final = Box(
    gettext_lazy("Incidents"), "reporting.view_incident", _incidents, gettext_lazy("All well: nothing is wrong.")
)
UPTIME: Final = Box(
    gettext_lazy("Uptime in money"), "payments.view_paymentattempt", _uptime,
    gettext_lazy("Nobody has tried to pay in the last hour, nor a week ago."),
)  # fmt: skip
ENGINE: Final = Box(
    gettext_lazy("Providers, jobs, deliveries"), "payments.view_job", _engine,
    gettext_lazy("All well: everything is on, and nothing is late."),
)  # fmt: skip
RECORD: Final = Box(gettext_lazy("Audit log"), "payments.view_auditevent", _record, gettext_lazy("Nothing yet."))
STAFF: Final = Box(gettext_lazy("Staff"), "auth.view_user", _staff, gettext_lazy("Nobody."))

OF: Final[Mapping[str, Sequence[Box]]] = {
    "support": (MY_REFUNDS, NOT_RECEIVED, DISPUTES),
    "support_lead": (APPROVALS, BULK, MATTERS, NOT_RECEIVED, DISPUTES, MY_REFUNDS),
    "finance": (),
    "engineer": (INCIDENTS, UPTIME, ENGINE, MATTERS),
    "auditor": (RECORD,),
    "admin": (STAFF, RECORD),
}
"""Role -> what its people see first; finance's own boxes come after these."""
