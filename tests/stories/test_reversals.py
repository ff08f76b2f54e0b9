"""Payments that are canceled while nobody knows what comes of their capture: undone as a whole, and booked once."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import lifecycle
from payments.kernel import crashpoints, jobs
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.webhooks.models import Event, InboundEvent
from payments.webhooks.services import inbound
from refunds.models import Refund
from refunds.services import reversals
from tests import byhand, factories
from tests.stories import adyen
from tests.stories.test_lost_reports import Adyen

TOLD = "CANCEL_OR_REFUND"


def capturing(shop: factories.Shop, amount: int | None = None) -> dict[str, Any]:
    """30.00 reserved at Adyen, and its capture on its way."""
    intent = adyen.paid(shop, capture_method="manual")
    shop.post(f"payment_intents/{intent['id']}/capture", {} if amount is None else {"amount": amount})
    return intent


def cancel(shop: factories.Shop, intent: dict[str, Any], **body: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.post(f"payment_intents/{intent['id']}/cancel", body)
    return found


def status(shop: factories.Shop, intent: dict[str, Any]) -> tuple[str, int, int]:
    found = shop.get(f"payment_intents/{intent['id']}")
    return found["status"], found["amount_captured"], found["amount_refunded"]


def told_clients(intent: dict[str, Any], refund: Refund) -> list[str]:
    """The last event of the intent, and those of its refund."""
    rows = Event.objects.order_by("pk")
    last = rows.filter(object_id=intent["id"]).values_list("type", flat=True)
    return [*list(last)[-1:], *rows.filter(object_id=refund.pk).values_list("type", flat=True)]


def open_items() -> list[tuple[str, str]]:
    return list(AttentionItem.objects.filter(closed_at=None).values_list("kind", "object_id"))


@pytest.mark.parametrize("amount", [3000, 2000])
def test_what_was_captured_meanwhile_goes_back_as_one_refund(
    shop: factories.Shop, sim: factories.Simulator, amount: int
) -> None:
    sim.scenario("reversals", "delayed_modification", seconds=1, times=1)
    intent = capturing(shop, amount)
    assert cancel(shop, intent)["status"] == "processing"
    call = ProviderCall.objects.get(kind="reverse")
    assert (call.verdict, call.owner_id) == ("pending", intent["latest_attempt"]["id"])

    adyen.told("CAPTURE")
    refund = Refund.objects.get()
    assert (refund.status, refund.amount_minor, refund.call_id) == ("pending", amount, call.pk), "it is spoken for"
    refused = shop.call("POST", "refunds", {"payment_intent": intent["id"], "reason": "requested_by_customer"})
    assert refused.json()["code"] == "refund_nothing_to_refund"

    adyen.told(TOLD)
    refund.refresh_from_db()
    call.refresh_from_db()
    assert (refund.status, refund.reason, refund.provider_reference) == (
        "succeeded", "requested_by_customer", call.raw["modification"],
    )  # fmt: skip
    assert (call.verdict, call.look_at) == ("approved", None)
    assert status(shop, intent) == ("succeeded", amount, amount)
    assert shop.get(f"orders/{intent['order']}")["amount_refunded"] == amount
    assert told_clients(intent, refund) == [
        "payment_intent.succeeded", "refund.created", "refund.sent", "refund.succeeded",
    ]  # fmt: skip
    assert open_items() == []
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_what_was_not_captured_is_released(shop: factories.Shop, sim: factories.Simulator) -> None:
    sim.scenario("captures", "delayed_modification", seconds=2, times=1)  # the reversal is decided first
    intent = capturing(shop)
    cancel(shop, intent, reason="fraudulent")
    adyen.told(TOLD)
    assert status(shop, intent) == ("canceled", 0, 0)
    assert (PaymentAttempt.objects.get().status, Capture.objects.get().status) == ("voided", "failed")

    adyen.told("CAPTURE")  # refused: there is nothing to capture any more
    assert status(shop, intent) == ("canceled", 0, 0)
    assert (Refund.objects.count(), open_items()) == (0, [])
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_capture_that_is_refused_leaves_a_reservation_that_is_released(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    sim.scenario("captures", "refused_modification", times=1)
    intent = capturing(shop)
    cancel(shop, intent)
    adyen.told("CAPTURE")
    adyen.told(TOLD)
    assert status(shop, intent) == ("canceled", 0, 0)
    assert (Refund.objects.count(), open_items()) == (0, [])
    factories.assert_books_close()


@pytest.mark.parametrize("refused", [False, True])
def test_every_order_of_the_same_notifications_ends_alike(
    shop: factories.Shop,
    sim: factories.Simulator,
    refused: bool,  # noqa: FBT001
) -> None:
    """Reserved, captured, undone or not: told in all orders, each of them twice."""
    endings = set()
    codes = ("AUTHORISATION", "CAPTURE", TOLD)
    process: Callable[[str], None] = inbound.process
    for order in itertools.permutations(codes):
        if refused:
            sim.scenario("reversals", "refused_modification", times=1)
        intent = capturing(shop)
        cancel(shop, intent)
        mine = InboundEvent.objects.filter(provider_reference=intent["latest_attempt"]["provider_reference"])
        factories.until(lambda mine=mine: mine.count() == len(codes))  # type: ignore[misc]
        rows = {row.type: row.pk for row in mine}
        for code in (*order, *order):
            InboundEvent.objects.filter(pk=rows[code]).update(state="received")
            process(rows[code])
        factories.work()
        [refund] = Refund.objects.filter(intent_id=intent["id"])
        endings.add((*status(shop, intent), refund.status, Capture.objects.get(intent_id=intent["id"]).status))
    back = ("succeeded", 3000, 3000, "succeeded", "succeeded")
    assert endings == {("succeeded", 3000, 0, "failed", "succeeded") if refused else back}
    kept = [("overpayment", refund.pk) for refund in Refund.objects.filter(status="failed").order_by("pk")]
    assert sorted(open_items()) == kept
    factories.assert_books_close()


def test_what_is_signed_counts_before_what_is_not(shop: factories.Shop) -> None:
    """CAPTURE is signed; that the reversal was a cancel is not, and cannot be."""
    intent = capturing(shop)
    cancel(shop, intent)
    mine = InboundEvent.objects.filter(provider_reference=intent["latest_attempt"]["provider_reference"])
    factories.until(lambda: mine.count() == 3)
    row = mine.get(type=TOLD)
    lie = bytes(row.body).replace(b'"modification.action":"refund"', b'"modification.action":"cancel"')
    assert lie != bytes(row.body)
    with byhand.behind_the_guards():
        InboundEvent.objects.filter(pk=row.pk).update(body=lie)
    for code in (TOLD, "AUTHORISATION", "CAPTURE"):
        inbound.process(mine.get(type=code).pk)
    factories.work()
    assert Refund.objects.get().status == "succeeded"
    assert PaymentAttempt.objects.get().status == "captured"
    factories.assert_books_close()


def test_a_reversal_that_adyen_refuses_gets_a_person_and_the_money_can_be_refunded(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    sim.scenario("reversals", "refused_modification", times=1)
    intent = capturing(shop)
    cancel(shop, intent)
    adyen.told("CAPTURE")
    adyen.told(TOLD)
    refund = Refund.objects.get()
    assert (refund.status, status(shop, intent)) == ("failed", ("succeeded", 3000, 0))
    assert open_items() == [("overpayment", refund.pk)]

    shop.post("refunds", {"payment_intent": intent["id"], "reason": "requested_by_customer"})
    factories.work()
    adyen.told("REFUND")
    assert status(shop, intent) == ("succeeded", 3000, 3000)
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_one_that_bounces_is_money_that_is_ours_again(shop: factories.Shop, sim: factories.Simulator) -> None:
    sim.scenario("reversals", "bounced_refund", seconds=1, times=1)
    intent = capturing(shop)
    cancel(shop, intent)
    adyen.told("CAPTURE")
    adyen.told(TOLD)
    adyen.told("REFUND_FAILED")
    refund = Refund.objects.get()
    assert (refund.status, status(shop, intent)) == ("bounced", ("succeeded", 3000, 0))
    factories.assert_books_close()


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("cancel.")])
def test_a_crash_at_any_point_ends_with_one_refund(shop: factories.Shop, point: str) -> None:
    intent = capturing(shop)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        lifecycle.cancel(intent["id"], reason="abandoned", client_id=shop.client.pk, by="test")
    if point == "cancel.opened":
        cancel(shop, intent)  # nothing was on record but the wish
    ProviderCall.objects.filter(kind="reverse", look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
    adyen.told("CAPTURE")
    adyen.told(TOLD)
    assert status(shop, intent) == ("succeeded", 3000, 3000)
    assert (Refund.objects.get().status, open_items()) == ("succeeded", [])
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_after", "rate_limit_429"])
def test_an_answer_that_is_lost_is_found(shop: factories.Shop, sim: factories.Simulator, fault: str) -> None:
    intent = capturing(shop)
    sim.scenario("reversals", fault, times=1)
    cancel(shop, intent)
    Job.objects.filter(name="cancel_attempt").update(due_at=timezone.now() - timedelta(seconds=1))
    ProviderCall.objects.filter(kind="reverse", look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
    adyen.told("CAPTURE")
    adyen.told(TOLD)
    assert status(shop, intent) == ("succeeded", 3000, 3000)
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists()
    assert Refund.objects.get().status == "succeeded"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_wish_that_did_not_reach_the_psp_before_the_capture_succeeded_is_kept_by_a_refund(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = capturing(shop)
    sim.scenario("reversals", "rate_limit_429", times=1)
    assert cancel(shop, intent)["status"] == "processing"
    adyen.told("CAPTURE")
    adyen.told("REFUND")
    assert status(shop, intent) == ("succeeded", 3000, 3000)
    assert ProviderCall.objects.get(kind="reverse").verdict == "unavailable"
    assert (Refund.objects.get().origin, open_items()) == ("duplicate", [])
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_capture_that_is_told_before_the_answer_waits_for_it(shop: factories.Shop) -> None:
    intent = capturing(shop)
    with crashpoints.armed("cancel.answered"), pytest.raises(crashpoints.Crash):
        lifecycle.cancel(intent["id"], reason="abandoned", client_id=shop.client.pk, by="test")
    factories.until(lambda: InboundEvent.objects.filter(type=TOLD).exists())
    capture = InboundEvent.objects.get(type="CAPTURE")
    inbound.process(capture.pk)
    with pytest.raises(jobs.Retry, match="has not answered"):
        reversals.record(intent["latest_attempt"]["id"])
    assert Refund.objects.count() == 0
    adyen.told(TOLD)
    Job.objects.update(due_at=timezone.now())
    factories.work()
    assert status(shop, intent) == ("succeeded", 3000, 3000)
    factories.assert_books_close()


def test_one_that_was_made_outside_gets_a_person(shop: factories.Shop, simulator: str) -> None:
    intent = adyen.paid(shop, capture_method="manual")
    Adyen(simulator).modify(intent["latest_attempt"]["provider_reference"], "reversals")
    adyen.told(TOLD)
    assert open_items() == [("unmatched_event", intent["latest_attempt"]["id"])]
    assert "not signed" in AttentionItem.objects.get().detail
    assert (PaymentAttempt.objects.get().status, Refund.objects.count()) == ("authorized", 0)


def test_where_the_psp_does_not_reverse_a_capture_is_waited_for(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.scenario("payment_intents.capture", "reset_before", times=1)
    shop.post(f"payment_intents/{intent['id']}/capture", {})
    refused = shop.call("POST", f"payment_intents/{intent['id']}/cancel", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_intent_unexpected_state")
    assert not ProviderCall.objects.filter(kind__in=("cancel", "reverse")).exists()
