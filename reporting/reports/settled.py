"""What reports of settlement share: the line that a movement was booked from, and whose payment it is about."""

from typing import Final

from reporting.reports import base
from reporting.reports.base import Column, Kind

LINE: Final = """LEFT JOIN reporting_settlementline l
    ON l.id = CASE WHEN t.source_id LIKE 'sl\\_%%' THEN substr(t.source_id, 4)::uuid END"""
"""What a line says about money never changes after it was loaded; what it was compared with may, and is not read."""

PAYMENT: Final = """LEFT JOIN payments_paymentattempt a
    ON a.account_id = l.account_id AND a.provider_reference = l.payment_reference AND l.payment_reference <> ''"""

TOLD: Final = (
    Column("line_id", Kind.ID, base.public_id("sl", "l.id"), "The settlement line; empty where people settled it."),
    Column("line_key", Kind.TEXT, "l.key", "The provider's id of the line."),
    Column("psp_type", Kind.TEXT, "l.psp_type", "What the provider calls such a line."),
    Column("payment_intent_id", Kind.ID, base.public_id("pi", "a.intent_id"), "The payment, where it is about one."),
    Column("attempt_id", Kind.ID, base.public_id("att", "a.id"), "The attempt that had taken the money."),
    Column("payment_reference", Kind.TEXT, "nullif(l.payment_reference, '')", "The provider's id of the payment."),
    Column("movement_reference", Kind.TEXT, "nullif(l.movement_reference, '')", "Its id of capture, refund, dispute."),
    Column("method", Kind.TEXT, "nullif(l.method, '')", "The payment method, as the provider calls it."),
    Column("detail", Kind.TEXT, "nullif(l.detail, '')", "What the provider says besides."),
)
"""What the line says besides its amounts."""
