"""A bank takes the money while a refund of it is decided about, held, or waits for its turn: it goes back once."""

import pytest

from payments.connectors.disputes import Standing
from payments.intents.models import PaymentIntent
from payments.kernel.attention import AttentionItem
from refunds.services import approvals
from refunds.services.refusals import PaymentDisputed
from tests import factories
from tests.refunds.people import LEA, ask, undo_window_ends
from tests.refunds.quarrel import Quarrel, balances


def taken(quarrel: Quarrel, minor: int) -> None:
    """The bank has withdrawn so much."""
    quarrel.tell(quarrel.news(0, taken=minor, standing=Standing.NEEDS_RESPONSE))


def open_items() -> list[str]:
    """The kinds of what waits for a person."""
    return list(AttentionItem.objects.filter(closed_at=None).values_list("kind", flat=True))


def test_what_is_held_while_the_bank_takes_the_money_is_not_sent(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    quarrel = Quarrel(shop)
    refund = ask(quarrel.intent, 2000)
    taken(quarrel, 2000)
    undo_window_ends()

    seen = shop.get(f"refunds/{refund.pk}")
    assert seen["status"] == "canceled"
    assert not [line for line in sim.book() if line["object"] == "refund"]
    assert balances() == (0, 2000, 0)
    intent = PaymentIntent.objects.get()
    assert (intent.amount_refunding_minor, intent.amount_disputed_minor, intent.over_returned) == (0, 2000, False)
    assert open_items() == []
    factories.assert_books_close()


def test_a_dispute_of_the_rest_stops_nothing(shop: factories.Shop) -> None:
    quarrel = Quarrel(shop)
    refund = ask(quarrel.intent, 800)
    taken(quarrel, 1200)
    undo_window_ends()
    assert shop.get(f"refunds/{refund.pk}")["status"] == "succeeded"
    factories.assert_books_close()


def test_nobody_approves_what_the_bank_has_taken(shop: factories.Shop) -> None:
    quarrel = Quarrel(shop, amount=40_000)
    refund = ask(quarrel.intent, 40_000)
    assert refund.status == "needs_approval"
    taken(quarrel, 40_000)
    with pytest.raises(PaymentDisputed, match=r"twice: 400\.00 USD of it are in dispute"):
        approvals.approve(refund.pk, LEA)
    approvals.reject(refund.pk, LEA, because="The bank gives it back.")
    assert open_items() == []
    factories.assert_books_close()
