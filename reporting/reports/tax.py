"""The tax report: tax in what customers paid, less tax in what they got back, less tax that PSPs charged us."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base, movements, settled
from reporting.reports.base import Column, Kind, Report

_PLUS: Final = "('captured', 'refund_bounced', 'transfer_returned')"
_AMOUNT: Final = f"""CASE WHEN t.event = 'fee_taxed' THEN -l.tax_minor
            WHEN t.event IN {_PLUS} THEN coalesce(c.amount_minor, r.amount_minor)
            ELSE -coalesce(c.amount_minor, r.amount_minor) END"""
_TAX: Final = f"""CASE WHEN t.event = 'fee_taxed' THEN -l.tax_minor
            ELSE coalesce(round(({_AMOUNT})::numeric * taxed.minor / nullif(o.amount_total_minor, 0)), 0)::bigint END"""

REPORT: Final = Report(
    name="tax",
    version=1,
    title="Tax",
    use="Use this when you prepare a tax return: one row per movement with the tax in it. Tax that customers paid is "
    "plus, tax that went back with a refund and tax on the PSPs' fees are minus. The tax of a part of an order is"
    " its share of the order's tax, rounded.",
    binds=movements.booked_as(
        Event.CAPTURED,
        Event.CAPTURE_REVERSED,
        Event.REFUND_SUCCEEDED,
        Event.REFUND_BOUNCED,
        Event.REFUND_TRANSFERRED,
        Event.TRANSFER_RETURNED,
        Event.FEE_TAXED,
        accounts=("psp_receivable", "bank"),
    ),
    where=movements.MOVED,
    order=movements.ORDER,
    control=movements.CONTROL,
    source=f"""payments_transfer t
  LEFT JOIN payments_capture c ON c.id = CASE WHEN t.source_id LIKE 'cap\\_%%' THEN substr(t.source_id, 5)::uuid END
  LEFT JOIN refunds_refund r ON r.id = CASE WHEN t.source_id LIKE 're\\_%%' THEN substr(t.source_id, 4)::uuid END
  {settled.LINE}
  LEFT JOIN payments_paymentattempt a ON a.id = coalesce(c.attempt_id, r.attempt_id)
  LEFT JOIN payments_paymentintent i ON i.id = a.intent_id
  LEFT JOIN payments_order o ON o.id = i.order_id
  LEFT JOIN LATERAL (SELECT sum(line.tax_amount_minor) AS minor FROM payments_orderline line
                      WHERE line.order_id = o.id) taxed ON true
  LEFT JOIN payments_provideraccount p ON p.id = coalesce(a.account_id, l.account_id)
  LEFT JOIN payments_legalentity company ON company.id = p.legal_entity_id""",  # noqa: S608  our own SQL
    columns=(
        *movements.head(currency="coalesce(c.currency, r.currency, l.currency)", minor=_AMOUNT),
        *base.money_columns("tax", _TAX, "The tax in it, with the same sign."),
        Column("country", Kind.WORD, "o.country", "The order's country, ISO 3166-1; empty for fees."),
        Column("legal_entity", Kind.TEXT, "company.name", "The company."),
        Column("order_id", Kind.ID, base.public_id("ord", "o.id"), "Empty without an order, and for fees."),
        Column("order_reference", Kind.TEXT, "o.reference", "The client's own id for the order."),
        Column("payment_intent_id", Kind.ID, base.public_id("pi", "i.id"), "The payment."),
        Column("source_id", Kind.ID, "t.source_id", "The capture, the refund, or the line of a settlement."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
    ),
)
