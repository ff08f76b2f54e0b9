"""Two years of a large shop, put into the tables set by set: all that staff search for, list and look at.

The first payments are made by the platform itself (`First`); all others are copies of them, each with its own ids,
time, amount, country, method, card, customer and fate. What is told of a payment step by step (state changes, calls,
notifications, events, the ledger's journal) is there for the newest of them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import connection, transaction

from tests.load import filling
from tests.load.filling import copy, public, run

DAYS: Final = 730
PARTS: Final = 20
"""The shop is filled from its first day on, a part at a time."""
TOLD: Final = 10
"""One of so many payments, the newest, is told step by step."""
CUSTOMERS: Final = 20
"""Payments for each customer, on average; a quarter is made by guests."""
TABLES: Final = (
    *("payments_customer", "payments_order", "payments_orderline", "payments_paymentintent", "payments_paymentattempt"),
    *("payments_capture", "refunds_refund", "refunds_dispute", "payments_transfer", "payments_entry"),
    *("payments_statechange", "payments_event", "payments_delivery", "payments_inboundevent", "payments_providercall"),
)
CARELESS: Final = ("fsync", "full_page_writes", "autovacuum")
"""Off while the shop is filled: after a crash it would be filled anew."""

FIRST_NAMES: Final = """
Ada Ben Cleo Dan Eva Finn Gita Hugo Iris Jack Kim Leo Mia Noah Olga Pia Quentin Rosa Sam Tara Uma Vera Will Xenia Yara
Zoe Aino Bruno Clara David Elif Frida Greta Hanna Ivan Julia Karl Lena Marco Nina"""
LAST_NAMES: Final = """
Abel Bauer Costa Dubois Eriksen Fischer Garcia Hansen Ito Jansen Kowalski Lindqvist Moreau Novak Okafor Papadakis Quinn
Rossi Silva Tanaka Ueda Vidal Weber Xu Young Zimmer Andersson Brown Clark Diaz Evans Ferrari Green Hughes Ivanova Jones
Keller Lopez Meyer Nguyen Olsen Petit Ramos Smith Taylor Urban Varga Wood Yilmaz Zhang"""

PLACES: Final = """
CREATE UNLOGGED TABLE bench_place AS
SELECT row_number() OVER () - 1 AS slot, country, currency, p.code, a.id AS account
  FROM (VALUES ('US', 'USD', 'stripe-us', 26), ('CA', 'USD', 'stripe-us', 4), ('MX', 'USD', 'stripe-us', 3),
               ('GB', 'GBP', 'stripe-eu', 10), ('SE', 'SEK', 'stripe-eu', 3), ('CH', 'CHF', 'stripe-eu', 3),
               ('DE', 'EUR', 'stripe-eu', 6), ('DE', 'EUR', 'adyen-eu', 6), ('FR', 'EUR', 'adyen-eu', 6),
               ('NL', 'EUR', 'adyen-eu', 5), ('ES', 'EUR', 'stripe-eu', 4), ('IT', 'EUR', 'adyen-eu', 4),
               ('PL', 'PLN', 'adyen-eu', 4), ('AT', 'EUR', 'stripe-eu', 2), ('BE', 'EUR', 'adyen-eu', 2),
               ('JP', 'JPY', 'adyen-apac', 5), ('AU', 'AUD', 'adyen-apac', 4), ('SG', 'SGD', 'adyen-apac', 2),
               ('IN', 'INR', 'adyen-apac', 1)) AS p (country, currency, code, weight)
  JOIN payments_provideraccount a ON a.code = p.code CROSS JOIN generate_series(1, p.weight)
