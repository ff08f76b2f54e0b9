"""The database itself keeps refunds straight: SQL by hand that gives back what nobody has is refused."""

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from payments.intents import selectors
from payments.intents.models import Capture, PaymentIntent
from payments.intents.services import moves as payment_moves
from payments.kernel import money, unit
from payments.kernel.attention import AttentionItem
from payments.kernel.errors import Bug
from refunds import selectors as refund_selectors
from refunds.models import Origin, Reason, Refund
from refunds.services import moves
from tests import factories
from tests.byhand import copy, key, refused, sql, taken
from tests.kernel.conftest import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(shop: factories.Shop) -> dict[str, Any]:
    """A payment of 20.00 USD of which 5.00 are on their way back."""
    intent = shop.paid(2000)
    shop.post("refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "damaged"})
    return intent


def another(minor: int, *, reserve: int | None = None, **facts: object) -> uuid.UUID:
    """A refund like the first one of another amount, for which so much is reserved."""
    ((first, intent),) = sql("SELECT id, intent_id FROM refunds_refund WHERE amount_minor = 500")
    sql(
        "UPDATE payments_paymentintent SET amount_refunding_minor = amount_refunding_minor + %s WHERE id = %s",
        minor if reserve is None else reserve,
        intent,
    )
    return copy("refunds_refund", first, amount_minor=minor, **facts)


def over_returned() -> None:
    sql("UPDATE payments_paymentintent SET over_returned = true")


def test_a_refund_that_we_start_is_within_what_is_refundable(paid: dict[str, Any]) -> None:
    with taken():
        another(1500)
    with refused("exceeds what is refundable: captured 2000, refunding 2001, refunded 0 and disputed 0"):
        over_returned()  # nor by saying that a PSP reported it
        another(1)


@pytest.mark.parametrize("origin", ["api", "staff", "duplicate"])
def test_whoever_of_us_starts_it(paid: dict[str, Any], origin: str) -> None:
    with refused("exceeds what is refundable"):
        over_returned()
        another(1501, origin=origin)


def test_what_a_psp_reports_is_taken(paid: dict[str, Any]) -> None:
    with taken():
        over_returned()
        another(1501, origin="outside")


def test_a_refund_that_we_start_is_reserved(paid: dict[str, Any]) -> None:
    with refused("is not reserved on its payment intent"):
        another(1000, reserve=0)
    with refused("is not reserved on its payment intent"):
        another(1000, reserve=999)


def test_a_refund_that_has_ended_does_not_begin_again(paid: dict[str, Any]) -> None:
    with taken():
        ended = another(1501, reserve=0, status="failed", settled_at="2026-01-01T00:00:00Z")
    with refused("is not reserved on its payment intent"):
        sql("UPDATE refunds_refund SET status = 'pending', settled_at = NULL WHERE id = %s", ended)
    with taken():  # a PSP that pays after all is believed
        over_returned()
        sql("UPDATE payments_paymentintent SET amount_refunded_minor = 1501")
        sql("UPDATE refunds_refund SET status = 'succeeded' WHERE id = %s", ended)


@pytest.mark.django_db(transaction=True)
def test_of_two_refunds_at_once_the_later_one_sees_the_earlier(paid: dict[str, Any]) -> None:
    sql("UPDATE payments_paymentintent SET amount_refunding_minor = 2000")  # as if somebody had reserved it
    ((first,),) = sql("SELECT id FROM refunds_refund")

    def give(_number: int) -> str:
        try:
            with transaction.atomic():
                copy("refunds_refund", first, amount_minor=1500)
        except IntegrityError as error:
            return str(error)
        return "taken"

    said = at_once(4, give)
    assert said.count("taken") == 1
    assert sum("is not reserved" in words for words in said) == 3


def test_a_refund_is_of_one_payment(shop: factories.Shop, paid: dict[str, Any]) -> None:
    other = shop.paid(900)
    with taken():
        another(100)
    for facts in (
        {"currency": "EUR"},
        {"intent_id": str(key(other["id"]))},
        {"order_id": other["order"]},
        {"account_id": str(sql("SELECT id FROM payments_provideraccount WHERE code = 'stripe-eu'")[0][0])},
    ):
        with refused("has another currency, payment intent, provider account or order than its attempt"):
            another(100, **facts)


@pytest.mark.parametrize(
    "change",
    ["amount_minor = 1", "currency = 'EUR'", "attempt_id = uuidv7()", "intent_id = uuidv7()", "order_id = ''",
     "account_id = uuidv7()", "origin = 'outside'", "client_id = uuidv7()", "id = uuidv7()"],
)  # fmt: skip
def test_what_was_said_of_money_stays(paid: dict[str, Any], change: str) -> None:
    with taken():
        sql("UPDATE refunds_refund SET note = 'broken in transit', amount_minor = amount_minor")
    with refused("a refund keeps"):
        sql(f"UPDATE refunds_refund SET {change}")


@pytest.mark.parametrize("origin", [Origin.API, Origin.STAFF, Origin.DUPLICATE])
def test_nor_does_our_own_code_begin_one_beyond(paid: dict[str, Any], origin: Origin) -> None:
    def begin(minor: int) -> None:
        with unit.work():
            payment = selectors.hold_with_attempt(paid["latest_attempt"]["id"])
            moves.begin(payment, minor, reason=Reason.GOODWILL, origin=origin, requested_by="test")

    begin(1500)
    with pytest.raises(Bug, match="within what is refundable"):
        begin(1)
    assert Refund.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_capture_that_fails_after_its_refund_is_taken(paid: dict[str, Any]) -> None:
    factories.work()
    with unit.work():
        held = selectors.hold_with_attempt(paid["latest_attempt"]["id"])
        payment_moves.reverse(held, Capture.objects.get(), because="the PSP says so", by="test")
    assert sql("SELECT amount_paid_minor, amount_refunded_minor FROM payments_order") == [(0, 500)]
    assert PaymentIntent.objects.get().over_returned
    factories.assert_books_close()


def test_what_is_disputed_is_not_refunded_too(paid: dict[str, Any]) -> None:
    sql("UPDATE payments_paymentintent SET amount_disputed_minor = 1000")
    assert refund_selectors.refundable(PaymentIntent.objects.get()) == money.from_minor(500, "USD")
    with taken():
        another(400)
    with refused("captured 2000, refunding 901, refunded 0 and disputed 1100"):
        sql("UPDATE payments_paymentintent SET amount_disputed_minor = 1100")
        over_returned()  # by the intent's own rule it could be
        another(1)
    with refused("intent_refunds_within_captured"):
        sql("UPDATE payments_paymentintent SET amount_disputed_minor = 1101")
    with refused("intent_disputed_not_negative"):
        sql("UPDATE payments_paymentintent SET amount_disputed_minor = -1")


def test_a_dispute_beyond_what_is_left_is_taken_and_owned(paid: dict[str, Any]) -> None:
    def dispute(minor: int) -> PaymentIntent:
        with unit.work():
            payment = selectors.hold_with_attempt(paid["latest_attempt"]["id"])
            moves.shift(payment.intent, disputed=minor)
        return payment.intent

    assert not dispute(1500).over_returned
    assert dispute(1).over_returned
    item = AttentionItem.objects.get(closed_at=None)
    assert item.detail == "20.01 USD went back or is disputed of 20.00 USD captured"
    assert dispute(-1501).amount_disputed_minor == 0
    assert not AttentionItem.objects.filter(closed_at=None).exists()


def test_what_needs_approval_goes_on_only_with_one(paid: dict[str, Any]) -> None:
    with taken():
        waiting = another(300, status="needs_approval", approval_reason="too much", requested_by="staff ada")
    for status in ("requested", "held", "sent", "pending", "requires_action"):
        with refused("goes on only when a second person has approved it"):
            sql("UPDATE refunds_refund SET status = %s WHERE id = %s", status, waiting)
    with refused("refund_maker_is_not_checker"):
        sql("UPDATE refunds_refund SET status = 'held', approved_by = 'staff ada' WHERE id = %s", waiting)
    with refused("refund_maker_is_not_checker"):
        sql("UPDATE refunds_refund SET rejected_by = 'staff ada' WHERE id = %s", waiting)
    with refused("refund_rejected_by_somebody"):
        sql(
            "UPDATE refunds_refund SET status = 'rejected', settled_at = now(), rejected_by = 'lea' WHERE id = %s",
            waiting,
        )
    with taken():
        sql("UPDATE refunds_refund SET status = 'held', approved_by = 'staff lea' WHERE id = %s", waiting)
    for change in ("approved_by = 'staff lou'", "requested_by = 'staff sly'", "approval_reason = ''"):
        with refused("who asked for a refund, and who decided about it, stays"):
            sql(f"UPDATE refunds_refund SET {change} WHERE id = %s", waiting)


def test_nothing_is_approved_by_nobody(paid: dict[str, Any]) -> None:
    with refused("refund_approved_by_somebody"):
        another(300, status="approved")


def test_a_limit_that_allows_more_takes_two_people(db: None) -> None:
    ((active,),) = sql("SELECT id FROM refunds_refundlimit WHERE role = 'support' AND currency = 'EUR'")
    one = {"proposed_by": "staff fin", "approved_by": ""}
    with refused("limit_one_active"):
        copy("refunds_refundlimit", active, **one, each_minor=1)
    with taken():
        sql("UPDATE refunds_refundlimit SET status = 'replaced', replaced_at = now() WHERE id = %s", active)
    for more in ({"each_minor": 25_001}, {"each_minor": None}, {"daily_minor": 200_001}, {"daily_minor": None}):
        with refused("a limit that allows more takes two people"):
            copy("refunds_refundlimit", active, **one, status="active", replaced_at=None, **more)
    with refused("a limit that allows more takes two people"):
        copy("refunds_refundlimit", active, **one, status="active", replaced_at=None, currency="XYZ")
    with refused("limit_maker_is_not_checker"):
        copy("refunds_refundlimit", active, status="active", replaced_at=None, proposed_by="fin", approved_by="fin")
    with taken():
        lower = copy("refunds_refundlimit", active, **one, status="active", replaced_at=None, each_minor=1)
    with refused("a limit stays as it was proposed"):
        sql("UPDATE refunds_refundlimit SET each_minor = 2 WHERE id = %s", lower)
    with refused("a limit is replaced or withdrawn, and kept"):
        sql("DELETE FROM refunds_refundlimit WHERE id = %s", lower)
