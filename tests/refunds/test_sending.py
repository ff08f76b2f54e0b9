"""Sending a refund: what is lost on the way, refused, out of reach, or interrupted ends right all the same."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.kernel import attention, clock, crashpoints
from payments.kernel.jobs import Job, Queue
from payments.ledger import selectors as ledger
from payments.webhooks.models import Event
from refunds.models import Refund
from refunds.services import sending
from tests import factories
from tests.refunds.psp import Psp


def asked(shop: factories.Shop, token: str = "pm_card_visa", **facts: Any) -> Refund:
    """A refund of 5.00 of a payment, which waits to be sent."""
    intent = shop.confirm(shop.intent(), token)
    body = {"payment_intent": intent["id"], "amount": 500, "reason": "goodwill", **facts}
    return Refund.objects.get(pk=shop.post("refunds", body)["id"])


def due() -> None:
    """Everything that is to be looked at, or tried again, later is due now."""
    ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now() - timedelta(seconds=1))
    Job.objects.exclude(state="dead").update(due_at=timezone.now() - timedelta(seconds=1))


def hurry() -> None:
    """Let the time go by in which all of that is done."""
    for _ in range(4):
        due()
        factories.work(Queue.MONEY)


def given_back(sim: factories.Simulator) -> int:
    """What the PSP has really given back."""
    return sum(line["amount_refunded"] for line in sim.book() if line["object"] == "refund")


def in_flight() -> int:
    """The ledger's refunds in flight, in cents."""
    return -int(ledger.balance("refunds_in_flight/stripe-us", "USD").amount * 100)


