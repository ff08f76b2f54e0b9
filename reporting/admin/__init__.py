"""The back office's pages that show everything: payments with their refunds, and reports."""

from reporting.admin import matters, payments, reports, transfers

__all__ = ["matters", "payments", "reports", "transfers"]
