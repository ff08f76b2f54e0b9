"""Telling clients what became of an intent."""

from typing import Any

from payments.gateway import accounts
from payments.intents import rulebook, selectors, shapes
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.methods import selectors as methods
from payments.webhooks.services import outbox


def announce(intent: PaymentIntent, attempt: PaymentAttempt | None, type_: str) -> None:
    """Write an event with the open unit, with the next number of this intent's events."""
    intent.change(event_sequence=intent.event_sequence + 1)
    code = accounts.account(attempt.account_id).code if attempt is not None else None
    outbox.emit(intent.pk, intent.client_id, type_, shapes.event(intent, attempt, code), intent.event_sequence)


def rendered(intent: PaymentIntent, attempt: PaymentAttempt | None, *, country: str = "") -> dict[str, Any]:
    """The intent as the API answers it, with what a client needs to pay it."""
    code = accounts.account(attempt.account_id).code if attempt is not None else None
    return shapes.payment_intent(intent, attempt, code, client_options(intent, attempt, country=country))


def client_options(intent: PaymentIntent, attempt: PaymentAttempt | None, *, country: str) -> list[dict[str, Any]]:
    """Per provider account that could take this intent, the next one first: its PSP, methods, and public values."""
    if intent.status not in shapes.PAYABLE:
        return []
    found = methods.client_options(methods.offered(selectors.facts(intent, country)))
    options = {option["provider_account"]: option for option in found}
    rows = rulebook.in_order(intent, attempt, country=country)
    return [options[row.code] for row in rows if row.code in options]
