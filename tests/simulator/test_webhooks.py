"""Webhooks: signed, at least once, again until accepted."""

import json

import pytest
import stripe

from tests.simulator import process, schema


def test_a_payment_is_told_with_a_signature_that_holds(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox)
    intent = merchant.v1.payment_intents.create(
        params={"amount": 2_000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"},
        options={"idempotency_key": "key-of-mine"},
    )
    process.until(lambda: len(inbox.genuine()) == 4, "four events")

    assert sorted(inbox.types()) == [
        "charge.succeeded",
        "charge.updated",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    succeeded = next(event for event in inbox.genuine() if event["type"] == "payment_intent.succeeded")
    schema.check(succeeded)
    assert succeeded["data"]["object"]["id"] == intent.id
    assert succeeded["request"]["idempotency_key"] == "key-of-mine"
    assert succeeded["pending_webhooks"] == 1
    updated = next(event for event in inbox.genuine() if event["type"] == "charge.updated")
    assert updated["request"] == {"id": None, "idempotency_key": None}, "nobody asked for it"
    assert updated["data"]["previous_attributes"] == {"balance_transaction": None}

    def confirmed() -> bool:
        return merchant.v1.events.retrieve(succeeded["id"]).pending_webhooks == 0

    process.until(confirmed, "the event to count as delivered")


def test_a_changed_body_is_noticed(shared: process.Simulator, inbox: process.Inbox) -> None:
    shared.merchant(inbox).pay()
    process.until(lambda: inbox.deliveries, "a delivery")
    signature, body = inbox.deliveries[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body.decode() + " ", signature, process.SECRET)


def test_a_refusing_receiver_is_asked_again(shared: process.Simulator, inbox: process.Inbox) -> None:
    inbox.refusals = 2
    merchant = shared.merchant(inbox, events=["payment_intent.succeeded"])
    merchant.pay()
    process.until(lambda: inbox.types() == ["payment_intent.succeeded"], "the third attempt")
    assert inbox.attempts == 3


def test_only_the_events_asked_for(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox, events=["charge.refunded"])
    intent = merchant.pay(capture_method="automatic")
    merchant.v1.refunds.create(params={"payment_intent": intent.id, "amount": 100})
    process.until(lambda: inbox.types() == ["charge.refunded"], "the event")
    event = inbox.genuine()[0]
    assert event["data"]["previous_attributes"] == {"amount_refunded": 0}


def test_lost(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox, events=["payment_intent.created", "payment_intent.succeeded"])
    merchant.fault("webhook_lost", event="payment_intent.created")
    merchant.pay()
    process.until(lambda: inbox.types() == ["payment_intent.succeeded"], "the one that was not lost")
    assert "payment_intent.created" in merchant.events(), "the PSP believes that it was delivered"


def test_doubled(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox, events=["payment_intent.succeeded"])
    merchant.fault("webhook_doubled", times=1)
    merchant.pay()
    process.until(lambda: len(inbox.genuine()) == 2, "both")
    assert len({event["id"] for event in inbox.genuine()}) == 1


def test_reordered(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox, events=["payment_intent.created", "payment_intent.succeeded"])
    merchant.fault("webhook_reordered", event="payment_intent.created", times=1)
    merchant.pay()
    process.until(lambda: len(inbox.genuine()) == 2, "both")
    assert inbox.types() == ["payment_intent.succeeded", "payment_intent.created"]


def test_late(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox, events=["payment_intent.created", "payment_intent.succeeded"])
    merchant.fault("webhook_late", event="payment_intent.created", seconds=1)
    merchant.pay()
    process.until(lambda: len(inbox.genuine()) == 2, "both")
    assert inbox.types()[-1] == "payment_intent.created"


def test_forged(shared: process.Simulator, inbox: process.Inbox) -> None:
    merchant = shared.merchant(inbox, events=["payment_intent.succeeded"])
    merchant.fault("webhook_forged")
    merchant.pay()
    process.until(lambda: len(inbox.deliveries) == 2, "the genuine one and the forgery")
    assert len(inbox.genuine()) == 1
    amounts = sorted(json.loads(body)["data"]["object"]["amount_received"] for _, body in inbox.deliveries)
    assert amounts == [2_000, 200_000]
