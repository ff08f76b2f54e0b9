"""The tables of refunds and of disputes."""

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
from refunds.models.refunds import BankTransfer, Decision, Origin, Reason, Refund, RefundLine

__all__ = [
    "Answer",
    "BankTransfer",
    "Decision",
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
    "RefundLine",
]
