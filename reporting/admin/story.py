"""The timeline of a payment as staff read it: what, when, by whom, and the raw details for who needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from payments.admin import shown
from payments.gateway.models import ProviderCall
from payments.intents import timeline
from payments.intents.models import PaymentIntent
from payments.webhooks.models import Event, InboundEvent
from refunds.models import Refund

THINGS: Final[Mapping[str, str]] = {"pi": "Payment", "att": "Attempt", "cap": "Capture", "re": "Refund"}
KINDS: Final[Mapping[str, str]] = {
    "state": "Moved",
    "call": "Asked the PSP",
    "notification": "The PSP said",
    "ledger": "Booked",
    "event": "Told the shop",
}


@dataclass(frozen=True)
class Line:
    """One thing that happened."""

    at: datetime
    kind: str
    kind_words: str
    title: str
    detail: str
    by: str
    reference: str
    raw: str


def lines(intent: PaymentIntent, refunds: Sequence[Refund], viewer: shown.Viewer) -> list[Line]:
    """Everything that happened to a payment and its refunds, oldest first; who asked for a refund, and why, too."""
    entries = timeline.entries(intent, tuple(row.pk for row in refunds))
    raw = _raw(entries, viewer)
    told = [_line(entry, raw.get(entry["object_id"], ""), viewer) for entry in entries]
    return sorted([*(_asked(row, viewer) for row in refunds), *told], key=lambda line: line.at)


def _asked(row: Refund, viewer: shown.Viewer) -> Line:
    reason = f"{row.get_reason_display()}: {row.note}" if row.note else row.get_reason_display()
    return Line(
        at=row.created_at,
        kind="state",
        kind_words="Asked for",
        title=f"Refund of {shown.amount_text(row.amount)}",
        detail=reason,
        by=row.requested_by,
        reference=viewer.reference(row.pk),
        raw="",
    )


def _line(entry: Mapping[str, Any], raw: str, viewer: shown.Viewer) -> Line:
    kind, object_id = entry["kind"], entry["object_id"]
    return Line(
        at=entry["at"],
        kind=kind,
        kind_words=KINDS.get(kind, kind),
        title=_moved(object_id, entry["title"]) if kind == "state" else entry["title"],
        detail=entry["detail"],
        by=entry["by"],
        reference=viewer.reference(object_id),
        raw=raw if kind in ("call", "notification", "event") else "",
    )


def _moved(object_id: str, change: str) -> str:
    """`requires_action → processing` of an attempt -> `Attempt: Requires action → Processing`."""
    thing = THINGS.get(object_id.partition("_")[0], "")
    return f"{thing}: {' → '.join(shown.plain(state) for state in change.split(' → '))}"


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
