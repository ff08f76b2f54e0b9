"""True news of one refund, told in every order: the end is what happened, and the books agree with it."""

import dataclasses
import itertools
from collections.abc import Iterator

import pytest
from django.utils import timezone

from payments.connectors.base import EventKind, Outcome, PspEvent, Verdict
from payments.gateway import accounts
from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture
from payments.intents.services import moves
from payments.kernel import unit
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Queue
from payments.webhooks.dispatch import NotYet
from refunds import handlers
from refunds.models import Refund
from refunds.services import refunds
from tests import factories
from tests.refunds.psp import ACCOUNT
from tests.refunds.test_sending import asked, hurry, in_flight

STORIES = {
    (Verdict.PENDING, Verdict.APPROVED): "succeeded",
    (Verdict.PENDING, Verdict.DECLINED): "failed",
    (Verdict.PENDING, Verdict.APPROVED, Verdict.DECLINED): "bounced",
    (Verdict.ACTION_REQUIRED, Verdict.PENDING, Verdict.APPROVED): "succeeded",
    (Verdict.ACTION_REQUIRED, Verdict.CANCELED): "canceled_at_psp",
}
"""What happens to a refund at a PSP, in the order in which it happens, and what it then is."""


def tellings() -> Iterator[tuple[tuple[Verdict, ...], str]]:
    """Every order in which each of the stories can be told."""
    for story, end in STORIES.items():
        for order in itertools.permutations(story):
            yield order, end


def news(refund: Refund, verdict: Verdict) -> PspEvent:
    """A notification about a refund of ours."""
    outcome = Outcome(verdict=verdict, provider_reference="re_3at_the_psp", amount=refund.amount)
    return PspEvent(
        kind=EventKind.REFUND_UPDATED,
        event_key=f"evt_{verdict}",
        type=f"refund.{verdict}",
        occurred_at=timezone.now(),
        reference=refund.pk,
        provider_reference=refund.attempt.provider_reference,
        modification_reference="re_3at_the_psp",
        outcome=outcome,
    )


def tell(event: PspEvent) -> None:
    handlers.refund_updated(accounts.account(ACCOUNT).pk, event)


def unknown(shop: factories.Shop, sim: factories.Simulator) -> Refund:
    """A refund that has left, and of which nothing reached the simulator: what it is, only the news tell."""
    refund = asked(shop)
    sim.scenario("refunds.create", "reset_before")
    factories.work(Queue.MONEY)
    refund.refresh_from_db()
    assert refund.status == "unknown"
    return refund


@pytest.mark.parametrize(("order", "end"), tellings())
def test_the_order_of_the_news_does_not_matter(
    shop: factories.Shop, sim: factories.Simulator, order: tuple[Verdict, ...], end: str
) -> None:
    refund = unknown(shop, sim)
    for verdict in (*order, order[0]):
        tell(news(refund, verdict))
        assert factories.broken() == []

    refund.refresh_from_db()
    assert (refund.status, in_flight()) == (end, 0)
    given_back = 500 if end == "succeeded" else 0
    assert shop.get(f"payment_intents/{refund.intent_id}")["amount_refunded"] == given_back
    assert list(AttentionItem.objects.filter(closed_at=None).values_list("kind", flat=True)) == (
        ["refund_bounced"] if end == "bounced" else []
    )
    factories.assert_books_close()


def test_what_is_said_about_another_refund_changes_nothing(shop: factories.Shop, sim: factories.Simulator) -> None:
    refund = unknown(shop, sim)
    tell(news(refund, Verdict.APPROVED))
    nameless = dataclasses.replace(news(refund, Verdict.DECLINED), outcome=Outcome(verdict=Verdict.DECLINED))
    tell(nameless)
    with pytest.raises(NotYet):
        tell(dataclasses.replace(news(refund, Verdict.DECLINED), modification_reference=""))

    refund.refresh_from_db()
    assert refund.status == "succeeded"
    factories.assert_books_close()


def test_what_was_canceled_by_us_counts_when_it_has_succeeded_all_the_same(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", "rate_limit_429", times=1)
    factories.work(Queue.MONEY)
    refunds.cancel(refund.pk, client_id=None, by="test")
    tell(news(refund, Verdict.APPROVED))
    hurry()

    refund.refresh_from_db()
    assert (refund.status, in_flight()) == ("succeeded", 0)
    assert shop.get(f"payment_intents/{refund.intent_id}")["amount_refunded"] == 500
    factories.assert_books_close()


def test_success_while_it_waits_to_be_sent_again_is_not_sent_again(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = asked(shop)
    sim.scenario("refunds.create", "rate_limit_429", times=1)
    factories.work(Queue.MONEY)
    tell(news(refund, Verdict.APPROVED))
    hurry()

    refund.refresh_from_db()
    assert refund.status == "succeeded"
    assert not [line for line in sim.book() if line["object"] == "refund"]
    factories.assert_books_close()


def test_a_capture_that_fails_after_its_refund_is_owned_until_the_refund_comes_back(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = unknown(shop, sim)
    tell(news(refund, Verdict.APPROVED))
    with unit.work():
        held = intent_selectors.hold_with_attempt(refund.attempt_id)
        moves.reverse(held, Capture.objects.get(), because="the capture has failed", by="test")
    items = AttentionItem.objects.filter(closed_at=None, kind="over_returned")
    assert [item.object_id for item in items] == [refund.intent_id]
    assert shop.call("POST", "refunds", {"payment_intent": refund.intent_id, "reason": "goodwill"}).json()["code"] == (
        "payment_intent_unexpected_state"
    )

    tell(news(refund, Verdict.DECLINED))
    assert not items.all().exists()
    factories.assert_books_close()
