"""What happened to a payment, told from its rows, oldest first."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from payments.gateway import accounts
from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.kernel import ids, money
from payments.kernel.records import StateChange
from payments.ledger import selectors as ledger
from payments.webhooks.models import Delivery, DeliveryState, Event, InboundEvent

_WITHIN: Final = ("call", "notification", "state", "ledger", "event")
_OBJECTS: Final = ("att", "cap", "re", "dp", "pi")
"""What comes first of what was written at the same moment: causes before what follows from them."""


def entries(intent: PaymentIntent, also: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """State changes, calls, notifications, ledger transfers and client events of an intent.

    `also` are ids of other objects that belong to its story (refunds, disputes and what moved for them).
    """
    attempts = list(PaymentAttempt.objects.filter(intent=intent))
    owners = [*(row.pk for row in attempts), *Capture.objects.filter(intent=intent).values_list("pk", flat=True), *also]
    told = [
        *_changes([intent.pk, *owners], since=intent.created_at),
        *_calls(owners),
        *_notifications(attempts),
        *_transfers(owners),
        *_events([intent.pk, *also]),
    ]
    return sorted(told, key=_when)


def _when(entry: dict[str, Any]) -> tuple[datetime, int, int]:
    """The time, and within one moment the cause before the effect: ids of equal times have no order."""
    kind, prefix = entry["kind"], entry["object_id"].partition("_")[0]
    if kind != "state":
        return entry["at"], _WITHIN.index(kind), 0
    leaves = entry["title"].endswith((" → sent", " → processing"))
    rank = _OBJECTS.index(prefix) if prefix in _OBJECTS else len(_OBJECTS)
    return entry["at"], *((-1, -rank) if leaves else (_WITHIN.index(kind), rank))


def _entry(at: Any, kind: str, object_id: str, title: str, detail: str, by: str) -> dict[str, Any]:
    return {"at": at, "kind": kind, "object_id": object_id, "title": title, "detail": detail, "by": by}


def _changes(objects: list[str], *, since: datetime) -> Iterator[dict[str, Any]]:
    rows = StateChange.objects.filter(object_id__in=objects, pk__gte=ids.not_before(since))
    rows = rows.order_by("object_id", "at", "pk")
    for row in _chained(rows):
        yield _entry(row.at, "state", row.object_id, f"{row.from_state} → {row.to_state}", row.because, row.by)


def _chained(rows: Iterable[StateChange]) -> Iterator[StateChange]:
    """The moves of each object, those of one moment in the order in which one leads to the next."""
    for _, moves in groupby(rows, key=lambda row: row.object_id):
        state = None
        for _, together in groupby(moves, key=lambda row: row.at):
            left = list(together)
            while left:
                reached = {row.to_state for row in left}
                first = next((row for row in left if row.from_state == state), None)
                first = first or next((row for row in left if row.from_state not in reached), left[0])
                left.remove(first)
                state = first.to_state
                yield first


def _calls(owners: list[str]) -> Iterator[dict[str, Any]]:
    for row in ProviderCall.objects.filter(owner_id__in=owners):
        account = accounts.account(row.account_id).code
        answer = f"{row.verdict} after {row.latency_ms} ms" if row.verdict else "no answer yet"
        yield _entry(row.sent_at, "call", row.pk, f"{row.kind} at {account}", answer, account)


def _notifications(attempts: list[PaymentAttempt]) -> Iterator[dict[str, Any]]:
    references = [row.provider_reference for row in attempts if row.provider_reference]
    for row in InboundEvent.objects.filter(provider_reference__in=references):
        account = accounts.account(row.provider_account_id).code
        yield _entry(row.received_at, "notification", row.pk, row.type, row.state, account)


def _transfers(sources: list[str]) -> Iterator[dict[str, Any]]:
    for row in ledger.journal(sources):
        lines = "; ".join(
            f"{entry.account.code} {money.text(money.from_minor(entry.amount_minor, entry.currency))}"
            for entry in row.entries.all()
        )
        yield _entry(row.booked_at, "ledger", row.pk, row.narrative, lines, "ledger")


def _events(objects: list[str]) -> Iterator[dict[str, Any]]:
    rows = list(Event.objects.filter(object_id__in=objects).order_by("object_id", "sequence"))
    sent: dict[str, list[Delivery]] = {}
    for delivery in Delivery.objects.filter(event__in=rows).order_by("pk"):
        sent.setdefault(delivery.event_id, []).append(delivery)
    for row in rows:
        detail = f"event {row.sequence} of {row.object_id}: {_told(row, sent.get(row.pk, []))}"
        yield _entry(row.created_at, "event", row.pk, row.type, detail, "outbox")


def _told(event: Event, deliveries: Sequence[Delivery]) -> str:
    """Whether the client has been told: nothing is said that has not happened."""
    if deliveries:
        return "; ".join(_delivered(row) for row in deliveries)
    return "recorded, not sent yet" if event.dispatched_at is None else "recorded, no endpoint wants it"


def _delivered(row: Delivery) -> str:
    answer = f"HTTP {row.last_status}" if row.last_status else row.last_error or "no answer"
    match row.state:
        case DeliveryState.SUCCEEDED:
            return f"delivered {_time(row.delivered_at)}"
        case DeliveryState.FAILED:
            return f"not delivered, given up after {row.attempts} tries: {answer}"
        case _ if row.attempts:
            return f"failing ({answer}, tries: {row.attempts}), next try {_time(row.next_attempt_at)}"
        case _:
            return "waiting to be delivered"


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "soon"
