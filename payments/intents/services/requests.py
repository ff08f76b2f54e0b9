"""What we ask a PSP, rebuilt from the rows: a repetition is the same request, byte for byte."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import signing

from payments.connectors.base import Authorize, Cancel, Complete, Shopper
from payments.connectors.base import Capture as CaptureRequest
from payments.intents.models import Capture, PaymentAttempt

_returns = signing.Signer(salt="payments.return")
"""Signs without a time, so that a repeated request has the same body."""


def authorize(attempt: PaymentAttempt, given: Mapping[str, Any]) -> Authorize:
    """Take or reserve the attempt's amount; `given` is what the customer's own fields said, as its call keeps it."""
    return Authorize(
        key=attempt.call_id,
        reference=attempt.pk,
        amount=attempt.amount,
        method=attempt.method,
        token=attempt.token,
        capture=attempt.capture,
        off_session=attempt.off_session,
        return_url=return_url(attempt),
        metadata={"intent": attempt.intent_id, **({"order": attempt.order_id} if attempt.order_id else {})},
        details=given.get("details", {}),
        browser=given.get("browser", {}),
        shopper=Shopper(reference=attempt.intent.customer_id or ""),
    )


def complete(attempt: PaymentAttempt, key: str, details: Mapping[str, Any]) -> Complete:
    """Continue after the customer has come back, with what the action gave back."""
    return Complete(
        key=key,
        provider_reference=attempt.provider_reference,
        details=details,
        reference=attempt.pk,
        capture=attempt.capture,
    )


def capture(row: Capture, attempt: PaymentAttempt) -> CaptureRequest:
    """Take reserved money."""
    return CaptureRequest(
        key=row.call_id,
        reference=row.pk,
        provider_reference=attempt.provider_reference,
        amount=row.amount,
        final=row.final,
    )


def cancel(attempt: PaymentAttempt, key: str) -> Cancel:
    """Release reserved money, or stop a payment that waits for its customer."""
    reference = attempt.provider_reference
    return Cancel(key=key, provider_reference=reference, reason="abandoned", reference=attempt.pk)


def return_url(attempt: PaymentAttempt) -> str:
    """Where the PSP sends the customer back to: our own address, which carries the attempt in a signed state."""
    return f"{settings.PUBLIC_URL}/return/{_returns.sign(attempt.pk)}"


def attempt_in(state: str) -> str:
    """The attempt that a signed state names; `BadSignature` when it is not ours."""
    return _returns.unsign(state)
