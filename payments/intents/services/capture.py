"""Capturing an authorised intent, in full or in part."""

from moneyed import Money

from payments.connectors.base import Outcome, Verdict
from payments.gateway import accounts, calls
from payments.intents import selectors
from payments.intents.models import Capture
from payments.intents.selectors import Held
from payments.intents.services import outcomes, requests
from payments.intents.services.refusals import IntentUnexpectedState, ProviderUnavailable
from payments.intents.states import IntentStatus
from payments.kernel import crashpoints, ids, money, unit
from payments.kernel.errors import Refusal


class CaptureInProgress(Refusal):
    """A capture of this intent has been sent, and its outcome is not known yet."""

    code, status = "capture_in_progress", 409


class CaptureTooLarge(Refusal):
    """The amount to capture exceeds what is authorised."""

    code, status = "amount_too_large", 422


class MultipleCapturesNotSupported(Refusal):
    """The payment method allows one capture only: it must be final."""

    code, status = "multiple_captures_not_supported", 422


class CaptureDeclined(Refusal):
    """The PSP refused the capture; the authorisation stands unless it says otherwise."""

    code, status = "capture_declined", 422


def capture(intent_id: str, *, amount: int | None, final: bool, client_id: str, by: str) -> Held:
    """Take `amount` minor units of what is reserved (all of it when None); a final capture releases the rest.

    An outcome that is not known leaves the intent `requires_capture` with the capture on record; recovery settles it.
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
    held = outcomes.record(held, call, outcome, by=by, point="capture", capture=row)
    _refuse_if_nothing_happened(outcome)
    return held


def _open_capture(held: Held, amount: int | None, *, final: bool) -> Capture:
    intent = held.intent
    if intent.status != IntentStatus.REQUIRES_CAPTURE:
        raise IntentUnexpectedState(f"The payment intent is {intent.status}.")
    held.attempt = attempt = selectors.authorized(intent)
    if attempt is None or intent.cancel_reason:
        raise IntentUnexpectedState("A cancel of this payment intent is in progress.")
    if selectors.capture_in_flight(attempt.pk) is not None:
        raise CaptureInProgress("A capture of this payment intent is in progress.")
    wanted = _amount(intent.amount_capturable, amount)
    capabilities = accounts.connector(accounts.account(attempt.account_id)).capabilities(attempt.method)
    if not final and not capabilities.multiple_captures:
        raise MultipleCapturesNotSupported("This payment method allows one capture only.", param="final")
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


def _refuse_if_nothing_happened(outcome: Outcome) -> None:
    if outcome.verdict is Verdict.UNAVAILABLE:
        raise ProviderUnavailable("The payment provider could not be reached. Nothing was captured; try again.")
    if outcome.verdict in (Verdict.DECLINED, Verdict.CANCELED):
        raise CaptureDeclined(outcome.detail or "The provider refused the capture.")