"""

PLAN: Final = """
CREATE TEMP TABLE bench_payment AS
WITH counted AS (
    SELECT n, {days} * power(n::float8 / {payments}, 0.75) AS day, {dice}
      FROM generate_series({first}::bigint, {last}) n
), placed AS (
    SELECT n, h4, h5, h6, h7, h8, place.*,
           now() - interval '{days} days' + interval '1 day' * (day + 0.1 * sin(2 * pi() * day)) AS at,
           CASE WHEN h1 < 880 THEN 'paid' WHEN h1 < 920 THEN 'paid again' WHEN h1 < 970 THEN 'declined'
                WHEN h1 < 985 THEN 'left' WHEN h1 < 990 THEN 'reserved' WHEN h1 < 995 THEN 'asked' ELSE 'canceled' END
           AS fate,
           CASE WHEN h3 < 680 THEN 'card' WHEN h3 < 760 THEN 'apple_pay' WHEN h3 < 820 THEN 'google_pay'
                WHEN country = 'NL' THEN 'ideal' WHEN country = 'PL' THEN 'blik'
                WHEN country IN ('DE', 'SE') THEN 'klarna' WHEN country = 'AT' THEN 'sepa_debit' ELSE 'paypal' END
           AS method,
           CASE WHEN h4 % 10 < 4 THEN (ARRAY[999, 1999, 2499, 4999, 9900, 14900])[1 + h5 % 6]
                ELSE 200 + floor(25 * exp(h5 % 5500 / 1000.0::float8)) END::bigint AS minor
      FROM counted JOIN bench_place place ON place.slot = h2 % 100
), lived AS (
    SELECT *, at > now() - interval '7 days' AS young, fate LIKE 'paid%' AS paid,
           fate LIKE 'paid%' AND h6 % 1000 < 30 AS returned, fate LIKE 'paid%' AND h6 % 1000 IN (30, 31) AS disputed,
           at - clock_timestamp() AS shift
      FROM placed
)
SELECT lived.*, uuidv7(shift) AS intent, CASE WHEN h7 % 5 > 0 THEN uuidv7(shift - interval '50 s') END AS bought,
       CASE WHEN fate NOT IN ('left', 'canceled') THEN uuidv7(shift + interval '40 s') END AS attempt,
       CASE WHEN fate = 'paid again' THEN uuidv7(shift + interval '20 s') END AS declined,
       CASE WHEN paid THEN uuidv7(shift + interval '42 s') END AS capture,
       CASE WHEN returned THEN least(at + interval '1 day' * (h8 % 20), now() - interval '1 s') END AS returned_at,
       CASE WHEN disputed THEN least(at + interval '1 day' * (h8 % 40), now() - interval '1 s') END AS disputed_at,
       CASE WHEN h6 % 2 = 0 THEN minor ELSE 1 + minor / 3 END AS back,
       CASE WHEN lived.n > {told} THEN uuidv7(shift + interval '43 s') END AS transfer,
       CASE WHEN lived.n > {told} THEN uuidv7(shift + interval '44 s') END AS event,
       customer.id AS customer, method IN ('card', 'apple_pay', 'google_pay') AS by_card,
       CASE WHEN code LIKE 'stripe%' THEN 'pi_3' || left(md5(lived.n::text), 24)
            ELSE upper(left(md5(lived.n::text), 16)) END AS psp
  FROM lived LEFT JOIN bench_customer customer
    ON customer.n = CASE WHEN h8 % 4 > 0 THEN floor({customers} * power(h7 / 1000000.0::float8, 1.5)) END
