"""The database itself keeps disputes straight: SQL by hand that rewrites what happened is refused."""

import pytest
from psycopg.types.json import Jsonb

from payments.connectors.disputes import Standing
from tests import factories
from tests.byhand import copy, key, refused, sql, taken
from tests.refunds.quarrel import Quarrel

pytestmark = pytest.mark.django_db


@pytest.fixture
def quarrel(shop: factories.Shop) -> Quarrel:
    """A dispute that has taken 20.00 USD."""
    quarrel = Quarrel(shop)
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE))
    return quarrel


def test_a_dispute_is_of_one_payment(shop: factories.Shop, quarrel: Quarrel) -> None:
    row, other = key(quarrel.dispute().pk), shop.paid(900)
    for facts in (
        {"intent_id": str(key(other["id"]))},
        {"order_id": other["order"]},
        {"account_id": str(sql("SELECT id FROM payments_provideraccount WHERE code = 'stripe-eu'")[0][0])},
    ):
        with refused("has another payment intent, provider account, order or client than its attempt"):
            copy("refunds_dispute", row, provider_reference="dp_2", amount_withdrawn_minor=0, **facts)
    with refused("has another currency than its payment"):
        copy("refunds_dispute", row, provider_reference="dp_2", amount_withdrawn_minor=0, currency="EUR")
    with refused("dispute_provider_reference"):
        copy("refunds_dispute", row, amount_withdrawn_minor=0)
    with taken():
        copy("refunds_dispute", row, provider_reference="dp_2", amount_withdrawn_minor=0)


@pytest.mark.parametrize(
    "change",
    ["currency = 'EUR'", "attempt_id = uuidv7()", "intent_id = uuidv7()", "provider_reference = 'dp_other'",
     "client_id = uuidv7()", "account_id = uuidv7()", "id = uuidv7()", "order_id = ''"],
)  # fmt: skip
def test_what_it_is_about_stays(quarrel: Quarrel, change: str) -> None:
    with refused("a dispute keeps"):
        sql(f"UPDATE refunds_dispute SET {change}")


def test_its_sums_are_those_of_its_movements(quarrel: Quarrel) -> None:
    with refused("says 1999 withdrawn and 0 lost, its movements 2000 and 0"):
        sql("UPDATE refunds_dispute SET amount_withdrawn_minor = 1999")
    with refused("says 2000 withdrawn and 5 lost, its movements 2000 and 0"):
        sql("UPDATE refunds_dispute SET amount_lost_minor = 5")
    with refused("dispute_loss_within_withdrawn"):
        sql("UPDATE refunds_dispute SET amount_lost_minor = 2001")
    ((row,),) = sql("SELECT id FROM refunds_disputemovement")
    with refused("says 2000 withdrawn and 0 lost, its movements 4000 and 0"):
        copy("refunds_disputemovement", row, key="txn_2")


def test_a_movement_is_booked_once_and_stays(quarrel: Quarrel) -> None:
    ((row,),) = sql("SELECT id FROM refunds_disputemovement")
    with refused("dispute_movement_once"):
        copy("refunds_disputemovement", row)
    with refused("has another currency or provider account than its dispute"):
        copy("refunds_disputemovement", row, key="txn_2", currency="EUR")
    for change in ("UPDATE refunds_disputemovement SET amount_minor = 1", "DELETE FROM refunds_disputemovement"):
        with refused("a movement of a dispute is kept as it is"):
            sql(change)


@pytest.mark.parametrize("table", ["dispute", "disputestage", "disputemovement", "disputefile", "fraudwarning"])
def test_nothing_of_it_is_emptied(quarrel: Quarrel, table: str) -> None:
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    with refused("is kept"):
        sql(f"TRUNCATE refunds_{table} CASCADE")


def test_an_answer_that_is_given_stays(quarrel: Quarrel) -> None:
    with taken():
        sql("UPDATE refunds_disputestage SET texts = %s", Jsonb({"other": "delivered"}))
    with refused("dispute_answer"):
        sql("UPDATE refunds_disputestage SET answer = 'submit'")  # by nobody, at no time
    with refused("dispute_accepted_because"):
        sql("UPDATE refunds_disputestage SET answer = 'accept', answer_by = 'lea', answer_at = now()")
    with taken():
        sql("UPDATE refunds_disputestage SET answer = 'submit', answer_by = 'lea', answer_at = now()")
    with refused("is on its way: it stays"):
        sql("UPDATE refunds_disputestage SET texts = '{}'")
    with taken():
        sql("UPDATE refunds_disputestage SET answered_at = now()")
    with refused("the PSP has the answer"):
        sql("UPDATE refunds_disputestage SET answer = '', answer_at = NULL, answered_at = NULL")
