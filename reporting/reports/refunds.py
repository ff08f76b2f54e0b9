"""The refunds report: what was given back, and which refunds bounced."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base, movements
from reporting.reports.base import Column, Kind, Report

REPORT: Final = Report(
    name="refunds",
    version=1,
    title="Refunds",
    use="Use this when you want to know what was given back: one row per refund that succeeded, with a positive "
    "amount. A refund that came back is a negative row of its own, in the interval in which it came back. What "
    "finance has paid by bank transfer (origin `bank`) stands on the day on which it left the bank.",
    binds=movements.booked_as(
        Event.REFUND_SUCCEEDED,
        Event.REFUND_BOUNCED,
        Event.REFUND_TRANSFERRED,
        Event.TRANSFER_RETURNED,
        accounts=("psp_receivable", "bank"),
        sign=-1,
    ),
    client="r.client_id",
    where=movements.MOVED,
    order=movements.ORDER,
    control=movements.CONTROL,
    source="""payments_transfer t
  JOIN refunds_refund r ON r.id = substr(t.source_id, 4)::uuid
  JOIN payments_paymentattempt a ON a.id = r.attempt_id
  JOIN payments_paymentintent i ON i.id = r.intent_id
  JOIN payments_provideraccount p ON p.id = r.account_id
  LEFT JOIN payments_order o ON o.id = i.order_id""",
    columns=(
        *movements.head(
            currency="r.currency",
            minor="CASE WHEN t.event IN ('refund_succeeded', 'refund_transferred') THEN r.amount_minor"
            " ELSE -r.amount_minor END",
        ),
        Column("refund_id", Kind.ID, base.public_id("re", "r.id"), "The refund."),
        Column("payment_intent_id", Kind.ID, base.public_id("pi", "i.id"), "The payment that it gives back."),
        Column("attempt_id", Kind.ID, base.public_id("att", "a.id"), "The attempt that had taken the money."),
        Column("order_id", Kind.ID, base.public_id("ord", "o.id"), "Empty for a payment without an order."),
        Column("order_reference", Kind.TEXT, "o.reference", "The client's own id for the order."),
        Column("country", Kind.WORD, "o.country", "The order's country, ISO 3166-1."),
        Column("client_id", Kind.ID, base.public_id("cli", "r.client_id"), "The API client whose refund it is."),
        Column("reason", Kind.WORD, "r.reason", "Why it was given back."),
        Column("origin", Kind.WORD, "r.origin", "Where it was asked for."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
        Column("provider_reference", Kind.TEXT, "r.provider_reference", "The provider's id of the refund."),
        Column("payment_reference", Kind.TEXT, "a.provider_reference", "The provider's id of the payment."),
        Column("method", Kind.TEXT, "a.method", "The payment method."),
    ),
)
