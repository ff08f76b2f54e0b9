"""The database itself keeps payments straight: SQL by hand that says two things about the same money is refused."""

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests import factories
from tests.byhand import copy, key, refused, sql, taken
from tests.kernel.conftest import at_once

pytestmark = pytest.mark.django_db

TABLES = {
    "order": "payments_order",
    "intent": "payments_paymentintent",
    "attempt": "payments_paymentattempt",
    "capture": "payments_capture",
    "call": "payments_providercall",
    "event": "payments_event",
}
Keys = dict[str, uuid.UUID]


def keys_of(intent: dict[str, Any]) -> Keys:
    """The rows of one payment."""
    attempt = intent["latest_attempt"]["id"]
    found = {"order": key(intent["order"]), "intent": key(intent["id"]), "attempt": key(attempt)}
    ((call,),) = sql("SELECT id FROM payments_providercall WHERE owner_id = %s", attempt)
    ((event,),) = sql("SELECT id FROM payments_event WHERE object_id = %s AND sequence = 1", intent["id"])
    captures = sql("SELECT id FROM payments_capture WHERE intent_id = %s", found["intent"])
    return {**found, "call": call, "event": event, "capture": captures[0][0] if captures else found["attempt"]}


@pytest.fixture
def paid(shop: factories.Shop) -> Keys:
    """A payment of 19.99 USD that has succeeded."""
    return keys_of(shop.paid())


@pytest.fixture
def reserved(shop: factories.Shop) -> Keys:
    """A payment of 7.00 USD that is authorised."""
    return keys_of(shop.confirm(shop.intent(shop.order(700), capture_method="manual")))


def capture(of: Keys, minor: int, status: str, currency: str = "USD") -> uuid.UUID:
    """A capture of an attempt."""
    new = uuid.uuid4()
    sql(
        "INSERT INTO payments_capture (id, version, created_at, attempt_id, intent_id, currency, amount_minor, status,"
        " final, call_id) VALUES (%s, 1, now(), %s, %s, %s, %s, %s, true, '')",
        *(new, of["attempt"], of["intent"], currency, minor, status),
    )
    return new


@pytest.mark.parametrize("status", ["sent", "pending", "unknown"])
def test_one_capture_of_an_attempt_is_in_flight(reserved: Keys, status: str) -> None:
    with taken():
        first = capture(reserved, 300, "sent")
    with refused("capture_one_in_flight"):
        capture(reserved, 300, status)
    with taken():
        sql("UPDATE payments_capture SET status = 'failed' WHERE id = %s", first)
        capture(reserved, 300, status)


def test_captures_stay_within_what_was_authorised(reserved: Keys) -> None:
    with taken():
        failed = capture(reserved, 700, "failed")
        first = capture(reserved, 300, "succeeded")
        capture(reserved, 400, "sent")
    with refused("captures of 701 exceed the 700"):
        capture(reserved, 1, "succeeded")
    with refused("captures of 1400 exceed the 700"):
        sql("UPDATE payments_capture SET status = 'succeeded' WHERE id = %s", failed)
    with taken():
        sql("UPDATE payments_capture SET status = 'reversed' WHERE id = %s", first)
        capture(reserved, 300, "succeeded")


def test_captures_of_one_statement_are_counted_together(reserved: Keys) -> None:
    with taken():
        first = capture(reserved, 200, "succeeded")
    again = "INSERT INTO payments_capture SELECT (jsonb_populate_record(c, jsonb_build_object('id', uuidv7()))).*" \
            " FROM payments_capture c, generate_series(1, %s) WHERE c.id = %s"  # fmt: skip
    with refused("captures of 800 exceed the 700"):
        sql(again, 3, first)
    with taken():
        sql(again, 2, first)


@pytest.mark.django_db(transaction=True)
def test_of_two_captures_at_once_the_later_one_sees_the_earlier(reserved: Keys) -> None:
    def take(_number: int) -> str:
        try:
            with transaction.atomic():
                capture(reserved, 700, "succeeded")
        except IntegrityError as error:
            return str(error)
        return "taken"

    said = at_once(4, take)
    assert said.count("taken") == 1
    assert sum("exceed the 700" in words for words in said) == 3


def test_a_payment_has_one_currency(paid: Keys, reserved: Keys) -> None:
    with taken():
        copy(TABLES["intent"], paid["intent"])
        copy(TABLES["attempt"], paid["attempt"], provider_reference="pi_another")
        capture(reserved, 1, "failed", "USD")
    with refused("payment intent .* has another currency than its order"):
        copy(TABLES["intent"], paid["intent"], currency="EUR")
    with refused("attempt .* has another currency or order"):
        copy(TABLES["attempt"], paid["attempt"], provider_reference="pi_third", currency="EUR")
    with refused("capture .* has another currency or payment intent"):
        capture(reserved, 1, "failed", "EUR")
    with refused("capture .* has another currency or payment intent"):
        capture({**reserved, "intent": paid["intent"]}, 1, "failed")


