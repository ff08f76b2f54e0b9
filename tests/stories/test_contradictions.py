"""A PSP that contradicts itself: money that it had taken is not ours after all, or is said to be other money."""

from datetime import timedelta

from payments.intents.models import Capture, PaymentAttempt
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.ledger import selectors as ledger
from payments.webhooks.models import InboundEvent
from payments.webhooks.services import inbound
from tests import factories


def processed(type_: str) -> None:
    """Wait until the PSP has told us, and do what follows."""
    factories.until(InboundEvent.objects.filter(type=type_).exists)
    factories.work()


def fails_late(shop: factories.Shop, sim: factories.Simulator) -> dict[str, object]:
    """A payment that was captured, and turned out to have failed."""
    sim.scenario("payment_intents.confirm", "late_capture_failure", seconds=1, times=1)
    intent = shop.paid(1999)
    sim.advance(2)
    return intent


def test_a_capture_that_fails_later_is_undone(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = fails_late(shop, sim)
    processed("payment_intent.payment_failed")

    assert Capture.objects.get().status == "reversed"
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "reversed"
    assert shop.get(f"orders/{intent['order']}")["status"] == "open"
    told = [event["type"] for event in shop.get(f"events?object_id={intent['id']}")["data"]]
    assert told[0] == "payment_intent.reversed"
    assert not any(ledger.trial_balance().values())
    factories.assert_books_close()
    factories.assert_books_agree(sim)


def test_whichever_news_comes_first_the_psp_is_asked(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = fails_late(shop, sim)
    factories.until(lambda: InboundEvent.objects.count() >= 2)
    Job.objects.all().delete()
    for event in InboundEvent.objects.order_by("-received_at"):  # the failure first, then the success
        inbound.process(event.pk)
    factories.work()

    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "reversed"
    factories.assert_books_close()


def test_while_the_psp_does_not_say_a_person_is_told(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = fails_late(shop, sim)
    sim.scenario("payment_intents.retrieve", "error_503_before")
    processed("payment_intent.payment_failed")

    attempt = PaymentAttempt.objects.get()
    assert AttentionItem.objects.get(object_id=attempt.pk).kind == "unknown_outcome"
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"

    sim.forgive()
    Job.objects.update(due_at=clock.now() - timedelta(seconds=1))
    factories.work()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "reversed"
    assert AttentionItem.objects.get(object_id=attempt.pk).closed_at is not None
    factories.assert_books_close()
