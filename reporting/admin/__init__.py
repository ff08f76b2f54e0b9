"""The back office's pages that show everything: payments, refunds, bulk refunds, matters, and reports."""

from reporting.admin import bulk, matters, payments, refunds, reports, schedules, transfers

__all__ = ["bulk", "matters", "payments", "refunds", "reports", "schedules", "transfers"]
