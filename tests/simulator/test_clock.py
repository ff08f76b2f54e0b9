"""Time: authorizations expire, refunds arrive or bounce, days end."""

import time

import stripe

from tests.simulator import process

DAY = 86_400


def test_an_authorization_expires_after_seven_days(own: process.Simulator) -> None:
    merchant = own.merchant()
    intent = merchant.pay(capture_method="manual")
    own.advance(7 * DAY - 60)
    assert merchant.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    own.advance(120)
    intent = merchant.v1.payment_intents.retrieve(intent.id, params={"expand": ["latest_charge"]})
    assert (intent.status, intent.cancellation_reason) == ("canceled", "automatic")
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert (intent.latest_charge.captured, intent.latest_charge.refunded) == (False, True)
    assert merchant.events()[-2:] == ["charge.expired", "payment_intent.canceled"]
    expired = merchant.v1.events.list(params={"type": "charge.expired"}).data[0]
    assert abs(expired.created - intent.created - 7 * DAY) <= 1, "it happened when it was due"


def test_a_pending_refund_arrives(own: process.Simulator) -> None:
    merchant = own.merchant()
    intent = merchant.pay("pm_card_pendingRefund")
    refund = merchant.v1.refunds.create(params={"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    own.advance(61)
    assert merchant.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert merchant.events()[-2:] == ["refund.updated", "charge.refund.updated"]


def test_a_refund_bounces(own: process.Simulator) -> None:
    merchant = own.merchant()
    intent = merchant.pay("pm_card_refundFail", capture_method="automatic")
    refund = merchant.v1.refunds.create(params={"payment_intent": intent.id})
    assert refund.status == "succeeded"
    own.advance(61)
    refund = merchant.v1.refunds.retrieve(refund.id, params={"expand": ["charge", "failure_balance_transaction"]})
    assert refund.status == "failed"
    assert isinstance(refund.charge, stripe.Charge)
    assert (refund.charge.amount_refunded, refund.charge.refunded) == (0, False)
    assert isinstance(refund.failure_balance_transaction, stripe.BalanceTransaction)
    assert refund.failure_balance_transaction.amount == 2_000
    assert merchant.events()[-1] == "refund.failed"
    assert merchant.v1.refunds.create(params={"payment_intent": intent.id}).amount == 2_000, "it is owed again"


def test_the_clock_only_goes_forwards(own: process.Simulator) -> None:
    before = own.now()
    own.advance(1_000)
    assert own.now() >= before + 1_000
    for bad in ({"advance_seconds": -1}, {"advance_seconds": "soon"}, {}):
        assert own.ask("POST", "/_sim/clock", bad).status == 400


def test_webhooks_of_the_future_are_signed_in_the_future(own: process.Simulator, inbox: process.Inbox) -> None:
    merchant = own.merchant(inbox, events=["charge.expired"])
    merchant.pay(capture_method="manual")
    own.advance(7 * DAY + 1)
    process.until(lambda: inbox.types() == ["charge.expired"], "the event")


def test_a_past_can_be_lived_through(own: process.Simulator) -> None:
    merchant = own.merchant()
    start = int(time.time()) - 30 * DAY
    assert own.ask("POST", "/_sim/reset", {"begin_at": start}).status == 200
    first = merchant.pay()
    own.advance(30 * DAY)
    second = merchant.pay()
    assert 0 <= first.created - start < 60
    assert 0 <= second.created - start - 30 * DAY < 60
    for nonsense in (-1, int(time.time()) + DAY, "yesterday", True):
        assert own.ask("POST", "/_sim/reset", {"begin_at": nonsense}).status == 400
