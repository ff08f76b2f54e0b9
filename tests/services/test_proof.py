"""What proves that nothing happened, and what does not: late senders, changed requests, other people's payments."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.connectors.base import EventKind, Outcome, PspEvent, Verdict
from payments.gateway import accounts
from payments.gateway.models import ProviderCall
from payments.intents import selectors
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import confirm, evidence, outcomes
from payments.kernel import clock, crashpoints, money, unit
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from refunds import selectors as refund_selectors
from refunds.models import Refund
from refunds.services import outcomes as refund_outcomes
from refunds.services import requests as refund_requests
from refunds.services import sending
from tests import byhand, factories


def later() -> None:
    """Every job and every question is due, as after some minutes; do them all."""
    for _ in range(4):
        due = timezone.now() - timedelta(seconds=1)
        Job.objects.exclude(state="dead").update(due_at=due)
        ProviderCall.objects.filter(look_at__isnull=False).update(look_at=due)
        factories.work()


def stopped_refund(shop: factories.Shop) -> Refund:
    """A refund whose sender stands still right before its request leaves."""
    intent = shop.paid(1000)
    asked = shop.post("refunds", {"payment_intent": intent["id"], "amount": 400, "reason": "goodwill"})
    with crashpoints.armed("refund.committed"), pytest.raises(crashpoints.Crash):
        sending.send(asked["id"])
    return Refund.objects.get(pk=asked["id"])


def refunded(sim: factories.Simulator) -> int:
    """What the PSP has given back, by its own book."""
    return sum(line["amount_refunded"] for line in sim.book() if line["object"] == "refund")


def test_a_request_that_a_deploy_has_changed_is_not_sent_under_another_key_while_it_may_be_on_its_way(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = stopped_refund(shop)
    with byhand.behind_the_guards():
        ProviderCall.objects.filter(owner_id=refund.pk).update(body_hash="0" * 64)
    later()
    assert Refund.objects.get(pk=refund.pk).status == "unknown"

    request = refund_requests.refund(refund, refund.attempt, refund.call_id)
    accounts.connector(accounts.account("stripe-us"), interactive=False).refund(request)  # the sender goes on
    later()
    assert Refund.objects.get(pk=refund.pk).status == "succeeded"
    assert refunded(sim) == 400
    factories.assert_books_close()


def test_a_changed_request_without_a_trace_is_sent_again_once_it_has_surely_ended(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = stopped_refund(shop)
    with byhand.behind_the_guards():
        sent_at = clock.now() - timedelta(hours=25)
        ProviderCall.objects.filter(owner_id=refund.pk).update(body_hash="0" * 64, sent_at=sent_at)
    later()
    assert Refund.objects.get(pk=refund.pk).status == "succeeded"
    assert refunded(sim) == 400
    factories.assert_books_close()


def test_a_sender_that_wakes_up_late_proves_nothing_about_what_recovery_has_sent(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    refund = stopped_refund(shop)
    with unit.work():  # what the sender has in hand, as it was before recovery looked
        held, call = refund_selectors.hold(refund.pk), selectors.call(refund.call_id)
    sim.scenario("refunds.create", "reset_after")
    sim.scenario("refunds.list", "error_503_before")
    later()
    assert Refund.objects.get(pk=refund.pk).status == "unknown"

    limited = Outcome(verdict=Verdict.UNAVAILABLE, detail="HTTP 429")
    refund_outcomes.record(held, call, limited, by="sending")
    assert Refund.objects.get(pk=refund.pk).status == "unknown"
    sim.forgive()
    later()
    assert Refund.objects.get(pk=refund.pk).status == "succeeded"
    assert refunded(sim) == 400
    factories.assert_books_close()


def told(attempt: PaymentAttempt, provider_reference: str, amount: int | None = None) -> PspEvent:
    """A signed notification that a payment with the attempt's id in its metadata has succeeded."""
    said = attempt.amount if amount is None else money.from_minor(amount, attempt.currency)
    return PspEvent(
        kind=EventKind.PAYMENT_UPDATED,
        event_key="evt_another",
        type="payment_intent.succeeded",
        occurred_at=clock.now(),
        reference=attempt.pk,
        provider_reference=provider_reference,
        outcome=Outcome(verdict=Verdict.APPROVED, captured=True, amount=said, provider_reference=provider_reference),
    )


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_chargeDeclined"])
def test_another_payment_with_our_id_in_its_metadata_moves_nothing_and_gets_a_person(
    shop: factories.Shop, token: str
) -> None:
    intent = shop.confirm(shop.intent(), token)
    attempt = PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])
    captures = Capture.objects.count()
    evidence.accept(attempt.account_id, told(attempt, "pi_somebody_elses"))

    assert Capture.objects.count() == captures
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == intent["status"]
    assert AttentionItem.objects.get(object_id=attempt.pk).kind == "unmatched_event"


