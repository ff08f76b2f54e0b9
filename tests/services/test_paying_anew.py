"""A customer who left for the PSP's page and pays anew: what they have paid there is learned first."""

from typing import Any

import pytest

from payments.connectors import http
from payments.gateway.models import ProviderCall
from payments.intents.models import PaymentAttempt
from payments.kernel.jobs import Job
from tests import factories
from tests.stories import adyen

CHALLENGED = "pm_card_threeDSecure2Required"


def left(shop: factories.Shop, **facts: Any) -> dict[str, Any]:
    """An intent whose customer is at their bank's page; no news of it reaches us."""
    waiting = shop.confirm(shop.intent(**facts), CHALLENGED, return_url="https://shop.example/done")
    assert waiting["status"] == "requires_action"
    return waiting


def reference(intent: dict[str, Any]) -> str:
    return str(intent["latest_attempt"]["provider_reference"])


def payments(sim: factories.Simulator) -> list[int]:
    """What each payment has taken, by the PSP's own book."""
    return [line["amount_captured"] for line in sim.book() if line["object"] == "payment" and line["amount_captured"]]


@pytest.mark.parametrize(("capture_method", "status"), [("automatic", "succeeded"), ("manual", "requires_capture")])
def test_who_has_paid_there_is_told_so_and_pays_once(
    shop: factories.Shop, sim: factories.Simulator, capture_method: str, status: str
) -> None:
    waiting = left(shop, capture_method=capture_method)
    sim.challenge(reference(waiting), "success")
    again = shop.confirm(waiting)

    assert (again["status"], again["latest_attempt"]["id"]) == (status, waiting["latest_attempt"]["id"])
    assert PaymentAttempt.objects.count() == 1
    factories.work()
    assert payments(sim) == ([1999] if status == "succeeded" else [])
    assert not Job.objects.filter(name="refund_duplicate").exists()
    refused = shop.call("POST", f"payment_intents/{waiting['id']}/confirm", factories.card())
    assert refused.json()["code"] == "payment_intent_unexpected_state"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_whose_bank_said_no_pays_with_the_other_card(shop: factories.Shop, sim: factories.Simulator) -> None:
    waiting = left(shop)
    sim.challenge(reference(waiting), "fail")
    assert shop.confirm(waiting)["status"] == "succeeded"

    first, second = PaymentAttempt.objects.order_by("pk")
    assert (first.status, first.superseded_at, second.status) == ("declined", None, "captured")
    factories.work()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_who_has_done_nothing_there_pays_with_the_other_card(shop: factories.Shop, sim: factories.Simulator) -> None:
    waiting = left(shop)
    assert shop.confirm(waiting)["status"] == "succeeded"

    first, second = PaymentAttempt.objects.order_by("pk")
    assert (first.superseded_at is not None, second.status) == (True, "captured")
    factories.work()
    assert PaymentAttempt.objects.get(pk=first.pk).status == "voided"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_psp_that_does_not_say_keeps_nobody_from_paying_otherwise(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    waiting = left(shop)
    sim.scenario("payment_intents.retrieve", "error_503_before", times=1)
    assert shop.confirm(waiting)["status"] == "succeeded"
    assert PaymentAttempt.objects.order_by("pk")[0].superseded_at is not None
    factories.work()
    factories.assert_books_close()


def test_a_psp_that_cannot_be_asked_is_not(shop: factories.Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = adyen.challenged(shop)
    asked: list[str] = []
    monkeypatch.setattr(http, "before_request", asked.append)
    assert adyen.confirm(shop, waiting)["status"] == "succeeded"
    assert len(asked) == 1, "the new payment, and nothing else"
    assert ProviderCall.objects.filter(kind="authorize").count() == 2
