"""What happened to a payment, told from its rows, oldest first."""

from collections.abc import Iterator
from typing import Any

from payments.gateway import accounts
from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.kernel import money
from payments.kernel.records import StateChange
from payments.ledger import selectors as ledger
from payments.webhooks.models import Event, InboundEvent


def entries(intent: PaymentIntent, also: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """State changes, calls, notifications, ledger transfers and client events of an intent.

    `also` are ids of other objects that belong to its story (refunds).
    """
    attempts = list(PaymentAttempt.objects.filter(intent=intent))
    owners = [*(row.pk for row in attempts), *Capture.objects.filter(intent=intent).values_list("pk", flat=True), *also]
    told = [
        *_changes([intent.pk, *owners]),
        *_calls(owners),
        *_notifications(attempts),
        *_transfers(owners),
        *_events([intent.pk, *also]),
    ]
    return sorted(told, key=lambda entry: entry["at"])


def _entry(at: Any, kind: str, object_id: str, title: str, detail: str, by: str) -> dict[str, Any]:
    return {"at": at, "kind": kind, "object_id": object_id, "title": title, "detail": detail, "by": by}


def _changes(objects: list[str]) -> Iterator[dict[str, Any]]:
    for row in StateChange.objects.filter(object_id__in=objects):
        yield _entry(row.at, "state", row.object_id, f"{row.from_state} → {row.to_state}", row.because, row.by)


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
    for row in Event.objects.filter(object_id__in=objects):
        yield _entry(row.created_at, "event", row.pk, row.type, f"event {row.sequence} of {row.object_id}", "outbox")
