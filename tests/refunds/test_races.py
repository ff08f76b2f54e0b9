"""Many at once: what can be refunded is refunded once, whoever asks; answers and notifications may meet."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import OperationalError, connection
from django.db.models import Sum
from django.utils import timezone

from payments.kernel.errors import Refusal
from payments.kernel.jobs import Queue
from payments.ledger import selectors as ledger
from refunds.models import BankTransfer, Refund
from refunds.services import approvals, refunds, sending, transfers
from tests import factories
from tests.refunds.people import ADA, LEA, LOU, ask, limit, undo_window_ends
from tests.refunds.psp import Psp

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, act: Callable[[int], str]) -> Counter[str]:
    """How often each answer was given when so many act in the same moment."""
    barrier = threading.Barrier(count, timeout=120)

    def run(number: int) -> str:
        try:
            barrier.wait()
            return patiently(act, number)
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


def patiently(act: Callable[[int], str], number: int) -> str:
    """As a good client does: who has waited for a lock in vain was told 503, nothing has happened, and asks again."""
    for _ in range(20):
        with suppress(OperationalError):
            return act(number)
        connection.close()
    return "gave up"


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
    answers = at_once(8, lambda _: refunds.request_as(ADA, draft).pk and "made")
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


def test_a_hundred_who_refund_at_once_never_exceed_what_was_captured(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.paid(1999)
    answers = at_once(100, asking(shop, payment_intent=intent["id"], amount=70))
    assert answers == {"made": 28, "refund_exceeds_refundable": 72}

    factories.work(Queue.MONEY)
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 1960
    assert sum(line["amount_refunded"] for line in sim.book() if line["object"] == "refund") == 1960
    factories.assert_books_close()


def test_a_hundred_at_once_do_not_pass_the_limit_of_a_day_together(shop: factories.Shop) -> None:
    limit("api", 100, 1_000)
    limit("support", 100, 1_000)
    intents = [shop.paid(2000) for _ in range(4)]
    draft = [refunds.RefundDraft(payment_intent=one["id"], amount=70, reason="goodwill", confirm_duplicate=True)
             for one in intents]  # fmt: skip

    def ask_as_both(number: int) -> str:
        if number % 2:
            return refunds.request(draft[number % 4], client_id=shop.client.pk, by="test").refund.status
        return refunds.request_as(ADA, draft[number % 4]).refund.status

    assert at_once(100, ask_as_both) == {"requested": 14, "held": 14, "needs_approval": 72}
    released = Refund.objects.exclude(released_by="").values_list("released_by").annotate(sum=Sum("amount_minor"))
    assert dict(released) == {f"client:{shop.client.pk}": 980, "staff ada": 980}
    factories.assert_books_close()


def in_pairs(made: list[Refund], *acts: Callable[[str], object]) -> Counter[str]:
    """For each refund everybody acts in the same moment; what they were told."""

    def act(number: int) -> str:
        refund, mine = made[number // len(acts)], number % len(acts)
        acts[mine](refund.pk)
        return f"{mine} done"

    return at_once(len(made) * len(acts), act)


def held_or_waiting(shop: factories.Shop, amount: int, count: int = 6) -> list[Refund]:
    return [ask(shop.paid(amount)) for _ in range(count)]


def undo(refund_id: str) -> None:
    refunds.cancel(refund_id, client_id=None, by=ADA.name)


def test_of_undo_and_send_exactly_one_wins(shop: factories.Shop, sim: factories.Simulator) -> None:
    made = held_or_waiting(shop, 1000)
    answers = in_pairs(made, undo, sending.send)
    ends = Counter(Refund.objects.values_list("status", flat=True))
    assert ends["canceled"] + ends["succeeded"] == 6
    assert answers["0 done"] == ends["canceled"], "who was told that it is taken back has it back"
    assert answers["refund_unexpected_state"] == ends["succeeded"]
    assert len([line for line in sim.book() if line["object"] == "refund"]) == ends["succeeded"]
    undo_window_ends()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_of_approve_and_cancel_the_last_word_is_one(shop: factories.Shop) -> None:
    made = held_or_waiting(shop, 30_000)
    answers = in_pairs(made, lambda pk: approvals.approve(pk, LEA), undo)
    assert answers["1 done"] == 6, "what was approved is held, and can be taken back all the same"
    assert answers["0 done"] + answers["refund_unexpected_state"] == 6
    assert set(Refund.objects.values_list("status", flat=True)) == {"canceled"}
    undo_window_ends()
    factories.assert_books_close()


def test_of_approve_and_reject_exactly_one_wins(shop: factories.Shop) -> None:
    made = held_or_waiting(shop, 30_000)
    answers = in_pairs(
        made, lambda pk: approvals.approve(pk, LEA), lambda pk: approvals.reject(pk, LOU, because="not ours")
    )
    assert answers["refund_unexpected_state"] == 6
    ends = Counter(Refund.objects.values_list("status", flat=True))
    assert (ends["held"], ends["rejected"]) == (answers["0 done"], answers["1 done"])
    assert ends["held"] + ends["rejected"] == 6
    assert not Refund.objects.exclude(approved_by="").exclude(rejected_by="").exists()
    factories.assert_books_close()


def test_two_who_approve_at_once_approve_once(shop: factories.Shop, sim: factories.Simulator) -> None:
    made = held_or_waiting(shop, 30_000)
    approve = [lambda pk, who=who: approvals.approve(pk, who) for who in (LEA, LOU)]
    assert in_pairs(made, *approve)["refund_unexpected_state"] == 6
    undo_window_ends()
    assert len([line for line in sim.book() if line["object"] == "refund"]) == 6
    factories.assert_books_close()


def test_refunds_and_captures_at_once_stay_within_what_is_captured(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.confirm(shop.intent(shop.order(2000), capture_method="manual"))
    shop.post(f"payment_intents/{intent['id']}/capture", {"amount": 600, "final": True})
    other = shop.confirm(shop.intent(shop.order(2000), capture_method="manual"))
    body = {"payment_intent": other["id"], "amount": 500, "reason": "goodwill", "confirm_duplicate": True}

    def act(number: int) -> str:
        if number == 0:
            return str(shop.call("POST", f"payment_intents/{other['id']}/capture", {"amount": 1200}).status_code)
        return str(shop.call("POST", "refunds", body).json().get("code", "made"))

    answers = at_once(12, act)
    assert answers["200"] == 1
    assert answers["made"] <= 2
    assert answers["made"] + answers["refund_exceeds_refundable"] + answers["payment_intent_unexpected_state"] + (
        answers["refund_nothing_to_refund"]
    ) == 11  # fmt: skip
    assert at_once(12, asking(shop, payment_intent=intent["id"], amount=500))["made"] == 1
    factories.work(Queue.MONEY)
    factories.assert_books_agree(sim)
    factories.assert_books_close()
