"""A customer with two tabs: the bank's challenge is passed in one of them while the other one pays."""

from typing import Any

import pytest

from payments.intents.models import PaymentAttempt
from payments.kernel import crashpoints
from payments.kernel.attention import AttentionItem
from refunds.models import Refund
from tests import factories
from tests.connectors.adyen_bench import ENROLLED, fields
from tests.stories import adyen, methods

PSPS = ("stripe", "adyen")
CHALLENGED: dict[str, dict[str, Any]] = {
    "stripe": {"token": "pm_card_threeDSecure2Required"},
    "adyen": {"details": fields(ENROLLED)},
}


@pytest.fixture
def shop(shop: factories.Shop) -> factories.Shop:
    """A shop whose accounts serve the whole world."""
    methods.everywhere()
    return shop


def meanwhile(patch: pytest.MonkeyPatch, shop: factories.Shop, wish: dict[str, Any], psp: str) -> list[dict[str, Any]]:
    """Pay otherwise in the moment in which the challenge's result is on its way to the PSP."""
    reached = crashpoints.reach
    paid: list[dict[str, Any]] = []

    def reach(point: str) -> None:
        if point == "complete.committed" and not paid:
            paid.append(methods.confirm(shop, wish, "card", psp))
        reached(point)

    patch.setattr(crashpoints, "reach", reach)
    return paid


@pytest.mark.parametrize("otherwise", PSPS)
def test_who_passed_a_challenge_at_stripe_is_not_charged_by_the_other_tab(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch, otherwise: str
) -> None:
    """Stripe can be asked, and has the money by then: the other tab is told that it is paid."""
    wish = shop.intent(methods.order(shop, methods.Row("NL", "EUR")))
    left = methods.confirm(shop, wish, "card", "stripe", **CHALLENGED["stripe"])
    back = adyen.answer(left)
    paid = meanwhile(monkeypatch, shop, wish, otherwise)
    assert shop.http.get(back).status_code == 303
    assert [one["status"] for one in paid] == ["succeeded"]

    factories.work()
    done = shop.get(f"payment_intents/{wish['id']}")
    assert (done["status"], done["amount_captured"]) == ("succeeded", 30_000)
    assert PaymentAttempt.objects.get().pk == left["latest_attempt"]["id"]
    assert not Refund.objects.exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


@pytest.mark.parametrize("otherwise", PSPS)
def test_a_challenge_passed_at_adyen_while_the_other_tab_pays_is_given_back_by_itself(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch, otherwise: str
) -> None:
    psp = "adyen"
    wish = shop.intent(methods.order(shop, methods.Row("NL", "EUR")))
    left = methods.confirm(shop, wish, "card", psp, **CHALLENGED[psp])
    assert left["status"] == "requires_action"
    back = adyen.answer(left)
    paid = meanwhile(monkeypatch, shop, wish, otherwise)
    assert shop.http.get(back).status_code == 303
    assert [one["status"] for one in paid] == ["succeeded"]

    late = shop.get(f"payment_intents/{wish['id']}")
    assert (late["status"], late["amount_captured"]) == ("succeeded", 60_000)
    first = PaymentAttempt.objects.get(pk=left["latest_attempt"]["id"])
    assert (first.status, first.superseded_at is not None) == ("captured", True)
    factories.work()
    adyen.told("REFUND")
    refund = Refund.objects.get()
    assert (refund.status, refund.origin, refund.attempt_id) == ("succeeded", "duplicate", first.pk)
    assert shop.get(f"orders/{wish['order']}")["amount_paid"] == 60_000
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()
