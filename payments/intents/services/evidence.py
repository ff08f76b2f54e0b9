"""Accepting a PSP's notification as evidence about an attempt."""

import structlog
from django.core.exceptions import ValidationError

from payments.connectors.base import Outcome, PspEvent, Verdict
from payments.gateway import calls
from payments.gateway.models import ProviderCall
from payments.intents import selectors
from payments.intents.models import PaymentAttempt
from payments.intents.services import outcomes
from payments.intents.states import SETTLED, AttemptStatus
from payments.kernel import attention, money, unit
from payments.webhooks.dispatch import NotYet

log = structlog.get_logger(__name__)

TAKEN = (AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED)
"""Attempts whose money has been taken and booked; their call was closed in the same commit."""


def accept(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves; `NotYet` when we know no such payment.

    A payment is recognised by our own reference, which only this account's PSP can have returned, or by the PSP's.
    """
    attempt = _attempt(account_id, event)
    if attempt is None:
        raise NotYet(f"no attempt for {event.provider_reference}")
    if _is_of_another(attempt, event):
        _set_aside(attempt, event)
        return
    if event.outcome is None:
        return
    if event.outcome.captured and attempt.status in TAKEN:  # as most are: the answer to our own call was quicker
        _compare(attempt, event.outcome)
        return
    by = f"notification {event.type}"
    with unit.work():
        held = selectors.hold_with_attempt(attempt.pk)
        outcomes.apply(held, event.outcome, by=by)
        _close_calls(held.tried, event, by)


def _compare(attempt: PaymentAttempt, outcome: Outcome) -> None:
    """Amount integrity: money that was taken and is said to be other money gets a person."""
    taken = attempt.amount if attempt.capture else attempt.captures.latest("id").amount
    if outcome.amount != taken:
        said = money.text(outcome.amount) if outcome.amount is not None else "no amount"
        with unit.work():
            why = f"{money.text(taken)} was taken, the PSP now says {said}"
            attention.open_item(attention.AttentionKind.AMOUNT_DIFFERS, attempt.pk, why)


def _is_of_another(attempt: PaymentAttempt, event: PspEvent) -> bool:
    """Anybody at the PSP can write our reference on a payment: it counts while we know of no other one."""
    return event.provider_reference not in ("", attempt.provider_reference) and attempt.provider_reference != ""


def _set_aside(attempt: PaymentAttempt, event: PspEvent) -> None:
    """A second payment of the same attempt moves nothing here; when it took money, a person looks after it."""
    log.warning("reference_used_twice", attempt=attempt.pk, provider_reference=event.provider_reference)
    if event.outcome is not None and event.outcome.verdict is Verdict.APPROVED:
        with unit.work():
            attention.open_item(
                attention.AttentionKind.UNMATCHED_EVENT,
                attempt.pk,
                f"{event.provider_reference} carries this attempt's id, and took money beside"
                f" {attempt.provider_reference}",
            )


def _attempt(account_id: str, event: PspEvent) -> PaymentAttempt | None:
    found = PaymentAttempt.objects.filter(account_id=account_id)
    try:
        known = found.filter(pk=event.reference).first() if event.reference else None
    except ValidationError:
        known = None  # somebody else's reference
    if known is None and event.provider_reference:
        known = found.filter(provider_reference=event.provider_reference).first()
    return known


def _close_calls(attempt: PaymentAttempt, event: PspEvent, by: str) -> None:
    """The authorisation's call needs no answer any more once the attempt is settled."""
    if event.outcome is None or attempt.status not in SETTLED:
        return
    call = ProviderCall.objects.filter(pk=attempt.call_id, look_at__isnull=False).first()
    if call is not None:
        calls.close(call, event.outcome.verdict, by)
