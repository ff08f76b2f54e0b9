"""The lives of payment intents, attempts, captures and routing rules."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from payments.kernel.machine import Machine


class IntentStatus(StrEnum):
    """What a client must do, or may expect, next."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    REVERSED = "reversed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class AttemptStatus(StrEnum):
    """What one try with one provider account has come to.

    `failed` means proof that nothing happened at the PSP, `unknown` that money may have moved, `pending` that the
    PSP has it and will say.
    """

    READY = "ready"
    SENT = "sent"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    DECLINED = "declined"
    FAILED = "failed"
    VOIDED = "voided"
    EXPIRED = "expired"
    CAPTURE_FAILED = "capture_failed"


class CaptureStatus(StrEnum):
    """What one capture has come to."""

    SENT = "sent"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REVERSED = "reversed"


class RuleStatus(StrEnum):
    """Who has agreed to a routing rule, and whether payments go by it."""

    DRAFT = "draft"
    APPROVED = "approved"
    ACTIVE = "active"
    RETIRED = "retired"


P, A, C, R = IntentStatus, AttemptStatus, CaptureStatus, RuleStatus

INTENT: Final = Machine(
    P.REQUIRES_PAYMENT_METHOD,
    {
        **{(state, "confirm"): P.PROCESSING for state in (P.REQUIRES_PAYMENT_METHOD, P.REQUIRES_ACTION)},
        (P.REQUIRES_PAYMENT_METHOD, "cancel"): P.CANCELED,
        (P.REQUIRES_PAYMENT_METHOD, "expire"): P.EXPIRED,
        (P.PROCESSING, "challenge"): P.REQUIRES_ACTION,
        (P.PROCESSING, "fail_over"): P.PROCESSING,
        **{(state, "process"): P.PROCESSING for state in (P.REQUIRES_ACTION, P.REQUIRES_CAPTURE)},
        **{(state, "decline"): P.REQUIRES_PAYMENT_METHOD for state in (P.PROCESSING, P.REQUIRES_ACTION)},
        # a success that comes late, after a decline that was none, is money that is wanted
        **{
            (state, "authorize"): P.REQUIRES_CAPTURE
            for state in (P.PROCESSING, P.REQUIRES_ACTION, P.REQUIRES_PAYMENT_METHOD)
        },
        **{
            (state, "capture"): P.SUCCEEDED
            for state in (P.PROCESSING, P.REQUIRES_ACTION, P.REQUIRES_PAYMENT_METHOD, P.REQUIRES_CAPTURE)
        },
        **{(state, "cancel"): P.CANCELED for state in (P.PROCESSING, P.REQUIRES_ACTION, P.REQUIRES_CAPTURE)},
        **{(state, "expire"): P.EXPIRED for state in (P.PROCESSING, P.REQUIRES_ACTION, P.REQUIRES_CAPTURE)},
        (P.SUCCEEDED, "reverse"): P.REVERSED,
    },
)

_WAITING = (A.SENT, A.ACTION_REQUIRED, A.PENDING, A.UNKNOWN)

NOTHING: Final = (A.DECLINED, A.FAILED, A.VOIDED, A.EXPIRED)
"""Attempts that have come to nothing, as far as anybody knows."""

ATTEMPT: Final = Machine(
    A.READY,
    {
        (A.READY, "send"): A.SENT,
        (A.READY, "fail"): A.FAILED,
        **{(state, "challenge"): A.ACTION_REQUIRED for state in (A.SENT, A.UNKNOWN)},
        **{(state, "wait"): A.PENDING for state in (A.SENT, A.ACTION_REQUIRED, A.UNKNOWN)},
        **{(state, "lose"): A.UNKNOWN for state in (A.SENT, A.ACTION_REQUIRED, A.PENDING)},
        **{(state, "authorize"): A.AUTHORIZED for state in _WAITING},
        **{(state, "capture"): A.CAPTURED for state in (*_WAITING, A.AUTHORIZED)},
        **{(state, "decline"): A.DECLINED for state in _WAITING},
        **{(state, "fail"): A.FAILED for state in (A.SENT, A.UNKNOWN)},
        **{(state, "void"): A.VOIDED for state in (*_WAITING, A.AUTHORIZED)},
        **{(state, "expire"): A.EXPIRED for state in (A.ACTION_REQUIRED, A.PENDING, A.AUTHORIZED)},
        # evidence of money beats every earlier belief that there was none; what was voided holds nothing any more
        **{(state, "authorize"): A.AUTHORIZED for state in (A.DECLINED, A.FAILED)},
        **{(state, "capture"): A.CAPTURED for state in NOTHING},
        (A.CAPTURED, "reverse"): A.CAPTURE_FAILED,
    },
)

CAPTURE: Final = Machine(
    C.SENT,
    {
        (C.SENT, "wait"): C.PENDING,
        (C.SENT, "lose"): C.UNKNOWN,
        **{(state, "succeed"): C.SUCCEEDED for state in (C.SENT, C.PENDING, C.UNKNOWN, C.FAILED)},
        **{(state, "fail"): C.FAILED for state in (C.SENT, C.PENDING, C.UNKNOWN)},
        (C.SUCCEEDED, "reverse"): C.REVERSED,
    },
)

RULE: Final = Machine(
    R.DRAFT,
    {
        (R.DRAFT, "approve"): R.APPROVED,
        (R.APPROVED, "activate"): R.ACTIVE,
        **{(state, "retire"): R.RETIRED for state in (R.DRAFT, R.APPROVED, R.ACTIVE)},
        (R.ACTIVE, "roll_back"): R.RETIRED,
    },
)

LIVE: Final = (A.READY, A.SENT, A.ACTION_REQUIRED, A.PENDING, A.UNKNOWN)
"""Attempts that may still take money."""

COUNTED_AS: Final[Mapping[str, str]] = {
    A.AUTHORIZED: "approved",
    A.CAPTURED: "approved",
    A.DECLINED: "declined",
    A.FAILED: "unavailable",
    A.UNKNOWN: "unknown",
    A.VOIDED: "abandoned",
    A.EXPIRED: "abandoned",
}
"""What monitoring counts an attempt as that comes there, unless it was approved before."""

CANCELABLE: Final = (A.ACTION_REQUIRED, A.AUTHORIZED)
"""Attempts that a PSP can stop: what waits for its customer, and what is reserved."""

SETTLED: Final = (A.AUTHORIZED, A.CAPTURED, A.DECLINED, A.FAILED, A.VOIDED, A.EXPIRED, A.CAPTURE_FAILED)
"""Attempts about whose authorisation nothing is left to ask."""

HELD: Final = (*LIVE, A.AUTHORIZED)
"""Attempts that may still take money or hold a reservation of it."""
