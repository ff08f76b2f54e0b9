"""What to tell the customer about a payment, in sentences that can be read out on the phone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.states import AttemptStatus, IntentStatus
from refunds.models import Refund
from refunds.states import RefundStatus
from reporting.admin import sentence, tracing

PLAINLY: Final[Mapping[IntentStatus, Any]] = {
    IntentStatus.REQUIRES_CAPTURE: gettext_lazy(
        "“The money is reserved with your bank. It is taken when the shop sends your order.”"
    ),
    IntentStatus.REQUIRES_ACTION: gettext_lazy(
        "“Your bank wants you to confirm the payment first. Nothing was taken yet.”"
    ),
    IntentStatus.REQUIRES_PAYMENT_METHOD: gettext_lazy(
        "“You have not paid yet: the order waits for you to choose how.”"
    ),
    IntentStatus.REVERSED: gettext_lazy("“The payment was undone: your bank did not hand the money over in the end.”"),
}
NOTHING_TAKEN: Final = gettext_lazy("“Nothing was taken. What your statement may show as reserved vanishes by itself.”")


def aloud(
    intent: PaymentIntent, attempt: PaymentAttempt | None, refunds: Sequence[Refund], statement: str
) -> list[str]:
    """The payment first, then what goes back; nothing is promised that has not happened."""
    return [*_payment(intent, attempt, statement), *(said for row in refunds for said in _refund(row))]


def _payment(intent: PaymentIntent, attempt: PaymentAttempt | None, statement: str) -> Iterator[str]:
    match intent.status:
        case IntentStatus.SUCCEEDED:
            yield _succeeded(statement)
        case IntentStatus.PROCESSING:
            yield _processing(attempt)
        case IntentStatus.REQUIRES_PAYMENT_METHOD if attempt is not None:
            yield _failed(intent)
        case _:
            yield str(PLAINLY.get(IntentStatus(intent.status), NOTHING_TAKEN))
    if intent.amount_disputed_minor:
        yield _("“Your bank is deciding about the payment: it tells you what comes of that, and we cannot refund it.”")


def _succeeded(statement: str) -> str:
    if statement:
        return _("“Your payment went through. Your statement calls it %(statement)s.”") % {"statement": statement}
    return _("“Your payment went through.”")


def _processing(attempt: PaymentAttempt | None) -> str:
    if attempt is not None and attempt.status == AttemptStatus.UNKNOWN:
        return _("“We are finding out with your bank whether the payment went through. Please do not pay again.”")
    return _("“Your payment is on its way. It can take a while until your bank confirms it; please do not pay again.”")


def _failed(intent: PaymentIntent) -> str:
    said = (intent.last_payment_error or {}).get("customer_message")
    if said:
        return _("“The payment did not work: %(why)s Nothing was taken.”") % {"why": said}
    return _("“Your bank did not allow the payment. Nothing was taken; you can try again, or pay another way.”")


def _refund(row: Refund) -> Iterator[str]:
    said = {"amount": shown.amount_text(row.amount), "method": sentence.method(row.attempt)}
    match row.status:
        case RefundStatus.SUCCEEDED | RefundStatus.SENT | RefundStatus.PENDING:
            last = tracing.latest_arrival(row)
            if last is None:
                yield _("“We have sent %(amount)s back. Your bank or wallet decides when you see it.”") % said
                return
            said["last"] = f"{last:%-d %b %Y}"
            yield _("“We have sent %(amount)s back to your %(method)s. It should be there by %(last)s.”") % said
            if row.acquirer_reference:
                said["number"] = row.acquirer_reference
                yield _("“If it is not, give your bank the number %(number)s: they find it by that.”") % said
        case RefundStatus.BOUNCED:
            yield _("“The %(amount)s that we sent back did not reach you. We are looking for another way.”") % said
        case RefundStatus.UNKNOWN:
            yield _("“We have asked for %(amount)s to go back to you, and wait for the bank’s answer.”") % said
        case RefundStatus.NEEDS_APPROVAL | RefundStatus.REQUESTED | RefundStatus.APPROVED | RefundStatus.HELD:
            yield _("“A refund of %(amount)s is being looked at. You hear from us when it is on its way.”") % said
