"""The lives of a refund, and of a limit that refunds are held to."""

from enum import StrEnum
from typing import Final

from payments.kernel.machine import Machine


class RefundStatus(StrEnum):
    """What a refund has come to.

    `needs_approval` waits for a second person, `held` for the time in which it can be taken back. `failed` means that
    the money stayed with us, `unknown` that it may have moved, `pending` that the PSP has it and will say; `bounced`
    has come back after it had succeeded. `proposed` is a bank transfer that one person of finance has recorded and
    another one has to confirm.
    """

    REQUESTED = "requested"
    NEEDS_APPROVAL = "needs_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    HELD = "held"
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


class LimitStatus(StrEnum):
    """Whether refunds are held to a limit: `proposed` waits for a second person, `replaced` was followed by another."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


R, L = RefundStatus, LimitStatus

UNSENT: Final = (R.REQUESTED, R.NEEDS_APPROVAL, R.APPROVED, R.HELD)
"""Refunds that have not left for the PSP, and can be taken back."""

BY_PSP: Final = (*UNSENT, R.SENT, R.PENDING, R.UNKNOWN, R.REQUIRES_ACTION)
"""Refunds that a PSP makes, and of which it has the last word."""

IN_FLIGHT: Final = (*BY_PSP, R.PROPOSED)
"""Refunds whose amount is reserved."""

RELEASED: Final = tuple(state for state in (*BY_PSP, R.SUCCEEDED) if state is not R.NEEDS_APPROVAL)
"""Refunds that somebody's limit has let go, and that count against it."""

_AT_THE_PSP: Final = (R.REQUESTED, R.SENT, R.PENDING, R.UNKNOWN, R.REQUIRES_ACTION)
"""Refunds that the PSP may know; `requested` too: what was proved to have had no effect is sent again."""

LIVING: Final = (*IN_FLIGHT, R.SUCCEEDED)
"""Refunds that have given money back, or may still do so."""

REFUND: Final = Machine(
    R.REQUESTED,
    {
        (R.REQUESTED, "ask"): R.NEEDS_APPROVAL,
        (R.NEEDS_APPROVAL, "approve"): R.APPROVED,
        (R.NEEDS_APPROVAL, "reject"): R.REJECTED,
        **{(state, "hold"): R.HELD for state in (R.REQUESTED, R.APPROVED)},
        **{(state, "send"): R.SENT for state in (R.REQUESTED, R.APPROVED, R.HELD)},
        **{(state, "cancel"): R.CANCELED for state in UNSENT},
        # proof that nothing happened at the PSP: it is sent again
        **{(state, "defer"): R.REQUESTED for state in (R.SENT, R.UNKNOWN)},
        (R.SENT, "lose"): R.UNKNOWN,
        **{(state, "differ"): R.UNKNOWN for state in BY_PSP if state is not R.UNKNOWN},
        **{(state, "challenge"): R.REQUIRES_ACTION for state in (R.REQUESTED, R.SENT, R.UNKNOWN)},
        **{(state, "wait"): R.PENDING for state in (R.REQUESTED, R.SENT, R.UNKNOWN, R.REQUIRES_ACTION)},
        **{(state, "succeed"): R.SUCCEEDED for state in BY_PSP},
        **{(state, "fail"): R.FAILED for state in _AT_THE_PSP},
        **{(state, "cancel_at_psp"): R.CANCELED_AT_PSP for state in _AT_THE_PSP},
        # evidence of money beats every earlier belief that there was none
        **{(state, "succeed"): R.SUCCEEDED for state in (R.FAILED, R.CANCELED, R.REJECTED)},
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

LIMIT: Final = Machine(
    L.PROPOSED,
    {
        (L.PROPOSED, "activate"): L.ACTIVE,
        (L.PROPOSED, "withdraw"): L.WITHDRAWN,
        (L.ACTIVE, "replace"): L.REPLACED,
    },
)


class BatchStatus(StrEnum):
    """How far an uploaded file of refunds is.

    While it is `uploaded` its rows are being checked; once it `needs_approval` they stay as they are. `approved` is the
    time in which it can still be called back before anything begins.
    """

    UPLOADED = "uploaded"
    CHECKED = "checked"
    NEEDS_APPROVAL = "needs_approval"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    REJECTED = "rejected"
    CANCELED = "canceled"


B = BatchStatus

BATCH: Final = Machine(
    B.UPLOADED,
    {
        (B.UPLOADED, "check"): B.CHECKED,
        (B.CHECKED, "check_again"): B.UPLOADED,
        (B.CHECKED, "ask"): B.NEEDS_APPROVAL,
        (B.NEEDS_APPROVAL, "approve"): B.APPROVED,
        (B.NEEDS_APPROVAL, "reject"): B.REJECTED,
        (B.APPROVED, "start"): B.RUNNING,
        (B.RUNNING, "pause"): B.PAUSED,
        (B.PAUSED, "resume"): B.RUNNING,
        (B.RUNNING, "finish"): B.FINISHED,
        # from running and paused: what has become a refund stays one, the rest is left out
        **{
            (state, "cancel"): B.CANCELED
            for state in (B.UPLOADED, B.CHECKED, B.NEEDS_APPROVAL, B.APPROVED, B.RUNNING, B.PAUSED)
        },
    },
)
