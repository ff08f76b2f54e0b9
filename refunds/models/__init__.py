"""The tables of refunds, of bulk refunds and of disputes."""

from refunds.models.batches import RefundBatch, RefundBatchRow
from refunds.models.disputes import (
    Answer,
    Dispute,
    DisputeFile,
    DisputeMovement,
    DisputeStage,
    FraudDecision,
    FraudWarning,
    MovementKind,
)
from refunds.models.refunds import (
    EVERY_CLIENT,
    BankTransfer,
    Origin,
    Reason,
    Refund,
    RefundLimit,
    RefundLine,
)

__all__ = [
    "EVERY_CLIENT",
    "Answer",
    "BankTransfer",
    "Dispute",
    "DisputeFile",
    "DisputeMovement",
    "DisputeStage",
    "FraudDecision",
    "FraudWarning",
    "MovementKind",
    "Origin",
    "Reason",
    "Refund",
    "RefundBatch",
    "RefundBatchRow",
    "RefundLimit",
    "RefundLine",
]
