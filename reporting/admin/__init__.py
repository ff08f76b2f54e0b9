"""The back office's pages that show everything: payments with their refunds, and reports."""

from reporting.admin import payments, reports, transfers

__all__ = ["payments", "reports", "transfers"]
