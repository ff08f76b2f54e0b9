"""The back office's pages that show everything: payments, refunds, matters, settlement, bank, closes and reports."""

from reporting.admin import (
    bank,
    banklines,
    bulk,
    closing,
    dashboards,
    differences,
    exchange,
    matters,
    payments,
    payouts,
    refunds,
    reports,
    schedules,
    settlements,
    tieouts,
    transfers,
)

__all__ = [
    "bank",
    "banklines",
    "bulk",
    "closing",
    "dashboards",
    "differences",
    "exchange",
    "matters",
    "payments",
    "payouts",
    "refunds",
    "reports",
    "schedules",
    "settlements",
    "tieouts",
    "transfers",
]
