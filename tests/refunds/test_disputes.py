"""What a dispute does to its money, the payment, the ledger and the client; in whatever order it is told."""

import dataclasses
import itertools
from datetime import timedelta
from typing import Any

import pytest
from moneyed import Money

from payments.connectors.base import PspEvent
from payments.connectors.disputes import DisputeReason, Stage, Standing
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Queue
from payments.ledger.selectors import journal
from payments.webhooks.dispatch import NotYet
from payments.webhooks.models import Event
from refunds.models import Dispute, DisputeMovement
from tests import factories
from tests.refunds.quarrel import BEGAN, DUE, Quarrel, balances

Told = list[PspEvent]


@pytest.fixture
def quarrel(shop: factories.Shop) -> Quarrel:
    """A payment that will be disputed."""
    return Quarrel(shop)


def told(quarrel: Quarrel) -> list[str]:
    """The types of the events that the client was sent, in their order."""
    rows = Event.objects.filter(object_id=quarrel.dispute().pk).order_by("sequence")
    return list(rows.values_list("type", flat=True))


def disputed(quarrel: Quarrel, shop: factories.Shop) -> int:
    """What of the payment is in dispute or lost, as the client reads it."""
    return int(shop.get(f"payment_intents/{quarrel.intent['id']}")["amount_disputed"])


def items() -> list[tuple[str, str]]:
    """The open attention items: kind and object."""
    return list(AttentionItem.objects.filter(closed_at=None).order_by("kind").values_list("kind", "object_id"))


def test_a_chargeback_takes_money_and_a_win_brings_it_back(shop: factories.Shop, quarrel: Quarrel) -> None:
    asked = quarrel.news(
        taken=2000,
        standing=Standing.NEEDS_RESPONSE,
        amount=Money(20, "USD"),
        reason=DisputeReason.PRODUCT_NOT_RECEIVED,
        network_reason_code="13.1",
        respond_by=DUE,
    )
    dispute = quarrel.tell(asked)
    assert (dispute.status, dispute.stage, dispute.reason) == ("needs_response", "chargeback", "product_not_received")
    assert (dispute.amount_minor, dispute.amount_withdrawn_minor, dispute.respond_by) == (2000, 2000, DUE)
    assert balances() == (0, 2000, 0)
    assert disputed(quarrel, shop) == 2000
    refused = shop.call("POST", "refunds", {"payment_intent": quarrel.intent["id"], "reason": "goodwill"})
    assert refused.json()["code"] == "payment_disputed"
    assert factories.broken() == []

    quarrel.tell(quarrel.news(3, standing=Standing.UNDER_REVIEW))
    dispute = quarrel.tell(quarrel.news(40, back=2000, standing=Standing.WON))
    assert (dispute.status, dispute.amount_withdrawn_minor) == ("won", 0)
    assert dispute.closed_at
    assert balances() == (2000, 0, 0)
    assert disputed(quarrel, shop) == 0
    assert told(quarrel) == [
        "dispute.created",
        "dispute.funds_withdrawn",
        "dispute.under_review",
        "dispute.funds_reinstated",
        "dispute.won",
    ]
    factories.assert_books_close()


def test_every_movement_is_booked_once_under_its_own_id(shop: factories.Shop, quarrel: Quarrel) -> None:
    """Taken, given back in part, taken a second time, lost."""
    quarrel.tell(
        quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE),
        quarrel.news(20, back=1500, standing=Standing.WON),
        quarrel.news(50, taken=1500, stage=Stage.SECOND, standing=Standing.NEEDS_RESPONSE),
    )
    assert balances() == (0, 2000, 0)
    assert factories.broken() == []
    dispute = quarrel.tell(quarrel.news(60, stage=Stage.SECOND, standing=Standing.LOST))
    assert balances() == (0, 0, 2000)
    assert (dispute.status, dispute.stage, dispute.amount_lost_minor) == ("lost", "second", 2000)
    moved = list(DisputeMovement.objects.order_by("pk"))
    assert [(row.kind, row.amount_minor) for row in moved] == [
        ("withdrawn", 2000),
        ("reinstated", 1500),
        ("withdrawn", 1500),
        ("lost", 2000),
    ]
    assert [one.event for one in journal([row.pk for row in moved])] == [f"dispute_{row.kind}" for row in moved]
    assert disputed(quarrel, shop) == 2000
    assert [row.stage for row in dispute.stages.order_by("pk")] == ["chargeback", "second"]
    factories.assert_books_close()