def test_an_attempt_has_the_order_of_its_intent(shop: factories.Shop, paid: Keys) -> None:
    other, alone = shop.order(), shop.post("payment_intents", {"amount": 500, "currency": "USD"})
    unpaid = {"status": "declined", "provider_reference": ""}
    with taken():
        copy(TABLES["attempt"], paid["attempt"], **unpaid)
        copy(TABLES["attempt"], paid["attempt"], **unpaid, intent_id=str(key(alone["id"])), order_id="")
    for order_id in (other["id"], ""):
        with refused("attempt .* has another currency or order than its payment intent"):
            copy(TABLES["attempt"], paid["attempt"], **unpaid, order_id=order_id)
    with refused("attempt .* has another currency or order than its payment intent"):
        copy(TABLES["attempt"], paid["attempt"], **unpaid, intent_id=str(key(alone["id"])), order_id=other["id"])


STAYS = {
    "order": ("an order keeps", ["id = uuidv7()", "currency = 'EUR'"]),
    "intent": ("a payment intent keeps", ["id = uuidv7()", "currency = 'EUR'", "order_id = NULL"]),
    "attempt": (
        "an attempt keeps",
        ["intent_id = uuidv7()", "order_id = ''", "account_id = uuidv7()", "currency = 'EUR'", "amount_minor = 1"],
    ),
    "capture": (
        "a capture keeps",
        ["attempt_id = uuidv7()", "intent_id = uuidv7()", "currency = 'EUR'", "amount_minor = 1"],
    ),
    "call": (
        "a call to a PSP keeps",
        ["id = uuidv7()", "account_id = uuidv7()", "kind = 'refund'", "owner_id = 're_1'", "body_hash = ''",
         "region = 'us'", "sent_at = now()"],
    ),
    "event": (
        "an event stays",
        ["id = uuidv7()", "client_id = uuidv7()", "type = 'order.paid'", "object_id = 'pi_1'", "sequence = 9",
         "data = '{}'", "previous = '{}'", "created_at = now()", "xid = '1'"],
    ),
}  # fmt: skip
"""What rows keep for ever."""

MOVES = {
    "order": "metadata = '{}', currency = currency",
    "intent": "version = version + 1, order_id = order_id",
    "attempt": "status = 'capture_failed', amount_minor = amount_minor",
    "capture": "status = 'reversed', amount_minor = amount_minor",
    "call": "verdict = 'unknown', look_at = now(), looks = 1, sent_at = sent_at",
    "event": "dispatched_at = now(), data = data",
}
"""What they may do all the same."""


@pytest.mark.parametrize("kind", STAYS)
def test_what_was_said_of_money_stays(paid: Keys, kind: str) -> None:
    words, changes = STAYS[kind]
    with taken():
        sql(f"UPDATE {TABLES[kind]} SET {MOVES[kind]} WHERE id = %s", paid[kind])
    for change in changes:
        with refused(words):
            sql(f"UPDATE {TABLES[kind]} SET {change} WHERE id = %s", paid[kind])
    with refused(words):
        sql(f"INSERT INTO {TABLES[kind]} SELECT * FROM {TABLES[kind]} ON CONFLICT (id) DO UPDATE SET {changes[-1]}")


def test_totals_stay_once_a_payment_was_tried(shop: factories.Shop) -> None:
    order = shop.order(500)
    intent = shop.intent(order)
    of_order = "UPDATE payments_order SET amount_total_minor = 400 WHERE id = %s"
    of_intent = "UPDATE payments_paymentintent SET amount_minor = 400 WHERE id = %s"
    with taken():
        sql(of_order, key(order["id"]))
        sql(of_intent, key(intent["id"]))
    shop.confirm(intent, "pm_card_visa_chargeDeclined")
    for statement, row, words in (
        (of_order, order, "the total of order"),
        (of_intent, intent, "the amount of payment"),
    ):
        with taken():
            sql(statement, key(row["id"]))  # which is what it says already
        with refused(words):
            sql(statement.replace("400", "401"), key(row["id"]))


@pytest.mark.parametrize("table", ["payments_providercall", "payments_event"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_asked_and_told_is_never_deleted(paid: Keys, table: str, statement: str) -> None:
    with taken():  # what waits for the commit would refuse it already
        before = sql(f"SELECT count(*) FROM {table}")
    with refused("is never deleted"):
        sql(statement.format(table))
    assert sql(f"SELECT count(*) FROM {table}") == before != [(0,)]


def test_a_call_is_of_a_kind_and_has_a_verdict_that_there_is(paid: Keys) -> None:
    with taken():
        copy(TABLES["call"], paid["call"], kind="cancel", verdict="")
    with refused("call_kind"):
        copy(TABLES["call"], paid["call"], kind="gift")
    with refused("call_verdict"):
        copy(TABLES["call"], paid["call"], verdict="perhaps")
    with refused("call_verdict"):
        sql("UPDATE payments_providercall SET verdict = 'perhaps'")


def test_an_order_gives_back_no_more_than_was_paid_unless_a_psp_did(paid: Keys) -> None:
    give = "UPDATE payments_order SET amount_refunded_minor = %s WHERE id = %s"
    with taken():
        sql(give, 1999, paid["order"])
    with refused("more of order .* is refunded than was paid"):
        sql(give, 2000, paid["order"])
    with refused("more of order .* is refunded than was paid"):
        sql("UPDATE payments_order SET amount_paid_minor = 1998 WHERE id = %s", paid["order"])
    with taken():  # the order first, as our own code does it: what counts is the commit
        sql(give, 2000, paid["order"])
        sql("UPDATE payments_paymentintent SET over_returned = true WHERE id = %s", paid["intent"])
