"""The back office's pages that show everything: payments with their refunds, bulk refunds, matters, and reports."""

from reporting.admin import bulk, matters, payments, reports, transfers

__all__ = ["bulk", "matters", "payments", "reports", "transfers"]