@pytest.mark.parametrize("capture_method", ["automatic", "manual"])
def test_other_money_than_was_taken_gets_a_person(shop: factories.Shop, capture_method: str) -> None:
    intent = shop.confirm(shop.intent(shop.order(1999), capture_method=capture_method))
    if capture_method == "manual":
        shop.post(f"payment_intents/{intent['id']}/capture", {"amount": 1500})
    attempt = PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])
    taken = Capture.objects.get().amount_minor
    evidence.accept(attempt.account_id, told(attempt, attempt.provider_reference, taken))
    assert not AttentionItem.objects.exists()

    evidence.accept(attempt.account_id, told(attempt, attempt.provider_reference, taken - 1))
    assert AttentionItem.objects.get(object_id=attempt.pk).kind == "amount_differs"
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"


@pytest.mark.parametrize("first", ["recovery", "notification"])
def test_a_payment_that_was_never_confirmed_ends_alike_in_either_order(shop: factories.Shop, first: str) -> None:
    intent = shop.intent()
    with crashpoints.armed("confirm.committed"), pytest.raises(crashpoints.Crash):
        confirm.confirm(
            intent["id"],
            confirm.Method(type="card", token="pm_card_visa", provider_account="stripe-us"),
            client_id=shop.client.pk,
            by="test",
        )
    attempt = PaymentAttempt.objects.get(intent_id=intent["id"])
    canceled = Outcome(verdict=Verdict.CANCELED, provider_reference="pi_canceled", detail="abandoned")
    if first == "notification":
        with unit.work():
            outcomes.apply(selectors.hold_with_attempt(attempt.pk), canceled, by="notification")
    later()
    with unit.work():
        outcomes.apply(selectors.hold_with_attempt(attempt.pk), canceled, by="notification")

    attempt.refresh_from_db()
    found = shop.get(f"payment_intents/{intent['id']}")
    assert (attempt.status, found["status"]) == ("failed", "requires_payment_method")
    assert found["last_payment_error"]["code"] == "provider_unavailable"


def test_a_capture_that_failed_and_succeeded_after_all_is_one_capture(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.scenario("payment_intents.capture", "rate_limit_429", times=1)
    assert shop.call("POST", f"payment_intents/{intent['id']}/capture", {}).status_code == 503
    attempt = PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])
    with unit.work():
        outcomes.apply(
            selectors.hold_with_attempt(attempt.pk),
            Outcome(verdict=Verdict.APPROVED, captured=True, amount=attempt.amount),
            by="notification",
        )
    assert list(Capture.objects.filter(attempt=attempt).values_list("status", flat=True)) == ["succeeded"]


@pytest.mark.parametrize(("fault", "status", "code"), [("rate_limit_429", 503, "provider_unavailable")])
def test_a_crash_right_after_the_answer_is_recorded_leaves_the_key_as_that_answer_did(
    shop: factories.Shop, sim: factories.Simulator, fault: str, status: int, code: str
) -> None:
    intent = shop.intent()
    path, body = f"payment_intents/{intent['id']}/confirm", factories.card()
    sim.scenario("payment_intents.create", fault, times=1)
    with crashpoints.armed("confirm.recorded"), pytest.raises(crashpoints.Crash):
        shop.call("POST", path, body, key="once")
    assert shop.post(path, body, key="once")["status"] == "succeeded"
    factories.assert_books_close()


def test_who_tries_card_after_card_is_stopped(shop: factories.Shop) -> None:
    intent = shop.intent()
    for _ in range(confirm.MOST_ATTEMPTS):
        assert shop.confirm(intent, "pm_card_chargeDeclined")["status"] == "requires_payment_method"
    refused = shop.call("POST", f"payment_intents/{intent['id']}/confirm", factories.card())
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_attempts")
