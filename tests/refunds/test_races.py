"""Many at once: what can be refunded is refunded once, whoever asks; answers and notifications may meet."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from payments.kernel.errors import Refusal
from payments.kernel.jobs import Queue
from payments.ledger import selectors as ledger
from refunds.models import BankTransfer, Refund
from refunds.policy import Person
from refunds.services import refunds, sending, transfers
from tests import factories
from tests.refunds.psp import Psp

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, act: Callable[[int], str]) -> Counter[str]:
    """How often each answer was given when so many act in the same moment."""
    barrier = threading.Barrier(count, timeout=20)

    def run(number: int) -> str:
        try:
            barrier.wait()
            return act(number)
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


def asking(shop: factories.Shop, **facts: object) -> Callable[[int], str]:
    """Ask for a refund as the client."""
    draft = refunds.RefundDraft(reason="goodwill", confirm_duplicate=True, **facts)  # type: ignore[arg-type]

    def ask(_number: int) -> str:
        refunds.request(draft, client_id=shop.client.pk, by="test")
        return "made"

    return ask


def test_twenty_who_refund_at_once_never_give_back_too_much(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.paid(1999)
    answers = at_once(20, asking(shop, payment_intent=intent["id"], amount=300))
    assert answers == {"made": 6, "refund_exceeds_refundable": 14}

    factories.work(Queue.MONEY)
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 1800
    assert sum(line["amount_refunded"] for line in sim.book() if line["object"] == "refund") == 1800
    factories.assert_books_close()


def test_twenty_who_return_one_line_return_it_once(shop: factories.Shop) -> None:
    line = {"sku": "S", "name": "Socks", "quantity": 3, "unit_amount": 100}
    order = shop.order(lines=[line, {**line, "quantity": 9}])
    shop.confirm(shop.intent(order))
    answers = at_once(20, asking(shop, order=order["id"], lines={order["lines"][0]["id"]: 1}))

    assert answers == {"made": 3, "refund_line_already_refunded": 17}
    assert shop.get(f"orders/{order['id']}")["lines"][0]["quantity_refunded"] == 3
    factories.assert_books_close()


def test_a_double_click_in_the_same_moment_is_suspected(shop: factories.Shop) -> None:
    intent = shop.paid(1999)
    draft = refunds.RefundDraft(payment_intent=intent["id"], amount=100, reason="goodwill")
    answers = at_once(8, lambda _: refunds.request_as(Person("ada", ["support"]), draft).pk and "made")
    assert answers == {"made": 1, "refund_duplicate_suspected": 7}


def test_one_who_cancels_and_one_who_sends_do_not_both_win(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.paid(2000)
    made = [
        shop.post("refunds", {"payment_intent": intent["id"], "amount": 10 + n, "reason": "goodwill"})["id"]
        for n in range(5)
    ]

    def act(number: int) -> str:
        refund_id = made[number // 2]
        if number % 2:
            sending.send(refund_id)
            return "sent"
        refunds.cancel(refund_id, client_id=None, by="test")
        return "canceled"

    at_once(10, act)
    found = dict(Refund.objects.values_list("pk", "status"))
    assert set(found.values()) <= {"canceled", "succeeded"}
    given_back = sum(line["amount_refunded"] for line in sim.book() if line["object"] == "refund")
    assert given_back == sum(10 + n for n, refund_id in enumerate(made) if found[refund_id] == "succeeded")
    factories.work(Queue.MONEY)
    factories.assert_books_close()


def test_an_answer_and_its_notifications_that_meet_are_one_refund(shop: factories.Shop, psp: Psp) -> None:
    intent = shop.paid(2000)
    for n in range(3):
        shop.post("refunds", {"payment_intent": intent["id"], "amount": 10 + n, "reason": "goodwill"})
        refund_id = Refund.objects.latest("id").pk

        def act(number: int, refund_id: str = refund_id) -> str:
            if number == 0:
                sending.send(refund_id)
            else:
                psp.notify(psp.events_once("refund.created"))
            return "done"

        assert at_once(4, act) == {"done": 4}
    assert list(Refund.objects.values_list("status", flat=True)) == ["succeeded"] * 3
    factories.work(Queue.MONEY)
    factories.assert_books_close()


def test_of_people_who_confirm_one_transfer_at_once_one_does(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    intent = shop.paid(1999)
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    shop.post("refunds", {"payment_intent": intent["id"], "reason": "damaged"})
    factories.work()
    psp.notify(psp.events_once("refund.failed"))
    draft = transfers.TransferDraft(
        payment_intent=intent["id"],
        amount=1999,
        bank_account="main-usd",
        bank_reference="TRF-1",
        value_date=timezone.now().date(),
        because="The card was closed.",
    )
    proposed = at_once(4, lambda _: transfers.propose(draft, by="staff fay").pk and "made")
    assert proposed == {"made": 4}, "a form that is sent again is told what it has made"

    row = BankTransfer.objects.get()
    answers = at_once(6, lambda number: transfers.confirm(row.pk, by=f"staff {number}").pk and "made")
    assert answers == {"made": 1, "bank_transfer_decided_already": 5}
    assert ledger.trial_balance()["bank/main-usd", "USD"] == -1999
    assert Refund.objects.get(pk=row.refund_id).status == "succeeded"
    factories.assert_books_close()
