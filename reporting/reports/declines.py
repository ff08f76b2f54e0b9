"""The declines report: which attempts to pay were declined, and why."""

from typing import Final

from reporting.reports import base
from reporting.reports.base import Column, Control, Kind, Report

DECLINED: Final = """s.to_state = 'declined' AND s.object_id LIKE 'att\\_%%'
   AND s.at >= %(interval_start)s AND s.at < %(interval_end)s
   AND s.id >= payments_uuid_floor(%(interval_start)s - interval '1 hour')
   AND s.id < payments_uuid_floor(%(interval_end)s + interval '1 hour')"""
"""The ids of changes carry about when they were made, and so bound the monthly partitions to be read."""

OF_ENTITY: Final = "(%(entity)s::uuid IS NULL OR p.legal_entity_id = %(entity)s)"

ATTEMPTS: Final = f"""
SELECT a.decline ->> 'category', a.currency, count(*), sum(a.amount_minor)
  FROM payments_paymentattempt a
  JOIN payments_paymentintent i ON i.id = a.intent_id
  JOIN payments_provideraccount p ON p.id = a.account_id
 WHERE a.decline IS NOT NULL AND {OF_ENTITY}
   AND EXISTS (SELECT FROM payments_statechange s
                WHERE s.object_id = {base.public_id("att", "a.id")} AND {DECLINED})
   AND (%(currency)s::text IS NULL OR a.currency = %(currency)s)
   AND (%(client)s::uuid IS NULL OR i.client_id = %(client)s)
 GROUP BY 1, 2"""  # noqa: S608  our own SQL
"""The attempts that keep a reason for a decline."""

REPORT: Final = Report(
    name="declines",
    version=1,
    title="Declines",
    use="Use this when customers say that they cannot pay, or to compare PSPs and methods: one row per attempt that "
    "was declined in the interval, with the reason. No money moved; amounts are what was tried.",
    control=Control(query=ATTEMPTS, by="category", sums=("amount_minor",)),
    source="""payments_statechange s
  JOIN payments_paymentattempt a ON a.id = substr(s.object_id, 5)::uuid
  JOIN payments_paymentintent i ON i.id = a.intent_id
  JOIN payments_provideraccount p ON p.id = a.account_id
  LEFT JOIN payments_order o ON o.id = i.order_id""",
    where=f"{DECLINED}\n   AND {OF_ENTITY}",
    order="s.at, s.id",
    client="i.client_id",
    columns=(
        base.VERSION,
        Column("attempt_id", Kind.ID, base.public_id("att", "a.id"), "The attempt; rows are in the order of declines."),
        Column("category", Kind.WORD, "a.decline ->> 'category'", "What the decline tells us to do next."),
        Column("currency", Kind.WORD, "a.currency", "ISO 4217."),
        *base.money_columns("amount", "a.amount_minor", "What was tried to be taken."),
        Column("created_utc", Kind.TIME, "s.at", "When it was declined."),
        Column("created_local", Kind.LOCAL_TIME, "s.at", "The same in the chosen time zone."),
        Column("decline_code", Kind.WORD, "a.decline ->> 'decline_code'", "Why, in our words: see docs/errors.md."),
        Column("payment_intent_id", Kind.ID, base.public_id("pi", "i.id"), "The payment."),
        Column("order_id", Kind.ID, base.public_id("ord", "o.id"), "Empty for a payment without an order."),
        Column("order_reference", Kind.TEXT, "o.reference", "The client's own id for the order."),
        Column("country", Kind.WORD, "o.country", "The order's country, ISO 3166-1."),
        Column("client_id", Kind.ID, base.public_id("cli", "i.client_id"), "The API client whose payment it is."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
        Column("method", Kind.TEXT, "a.method", "The payment method."),
        Column("card_brand", Kind.TEXT, "a.decline ->> 'card_brand'", "As the PSP had called it by then."),
    ),
)
