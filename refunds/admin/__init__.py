"""The back office's pages about money that goes back: refunds, disputes, warnings of fraud."""

from refunds.admin import disputes, evidence, fraud, refunds

__all__ = ["disputes", "evidence", "fraud", "refunds"]