"""
"""One row a payment: more of them later than earlier, by day more than by night, of some customers far more."""
DICE: Final = {1: 1000, 2: 100, 3: 1000, 4: 1000, 5: 1_000_000, 6: 1_000_000, 7: 1_000_000, 8: 1_000_000}


@dataclass(frozen=True)
class First:
    """What the platform has made and others are copies of, by our ids: a payment that was paid, one that was refunded,
    one that was declined and one that was disputed."""

    paid: str
    refunded: str
    declined: str
    disputed: str


def fill(payments: int, first: First) -> None:
    """So many payments of the two years that end now."""
    _careless("off")
    run(filling.SESSION)
    try:
        _prepare(payments)
        with filling.unindexed(TABLES):
            customers(max(1, payments // CUSTOMERS), first)
            filling.together([partial(_part, payments, part, first) for part in range(PARTS)])
        run("DROP TABLE bench_place, bench_customer")
        filling.together([partial(run, f"VACUUM (ANALYZE) {table}") for table in TABLES])  # as autovacuum
    finally:
        _careless("on")
        run("RESET ALL")
    run("CHECKPOINT")


def _part(payments: int, part: int, first: First) -> None:
    last, told = (part + 1) * payments // PARTS, payments - payments // TOLD
    known = {"days": DAYS, "payments": payments, "customers": max(1, payments // CUSTOMERS), "told": told}
    dice = ", ".join(f"(hashint8extended(n, {number}) & 1073741823) % {sides} AS h{number}"
                     for number, sides in DICE.items())  # fmt: skip
    run(PLAN.format(**known, first=part * payments // PARTS + 1, last=last, dice=dice))
    _pay(first)
    if last > told:
        _tell(first, told)


def customers(count: int, first: First) -> None:
    """So many people with names and addresses, encrypted as the platform writes them, the first ones the oldest."""
    from payments.kernel import clock, ids, personal  # noqa: PLC0415  models need the settings
    from payments.orders.models import Customer  # noqa: PLC0415

    [client] = _one("SELECT client_id FROM payments_paymentintent WHERE id = %(intent)s", first.paid)
    chance, now = random.Random("shop"), clock.now()
    given, family = FIRST_NAMES.split(), LAST_NAMES.split()
    columns = (
        "id, client_id, version, created_at, event_sequence, reference, email, name, country, locale, metadata,"
        " email_cipher, name_cipher"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY payments_customer ({columns}) FROM STDIN") as rows:
        for number in range(count):
            at = now - timedelta(days=DAYS) * (1 - number / count)
            name = f"{chance.choice(given)} {chance.choice(family)}"
            email = f"{name.lower().replace(' ', '.')}.{number}@example.com"
            sealed = [
                personal.prepared(Customer, column, value) for column, value in (("email", email), ("name", name))
            ]
            rows.write_row((ids.uuid7(at), client, 1, at, 1, f"C-{number}", "", "", "US", "en", "{}", *sealed))
    run(
        "INSERT INTO bench_customer SELECT substr(reference, 3)::bigint, id FROM payments_customer"
        " WHERE reference ~ '^C-[0-9]+$'"
    )
    run("ANALYZE bench_customer")


def _careless(state: str) -> None:
    for name in CARELESS:
        run(f"ALTER SYSTEM {'RESET' if state == 'on' else 'SET'} {name}{'' if state == 'on' else ' = off'}")
    run("SELECT pg_reload_conf()")


def _prepare(payments: int) -> None:
    run("DROP TABLE IF EXISTS bench_place, bench_customer")
    run("CREATE UNLOGGED TABLE bench_customer (n bigint, id uuid)")
    run(PLACES)
    for table in ("payments_entry", "payments_statechange"):  # the months that a platform of that age would have
        run("SELECT payments_ensure_months(%(table)s, %(from)s, 12)", {"table": table, "from": -DAYS // 30})
    run("ANALYZE bench_place")


# --- the rows of a payment -------------------------------------------------------------------------------------------

_STATUS: Final = """CASE WHEN paid THEN 'succeeded' WHEN fate = 'canceled' OR fate = 'reserved' AND NOT young
    THEN 'canceled' WHEN NOT young THEN 'expired' WHEN fate = 'reserved' THEN 'requires_capture'
    WHEN fate = 'asked' THEN 'requires_action' ELSE 'requires_payment_method' END"""
_TRIED: Final = """CASE WHEN paid THEN 'captured' WHEN fate = 'declined' THEN 'declined'
    WHEN fate = 'reserved' THEN CASE WHEN young THEN 'authorized' ELSE 'voided' END
    WHEN young THEN 'action_required' ELSE 'expired' END"""
_ORDER: Final = """CASE WHEN returned AND back = minor THEN 'refunded' WHEN returned THEN 'partially_refunded'
    WHEN paid THEN 'paid' WHEN fate = 'canceled' THEN 'canceled' WHEN young THEN 'open' ELSE 'expired' END"""
_TAGS: Final = """CASE WHEN h4 % 5 < 3 THEN jsonb_build_object('basket', 'b-' || n, 'campaign', 'c-' || h5 % 40)
    ELSE '{}' END"""
_MONEY: Final = {"currency": "p.currency", "amount_minor": "p.minor"}
_FRESH: Final = "disputed_at > now() - interval '20 days'"
_REFUNDED: Final = "CASE WHEN returned THEN back ELSE 0 END"


def _pay(first: First) -> None:
    """Orders, payments, attempts, captures, refunds and disputes of a part."""
    order, _, attempt, capture = _objects(first.paid)
    copy("payments_order", order, _of_orders(), "(SELECT * FROM bench_payment WHERE bought IS NOT NULL)")
    copy("payments_paymentintent", _uuid(first.paid), _of_intents(), "bench_payment")
    tried = {"intent_id": "p.intent", "order_id": f"coalesce({public('ord', 'p.bought')}, '')", **_MONEY}
    card = {"card_last4": "CASE WHEN by_card THEN lpad((h8 % 10000)::text, 4, '0') ELSE '' END",
            "card_brand": "CASE WHEN by_card THEN (ARRAY['visa', 'mastercard'])[1 + h5 % 2] ELSE '' END"}  # fmt: skip
    at = {"account_id": "p.account", "method": "p.method", "created_at": "p.at + interval '40 s'", **tried, **card}
    answered = {"authorized_at": "CASE WHEN paid OR fate = 'reserved' THEN p.at + interval '41 s' END"}
    copy(
        "payments_paymentattempt", attempt,
        {"id": "p.attempt", "provider_reference": "p.psp", "status": _TRIED, **at, **answered},
        "(SELECT * FROM bench_payment WHERE attempt IS NOT NULL)",
    )  # fmt: skip
    no = {"id": "p.declined", "provider_reference": "p.psp || 'D'", "created_at": "p.at + interval '20 s'"}
    again = "(SELECT * FROM bench_payment WHERE declined IS NOT NULL)"
    copy("payments_paymentattempt", _objects(first.declined)[2], {**at, **no}, again)
    took = {"id": "p.capture", "intent_id": "p.intent", "attempt_id": "p.attempt", **_MONEY}
    when = {"created_at": "p.at + interval '42 s'", "captured_at": "p.at + interval '42 s'"}
    copy("payments_capture", capture, {**took, **when}, "(SELECT * FROM bench_payment WHERE paid)")
    _give_back(first, tried)


def _of_orders() -> dict[str, str]:
    return {
        "id": "p.bought", "reference": "'A-' || to_char(p.at, 'YYYY') || '-' || lpad(n::text, 8, '0')",
        "customer_id": "p.customer", "country": "p.country", "currency": "p.currency", "status": _ORDER,
        "amount_total_minor": "p.minor", "amount_paid_minor": "CASE WHEN paid THEN p.minor ELSE 0 END",
        "amount_refunded_minor": _REFUNDED, "created_at": "p.at - interval '50 s'",
        "expires_at": "p.at + interval '7 days'",
        "metadata": "CASE WHEN h4 % 5 = 4 THEN jsonb_build_object('cart', 'k-' || n) ELSE '{}' END",
    }  # fmt: skip


def _of_intents() -> dict[str, str]:
    return {
        "id": "p.intent", "order_id": "p.bought", "customer_id": "p.customer", **_MONEY, "status": _STATUS,
        "amount_capturable_minor": "CASE WHEN fate = 'reserved' AND young THEN minor ELSE 0 END",
        "amount_captured_minor": "CASE WHEN paid THEN minor ELSE 0 END", "amount_refunded_minor": _REFUNDED,
        "amount_disputed_minor": "CASE WHEN disputed THEN minor ELSE 0 END", "metadata": _TAGS,
        "latest_attempt_id": f"coalesce({public('att', 'p.attempt')}, '')", "created_at": "p.at",
        "expires_at": "p.at + interval '7 days'",
        "description": "CASE WHEN bought IS NULL THEN 'Subscription ' || to_char(p.at, 'YYYY-MM') ELSE '' END",
    }  # fmt: skip


def _give_back(first: First, tried: Mapping[str, str]) -> None:
    [refund] = _one("SELECT id FROM refunds_refund WHERE intent_id = %(intent)s", first.refunded)
    [dispute] = _one("SELECT id FROM refunds_dispute WHERE intent_id = %(intent)s", first.disputed)
    of = {**tried, "attempt_id": "p.attempt", "account_id": "p.account"}
    back = {"id": "uuidv7(returned_at - clock_timestamp())", "amount_minor": "p.back", "created_at": "p.returned_at",
            "provider_reference": "'re_' || p.psp", "acquirer_reference": "lpad(n::text, 23, '7')",
            "sent_at": "p.returned_at", "settled_at": "p.returned_at + interval '1 s'"}  # fmt: skip
    copy("refunds_refund", refund, {**of, **back}, "(SELECT * FROM bench_payment WHERE returned)")
    lost = {"id": "uuidv7(disputed_at - clock_timestamp())", "provider_reference": "'dp_' || p.psp",
            "created_at": "p.disputed_at", "opened_at": "p.disputed_at", "amount_withdrawn_minor": "p.minor",
            "respond_by": "p.disputed_at + interval '20 days'", "look_at": f"CASE WHEN {_FRESH} THEN t.look_at END",
            "amount_lost_minor": f"CASE WHEN {_FRESH} THEN 0 ELSE p.minor END",
            "status": f"CASE WHEN {_FRESH} THEN 'needs_response' ELSE 'lost' END",
            "closed_at": f"CASE WHEN {_FRESH} THEN NULL ELSE p.disputed_at + interval '20 days' END"}  # fmt: skip
    copy("refunds_dispute", dispute, {**of, **lost}, "(SELECT * FROM bench_payment WHERE disputed)")


# --- what is told of it step by step ---------------------------------------------------------------------------------


def _tell(first: First, after: int) -> None:
    """Lines of its order, its way, calls, notifications, events and books, of each paid payment from a number on."""
    rows = f"(SELECT * FROM bench_payment WHERE paid AND bought IS NOT NULL AND n > {after})"
    pay = _objects(first.paid)
    names = dict(zip(("ord", "pi", "att", "cap"), pay, strict=True))
    new = {"ord": "bought", "pi": "intent", "att": "attempt", "cap": "capture"}

    def swapped(column: str) -> str:
        for prefix, old in names.items():
            told = f"coalesce({public(prefix, f'p.{new[prefix]}')}, '')"
            column = f"replace({column}, '{prefix}_{old.hex}', {told})"
        return column

    ours = [f"{prefix}_{old.hex}" for prefix, old in names.items()]
    [opened] = _one("SELECT created_at FROM payments_paymentintent WHERE id = %(intent)s", first.paid)
    later = f"p.at + (t.{{column}} - '{opened}'::timestamptz)"
    moved = later.format(column="at")
    for change in _all("SELECT id FROM payments_statechange WHERE object_id = ANY(%(ours)s)", ours):
        said = {"id": f"uuidv7({moved} - clock_timestamp())", "object_id": swapped("t.object_id"), "at": moved}
        copy("payments_statechange", change, said, rows)
    asked = {"owner_id": swapped("t.owner_id"), "provider_reference": "p.psp", "account_id": "p.account"}
    sent = {name: later.format(column=name) for name in ("created_at", "sent_at", "answered_at")}
    for call in _all("SELECT id FROM payments_providercall WHERE owner_id = ANY(%(ours)s)", ours):
        copy(
            "payments_providercall",
            call,
            {"id": f"uuidv7({sent['sent_at']} - clock_timestamp())", **asked, **sent},
            rows,
        )
    _tell_events(first, rows, swapped, later, ours)
    line = "SELECT id FROM payments_orderline WHERE order_id = %(order)s ORDER BY position LIMIT 1"
    each = {"id": "uuidv7(p.at - clock_timestamp())", "order_id": "p.bought", "quantity": "1", "currency": "p.currency",
            "tax_amount_minor": "0", "discount_amount_minor": "0", "unit_amount_minor": "p.minor",
            "amount_total_minor": "p.minor", "quantity_refunded": "0"}  # fmt: skip
    bought = f"(SELECT * FROM bench_payment WHERE bought IS NOT NULL AND n > {after})"
    copy("payments_orderline", _one(line, first.paid, order=pay[0])[0], each, bought)
    _book(pay, rows, swapped)


def _tell_events(first: First, rows: str, swapped: Any, later: str, ours: list[str]) -> None:
    made, data = later.format(column="created_at"), f"({swapped('t.data::text')})::jsonb"
    said = {"object_id": swapped("t.object_id"), "data": data, "created_at": made, "dispatched_at": made}
    succeeded = "SELECT id FROM payments_event WHERE object_id = ANY(%(ours)s) AND type {} 'payment_intent.succeeded'"
    for event in _all(succeeded.format("<>"), ours):
        copy("payments_event", event, {"id": f"uuidv7({made} - clock_timestamp())", **said}, rows)
    for event in _all(succeeded.format("="), ours):
        copy("payments_event", event, {"id": "p.event", **said}, rows)
        for [delivery] in _rows("SELECT id FROM payments_delivery WHERE event_id = %(event)s", event=event):
            tried = {"object_id": swapped("t.object_id"), "created_at": made, "delivered_at": made}
            sent = {"id": f"uuidv7({made} - clock_timestamp())", "event_id": "p.event", **tried}
            copy("payments_delivery", delivery, sent, rows)
    came = later.format(column="received_at")
    told = "SELECT i.id FROM payments_inboundevent i JOIN payments_paymentattempt a USING (provider_reference)"
    for [note] in _rows(f"{told} WHERE a.intent_id = %(intent)s", intent=_uuid(first.paid)):
        keyed = {"id": f"uuidv7({came} - clock_timestamp())", "event_key": "left(t.event_key, 8) || n"}
        of = {"provider_account_id": "p.account", "provider_reference": "p.psp"}
        copy("payments_inboundevent", note, {**keyed, **of, "received_at": came, "processed_at": came}, rows)


_BOOKED: Final = """
SELECT 'cap_' || replace(capture::text, '-', '') AS source_id, at AS effective_at, 'A capture' AS narrative,
       jsonb_build_object('intent', 'pi_' || replace(intent::text, '-', '')) AS refs, side.code, currency,
       side.minor AS amount_minor
  FROM (SELECT DISTINCT ON (code, currency) * FROM bench_payment WHERE paid ORDER BY code, currency, n) p
  CROSS JOIN LATERAL (VALUES (%(prefix)s::text || p.code, p.minor), (%(clearing)s, -p.minor)) AS side (code, minor)
