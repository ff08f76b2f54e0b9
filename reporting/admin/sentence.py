"""What happened to a payment, in the words that support says on the phone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from payments.admin import shown
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.states import AttemptStatus, IntentStatus
from payments.kernel import money
from refunds.models import Refund
from refunds.states import IN_FLIGHT, RefundStatus

WHY_FAILED: Final[Mapping[str, tuple[str, str]]] = {
    "amount_not_supported": ("the provider cannot send this amount", "Ask for an amount that it can send."),
    "refund_method_closed": ("the card or account is closed", "Ask the customer for another way to be paid back."),
    "refund_balance_insufficient": (
        "our balance at the provider was too low", "Tell finance, then ask for the refund again.",
    ),
    "refund_payment_disputed": (
        "the customer disputes the payment with their bank", "Do not refund: the dispute decides about the money.",
    ),
    "refund_exceeds_payment": (
        "the provider says that more would go back than was paid", "Tell the payments engineers before trying again.",
    ),
    "transfer_returned": (
        "the customer's bank sent the transfer back", "Ask the customer for the right account and tell finance.",
    ),
    "refund_declined": ("the bank refused it", "Try once more later, or agree on another way with the customer."),
}  # fmt: skip
"""Why a refund did not work, and what to do about it."""

_OTHERWISE: Final = "Tell the payments engineers."


def why_failed(refund: Refund) -> str:
    """Why a refund failed or came back, and what to do: `the bank refused it. Try once more later.`"""
    code = refund.failure_reason
    why, advice = WHY_FAILED.get(code, (code.replace("_", " ") or "nobody said why", _OTHERWISE))
    return f"because {why}. {advice}"


def told(intent: PaymentIntent, attempt: PaymentAttempt | None, refunds: Sequence[Refund]) -> str:
    """The whole story in one to three sentences; `attempt` is the one that the intent shows."""
    return " ".join(part for part in (_paid(intent, attempt), *_given_back(intent, refunds)) if part)


def error(intent: PaymentIntent) -> str:
    """Why the last try came to nothing, and what the customer was told; "" when there is no error."""
    found = intent.last_payment_error
    if not found:
        return ""
    code = str(found.get("decline_code") or found.get("code") or "").replace("_", " ")
    said = f" The customer was told: “{found['customer_message']}”" if found.get("customer_message") else ""
    return f"The last try failed: {code}.{said}"


def method(attempt: PaymentAttempt | None) -> str:
    """card, or Visa •4242."""
    if attempt is None:
        return ""
    if attempt.card_last4:
        brand = attempt.card_brand.replace("_", " ").title() or "card"
        return f"{brand} •{attempt.card_last4}"
    return attempt.method.replace("_", " ")


def status(row: PaymentIntent) -> str:
    """How it stands, as agents say it: what has gone back is not just paid."""
    if not row.amount_refunded_minor or row.status != IntentStatus.SUCCEEDED:
        return shown.status(row.status)
    if row.amount_refunded_minor < row.amount_captured_minor:
        return shown.status("partially_refunded", "Partly refunded")
    return shown.status("refunded", "Refunded")


def _paid(intent: PaymentIntent, attempt: PaymentAttempt | None) -> str:
    amount = shown.amount_text(intent.amount)
    where = attempt.account.code if attempt is not None else ""
    by = f" by {method(attempt)}" if attempt is not None else ""
    match intent.status:
        case IntentStatus.SUCCEEDED:
            taken = shown.amount_text(intent.amount_captured)
            of = "" if intent.amount_captured_minor == intent.amount_minor else f" of {amount}"
            return f"Paid {taken}{of}{by}{_on(_captured_at(intent))}, captured by {where}."
        case IntentStatus.REQUIRES_CAPTURE:
            return f"{amount} are reserved{by} at {where}, and not taken yet."
        case IntentStatus.REQUIRES_ACTION:
            return f"The customer must confirm {amount}{by} with their bank first. Nothing was taken yet."
        case IntentStatus.PROCESSING:
            return _processing(amount, by, where, attempt)
        case IntentStatus.REQUIRES_PAYMENT_METHOD:
            return f"{amount} are not paid{', and can be tried again' if attempt is not None else ' yet'}."
        case IntentStatus.REVERSED:
            return f"{amount} had been taken{by}, but the capture failed afterwards: {where} did not keep the money."
        case _:
            return f"The payment of {amount} was {'canceled' if intent.status == 'canceled' else 'not made in time'}."


def _processing(amount: str, by: str, where: str, attempt: PaymentAttempt | None) -> str:
    if attempt is not None and attempt.status == AttemptStatus.UNKNOWN:
        return f"Whether {where} took {amount}{by} is not known yet; it is being asked. Nobody should pay again."
    return f"{amount}{by} are on their way: {where} has the payment and will say what came of it."


def _on_the_way(intent: PaymentIntent, refunds: Sequence[Refund]) -> list[str]:
    """What has not come to anything: what waits for people is not on its way."""
    said, left = [], intent.amount_refunding_minor
    for status, words in (
        (RefundStatus.NEEDS_APPROVAL, "are to go back, when a second person has approved it"),
        (RefundStatus.HELD, "go back in a moment, and can still be taken back"),
    ):
        minor = sum(row.amount_minor for row in refunds if row.status == status)
        if minor:
            said.append(f"{shown.amount_text(money.from_minor(minor, intent.currency))} {words}.")
        left -= minor
    if left > 0:
        said.append(f"{shown.amount_text(money.from_minor(left, intent.currency))} are on their way back.")
    return said


def _given_back(intent: PaymentIntent, refunds: Sequence[Refund]) -> list[str]:
    said = []
    if intent.amount_refunded_minor:
        everything = intent.amount_refunded_minor == intent.amount_captured_minor
        last = max((row.settled_at for row in refunds if row.status == RefundStatus.SUCCEEDED and row.settled_at),
                   default=None)  # fmt: skip
        said.append(f"{'All of it' if everything else shown.amount_text(intent.amount_refunded)} went back{_on(last)}.")
    said += _on_the_way(intent, refunds)
    came_back = [row for row in refunds if row.status == RefundStatus.BOUNCED]
    if came_back:
        said.append(f"A refund came back, the customer did not get it, {why_failed(came_back[-1])}")
    failed = [row for row in refunds if row.status in (RefundStatus.FAILED, RefundStatus.CANCELED_AT_PSP)]
    if failed and not any(row.status in IN_FLIGHT for row in refunds):
        said.append(_failed(failed))
    if intent.over_returned:
        said.append("More went back than was taken.")
    return said


def _failed(refunds: Sequence[Refund]) -> str:
    """How many failed, and why the newest of them did."""
    last = refunds[-1]
    many = "" if len(refunds) == 1 else f"{len(refunds)} refunds failed. The last: "
    if last.status == RefundStatus.CANCELED_AT_PSP:
        return f"{many}A refund of {shown.amount_text(last.amount)} was canceled at the provider. {_OTHERWISE}"
    return f"{many}A refund of {shown.amount_text(last.amount)} failed, {why_failed(last)}"


def _captured_at(intent: PaymentIntent) -> datetime | None:
    return max((row.captured_at for row in intent.captures.all() if row.captured_at), default=None)


def _on(moment: datetime | None) -> str:
    return f" on {moment.astimezone(UTC):%-d %b %Y}" if moment is not None else ""