@pytest.mark.parametrize("fault", ["reset_after", "error_500_after", "garbage_200"])
def test_an_answer_that_is_lost_after_the_effect_is_found_by_evidence(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", fault, times=1)
    factories.work(Queue.MONEY)
    refund.refresh_from_db()
    assert (refund.status, in_flight(), given_back(sim)) == ("unknown", 500, 500)
    assert factories.broken() == []

    hurry()
    refund.refresh_from_db()
    assert refund.status == "succeeded"
    assert (in_flight(), given_back(sim)) == (0, 500)
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_before", "error_500_before"])
def test_a_request_that_was_lost_before_its_effect_is_made_once(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", fault, times=1)
    factories.work(Queue.MONEY)
    refund.refresh_from_db()
    assert (refund.status, given_back(sim)) == ("unknown", 0)

    hurry()
    refund.refresh_from_db()
    assert (refund.status, given_back(sim), in_flight()) == ("succeeded", 500, 0)
    factories.assert_books_close()


def test_an_unknown_refund_asks_for_a_person_after_two_minutes_and_no_longer_once_it_is_known(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", "reset_before", times=2)
    sim.scenario("refunds.list", "reset_before", times=1)
    factories.work(Queue.MONEY)
    call = ProviderCall.objects.get(owner_id=refund.pk)
    with clock.at(timezone.now() + timedelta(minutes=3)):
        sending.recover(call.pk)
    item = attention.AttentionItem.objects.get()
    assert (item.kind, item.object_id, item.closed_at) == ("unknown_outcome", refund.pk, None)

    hurry()
    refund.refresh_from_db()
    item.refresh_from_db()
    assert (refund.status, item.closed_because) == ("succeeded", "the PSP says approved")
    factories.assert_books_close()


def test_a_psp_out_of_reach_is_asked_again_later_and_gives_back_once(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", "rate_limit_429", times=2)
    factories.work(Queue.MONEY)
    refund.refresh_from_db()
    assert (refund.status, in_flight(), given_back(sim)) == ("requested", 500, 0)
    assert Job.objects.get(name="send_refund").due_at > timezone.now() + timedelta(seconds=25)
    assert factories.broken() == []

    hurry()
    refund.refresh_from_db()
    assert (refund.status, in_flight(), given_back(sim)) == ("succeeded", 0, 500)
    calls = ProviderCall.objects.filter(owner_id=refund.pk).order_by("id").values_list("verdict", flat=True)
    assert list(calls) == ["unavailable", "unavailable", "approved"]
    assert list(Event.objects.filter(object_id=refund.pk).order_by("sequence").values_list("type", flat=True)) == [
        "refund.created",
        "refund.sent",
        "refund.succeeded",
    ]
    factories.assert_books_close()


def out_of_reach(shop: factories.Shop, sim: factories.Simulator) -> Refund:
    """A refund that has been tried for more than an hour, in vain."""
    refund = asked(shop)
    sim.scenario("refunds.create", "rate_limit_429", times=3)
    factories.work(Queue.MONEY)
    assert not attention.AttentionItem.objects.exists()
    for _ in range(2):
        due()
        with clock.at(timezone.now() + timedelta(minutes=61)):
            factories.work(Queue.MONEY)
    refund.refresh_from_db()
    assert refund.status == "requested"
    return refund


def test_a_psp_that_stays_out_of_reach_for_an_hour_gets_a_person_until_the_refund_moves(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = out_of_reach(shop, sim)
    item = attention.AttentionItem.objects.get()
    assert (item.kind, item.object_id, item.closed_at) == ("unknown_outcome", refund.pk, None)
    assert item.detail.startswith("the PSP could not be reached for this refund since ")

    due()
    factories.work(Queue.MONEY)
    refund.refresh_from_db()
    item.refresh_from_db()
    assert (refund.status, item.closed_because) == ("succeeded", "the refund is succeeded")
    factories.assert_books_close()


def test_nobody_is_asked_for_a_refund_that_was_canceled_instead(shop: factories.Shop, sim: factories.Simulator) -> None:
    refund = out_of_reach(shop, sim)
    assert shop.post(f"refunds/{refund.pk}/cancel", {})["status"] == "canceled"

    item = attention.AttentionItem.objects.get()
    assert item.closed_because == "the refund is canceled"
    factories.assert_books_close()


def test_a_refund_that_could_not_be_sent_yet_can_still_be_canceled(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", "rate_limit_429", times=1)
    factories.work(Queue.MONEY)
    assert shop.post(f"refunds/{refund.pk}/cancel", {})["status"] == "canceled"

    hurry()
    assert (in_flight(), given_back(sim)) == (0, 0)
    assert shop.get(f"payment_intents/{refund.intent_id}")["amount_refunded"] == 0
    factories.assert_books_close()


def test_a_refund_that_the_psp_refuses_fails_and_frees_money_and_lines(
    shop: factories.Shop, psp: Psp, sim: factories.Simulator
) -> None:
    order = shop.order(1999)
    intent = shop.confirm(shop.intent(order))
    psp.refund(intent["latest_attempt"]["provider_reference"], 1999)
    line = {"line": order["lines"][0]["id"], "quantity": 1}
    refund = shop.post("refunds", {"order": order["id"], "lines": [line], "reason": "damaged"})
    assert shop.get(f"orders/{order['id']}")["lines"][0]["quantity_refunded"] == 1
    factories.work(Queue.MONEY)

    found = shop.get(f"refunds/{refund['id']}")
    assert (found["status"], found["failure_reason"]) == ("failed", "refund_exceeds_payment")
    assert Event.objects.filter(object_id=refund["id"], type="refund.failed").count() == 1
    assert in_flight() == 0
    assert shop.get(f"orders/{order['id']}")["lines"][0]["quantity_refunded"] == 0
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 0

    psp.notify()
    assert shop.get(f"orders/{order['id']}")["status"] == "refunded", "by the refund that was made outside"
    assert given_back(sim) == shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 1999
    factories.assert_books_close()


def test_another_amount_is_never_booked_but_asks_for_a_person(shop: factories.Shop, sim: factories.Simulator) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", "wrong_amount", times=1)
    factories.work(Queue.MONEY)

    refund.refresh_from_db()
    assert (refund.status, in_flight(), given_back(sim)) == ("unknown", 500, 499)
    item = attention.AttentionItem.objects.get(closed_at=None)
    assert (item.kind, item.object_id) == ("amount_differs", refund.pk)
    assert "5.00 USD" in item.detail
    assert "4.99 USD" in item.detail
    factories.assert_books_close()


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("refund.")])
def test_a_crash_at_any_point_gives_back_once(shop: factories.Shop, sim: factories.Simulator, point: str) -> None:
    refund = asked(shop)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        sending.send(refund.pk)
    assert factories.broken() == []

    hurry()
    refund.refresh_from_db()
    assert refund.status == "succeeded"
    assert (in_flight(), given_back(sim)) == (0, 500)
    assert len([line for line in sim.book() if line["object"] == "refund"]) == 1
    factories.assert_books_close()


def test_sending_twice_sends_once(shop: factories.Shop, sim: factories.Simulator) -> None:
    refund = asked(shop)
    for _ in range(3):
        sending.send(refund.pk)

    assert ProviderCall.objects.filter(owner_id=refund.pk).count() == 1
    assert given_back(sim) == 500
    factories.assert_books_close()
