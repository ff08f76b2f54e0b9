"""Payments at Adyen from end to end: what it answers is a beginning, what it tells later is the end."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.intents.services import confirm, lifecycle, recovery
from payments.kernel import crashpoints
from payments.kernel.attention import AttentionItem
from payments.webhooks.models import InboundEvent
from payments.webhooks.services import inbound
from refunds.models import Refund
from tests import byhand, factories
from tests.connectors.adyen_bench import fields
from tests.stories import adyen


def status(shop: factories.Shop, intent: dict[str, object]) -> str:
    return str(shop.get(f"payment_intents/{intent['id']}")["status"])


def crash(shop: factories.Shop, intent_id: str, point: str) -> None:
    """Let the process die in the middle of a confirmation."""
    method = confirm.Method(type="card", provider_account=adyen.ACCOUNT, details=fields())
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        confirm.confirm(intent_id, method, client_id=shop.client.pk, by="test")


# --- taking money ---


def test_a_card_is_charged_at_once_and_what_it_was_is_forgotten(shop: factories.Shop) -> None:
    paid = adyen.paid(shop)
    assert (paid["status"], paid["amount_captured"]) == ("succeeded", 3000)
    assert shop.get(f"orders/{paid['order']}")["status"] == "paid"
    attempt = PaymentAttempt.objects.get()
    assert (attempt.card_brand, attempt.card_last4, attempt.token) == ("visa", "1111", "")
    assert attempt.issuer == "FIRST MERIDIAN BANK"
    assert ProviderCall.objects.get().given == {}

    adyen.told("AUTHORISATION")
    assert set(InboundEvent.objects.values_list("state", flat=True)) == {"processed"}
    assert Capture.objects.count() == 1
    factories.assert_books_close()


def test_a_refusal_can_be_paid_otherwise(shop: factories.Shop) -> None:
    refused = adyen.confirm(shop, adyen.intent(shop), holder="NOT_ENOUGH_BALANCE")
    assert refused["status"] == "requires_payment_method"
    assert refused["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert {option["psp"] for option in refused["client_options"]} == {"adyen", "stripe"}

    adyen.told("AUTHORISATION")
    assert adyen.confirm(shop, refused)["status"] == "succeeded"
    factories.assert_books_close()


@pytest.mark.parametrize("point", ["confirm.committed", "confirm.answered"])
def test_a_payment_of_a_dead_process_is_settled_once(shop: factories.Shop, point: str) -> None:
    intent = adyen.intent(shop)
    crash(shop, intent["id"], point)
    assert ProviderCall.objects.get().given["details"] == fields()
    ProviderCall.objects.update(look_at=timezone.now() - timedelta(seconds=1))
    factories.work()

    assert status(shop, intent) == "succeeded"
    adyen.told("AUTHORISATION")
    assert Capture.objects.count() == 1
    factories.assert_books_close()


def test_a_payment_that_nobody_can_ask_about_is_settled_by_its_notification(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = adyen.intent(shop)
    sim.scenario("payments", "reset_after", times=1)
    assert adyen.confirm(shop, intent)["status"] == "processing"
    adyen.told("AUTHORISATION")

    assert status(shop, intent) == "succeeded"
    call = ProviderCall.objects.get()
    assert (call.look_at, call.verdict, call.given) == (None, "approved", {})
    factories.assert_books_close()


def test_a_reservation_that_nobody_waits_for_is_canceled_by_our_reference(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = adyen.intent(shop, capture_method="manual")
    sim.scenario("webhook", "webhook_lost", event="AUTHORISATION")
    sim.scenario("payments", "reset_after", times=1)
    assert adyen.confirm(shop, intent)["status"] == "processing"
    sim.scenario("technical_cancels", "delayed_modification", seconds=2, times=1)
    long_ago = timezone.now() - timedelta(minutes=3)
    with byhand.behind_the_guards():
        ProviderCall.objects.update(sent_at=long_ago, look_at=long_ago)
    factories.work()
    assert status(shop, intent) == "processing", "an answer is no proof"
    assert AttentionItem.objects.filter(kind="unknown_outcome", closed_at=None).exists()

    adyen.told("TECHNICAL_CANCEL")
    assert status(shop, intent) == "requires_payment_method"
    assert PaymentAttempt.objects.get().status == "voided"
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_close()


# --- the customer's action ---


def test_a_customer_who_comes_back_has_paid(shop: factories.Shop) -> None:
    waiting = adyen.challenged(shop)
    back = shop.http.get(adyen.answer(waiting))

    assert (back.status_code, "status=succeeded" in back.headers["Location"]) == (303, True)
    end = ProviderCall.objects.get(kind="complete")
    assert (end.verdict, end.look_at, end.given) == ("approved", None, {})
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists(), "nothing is left to wait for"
    adyen.told("AUTHORISATION")
    assert Capture.objects.count() == 1
    factories.assert_books_close()


def test_an_app_hands_over_what_its_action_gave(shop: factories.Shop) -> None:
    waiting = adyen.challenged(shop)
    result = adyen.answer(waiting).partition("redirectResult=")[2]
    path = f"payment_intents/{waiting['id']}/complete_action"
    again = shop.post(path, {"details": {"nothing": "useful"}})
    assert (again["status"], again["next_action"]) == ("requires_action", waiting["next_action"])
    done = shop.post(path, {"details": {"redirectResult": result.replace("%21", "!")}})

    assert done["status"] == "succeeded"
    refused = shop.call("POST", path, {"details": {"redirectResult": "x"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_intent_unexpected_state")
    factories.assert_books_close()


def test_a_customer_whose_bank_says_no_may_try_again(shop: factories.Shop) -> None:
    waiting = adyen.challenged(shop)
    shop.http.get(adyen.answer(waiting, "fail"))
    told = shop.get(f"payment_intents/{waiting['id']}")
    assert (told["status"], told["last_payment_error"]["decline_code"]) == (
        "requires_payment_method",
        "authentication_failed",
    )
    factories.assert_books_close()


def test_the_end_of_an_action_that_nobody_heard_is_told_by_the_notification(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    waiting = adyen.challenged(shop)
    sim.scenario("payments.details", "reset_after", times=1)
    shop.http.get(adyen.answer(waiting))
    assert status(shop, waiting) == "processing"
    adyen.told("AUTHORISATION")

    assert status(shop, waiting) == "succeeded"
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists()
    factories.assert_books_close()


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("complete.")])
def test_a_crash_at_any_point_of_completing_ends_right(shop: factories.Shop, point: str) -> None:
    waiting = adyen.challenged(shop)
    back = adyen.answer(waiting)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        shop.http.get(back)
    ProviderCall.objects.filter(kind="complete", look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
    if point == "complete.opened":
        shop.http.get(back)  # nothing was on record: the customer comes back once more

    assert status(shop, waiting) == "succeeded"
    adyen.told("AUTHORISATION")
    assert Capture.objects.count() == 1
    factories.assert_books_close()


def test_an_old_page_does_not_pay_what_was_paid_otherwise(shop: factories.Shop) -> None:
    waiting = adyen.challenged(shop)
    back = adyen.answer(waiting)
    assert adyen.confirm(shop, waiting)["status"] == "succeeded"
    shop.http.get(back)

    assert not ProviderCall.objects.filter(kind="complete").exists()
    factories.work()
    adyen.told("TECHNICAL_CANCEL")
    assert set(PaymentAttempt.objects.values_list("status", flat=True)) == {"captured", "voided"}
    factories.assert_books_close()


# --- captures ---


def test_a_capture_is_done_when_adyen_says_so(shop: factories.Shop, sim: factories.Simulator) -> None:
    reserved = adyen.paid(shop, capture_method="manual")
    assert (reserved["status"], reserved["amount_capturable"]) == ("requires_capture", 3000)
    asked = shop.post(f"payment_intents/{reserved['id']}/capture", {"amount": 2000})
    assert (asked["status"], Capture.objects.get().status) == ("processing", "pending")

    adyen.told("CAPTURE")
    done = shop.get(f"payment_intents/{reserved['id']}")
    assert (done["status"], done["amount_captured"], done["amount_capturable"]) == ("succeeded", 2000, 0)
    call = ProviderCall.objects.get(kind="capture")
    assert (call.verdict, call.look_at) == ("approved", None)
    assert call.raw["modification"] in InboundEvent.objects.get(type="CAPTURE").event_key
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_capture_that_adyen_refuses_can_be_asked_again(shop: factories.Shop, sim: factories.Simulator) -> None:
    reserved = adyen.paid(shop, capture_method="manual")
    sim.scenario("captures", "refused_modification", times=1)
    shop.post(f"payment_intents/{reserved['id']}/capture", {})
    adyen.told("CAPTURE")
    assert (status(shop, reserved), Capture.objects.get().status) == ("requires_capture", "failed")
    assert shop.get(f"payment_intents/{reserved['id']}")["last_payment_error"]["code"] == "capture_failed"

    shop.post(f"payment_intents/{reserved['id']}/capture", {})
    adyen.told("CAPTURE", 2)
    assert status(shop, reserved) == "succeeded"
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_after"])
def test_a_capture_whose_answer_is_lost_is_settled_once(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    reserved = adyen.paid(shop, capture_method="manual")
    sim.scenario("captures", fault, times=1)
    shop.post(f"payment_intents/{reserved['id']}/capture", {})
    ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
    adyen.told("CAPTURE")

    assert (status(shop, reserved), Capture.objects.get().status) == ("succeeded", "succeeded")
    factories.assert_books_close()


@pytest.mark.parametrize("capture_method", ["automatic", "manual"])
def test_money_that_fails_to_come_is_taken_off_the_books(
    shop: factories.Shop, sim: factories.Simulator, capture_method: str
) -> None:
    operation = "payments" if capture_method == "automatic" else "captures"
    sim.scenario(operation, "late_capture_failure", seconds=1, times=1)
    intent = adyen.paid(shop, capture_method=capture_method)
    if capture_method == "manual":
        shop.post(f"payment_intents/{intent['id']}/capture", {})
    adyen.told("CAPTURE_FAILED")

    assert (status(shop, intent), Capture.objects.get().status) == ("reversed", "reversed")
    assert shop.get(f"orders/{intent['order']}")["status"] == "open"
    factories.assert_books_close()


def test_every_order_of_the_same_notifications_ends_alike(shop: factories.Shop, sim: factories.Simulator) -> None:
    """Reserved, captured, failed after all: told in all orders, each of them twice."""
    endings = set()
    codes = ("AUTHORISATION", "CAPTURE", "CAPTURE_FAILED")
    process: Callable[[str], None] = inbound.process
    for order in itertools.permutations(codes):
        sim.scenario("captures", "late_capture_failure", seconds=0, times=1)
        intent = adyen.paid(shop, capture_method="manual")
        shop.post(f"payment_intents/{intent['id']}/capture", {})
        mine = InboundEvent.objects.filter(provider_reference=intent["latest_attempt"]["provider_reference"])
        factories.until(lambda mine=mine: mine.count() == len(codes))  # type: ignore[misc]
        rows = {row.type: row.pk for row in mine}
        for code in (*order, *order):
            InboundEvent.objects.filter(pk=rows[code]).update(state="received")
            process(rows[code])
        endings.add((status(shop, intent), Capture.objects.get(intent_id=intent["id"]).status))
    assert endings == {("reversed", "reversed")}
    factories.work()
    factories.assert_books_close()


# --- cancels ---


def test_a_cancel_is_done_when_adyen_says_so(shop: factories.Shop) -> None:
    reserved = adyen.paid(shop, capture_method="manual")
    asked = shop.post(f"payment_intents/{reserved['id']}/cancel", {})
    assert asked["status"] == "requires_capture"
    lifecycle.cancel_attempt(reserved["latest_attempt"]["id"], by="test")
    assert ProviderCall.objects.filter(kind="cancel").count() == 1, "one is on its way"

    adyen.told("CANCELLATION")
    assert status(shop, reserved) == "canceled"
    assert ProviderCall.objects.get(kind="cancel").verdict == "canceled"
    factories.assert_books_close()


def test_a_cancel_that_adyen_refuses_gets_a_person(shop: factories.Shop, sim: factories.Simulator) -> None:
    reserved = adyen.paid(shop, capture_method="manual")
    sim.scenario("cancels", "refused_modification", times=1)
    shop.post(f"payment_intents/{reserved['id']}/cancel", {})
    adyen.told("CANCELLATION")

    assert status(shop, reserved) == "requires_capture"
    assert AttentionItem.objects.get().kind == "cancel_refused"
    assert ProviderCall.objects.get(kind="cancel").look_at is None
    factories.assert_books_close()


def test_what_only_notifications_tell_is_waited_for_and_a_person_asked_after_a_day(shop: factories.Shop) -> None:
    reserved = adyen.paid(shop, capture_method="manual")
    shop.post(f"payment_intents/{reserved['id']}/capture", {})
    call = ProviderCall.objects.get(kind="capture")
    for sent_at, asked in ((call.sent_at, 0), (timezone.now() - timedelta(days=1), 1)):
        with byhand.behind_the_guards():
            ProviderCall.objects.filter(pk=call.pk).update(sent_at=sent_at, look_at=timezone.now())
        recovery.recover(call.pk)
        call.refresh_from_db()
        assert call.verdict == "pending"
        assert call.look_at is not None
        assert call.look_at > timezone.now()
        assert AttentionItem.objects.filter(kind="unknown_outcome").count() == asked


# --- money back ---


def refunded(shop: factories.Shop, intent: dict[str, object]) -> Refund:
    asked = shop.post("refunds", {"payment_intent": intent["id"], "reason": "damaged"})
    factories.work()
    return Refund.objects.get(pk=asked["id"])


def test_a_refund_is_done_when_adyen_says_so(shop: factories.Shop) -> None:
    intent = adyen.paid(shop)
    refund = refunded(shop, intent)
    assert (refund.status, bool(refund.provider_reference)) == ("pending", True)
    adyen.told("REFUND")

    refund.refresh_from_db()
    assert refund.status == "succeeded"
    assert shop.get(f"orders/{intent['order']}")["status"] == "refunded"
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("refused_modification", "REFUND", "failed"),
        ("bounced_refund", "REFUND_FAILED", "bounced"),
        ("reversed_refund", "REFUNDED_REVERSED", "bounced"),
    ],
)
def test_a_refund_that_comes_to_nothing(
    shop: factories.Shop, sim: factories.Simulator, fault: str, code: str, status: str
) -> None:
    intent = adyen.paid(shop)
    seconds = {} if fault == "refused_modification" else {"seconds": 1}
    sim.scenario("refunds", fault, times=1, **seconds)
    refund = refunded(shop, intent)
    adyen.told("REFUND")
    adyen.told(code)

    refund.refresh_from_db()
    assert refund.status == status
    assert shop.get(f"orders/{intent['order']}")["status"] == "paid"
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_a_refund_whose_answer_is_lost_is_made_once(shop: factories.Shop, sim: factories.Simulator, fault: str) -> None:
    intent = adyen.paid(shop)
    sim.scenario("refunds", fault, times=1)
    refund = refunded(shop, intent)
    ProviderCall.objects.filter(kind="refund").update(look_at=timezone.now())
    factories.work()
    adyen.told("REFUND")

    refund.refresh_from_db()
    assert refund.status == "succeeded"
    assert PaymentIntent.objects.get().amount_refunded_minor == 3000
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_refund_has_the_number_by_which_the_bank_finds_it(shop: factories.Shop) -> None:
    paid = adyen.paid(shop)
    adyen.told("AUTHORISATION")
    refund = shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "damaged"})
    factories.work()
    assert shop.get(f"refunds/{refund['id']}")["acquirer_reference"] is None
    adyen.told("REFUND")

    known = shop.get(f"refunds/{refund['id']}")
    assert (known["status"], len(known["acquirer_reference"])) == ("succeeded", 23)
    factories.assert_books_close()
