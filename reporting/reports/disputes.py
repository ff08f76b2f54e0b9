"""The disputes report: what customers' banks took, what came back, and what is lost."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base, movements
from reporting.reports.base import Column, Kind, Report

REPORT: Final = Report(
    name="disputes",
    version=1,
    title="Disputes",
    use="Use this when you want to know what chargebacks did to your money: one row each time a PSP took disputed "
    "money, gave it back, or it was written off as lost. Plus is money that is held by a dispute, minus is money that "
    "is held no longer, because it came back (`dispute_reinstated`) or is lost (`dispute_lost`).",
    binds=movements.booked_as(
        Event.DISPUTE_WITHDRAWN,
        Event.DISPUTE_REINSTATED,
        Event.DISPUTE_LOST,
        Event.DISPUTE_RECOVERED,
        accounts=("disputes_held",),
    ),
    client="d.client_id",
    where=movements.MOVED,
    order=movements.ORDER,
    control=movements.CONTROL,
    source=f"""payments_transfer t
  JOIN refunds_disputemovement m ON m.id = substr(t.source_id, 5)::uuid
  JOIN refunds_dispute d ON d.id = m.dispute_id
  JOIN payments_paymentattempt a ON a.id = d.attempt_id
  JOIN payments_paymentintent i ON i.id = d.intent_id
  JOIN payments_provideraccount p ON p.id = d.account_id
  LEFT JOIN payments_order o ON o.id = i.order_id
  {base.state_at_end("dp", "d.id")}""",
    columns=(
        *movements.head(
            currency="m.currency",
            minor="CASE WHEN t.event IN ('dispute_withdrawn', 'dispute_recovered') THEN m.amount_minor"
            " ELSE -m.amount_minor END",
        ),
        Column("dispute_id", Kind.ID, base.public_id("dp", "d.id"), "The dispute."),
        Column("payment_intent_id", Kind.ID, base.public_id("pi", "i.id"), "The payment that is disputed."),
        Column("attempt_id", Kind.ID, base.public_id("att", "a.id"), "The attempt that had taken the money."),
        Column("order_id", Kind.ID, base.public_id("ord", "o.id"), "Empty for a payment without an order."),
        Column("order_reference", Kind.TEXT, "o.reference", "The client's own id for the order."),
        Column("country", Kind.WORD, "o.country", "The order's country, ISO 3166-1."),
        Column("client_id", Kind.ID, base.public_id("cli", "d.client_id"), "The API client whose payment it is."),
        Column("status", Kind.WORD, "coalesce(state.word, d.status)", "How the dispute stood at the interval's end."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
        Column("provider_reference", Kind.TEXT, "d.provider_reference", "The provider's id of the dispute."),
        Column("payment_reference", Kind.TEXT, "a.provider_reference", "The provider's id of the payment."),
        Column("method", Kind.TEXT, "a.method", "The payment method."),
    ),
)