"""


def _book(pay: Any, rows: str, swapped: Any) -> None:
    """Of each account and currency the ledger books one itself; the others are copies of the payment's own."""
    from payments.ledger import postings  # noqa: PLC0415
    from payments.ledger import services as ledger  # noqa: PLC0415

    prefix, clearing = postings.receivable(""), postings.ORDER_CLEARING
    with transaction.atomic():
        ledger.post_all(postings.Event.CAPTURED, _BOOKED, {"prefix": prefix, "clearing": clearing})
    [[transfer]] = _rows("SELECT id FROM payments_transfer WHERE source_id = %(id)s", id=f"cap_{pay[3].hex}")
    unbooked = f"""(SELECT p.*, one.id AS receivable, other.id AS clearing FROM {rows} p
        JOIN payments_account one ON one.code = '{prefix}' || p.code AND one.currency = p.currency
        JOIN payments_account other ON other.code = '{clearing}' AND other.currency = p.currency
       WHERE NOT EXISTS (SELECT FROM payments_transfer WHERE source_id = {public("cap", "p.capture")}
                            AND booked_at > now() - interval '1 hour'))"""
    run(f"CREATE TEMP TABLE bench_booked AS {unbooked}")
    when = {"effective_at": "p.at", "booked_at": "p.at + interval '43 s'"}
    refs = f"({swapped('t.refs::text')})::jsonb"
    place = "CASE WHEN t.place IS NULL THEN NULL ELSE p.code END"
    moved = {"id": "p.transfer", "source_id": swapped("t.source_id"), "refs": refs, "place": place, **when}
    copy("payments_transfer", transfer, moved, "bench_booked")
    sides = "SELECT id, amount_minor > 0 FROM payments_entry WHERE transfer_id = %(transfer)s"
    for entry, debit in _rows(sides, transfer=transfer):
        side = {"id": "uuidv7(p.at - clock_timestamp())", "transfer_id": "p.transfer", "currency": "p.currency",
                "account_id": "p.receivable" if debit else "p.clearing",
                "amount_minor": "p.minor" if debit else "-p.minor",
                "booked_at": when["booked_at"]}  # fmt: skip
        copy("payments_entry", entry, side, "bench_booked")
    run("DROP TABLE bench_booked")


# --- reading what the platform has made ------------------------------------------------------------------------------


def _objects(intent: str) -> Any:
    """The keys of a payment's order, itself, its newest attempt and its capture, if there is one."""
    return _one(
        "SELECT i.order_id, i.id, a.id, c.id FROM payments_paymentintent i JOIN payments_paymentattempt a"
        "    ON a.intent_id = i.id LEFT JOIN payments_capture c ON c.intent_id = i.id WHERE i.id = %(intent)s"
        " ORDER BY a.id DESC LIMIT 1",
        intent,
    )


def _uuid(intent: str) -> Any:
    return _one("SELECT %(intent)s::uuid", intent)[0]


def _one(sql: str, intent: str, **known: Any) -> Any:
    [row] = _rows(sql, intent=intent.rpartition("_")[2], **known)
    return row


def _all(sql: str, ours: list[str]) -> list[Any]:
    return [key for (key,) in _rows(sql, ours=ours)]


def _rows(sql: str, **known: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        rows: list[Any] = cursor.fetchall()
        return rows
