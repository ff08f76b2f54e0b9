"""The payments report: what was captured, and which captures failed afterwards."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base, movements
from reporting.reports.base import Column, Kind, Report

REPORT: Final = Report(
    name="payments",
    version=1,
    title="Payments",
    use="Use this when you want to know what customers paid: one row per capture. A capture that failed afterwards is"
    " a negative row of its own, in the interval in which it failed.",
    binds=movements.booked_as(Event.CAPTURED, Event.CAPTURE_REVERSED),
    client="i.client_id",
    where=movements.MOVED,
    order=movements.ORDER,
    control=movements.CONTROL,
    source="""payments_transfer t
  JOIN payments_capture c ON c.id = substr(t.source_id, 5)::uuid
  JOIN payments_paymentattempt a ON a.id = c.attempt_id
  JOIN payments_paymentintent i ON i.id = c.intent_id
  JOIN payments_provideraccount p ON p.id = a.account_id
  LEFT JOIN payments_order o ON o.id = i.order_id""",
    columns=(
        *movements.head(
            currency="c.currency",
            minor="CASE t.event WHEN 'captured' THEN c.amount_minor ELSE -c.amount_minor END",
        ),
        Column("payment_intent_id", Kind.ID, base.public_id("pi", "i.id"), "The payment."),
        Column("capture_id", Kind.ID, base.public_id("cap", "c.id"), "The capture that took the money."),
        Column("attempt_id", Kind.ID, base.public_id("att", "a.id"), "The attempt that it belongs to."),
        Column("order_id", Kind.ID, base.public_id("ord", "o.id"), "Empty for a payment without an order."),
        Column("order_reference", Kind.TEXT, "o.reference", "The client's own id for the order."),
        Column("country", Kind.WORD, "o.country", "The order's country, ISO 3166-1."),
        Column("client_id", Kind.ID, base.public_id("cli", "i.client_id"), "The API client whose payment it is."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
        Column("provider_reference", Kind.TEXT, "a.provider_reference", "The provider's id of the payment."),
        Column("method", Kind.TEXT, "a.method", "The payment method."),
    ),
)
