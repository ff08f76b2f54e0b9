"""The life of a refund."""

from enum import StrEnum
from typing import Final

from payments.kernel.machine import Machine


class RefundStatus(StrEnum):
    """What a refund has come to.

    `failed` means that the money stayed with us, `unknown` that it may have moved, `pending` that the PSP has it and
    will say; `bounced` has come back after it had succeeded. `proposed` is a bank transfer that one person of finance
    has recorded and another one has to confirm.
    """

    REQUESTED = "requested"
    PROPOSED = "proposed"
    SENT = "sent"
    PENDING = "pending"
    UNKNOWN = "unknown"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED_AT_PSP = "canceled_at_psp"
    BOUNCED = "bounced"
    CANCELED = "canceled"


R = RefundStatus

BY_PSP: Final = (R.REQUESTED, R.SENT, R.PENDING, R.UNKNOWN, R.REQUIRES_ACTION)
"""Refunds that a PSP makes, and of which it has the last word."""

IN_FLIGHT: Final = (*BY_PSP, R.PROPOSED)
"""Refunds whose amount is reserved."""

LIVING: Final = (*IN_FLIGHT, R.SUCCEEDED)
"""Refunds that have given money back, or may still do so."""

REFUND: Final = Machine(
    R.REQUESTED,
    {
        (R.REQUESTED, "send"): R.SENT,
        (R.REQUESTED, "cancel"): R.CANCELED,
        # proof that nothing happened at the PSP: it is sent again
        **{(state, "defer"): R.REQUESTED for state in (R.SENT, R.UNKNOWN)},
        (R.SENT, "lose"): R.UNKNOWN,
        **{(state, "differ"): R.UNKNOWN for state in (R.REQUESTED, R.SENT, R.PENDING, R.REQUIRES_ACTION)},
        **{(state, "challenge"): R.REQUIRES_ACTION for state in (R.REQUESTED, R.SENT, R.UNKNOWN)},
        **{(state, "wait"): R.PENDING for state in (R.REQUESTED, R.SENT, R.UNKNOWN, R.REQUIRES_ACTION)},
        **{(state, "succeed"): R.SUCCEEDED for state in BY_PSP},
        **{(state, "fail"): R.FAILED for state in BY_PSP},
        **{(state, "cancel_at_psp"): R.CANCELED_AT_PSP for state in BY_PSP},
        # evidence of money beats every earlier belief that there was none
        **{(state, "succeed"): R.SUCCEEDED for state in (R.FAILED, R.CANCELED)},
        # from the other two: we learn of the success only after its end
        **{(state, "bounce"): R.BOUNCED for state in (R.SUCCEEDED, R.FAILED, R.CANCELED_AT_PSP)},
        # by bank transfer: no PSP hears of it
        (R.REQUESTED, "propose"): R.PROPOSED,
        (R.PROPOSED, "transfer"): R.SUCCEEDED,
        (R.PROPOSED, "withdraw"): R.CANCELED,
    },
)


class DisputeStatus(StrEnum):
    """How a dispute stands: what we must do next, or how it ended.

    `inquiry`: the customer's bank asks and has taken nothing. `lost`, `accepted` and `expired` (nobody answered in
    time) are ends against us, `won` and `withdrawn` for us. None of them is the last word: a bank may come back with a
    second stage.
    """

    INQUIRY = "inquiry"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


D = DisputeStatus

ANSWERABLE: Final = (D.INQUIRY, D.NEEDS_RESPONSE)
"""Disputes that wait for our answer."""

OPEN: Final = (*ANSWERABLE, D.UNDER_REVIEW)
"""Disputes of which nobody knows yet how they end."""

AGAINST_US: Final = (D.LOST, D.ACCEPTED, D.EXPIRED)
"""Ends by which the money that was withdrawn is a loss."""

_DISPUTE_EVENTS: Final = {
    D.INQUIRY: "inquire",
    D.NEEDS_RESPONSE: "demand",
    D.UNDER_REVIEW: "review",
    D.WON: "win",
    D.LOST: "lose",
    D.ACCEPTED: "accept",
    D.EXPIRED: "expire",
    D.WITHDRAWN: "withdraw",
}

DISPUTE_EVENT: Final = {str(status): event for status, event in _DISPUTE_EVENTS.items()}
"""The event that leads to each status."""

DISPUTE: Final = Machine(
    D.INQUIRY,
    # What the PSP says later replaces what it said before, whatever that was: a case that was won is charged back a
    # second time, one that was lost is won on appeal. `refunds.standing` decides what is later.
    {
        (before, event): after
        for after, event in _DISPUTE_EVENTS.items()
        for before in DisputeStatus
        if before is not after
    },
)