@pytest.mark.parametrize("standing", [Standing.LOST, Standing.ACCEPTED, Standing.EXPIRED])
def test_each_end_against_us_is_a_loss(shop: factories.Shop, quarrel: Quarrel, standing: Standing) -> None:
    dispute = quarrel.tell(quarrel.news(0, taken=2000), quarrel.news(9, standing=standing))
    assert (dispute.status, balances()) == (standing, (0, 0, 2000))
    assert told(quarrel)[-1] == f"dispute.{standing}"
    factories.assert_books_close()


def test_an_inquiry_takes_nothing_and_leaves_the_money_refundable(shop: factories.Shop, quarrel: Quarrel) -> None:
    dispute = quarrel.tell(quarrel.news(0, stage=Stage.INQUIRY, standing=Standing.NEEDS_RESPONSE))
    assert (dispute.status, balances()) == ("inquiry", (2000, 0, 0))
    shop.post("refunds", {"payment_intent": quarrel.intent["id"], "reason": "goodwill"})
    factories.work(Queue.MONEY)
    assert quarrel.tell(quarrel.news(5, stage=Stage.INQUIRY, standing=Standing.WITHDRAWN)).status == "withdrawn"
    factories.assert_books_close()


def test_a_loss_is_none_once_it_is_won_on_appeal(shop: factories.Shop, quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, taken=2000), quarrel.news(9, standing=Standing.LOST))
    quarrel.tell(quarrel.news(30, stage=Stage.SECOND, standing=Standing.UNDER_REVIEW))
    assert balances() == (0, 2000, 0)
    quarrel.tell(quarrel.news(60, back=2000, standing=Standing.WON))  # says no more of the stage than that it began
    dispute = quarrel.dispute()
    assert (dispute.status, dispute.stage, balances()) == ("won", "second", (2000, 0, 0))
    factories.assert_books_close()


def story(quarrel: Quarrel) -> Told:
    """A first chargeback, defended and won, a second one, and the end."""
    return [
        quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, respond_by=DUE, amount=Money(20, "USD")),
        quarrel.news(2, standing=Standing.UNDER_REVIEW, reason=DisputeReason.FRAUDULENT),
        quarrel.news(30, back=1200, standing=Standing.WON),
        quarrel.news(60, taken=1200, stage=Stage.SECOND, standing=None, respond_by=DUE + timedelta(days=60)),
        quarrel.news(61, stage=Stage.SECOND, standing=Standing.LOST, reason=DisputeReason.UNRECOGNIZED),
    ]


def facts(dispute: Dispute) -> dict[str, Any]:
    """All that must not depend on the order of the news."""
    left_out = {"id", "version", "created_at", "event_sequence", "provider_reference", "closed_at", "look_at"}
    left_out |= {"intent_id", "order_id", "attempt_id", "_state"}
    return {name: value for name, value in vars(dispute).items() if name not in left_out}


SOME = list(itertools.permutations(range(5)))[::11]  # tests/rules looks at every order without a database


@pytest.mark.parametrize("order", SOME, ids=lambda order: "".join(map(str, order)))
def test_in_any_order_and_twice_it_comes_to_the_same(shop: factories.Shop, order: tuple[int, ...]) -> None:
    straight, mixed = Quarrel(shop, "dp_straight"), Quarrel(shop, "dp_mixed")
    expected = facts(straight.tell(*story(straight)))
    events = story(mixed)
    shuffled = [events[index] for index in order]
    for event in shuffled:
        mixed.tell(event, event)
        assert factories.broken() == []
    assert facts(mixed.tell(*shuffled)) == expected
    assert balances() == (0, 0, 4000)
    kinds = DisputeMovement.objects.filter(dispute=mixed.dispute(), kind__in=("withdrawn", "reinstated"))
    assert kinds.count() == 3
    factories.assert_books_close()


def test_news_that_say_nothing_new_change_nothing(quarrel: Quarrel) -> None:
    first = quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, respond_by=DUE)
    quarrel.tell(first)
    before = told(quarrel)
    quarrel.tell(first, first)
    assert told(quarrel) == before
    quarrel.tell(quarrel.news(1, standing=Standing.NEEDS_RESPONSE, respond_by=DUE + timedelta(days=2)))
    assert told(quarrel) == [*before, "dispute.updated"]


def test_the_client_reads_the_whole_dispute_in_every_event(quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, amount=Money(20, "USD")))
    event = Event.objects.filter(type="dispute.funds_withdrawn").get()
    assert event.data["id"] == quarrel.dispute().pk
    assert (event.data["payment_intent"], event.data["order"]) == (quarrel.intent["id"], quarrel.intent["order"])
    assert (event.data["status"], event.data["amount"], event.data["amount_withdrawn"]) == (
        "needs_response",
        2000,
        2000,
    )


