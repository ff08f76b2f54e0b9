"""Cancels that meet challenges, outages, old news and another card: nothing wanted is lost, no wish forgotten."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from payments.connectors.base import Outcome, Verdict
from payments.gateway.models import ProviderCall
from payments.intents import selectors
from payments.intents.models import PaymentAttempt
from payments.intents.services import confirm, lifecycle, outcomes
from payments.kernel import crashpoints, unit
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.webhooks.models import Event
from tests import factories
from tests.byhand import behind_the_guards

THREE_D_SECURE = "pm_card_threeDSecure2Required"


def later() -> None:
    """Every job and every question is due, as after some minutes; do them all."""
    for _ in range(6):
        Job.objects.filter(unique_key__startswith="cancel_attempt").update(due_at=timezone.now() - timedelta(seconds=1))
        ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now() - timedelta(seconds=1))
        factories.work()


def news(attempt_id: str, outcome: Outcome) -> None:
    """Evidence that reaches us late."""
    with unit.work():
        outcomes.apply(selectors.hold_with_attempt(attempt_id), outcome, by="late news")


def test_a_cancel_that_does_not_reach_the_psp_is_not_forgotten(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.scenario("payment_intents.cancel", "rate_limit_429", times=1)
    assert shop.post(f"payment_intents/{intent['id']}/cancel", {})["status"] == "requires_capture"
    refused = shop.call("POST", f"payment_intents/{intent['id']}/capture", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_intent_unexpected_state")

    later()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "canceled"
    factories.assert_books_close()


@pytest.mark.parametrize("second", ["rate_limit_429", "reset_before", "error_500_after"])
@pytest.mark.parametrize("first", ["rate_limit_429", "reset_before", "error_500_after"])
def test_two_wishes_to_cancel_end_in_one_cancel(
    shop: factories.Shop, sim: factories.Simulator, first: str, second: str
) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    for fault in (first, second):
        sim.scenario("payment_intents.cancel", fault, times=1)
        shop.post(f"payment_intents/{intent['id']}/cancel", {})

    later()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "canceled"
    assert [line["status"] for line in sim.book() if line["object"] == "payment"] == ["canceled"]
    factories.assert_books_close()


def test_the_card_that_came_back_first_keeps_its_reservation(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"), THREE_D_SECURE)
    first = intent["latest_attempt"]
    with crashpoints.armed("confirm.committed"), pytest.raises(crashpoints.Crash):
        confirm.confirm(
            intent["id"],
            confirm.Method(type="card", token="pm_card_visa", provider_account="stripe-us"),
            client_id=shop.client.pk,
            by="test",
        )
    sim.challenge(first["provider_reference"], "success")
    lifecycle.complete_action(first["id"], by="return of the customer")

    later()
    found = shop.get(f"payment_intents/{intent['id']}")
    assert (found["status"], found["latest_attempt"]["id"]) == ("requires_capture", first["id"])
    assert shop.post(f"payment_intents/{intent['id']}/capture", {})["status"] == "succeeded"
    factories.assert_books_close()


def test_old_news_of_a_voided_card_changes_nothing(shop: factories.Shop) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"), THREE_D_SECURE)
    first = PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])
    shop.confirm(intent)
    factories.work()
    news(first.pk, Outcome(verdict=Verdict.APPROVED, amount=first.amount))

    first.refresh_from_db()
    assert first.status == "voided"
    assert shop.post(f"payment_intents/{intent['id']}/capture", {})["status"] == "succeeded"
    factories.assert_books_close()


def test_a_cancel_that_was_acknowledged_is_not_forgotten_at_a_challenge(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.intent()
    with crashpoints.armed("confirm.answered"), pytest.raises(crashpoints.Crash):
        confirm.confirm(
            intent["id"],
            confirm.Method(type="card", token=THREE_D_SECURE, provider_account="stripe-us"),
            client_id=shop.client.pk,
            by="test",
        )
    assert shop.post(f"payment_intents/{intent['id']}/cancel", {})["status"] == "processing"

    later()
    found = shop.get(f"payment_intents/{intent['id']}")
    assert (found["status"], found["next_action"]) == ("canceled", None)
    assert [line["status"] for line in sim.book() if line["object"] == "payment"] == ["canceled"]
    factories.assert_books_close()


def test_a_success_that_nobody_told_is_found(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(), THREE_D_SECURE)
    sim.challenge(intent["latest_attempt"]["provider_reference"], "success")  # the browser closes, the webhook is lost
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "requires_action"

    later()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    factories.assert_books_close()


def test_a_cancel_that_came_to_nothing_is_tried_again(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.scenario("payment_intents.cancel", "error_500_before", times=1)
    assert shop.post(f"payment_intents/{intent['id']}/cancel", {})["status"] == "requires_capture"
    later()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "canceled"
    factories.assert_books_close()


def test_a_deploy_that_changes_our_address_leaves_nothing_unknown(
    shop: factories.Shop, sim: factories.Simulator, settings: Callable[..., object]
) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.confirm", "reset_after", times=1)
    shop.confirm(intent)
    settings.PUBLIC_URL = "https://elsewhere.example"  # type: ignore[attr-defined]  # pytest-django's wrapper
    with behind_the_guards():
        ProviderCall.objects.update(body_hash="0" * 64)  # and one that changes the request itself
    later()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    factories.assert_books_close()


def test_an_item_about_the_unknown_closes_with_the_evidence(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.scenario("payment_intents.capture", "reset_after", times=1)
    shop.post(f"payment_intents/{intent['id']}/capture", {})
    with behind_the_guards():
        ProviderCall.objects.filter(kind="capture").update(sent_at=timezone.now() - timedelta(minutes=3))
    sim.scenario("*", "rate_limit_429", rate=1)
    later()
    assert AttentionItem.objects.get(closed_at=None).kind == "unknown_outcome"

    sim.forgive()
    later()
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    factories.assert_books_close()


def test_a_declined_capture_is_told_as_such_also_the_second_time(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.advance(8 * 24 * 3600)  # the authorisation has run out at the PSP, and its notification is on its way
    path = f"payment_intents/{intent['id']}/capture"
    first, second = (shop.call("POST", path, {}, key="once") for _ in range(2))
    assert (first.status_code, first.json()["code"]) == (422, "capture_declined")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second["idempotent-replayed"] == "true"


def test_nothing_is_in_progress_after_it_has_succeeded(shop: factories.Shop) -> None:
    intent = shop.confirm(shop.intent(), THREE_D_SECURE)
    first = intent["latest_attempt"]["id"]
    shop.confirm(intent)
    news(first, Outcome(verdict=Verdict.PENDING))
    types = list(Event.objects.filter(object_id=intent["id"]).order_by("sequence").values_list("type", flat=True))
    assert types[-1] == "payment_intent.succeeded"
