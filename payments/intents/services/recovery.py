"""Settling calls whose answer is not known: by evidence from the PSP, never by age, never by an empty search."""

from datetime import timedelta
from typing import Final

from payments.connectors.base import AnyRequest, Verdict
from payments.gateway import calls
from payments.gateway.models import CallKind, ProviderCall
from payments.intents import selectors
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import outcomes, requests
from payments.kernel import attention, clock, jobs, unit
from payments.kernel.errors import Bug

NEEDS_A_PERSON_AFTER: Final = timedelta(minutes=2)
"""An outcome that is unknown for longer also stands in the attention queue; recovery goes on all the same."""


def recover(call_id: str, *, by: str = "recovery") -> None:
    """Ask the PSP what became of one call, and apply the answer. Nothing happens when the call has been answered."""
    call = selectors.call(call_id)
    if call.look_at is None:
        return
    if calls.only_told(call):
        calls.wait_on(call)
        return
    attempt, capture = _owners(call)
    outcome = calls.find(
        call, _request(call, attempt, capture), provider_reference=call.provider_reference or attempt.provider_reference
    )
    outcomes.settle(attempt.pk, call.pk, outcome, by=by, capture_id=capture.pk if capture else None)
    _ask_a_person(call_id)


def look_again(attempt_id: str, *, by: str = "recovery") -> None:
    """The PSP contradicts what it said about money: what it says now, when it is asked, is true.

    So the order in which the contradicting news arrived does not matter. While it says nothing, a person is told.
    """
    attempt = PaymentAttempt.objects.get(pk=attempt_id)
    call = selectors.call(attempt.call_id)
    if not calls.can_be_asked(call):
        return  # its notifications are read so that their order does not matter
    request = requests.authorize(attempt, call.given)
    outcome = calls.find(call, request, provider_reference=attempt.provider_reference)
    if outcome.verdict is Verdict.UNKNOWN:
        with unit.work():
            why = f"the PSP contradicts itself, and does not say how it is: {outcome.detail}"
            attention.open_item(attention.AttentionKind.UNKNOWN_OUTCOME, attempt_id, why)
        raise jobs.Retry(timedelta(minutes=15), "the PSP does not say")
    outcomes.correct(attempt_id, outcome, by=by)


def _ask_a_person(call_id: str) -> None:
    """What is unknown for too long also stands in the attention queue."""
    with unit.work():
        call = selectors.locked_call(call_id)
        if call.verdict == Verdict.UNKNOWN and clock.now() - call.sent_at >= NEEDS_A_PERSON_AFTER:
            why = f"the {call.kind} of {call.owner_id} is unknown since {call.sent_at:%Y-%m-%d %H:%M:%S} UTC"
            attention.open_item(attention.AttentionKind.UNKNOWN_OUTCOME, call.owner_id, why)


def _owners(call: ProviderCall) -> tuple[PaymentAttempt, Capture | None]:
    if call.kind == CallKind.CAPTURE:
        capture = Capture.objects.select_related("attempt").get(pk=call.owner_id)
        return capture.attempt, capture
    return PaymentAttempt.objects.get(pk=call.owner_id), None


def _request(call: ProviderCall, attempt: PaymentAttempt, capture: Capture | None) -> AnyRequest:
    """The request as it was made, rebuilt from the rows."""
    if capture is not None:
        return requests.capture(capture, attempt)
    match call.kind:
        case CallKind.AUTHORIZE:
            return requests.authorize(attempt, call.given)
        case CallKind.COMPLETE:
            return requests.complete(attempt, call.pk, call.given.get("details", {}))
        case CallKind.CANCEL:
            return requests.cancel(attempt, call.pk)
        case CallKind.REVERSE:
            return requests.reverse(attempt, call.pk)
        case CallKind.ADJUST:
            return requests.adjust(attempt, attempt.intent.amount_capturable, call.pk)
        case _:
            raise Bug(f"{call.pk} is a {call.kind}, which intents do not make")
