"""A bank, a support agent and a client at the same moment: whoever is first, the books close."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from payments.connectors.disputes import Standing
from payments.intents.models import PaymentIntent
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.errors import Refusal
from payments.kernel.jobs import Queue
from payments.kernel.unit import Stale
from refunds.models import Dispute, DisputeMovement, Refund
from refunds.services import answering, deadlines, refunds
from tests import factories
from tests.kernel.conftest import at_once
from tests.refunds.quarrel import Quarrel, balances

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quarrel(shop: factories.Shop) -> Quarrel:
    """A payment that will be disputed."""
    return Quarrel(shop)


def together(*acts: Callable[[], object]) -> list[str]:
    """Do all of this at once; what each came to."""

    def one(number: int) -> str:
        try:
            acts[number]()
        except (Refusal, Stale) as refused:
            return type(refused).__name__
        return "done"

    return at_once(len(acts), one)


def refund(quarrel: Quarrel, amount: int) -> Callable[[], object]:
    """The shop gives back so many cents."""
    draft = refunds.RefundDraft(
        payment_intent=quarrel.intent["id"], amount=amount, reason="goodwill", confirm_duplicate=True
    )
    return lambda: refunds.request(draft, client_id=quarrel.shop.client.pk, by="api shop")


def settled() -> PaymentIntent:
    """Everything is done that waits, and all invariants hold."""
    factories.work(Queue.MONEY)
    factories.assert_books_close()
    return PaymentIntent.objects.get()


@pytest.mark.parametrize("round_", range(3))
def test_the_same_news_at_once_are_one_dispute_and_one_movement(quarrel: Quarrel, round_: int) -> None:
    event = quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE)
    said = together(*[lambda: quarrel.tell(event)] * 4)
    assert set(said) <= {"done", "Stale"}
    quarrel.tell(event)
    assert (Dispute.objects.count(), DisputeMovement.objects.count()) == (1, 1)
    assert balances() == (0, 2000, 0)
    settled()


@pytest.mark.parametrize("round_", range(3))
def test_a_refund_and_a_chargeback_at_once(quarrel: Quarrel, round_: int) -> None:
    """Either the refund is refused, or more went back than was taken, and a person knows."""
    event = quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE)
    said = together(refund(quarrel, 2000), lambda: quarrel.tell(event), refund(quarrel, 1500))
    assert said[1] == "done"
    intent = settled()
    back = sum(row.amount_minor for row in Refund.objects.filter(status="succeeded"))
    assert (intent.amount_disputed_minor, intent.amount_refunded_minor) == (2000, back)
    assert intent.over_returned is (back > 0)
    assert AttentionItem.objects.filter(kind="over_returned", closed_at=None).exists() is (back > 0)
    assert balances() == (-back, 2000, 0)


@pytest.mark.parametrize("round_", range(3))
def test_a_dispute_of_half_leaves_the_other_half_to_one_of_many(quarrel: Quarrel, round_: int) -> None:
    quarrel.tell(quarrel.news(0, taken=1200, standing=Standing.NEEDS_RESPONSE))
    said = together(*[refund(quarrel, 800)] * 4)
    assert said.count("done") == 1
    intent = settled()
    assert (intent.amount_refunded_minor, intent.over_returned) == (800, False)


def test_money_that_comes_back_and_is_refunded_at_once(quarrel: Quarrel) -> None:
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE))
    won = quarrel.news(30, back=2000, standing=Standing.WON)
    said = together(refund(quarrel, 2000), lambda: quarrel.tell(won), lambda: quarrel.tell(won))
    assert "done" in said[1:]
    quarrel.tell(won)
    intent = settled()
    assert (intent.amount_disputed_minor, intent.over_returned) == (0, False)
    assert intent.amount_refunded_minor == (2000 if said[0] == "done" else 0)


def test_of_many_who_answer_one_is_heard(quarrel: Quarrel) -> None:
    dispute = quarrel.tell(quarrel.news(0, taken=2000, respond_by=clock.now() + timedelta(days=9)))
    answering.gather(dispute.pk, {"other": "delivered"}, client_id=None, by="staff lea")
    said = together(
        lambda: answering.submit(dispute.pk, client_id=None, by="staff lea"),
        lambda: answering.accept(dispute.pk, because="lost", client_id=None, by="staff max"),
        lambda: answering.submit(dispute.pk, client_id=None, by="staff eva"),
        lambda: answering.gather(dispute.pk, {"other": "changed"}, client_id=None, by="staff eva"),
    )
    assert said[:3].count("done") == 1
    assert dispute.stages.get().answer_by in ("staff lea", "staff max", "staff eva")


def test_the_deadline_and_the_news_at_once(quarrel: Quarrel) -> None:
    due = clock.now() - timedelta(seconds=1)
    dispute = quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE, respond_by=due))
    lost = quarrel.news(20, standing=Standing.EXPIRED)
    together(lambda: deadlines.watch(dispute.pk), lambda: quarrel.tell(lost), lambda: deadlines.watch(dispute.pk))
    quarrel.tell(lost)
    assert quarrel.dispute().status == "expired"
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    settled()
