"""The timeline of a payment: in agents' words, in the order of causes, and without what its reader may not see."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from payments.intents.models import PaymentIntent
from payments.kernel import clock
from payments.kernel.jobs import Job
from payments.webhooks.models import Delivery, Endpoint, Event
from refunds.models import Refund
from tests import factories
from tests.backoffice import pages

NOTE = "Called jane.doe@example.com, card 4242 4242 4242 4242"


@pytest.mark.parametrize(("role", "reads"), [("support", True), ("finance", False), ("engineer", False)])
def test_what_is_noted_is_masked_like_everything_else(
    staff: Any,
    shop: factories.Shop,
    paid: dict[str, Any],
    role: str,
    reads: bool,  # noqa: FBT001
) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "damaged"})
    Refund.objects.update(note=NOTE)
    browser = staff(role)
    shown = pages.text(browser, pages.payment(paid["id"]))
    assert "Called j•••@e•••.com, card •••" in shown
    if reads:
        shown = pages.reveal(browser, "payments", "paymentintent", paid["id"])

    assert "4242 4242" not in shown
    assert ("Called jane.doe@example.com, card •••" in shown) is reads
    assert ("Called j•••@e•••.com, card •••" in shown) is not reads


def test_why_a_job_died_is_masked_too(staff: Any) -> None:
    job = Job.objects.create(name="send_refund", queue="money", state="dead", last_error=NOTE)
    shown = pages.text(staff("engineer"), pages.page_of("payments", "job", job.pk, "replay"))

    assert "Called j•••@e•••.com, card •••" in shown


def test_the_shop_is_told_when_it_was(boss: Client, shop: factories.Shop) -> None:
    intent = shop.intent()
    event = Event.objects.filter(object_id=intent["id"]).get(sequence=1)

    def told() -> str:
        return pages.text(boss, pages.payment(intent["id"]))

    assert "Told the shop" not in told()
    assert f"event 1 of {intent['id']}: recorded, not sent yet" in told()
    Event.objects.update(dispatched_at=clock.now())
    assert "recorded, no endpoint wants it" in told()
    endpoint = Endpoint.objects.create(client=shop.client, url="https://shop.example/hooks", event_types=["*"])
    facts = {"object_id": intent["id"], "sequence": 1}
    delivery = Delivery.objects.create(endpoint=endpoint, event=event, **facts)
    assert "waiting to be delivered" in told()
    Delivery.objects.filter(pk=delivery.pk).update(attempts=2, last_status=500)
    assert "failing (HTTP 500, tries: 2), next try" in told()
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", next_attempt_at=None)
    assert "not delivered, given up after 2 tries: HTTP 500" in told()
    Delivery.objects.filter(pk=delivery.pk).update(state="succeeded", delivered_at=clock.now())
    assert "event 1 of" in told()
    assert "delivered 20" in told()


def test_what_happened_at_one_moment_stands_in_the_order_of_causes(boss: Client, shop: factories.Shop) -> None:
    with clock.at(clock.now() - timedelta(minutes=5)):
        order = shop.order()
        intent = shop.confirm(shop.intent(order))
    assert PaymentIntent.objects.get().status == "succeeded"
    shown = pages.text(boss, pages.payment(intent["id"]))

    said = ["Payment of 19.99 USD opened", "The payment was sent to the bank", "Attempt: Ready → Sent",
            "Asked the PSP: authorize", "Attempt: Sent → ", " → Captured", "Paid", "Booked:"]  # fmt: skip
    story = shown[shown.index("What happened") :]
    places = [story.index(words) for words in said]
    assert places == sorted(places), list(zip(said, places, strict=True))


def test_why_a_refund_failed_is_said_with_what_to_do(boss: Client, shop: factories.Shop, paid: dict[str, Any]) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    Refund.objects.update(status="failed", failure_reason="refund_method_closed", settled_at=clock.now())
    PaymentIntent.objects.update(amount_refunding_minor=0)
    shown = pages.text(boss, pages.payment(paid["id"]))

    assert (
        "A refund of 5.00 USD failed, because the card or account is closed."
        " Ask the customer for another way to be paid back." in shown
    )
