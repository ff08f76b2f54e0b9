"""The back office's pages that show everything: payments with their refunds, and reports."""

from reporting.admin import payments, reports

__all__ = ["payments", "reports"]