def test_a_chargeback_on_top_of_a_full_refund_is_recorded_and_owned(shop: factories.Shop, quarrel: Quarrel) -> None:
    shop.post("refunds", {"payment_intent": quarrel.intent["id"], "reason": "goodwill"})
    factories.work(Queue.MONEY)
    assert balances() == (0, 0, 0)
    dispute = quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE))
    assert balances() == (-2000, 2000, 0)
    assert ("over_returned", quarrel.intent["id"]) in items()
    assert disputed(quarrel, shop) == 2000
    assert shop.get(f"orders/{quarrel.intent['order']}")["status"] == "refunded"
    assert factories.broken() == []

    quarrel.tell(quarrel.news(30, back=2000, standing=Standing.WON))
    assert ("over_returned", quarrel.intent["id"]) not in items()
    assert dispute.pk == quarrel.dispute().pk
    factories.assert_books_close()


def test_a_dispute_of_part_leaves_the_rest_refundable(shop: factories.Shop, quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, taken=1200, standing=Standing.NEEDS_RESPONSE, amount=Money(12, "USD")))
    made = shop.post("refunds", {"payment_intent": quarrel.intent["id"], "reason": "goodwill"})
    assert made["amount"] == 800
    factories.work(Queue.MONEY)
    assert shop.get(f"orders/{quarrel.intent['order']}")["status"] == "partially_refunded", "a dispute is no refund"
    factories.assert_books_close()


def test_two_disputes_of_one_payment_add_up(shop: factories.Shop, quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, taken=700, standing=Standing.NEEDS_RESPONSE))
    first, quarrel.reference = quarrel.reference, "dp_2at_the_psp"
    quarrel.tell(quarrel.news(1, taken=1300, standing=Standing.LOST))
    assert (disputed(quarrel, shop), balances()) == (2000, (0, 700, 1300))
    quarrel.reference = first
    quarrel.tell(quarrel.news(9, standing=Standing.WITHDRAWN, back=700))
    assert (disputed(quarrel, shop), balances()) == (1300, (700, 0, 1300))
    factories.assert_books_close()


def test_a_dispute_of_a_payment_that_nobody_knows_waits(shop: factories.Shop, quarrel: Quarrel) -> None:
    strange = dataclasses.replace(quarrel.news(0, taken=2000), provider_reference="pi_nobody_knows")
    with pytest.raises(NotYet, match="no attempt for pi_nobody_knows"):
        quarrel.tell(strange)
    with pytest.raises(NotYet, match="no attempt"):
        quarrel.tell(dataclasses.replace(strange, provider_reference=""))
    assert not Dispute.objects.exists()
    quarrel.tell(quarrel.news(0, taken=2000))
    later = dataclasses.replace(quarrel.news(9, standing=Standing.LOST), provider_reference="")
    assert quarrel.tell(later).status == "lost", "the PSP's id of a dispute that is known is enough"


def test_other_money_than_the_payments_is_not_booked(quarrel: Quarrel) -> None:
    event = quarrel.news(0, standing=Standing.NEEDS_RESPONSE, amount=Money(20, "EUR"))
    with pytest.raises(NotYet, match="cannot be disputed of a payment in USD"):
        quarrel.tell(event)
    assert not Dispute.objects.exists()


def test_a_movement_that_is_told_with_another_amount_gets_a_person(quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, taken=2000, key="txn_1", standing=Standing.NEEDS_RESPONSE))
    dispute = quarrel.tell(quarrel.news(1, taken=1900, key="txn_1"))
    assert ("amount_differs", dispute.pk) in items()
    assert balances() == (0, 2000, 0)


def test_a_capture_that_is_not_known_yet_is_waited_for(shop: factories.Shop) -> None:
    reserved = shop.confirm(shop.intent(shop.order(2000), capture_method="manual"))
    quarrel = Quarrel(shop)
    quarrel.payment = reserved["latest_attempt"]["provider_reference"]
    with pytest.raises(NotYet, match="its capture is not known yet"):
        quarrel.tell(quarrel.news(0, taken=2000))


def test_a_time_that_is_earlier_is_when_it_began(quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(5, standing=Standing.UNDER_REVIEW))
    assert quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE)).opened_at == BEGAN
    assert quarrel.dispute().status == "under_review"


def test_what_comes_back_before_it_was_heard_to_be_taken(shop: factories.Shop, quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(3, back=2000, standing=Standing.WON))
    assert (disputed(quarrel, shop), balances()) == (0, (4000, -2000, 0))
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE))
    assert (disputed(quarrel, shop), balances()) == (0, (2000, 0, 0))
    factories.assert_books_close()
