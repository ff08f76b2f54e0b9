"""The back office's pages that show everything: payments, refunds, bulk refunds, matters, closes and reports."""

from reporting.admin import bulk, closing, matters, payments, refunds, reports, schedules, transfers

__all__ = ["bulk", "closing", "matters", "payments", "refunds", "reports", "schedules", "transfers"]
