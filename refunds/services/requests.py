"""What we ask a PSP, rebuilt from the rows: a repetition is the same request, byte for byte."""

from payments.connectors.base import Refund as RefundRequest
from payments.intents.models import PaymentAttempt
from payments.intents.services import requests
from refunds.models import Refund


def refund(row: Refund, attempt: PaymentAttempt, key: str) -> RefundRequest:
    """Give money of an attempt back; `key` is the id of the call."""
    return RefundRequest(
        key=key,
        reference=row.pk,
        provider_reference=attempt.provider_reference,
        amount=row.amount,
        reason=row.reason,
        lines=requests.lines(attempt, row.amount),
    )
