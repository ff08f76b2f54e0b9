"""The back office's pages about money that goes back: limits of refunds, disputes, warnings of fraud."""

from refunds.admin import disputes, evidence, fraud, limits

__all__ = ["disputes", "evidence", "fraud", "limits"]
