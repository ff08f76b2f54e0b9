"""What the PSP tells about refunds: late, twice, in any order, of refunds that bounce, and of refunds made outside."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Queue
from payments.ledger import selectors as ledger
from payments.webhooks.dispatch import NotYet
from payments.webhooks.models import Event
from refunds.models import Refund
from tests import factories
from tests.refunds.psp import ACCOUNT, Psp
from tests.refunds.test_sending import given_back, hurry, in_flight
from tests.simulator import process


@pytest.fixture
def patient(shop: factories.Shop) -> Iterator[tuple[process.Simulator, Psp]]:
    """A simulator whose clock this test may move, in place of the shared one, and its account."""
    own = process.Simulator("--seed", "patient")
    psp = Psp(own.url)
    assert own.ask("PUT", f"/_sim/accounts/{ACCOUNT}", {"psp": "stripe", "api_key": psp.key}).status == 200
    ProviderAccount.objects.filter(code=ACCOUNT).update(base_url=own.url)
    accounts.forget()
    yield own, psp
    own.stop()
    accounts.forget()


def sent(shop: factories.Shop, token: str = "pm_card_visa", **facts: Any) -> Refund:
    """A refund of 5.00 that has been sent."""
    intent = shop.confirm(shop.intent(), token)
    body = {"payment_intent": intent["id"], "amount": 500, "reason": "goodwill", **facts}
    refund_id = shop.post("refunds", body)["id"]
    factories.work(Queue.MONEY)
    return Refund.objects.get(pk=refund_id)


def receivable() -> int:
    """What the PSP owes us, in cents."""
    return int(ledger.balance(f"psp_receivable/{ACCOUNT}", "USD").amount * 100)


def items() -> list[tuple[str, str]]:
    """The open attention items: kind and object."""
    return list(AttentionItem.objects.filter(closed_at=None).order_by("kind").values_list("kind", "object_id"))


def test_a_pending_refund_succeeds_by_notification(
    shop: factories.Shop, patient: tuple[process.Simulator, Psp]
) -> None:
    own, psp = patient
    refund = sent(shop, "pm_card_pendingRefund")
    assert (refund.status, in_flight()) == ("pending", 500)
    assert factories.broken() == []

    own.advance(61)
    psp.notify()
    refund.refresh_from_db()
    assert (refund.status, in_flight()) == ("succeeded", 0)
    assert ProviderCall.objects.get(owner_id=refund.pk).look_at is None
    factories.assert_books_close()


def test_a_pending_refund_whose_notification_is_lost_is_asked_for(
    shop: factories.Shop, patient: tuple[process.Simulator, Psp]
) -> None:
    own, _ = patient
    refund = sent(shop, "pm_card_pendingRefund")
    own.advance(61)

    hurry()
    refund.refresh_from_db()
    assert refund.status == "succeeded"
    factories.assert_books_close()


def test_a_refund_that_bounces_is_undone_and_asks_for_a_person(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    order = shop.order(500)
    shop.confirm(shop.intent(order))
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    line = {"line": order["lines"][0]["id"], "quantity": 1}
    refund = shop.post("refunds", {"order": order["id"], "lines": [line], "reason": "damaged"})
    factories.work(Queue.MONEY)
    assert shop.get(f"orders/{order['id']}")["status"] == "refunded"
    assert receivable() == 0

    psp.notify(psp.events_once("refund.failed"))
    found = shop.get(f"refunds/{refund['id']}")
    assert (found["status"], found["failure_reason"]) == ("bounced", "refund_method_closed")
    assert (receivable(), in_flight(), given_back(sim)) == (500, 0, 0)
    again = shop.get(f"orders/{order['id']}")
    assert (again["status"], again["amount_refunded"], again["lines"][0]["quantity_refunded"]) == ("paid", 0, 0)
    assert items() == [("refund_bounced", refund["id"])]
    told = Event.objects.filter(object_id=refund["id"]).order_by("sequence").values_list("type", flat=True)
    assert list(told) == ["refund.created", "refund.sent", "refund.succeeded", "refund.bounced"]
    factories.assert_books_close()


@pytest.mark.parametrize("recovery", [0, 1, 3])
@pytest.mark.parametrize("order", itertools.permutations(["refund.created", "refund.updated", "refund.failed"]))
def test_whatever_the_order_of_the_news_a_bounced_refund_has_bounced(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp, order: tuple[str, ...], recovery: int
) -> None:
    """The answer is lost; notifications, one of them twice, and recovery meet the unknown refund in any order."""
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    sim.scenario("refunds.create", "reset_after", times=1)
    refund = sent(shop)
    assert refund.status == "unknown"
    told = {event.type: event for event in psp.events_once("refund.failed")}
    for step, type_ in enumerate((*order, order[0])):
        if step == recovery:
            hurry()
        psp.notify([told[type_]])
    hurry()

    refund.refresh_from_db()
    assert (refund.status, refund.failure_reason) == ("bounced", "refund_method_closed")
    assert (receivable(), in_flight(), given_back(sim)) == (1999, 0, 0)
    assert items() == [("refund_bounced", refund.pk)]
    factories.assert_books_close()


def test_what_was_taken_for_failed_counts_when_it_has_succeeded_after_all(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    """The call was refused because the payment had been refunded: by this very refund, as its notification says."""
    intent = shop.confirm(shop.intent(shop.order(500)))
    body = {"payment_intent": intent["id"], "reason": "goodwill"}
    refund = shop.post("refunds", body)
    psp.refund(intent["latest_attempt"]["provider_reference"], 500)
    factories.work(Queue.MONEY)
    assert shop.get(f"refunds/{refund['id']}")["status"] == "failed"
    [told] = [event for event in psp.events() if event.type == "refund.created"]

    psp.notify([dataclasses.replace(told, reference=refund["id"])])
    assert shop.get(f"refunds/{refund['id']}")["status"] == "succeeded"
    assert (receivable(), in_flight(), given_back(sim)) == (0, 0, 500)
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 500
    types = Event.objects.filter(object_id=refund["id"]).order_by("sequence").values_list("type", flat=True)
    assert list(types) == ["refund.created", "refund.sent", "refund.failed", "refund.succeeded"]
    factories.assert_books_close()


def test_a_refund_that_was_made_outside_is_recorded_once(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    intent = shop.paid(1999)
    psp.refund(intent["latest_attempt"]["provider_reference"], 700)
    psp.notify()
    psp.notify()

    [found] = shop.get(f"refunds?payment_intent={intent['id']}")["data"]
    assert (found["origin"], found["status"], found["amount"]) == ("outside", "succeeded", 700)
    assert (found["reason"], found["note"]) == ("other", "Made outside, at the PSP.")
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 700
    assert shop.get(f"orders/{intent['order']}")["status"] == "partially_refunded"
    assert (receivable(), in_flight(), given_back(sim)) == (1299, 0, 700)
    assert items() == []
    assert shop.post("refunds", {"payment_intent": intent["id"], "reason": "goodwill"})["amount"] == 1299
    factories.work(Queue.MONEY)
    factories.assert_books_close()


def test_more_than_was_captured_is_recorded_and_owned(shop: factories.Shop, psp: Psp) -> None:
    """Our refund reserves the money, somebody gives all of it back in the dashboard, and both are true for a moment."""
    intent = shop.paid(1999)
    refund = shop.post("refunds", {"payment_intent": intent["id"], "reason": "goodwill"})
    psp.refund(intent["latest_attempt"]["provider_reference"], 1999)
    psp.notify()
    assert items() == [("over_returned", intent["id"])]
    assert factories.broken() == []
    assert shop.call("POST", "refunds", {"payment_intent": intent["id"], "reason": "goodwill"}).json()["code"] == (
        "refund_nothing_to_refund"
    )

    factories.work(Queue.MONEY)
    assert shop.get(f"refunds/{refund['id']}")["status"] == "canceled", "it would go back twice"
    assert items() == []
    assert receivable() == 0
    factories.assert_books_close()


def test_a_second_refund_at_the_psp_under_our_name_is_one_made_outside(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    refund = sent(shop)
    intent = shop.get(f"payment_intents/{refund.intent_id}")
    psp.refund(intent["latest_attempt"]["provider_reference"], 500, **{"metadata[refund]": refund.pk})
    psp.notify()

    assert sorted(Refund.objects.values_list("origin", "amount_minor")) == [("api", 500), ("outside", 500)]
    assert given_back(sim) == shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 1000
    factories.assert_books_close()


@pytest.mark.parametrize("reference", ["of another payment", "re_nonsense"])
def test_a_reference_that_somebody_wrote_by_hand_proves_nothing(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp, reference: str
) -> None:
    sim.scenario("refunds.create", "reset_before", times=1)
    refund = sent(shop)
    other = shop.paid(1999)
    written = refund.pk if reference == "of another payment" else reference
    psp.refund(other["latest_attempt"]["provider_reference"], 500, **{"metadata[refund]": written})
    psp.notify()

    refund.refresh_from_db()
    assert refund.status == "unknown"
    assert Refund.objects.get(origin="outside").intent_id == other["id"]
    factories.assert_books_close()


def test_an_outside_refund_that_is_not_settled_has_an_owner_until_it_is(
    shop: factories.Shop, patient: tuple[process.Simulator, Psp]
) -> None:
    own, psp = patient
    intent = shop.confirm(shop.intent(), "pm_card_pendingRefund")
    psp.refund(intent["latest_attempt"]["provider_reference"], 500)
    psp.notify()
    refund = Refund.objects.get()
    assert (refund.status, items()) == ("pending", [("unmatched_event", refund.pk)])
    assert factories.broken() == []

    own.advance(61)
    psp.notify()
    refund.refresh_from_db()
    assert (refund.status, items()) == ("succeeded", [])
    factories.assert_books_close()


def test_news_of_a_payment_that_nobody_knows_waits(shop: factories.Shop, psp: Psp) -> None:
    intent = shop.paid()
    psp.refund(intent["latest_attempt"]["provider_reference"], 500)
    [told] = [event for event in psp.events() if event.type == "refund.created"]
    with pytest.raises(NotYet):
        psp.notify([dataclasses.replace(told, provider_reference="pi_3of_somebody_else")])
    assert Refund.objects.count() == 0


def test_news_without_our_reference_wait_while_a_refund_of_ours_is_unknown(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    sim.scenario("refunds.create", "reset_after", times=1)
    refund = sent(shop)
    [told] = [event for event in psp.events() if event.type == "refund.created"]
    nameless = dataclasses.replace(told, reference="")
    with pytest.raises(NotYet):
        psp.notify([nameless])

    hurry()
    psp.notify([nameless])
    refund.refresh_from_db()
    assert (refund.status, Refund.objects.count()) == ("succeeded", 1)
    factories.assert_books_close()
