"""Capturing an authorised intent, in full or in part."""

from moneyed import Money

from payments.connectors.base import Outcome, Verdict
from payments.gateway import accounts, calls
from payments.intents import selectors
from payments.intents.models import Capture
from payments.intents.selectors import Held
from payments.intents.services import moves, outcomes, requests
from payments.intents.services.refusals import IntentUnexpectedState, OrderAlreadyPaid, ProviderUnavailable
from payments.intents.states import AttemptStatus, IntentStatus
from payments.kernel import crashpoints, ids, money, unit
from payments.kernel.errors import Refusal
from payments.methods import selectors as methods


class CaptureInProgress(Refusal):
    """A capture of this intent has been sent, and its outcome is not known yet."""

    code, status = "capture_in_progress", 409


class CaptureTooLarge(Refusal):
    """The amount to capture exceeds what is authorised."""

    code, status = "amount_too_large", 422


class MultipleCapturesNotSupported(Refusal):
    """The payment method allows one capture only: it must be final."""

    code, status = "multiple_captures_not_supported", 422


class PartialCaptureNotSupported(Refusal):
    """The payment method can be captured in full only."""

    code, status = "partial_capture_not_supported", 422


class CaptureDeclined(Refusal):
    """The PSP refused the capture; the authorisation stands unless it says otherwise."""

    code, status = "capture_declined", 422


def capture(intent_id: str, *, amount: int | None, final: bool, client_id: str, by: str) -> Held:
    """Take `amount` minor units of what is reserved (all of it when None); a final capture releases the rest.

    An outcome that is not known leaves the intent `processing` with the capture on record; recovery settles it.
    """
    with unit.work():
        held = selectors.hold(intent_id, client_id=client_id)
        row = _open_capture(held, amount, final=final)
        crashpoints.reach("capture.opened")
        call = calls.open_call(
            accounts.account(held.tried.account_id), requests.capture(row, held.tried), owner_id=row.pk
        )
    crashpoints.reach("capture.committed")
    outcome = calls.send(accounts.account(held.tried.account_id), requests.capture(row, held.tried))
    crashpoints.reach("capture.answered")
    sender = outcomes.Sender(point="capture", by=by, refuse=_refusal)
    return outcomes.record(held, call, outcome, sender, capture=row)


def _open_capture(held: Held, amount: int | None, *, final: bool) -> Capture:
    intent = held.intent
    held.attempt = attempt = selectors.authorized(intent)
    if attempt is not None and selectors.capture_in_flight(attempt.pk) is not None:
        raise CaptureInProgress("A capture of this payment intent is in progress.")
    if intent.status != IntentStatus.REQUIRES_CAPTURE:
        raise IntentUnexpectedState(f"The payment intent is {intent.status}.")
    if attempt is None or intent.cancel_reason:
        raise IntentUnexpectedState("A cancel of this payment intent is in progress.")
    wanted = _amount(intent.amount_capturable, amount)
    if not moves.fits_order(held, money.to_minor(wanted)):
        raise OrderAlreadyPaid("The order needs this money no more: it was paid otherwise, or has ended.")
    offer = methods.offer(attempt.method, attempt.account_id)
    if not final and not offer.multiple_captures:
        raise MultipleCapturesNotSupported("This payment method allows one capture only.", param="final")
    if wanted < intent.amount_capturable and not offer.partial_capture:
        raise PartialCaptureNotSupported("This payment method is captured in full, or canceled.", param="amount")
    row = Capture(
        id=ids.new("cap"),
        attempt=attempt,
        intent=intent,
        currency=intent.currency,
        final=final,
        amount_minor=money.to_minor(wanted),
        call_id=ids.new("call"),
    )
    unit.current().add(row)
    return row


def _amount(capturable: Money, wanted: int | None) -> Money:
    if wanted is None:
        return capturable
    if money.from_minor(wanted, capturable.currency.code) > capturable:
        raise CaptureTooLarge(f"{money.text(capturable)} can be captured.", param="amount")
    return money.from_minor(wanted, capturable.currency.code)


def _refusal(held: Held, outcome: Outcome) -> Refusal | None:
    """Nothing was captured: for want of a connection, or because the PSP said no."""
    if held.tried.status == AttemptStatus.CAPTURED:
        return None  # somebody else's news was better
    if outcome.verdict is Verdict.UNAVAILABLE:
        return ProviderUnavailable("The payment provider could not be reached. Nothing was captured; try again.")
    if outcome.verdict in (Verdict.DECLINED, Verdict.CANCELED):
        return CaptureDeclined(outcome.detail or "The provider refused the capture.")
    return None
