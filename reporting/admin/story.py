"""The timeline of a payment as support tells it, with the engine's steps folded under each line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db.models import TextField
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.gateway.models import ProviderCall
from payments.intents import timeline
from payments.intents.models import PaymentIntent
from payments.kernel.audit import AuditEvent
from payments.kernel.jobs import Job
from payments.rest import requestlog
from payments.webhooks.models import Event, InboundEvent
from refunds.models import Dispute, DisputeMovement, Refund
from reporting.admin import sentence

THINGS: Final[Mapping[str, Any]] = {
    "pi": gettext_lazy("Payment"),
    "att": gettext_lazy("Attempt"),
    "cap": gettext_lazy("Capture"),
    "re": gettext_lazy("Refund"),
    "dp": gettext_lazy("Dispute"),
}
KINDS: Final[Mapping[str, Any]] = {
    "state": gettext_lazy("Moved"),
    "call": gettext_lazy("Asked the PSP"),
    "notification": gettext_lazy("The PSP said"),
    "ledger": gettext_lazy("Booked"),
    "event": gettext_lazy("Event for the shop"),
    "request": gettext_lazy("The shop asked us"),
    "job": gettext_lazy("Still to be done"),
    "staff": gettext_lazy("Done by staff"),
}
PAYMENT: Final[Mapping[str, Any]] = {
    "processing": gettext_lazy("The payment was sent to the bank"),
    "requires_action": gettext_lazy("The bank wants the customer to confirm"),
    "requires_capture": gettext_lazy("The money was reserved, not taken yet"),
    "succeeded": gettext_lazy("Paid"),
    "requires_payment_method": gettext_lazy("The try failed"),
    "reversed": gettext_lazy("The money was lost again: the capture failed afterwards"),
    "canceled": gettext_lazy("Canceled"),
    "expired": gettext_lazy("Not paid in time"),
}
REFUND: Final[Mapping[str, Any]] = {
    "requested": gettext_lazy("Not sent yet, it is tried again"),
    "needs_approval": gettext_lazy("Waits for a second person"),
    "approved": gettext_lazy("Approved by a second person"),
    "rejected": gettext_lazy("Rejected: the money is still here"),
    "held": gettext_lazy("Held for a moment, in which it can be taken back"),
    "proposed": gettext_lazy("Paid by bank transfer, as one person of finance says; another one has to confirm it"),
    "sent": gettext_lazy("Sent to the bank"),
    "pending": gettext_lazy("The bank has it and will say what comes of it"),
    "unknown": gettext_lazy("Not known whether it went back, it is being asked"),
    "requires_action": gettext_lazy("The customer has to do something first"),
    "succeeded": gettext_lazy("Went back to the customer"),
    "failed": gettext_lazy("Failed: the money is still here"),
    "canceled_at_psp": gettext_lazy("Canceled at the PSP: the money is still here"),
    "bounced": gettext_lazy("Came back: the customer did not get it"),
    "canceled": gettext_lazy("Canceled before it was sent"),
}
DISPUTE: Final[Mapping[str, Any]] = {
    "inquiry": gettext_lazy("The customer's bank asks about the payment"),
    "needs_response": gettext_lazy("The customer's bank takes the money back: it must be answered"),
    "under_review": gettext_lazy("The bank looks at our answer"),
    "won": gettext_lazy("The dispute was won"),
    "lost": gettext_lazy("The dispute was lost"),
    "accepted": gettext_lazy("The dispute was accepted: the customer keeps the money"),
    "expired": gettext_lazy("The dispute was not answered in time"),
    "withdrawn": gettext_lazy("The dispute was given up"),
}
"""A new state in agents' words."""


@dataclass(frozen=True)
class Line:
    """One thing that happened, with the engine's steps that belong to it."""

    at: datetime
    kind: str
    kind_words: str
    title: str
    detail: str
    by: str
    reference: str
    raw: str = ""
    steps: list["Line"] = field(default_factory=list)


def lines(intent: PaymentIntent, refunds: Sequence[Refund], viewer: shown.Viewer) -> list[Line]:
    """What happened to a payment, its refunds and disputes, oldest first; who asked for a refund, and why, too."""
    disputes = list(intent.disputes.order_by("pk"))
    moved_money = DisputeMovement.objects.filter(dispute__in=disputes) if disputes else ()
    entries = timeline.entries(intent, tuple(row.pk for row in (*refunds, *disputes, *moved_money)))
    raw = _raw(entries, viewer)
    known = {row.pk: row for row in refunds}
    asked = [(row.created_at, None, _asked(row, viewer)) for row in refunds]
    asked += [(row.created_at, None, _disputed(row, viewer)) for row in disputes]
    moved = [(entry["at"], _step(entry, raw, viewer), _told(entry, known, viewer)) for entry in entries]
    moved += [
        (step.at, step, None) for step in _around([entry["object_id"] for entry in entries], intent, refunds, viewer)
    ]
    told = [_opened(intent)]
    for _at, step, line in sorted([*asked, *moved], key=lambda one: one[0]):
        if line is not None:
            told.append(line)
        if step is not None:
            told[-1].steps.append(step)
    return told


def _opened(intent: PaymentIntent) -> Line:
    title = _("Payment of %(amount)s opened") % {"amount": shown.amount_text(intent.amount)}
    return Line(intent.created_at, "state", _("Payment"), title, "", intent.client.name, "")


