"""Manual capture, cancel and expiry: what is reserved is taken, released or runs out, and the books say so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import capture, lifecycle
from payments.kernel import clock, crashpoints
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.ledger import selectors as ledger
from tests import factories


def reserved(shop: factories.Shop, amount: int = 5000) -> dict[str, object]:
    """An intent whose amount is authorised."""
    intent = shop.confirm(shop.intent(shop.order(amount), capture_method="manual"))
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", amount)
    return intent


def settle() -> None:
    """Let every unknown call be looked at until all are settled."""
    for _ in range(8):
        ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now() - timedelta(seconds=1))
        factories.work()


def psp_captured(sim: factories.Simulator) -> int:
    """Minor units that the PSP says it has taken."""
    return sum(line["amount_captured"] for line in sim.book() if line["object"] == "payment")


def test_a_capture_takes_all_that_is_reserved(shop: factories.Shop) -> None:
    done = shop.post(f"payment_intents/{reserved(shop)['id']}/capture", {})
    assert (done["status"], done["amount_captured"], done["amount_capturable"]) == ("succeeded", 5000, 0)
    factories.assert_books_close()


def test_a_partial_capture_releases_the_rest(shop: factories.Shop, sim: factories.Simulator) -> None:
    done = shop.post(f"payment_intents/{reserved(shop)['id']}/capture", {"amount": 3200})
    assert (done["status"], done["amount_captured"], done["amount_capturable"]) == ("succeeded", 3200, 0)
    assert shop.get(f"orders/{done['order']}")["status"] == "partially_paid"
    assert psp_captured(sim) == 3200
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"amount": 5001}, "amount_too_large", "amount"),
        ({"amount": 100, "final": False}, "multiple_captures_not_supported", "final"),
    ],
)
def test_a_capture_is_refused(shop: factories.Shop, body: dict[str, object], code: str, param: str) -> None:
    refused = shop.call("POST", f"payment_intents/{reserved(shop)['id']}/capture", body)
    assert (refused.status_code, refused.json()["code"], refused.json()["param"]) == (422, code, param)
    assert Capture.objects.count() == 0


@pytest.mark.parametrize("fault", ["reset_after", "error_500_after", "reset_before"])
def test_a_capture_whose_answer_is_lost_is_settled_once(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    intent = reserved(shop)
    sim.scenario("payment_intents.capture", fault, times=1)
    answered = shop.post(f"payment_intents/{intent['id']}/capture", {"amount": 3200})
    assert answered["status"] == "processing"
    again = shop.call("POST", f"payment_intents/{intent['id']}/capture", {"amount": 3200})
    assert (again.status_code, again.json()["code"]) == (409, "capture_in_progress")

    settle()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    assert psp_captured(sim) == 3200
    factories.assert_books_close()


def test_a_capture_that_came_to_nothing_is_told_and_can_be_made_again(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = reserved(shop)
    sim.scenario("payment_intents.capture", "error_500_before", times=1)
    assert shop.post(f"payment_intents/{intent['id']}/capture", {})["status"] == "processing"
    settle()

    found = shop.get(f"payment_intents/{intent['id']}")
    assert (found["status"], found["last_payment_error"]["code"]) == ("requires_capture", "capture_failed")
    told = [event["type"] for event in shop.get(f"events?object_id={intent['id']}")["data"]]
    assert told[:2] == ["payment_intent.requires_capture", "payment_intent.processing"]
    captured = shop.post(f"payment_intents/{intent['id']}/capture", {})
    assert (captured["status"], captured["last_payment_error"]) == ("succeeded", None)
    factories.assert_books_close()


def test_a_capture_of_another_amount_is_not_applied(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = reserved(shop)
    sim.scenario("payment_intents.capture", "wrong_amount", times=1)
    assert shop.post(f"payment_intents/{intent['id']}/capture", {})["status"] == "processing"
    assert Capture.objects.get().status == "unknown"
    assert AttentionItem.objects.get().kind == "amount_differs"


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("capture.")])
def test_a_crash_at_any_point_of_capture_ends_right(shop: factories.Shop, sim: factories.Simulator, point: str) -> None:
    intent = reserved(shop)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        capture.capture(str(intent["id"]), amount=None, final=True, client_id=shop.client.pk, by="test")
    settle()
    taken = psp_captured(sim)
    assert shop.get(f"payment_intents/{intent['id']}")["amount_captured"] == taken
    assert int(ledger.balance("psp_receivable/stripe-us", "USD").amount * 100) == taken
    factories.assert_books_close()


def test_a_cancel_releases_what_is_reserved(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = reserved(shop)
    done = shop.post(f"payment_intents/{intent['id']}/cancel", {"reason": "abandoned"})
    assert (done["status"], done["amount_capturable"], done["latest_attempt"]["status"]) == ("canceled", 0, "voided")
    assert [line["status"] for line in sim.book() if line["object"] == "payment"] == ["canceled"]
    factories.assert_books_close()


def test_a_cancel_without_an_attempt_asks_no_psp(shop: factories.Shop) -> None:
    done = shop.post(f"payment_intents/{shop.intent()['id']}/cancel", {})
    assert done["status"] == "canceled"
    assert ProviderCall.objects.count() == 0


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("cancel.")])
def test_a_crash_at_any_point_of_cancel_ends_right(shop: factories.Shop, sim: factories.Simulator, point: str) -> None:
    intent = reserved(shop)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        lifecycle.cancel(str(intent["id"]), reason="abandoned", client_id=shop.client.pk, by="test")
    with clock.at(timezone.now() + timedelta(minutes=1)):
        Job.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        settle()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "canceled"
    assert [line["status"] for line in sim.book() if line["object"] == "payment"] == ["canceled"]
    factories.assert_books_close()


def test_a_cancel_while_nobody_knows_is_a_wish_that_evidence_decides(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.confirm", "reset_before", times=1)
    shop.confirm(intent)
    assert shop.post(f"payment_intents/{intent['id']}/cancel", {})["status"] == "processing"
    settle()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "canceled"
    factories.assert_books_close()


def test_an_unpaid_intent_and_its_order_expire(shop: factories.Shop) -> None:
    intent = shop.intent()
    with clock.at(timezone.now() + timedelta(days=31)):
        lifecycle.expire_due()
        lifecycle.expire_due()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "expired"
    assert shop.get(f"orders/{intent['order']}")["status"] == "expired"


def test_an_authorisation_that_expires_soon_gets_a_person(shop: factories.Shop) -> None:
    intent = reserved(shop)
    PaymentAttempt.objects.update(authorized_at=timezone.now() - timedelta(days=6, hours=1))
    lifecycle.warn_of_expiring_reservations()
    lifecycle.warn_of_expiring_reservations()
    item = AttentionItem.objects.get()
    latest = intent["latest_attempt"]
    assert isinstance(latest, dict)
    assert (item.kind, item.object_id) == ("authorization_expiring", latest["id"])