def _asked(row: Refund, viewer: shown.Viewer) -> Line:
    note = shown.masked(row.note, viewer)
    return Line(
        at=row.created_at,
        kind="refund",
        kind_words=_("Refund"),
        title=_("Refund of %(amount)s asked for") % {"amount": shown.amount_text(row.amount)},
        detail=f"{shown.said(row.get_reason_display())}: {note}" if note else shown.said(row.get_reason_display()),
        by=row.requested_by,
        reference=viewer.reference(row.pk),
    )


def _disputed(row: Dispute, viewer: shown.Viewer) -> Line:
    title = _("The customer's bank disputes %(amount)s") % {"amount": shown.amount_text(row.amount)}
    reason, reference = shown.said(row.get_reason_display()), viewer.reference(row.pk)
    return Line(row.created_at, "dispute", _("Dispute"), title, reason, row.account.code, reference)


def _told(entry: Mapping[str, Any], refunds: Mapping[str, Refund], viewer: shown.Viewer) -> Line | None:
    """What agents call it; None for the engine's own steps."""
    if entry["kind"] != "state":
        return None
    object_id, state = entry["object_id"], entry["title"].rpartition(" → ")[2]
    refund = refunds.get(object_id)
    if object_id.startswith("dp_"):
        said, reference = str(DISPUTE.get(state) or shown.said(state)), viewer.reference(object_id)
        return Line(entry["at"], "dispute", _("Dispute"), said, "", entry["by"], reference)
    if refund is None and not object_id.startswith("pi_"):
        return None
    words = PAYMENT if refund is None else REFUND
    title = str(words.get(state) or shown.said(state))
    detail = "" if refund is None else shown.amount_text(refund.amount)
    if state in ("requires_payment_method", "canceled", "expired"):
        detail = shown.masked(entry["detail"].replace("_", " "), viewer)
    elif refund is not None and state in ("failed", "bounced"):
        detail = f"{detail}, {sentence.why_failed(refund)}"
    return Line(
        at=entry["at"],
        kind="refund" if refund is not None else "state",
        kind_words=_("Refund") if refund is not None else _("Payment"),
        title=title,
        detail=detail,
        by=entry["by"],
        reference=viewer.reference(object_id) if refund is not None else "",
    )


def _step(entry: Mapping[str, Any], raw: Mapping[str, str], viewer: shown.Viewer) -> Line:
    kind, object_id = entry["kind"], entry["object_id"]
    return Line(
        at=entry["at"],
        kind=kind,
        kind_words=str(KINDS.get(kind, kind)),
        title=_moved(object_id, entry["title"]) if kind == "state" else shown.recite(entry["title"]),
        detail=shown.recite(shown.masked(entry["detail"], viewer)),
        by=entry["by"],
        reference=viewer.reference(object_id),
        raw=raw.get(object_id, "") if kind in ("call", "notification", "event") else "",
    )


def _around(
    objects: Sequence[str], intent: PaymentIntent, refunds: Sequence[Refund], viewer: shown.Viewer
) -> Iterator[Line]:
    """What the shop asked for, what staff did with any of it, what programs have still to do: three queries."""
    for one in requestlog.about(intent.pk):
        answer = f"{one.status} {one.code}".strip()
        detail = _("answered %(answer)s in %(time)s ms") % {"answer": answer, "time": one.microseconds // 1000}
        title, by = f"{one.method} {one.path}", one.client.name if one.client else ""
        which = viewer.link(one, _("request %(id)s") % {"id": one.request_id})
        yield Line(one.at, "request", str(KINDS["request"]), title, detail, by, which)
    named = list({intent.pk, *(row.pk for row in refunds), *objects})
    for row in AuditEvent.objects.filter(object_id__in=named).order_by("pk")[: shown.ROWS]:
        because, raw = shown.masked(row.because, viewer), shown.raw({**row.before, **row.after}, viewer)
        title = shown.said(row.action.replace(".", "_"))
        yield Line(row.at, "staff", str(KINDS["staff"]), title, because, row.by, viewer.reference(row.object_id), raw)
    waiting = Job.objects.alias(about=_ABOUT).filter(about__overlap=named).order_by("due_at")
    for job in waiting[: shown.ROWS]:
        detail = _("%(state)s, due %(at)s UTC") % {
            "state": shown.within(shown.said(job.state)),
            "at": f"{job.due_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        }
        yield Line(job.created_at, "job", str(KINDS["job"]), shown.said(job.name), detail, job.queue, "")


_ABOUT: Final = RawSQL("ARRAY(SELECT value FROM jsonb_each_text(arguments))", (), ArrayField(TextField()))
"""The ids that a job is about; there are only jobs that are not done yet."""


def _moved(object_id: str, change: str) -> str:
    """`requires_action → processing` of an attempt -> `Attempt: Requires action → Processing`."""
    thing = THINGS.get(object_id.partition("_")[0], "")
    return f"{thing}: {' → '.join(shown.said(state) for state in change.split(' → '))}"


def _raw(entries: list[dict[str, Any]], viewer: shown.Viewer) -> dict[str, str]:
    """What was said, by the id of the call, notification or event; three queries however long the story is."""
    wanted: dict[str, list[str]] = {"call": [], "notification": [], "event": []}
    for entry in entries:
        if entry["kind"] in wanted:
            wanted[entry["kind"]].append(entry["object_id"])
    found = {row.pk: shown.raw(row.raw, viewer) for row in ProviderCall.objects.filter(pk__in=wanted["call"])}
    inbound = InboundEvent.objects.filter(pk__in=wanted["notification"])
    found |= {row.pk: shown.raw_bytes(row.body, viewer) for row in inbound}
    found |= {row.pk: shown.raw(row.data, viewer) for row in Event.objects.filter(pk__in=wanted["event"])}
    return found
