"""Disputes from end to end, by the PSPs' own notifications: the books close at every step."""

from collections.abc import Callable
from typing import Any

import pytest

from payments.kernel.attention import AttentionItem
from payments.ledger import selectors as ledger
from payments.webhooks.models import InboundEvent
from refunds.models import Dispute, FraudWarning
from refunds.services import answering
from tests import factories
from tests.stories import adyen

DAY = 86_400


def there(condition: Callable[[], object]) -> None:
    """Act on what the PSP tells until this is so."""

    def worked() -> object:
        factories.work()
        return condition()

    factories.until(worked)
    factories.assert_books_close()


def stands(status: str) -> Dispute:
    """The one dispute, once it stands like this."""
    there(lambda: Dispute.objects.filter(status=status).exists())
    return Dispute.objects.get()


def balances(account: str, currency: str) -> tuple[int, int, int]:
    """Minor units: what the PSP owes us, what it holds for disputes, what was lost."""
    codes = (f"psp_receivable/{account}", f"disputes_held/{account}", "dispute_losses")
    owed, held, lost = (int(ledger.balance(code, currency).amount * 100) for code in codes)
    return owed, held, lost


def disputed(shop: factories.Shop, token: str = "pm_card_createDispute") -> dict[str, Any]:
    """A payment at Stripe that is disputed at once."""
    return shop.confirm(shop.intent(shop.order(2000)), token)


def test_evidence_wins_a_dispute_at_stripe(shop: factories.Shop) -> None:
    paid = disputed(shop)
    dispute = stands("needs_response")
    assert (dispute.reason, dispute.amount_minor, dispute.respond_by is not None) == ("fraudulent", 2000, True)
    there(lambda: balances("stripe-us", "USD") == (0, 2000, 0))
    refused = shop.call("POST", "refunds", {"payment_intent": paid["id"], "reason": "goodwill"})
    assert refused.json()["code"] == "payment_disputed"

    answering.gather(dispute.pk, {"other": "winning_evidence"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    dispute = stands("won")
    there(lambda: balances("stripe-us", "USD") == (2000, 0, 0))
    assert dispute.stages.get().answered_at
    assert shop.get(f"payment_intents/{paid['id']}")["amount_disputed"] == 0
    shop.post("refunds", {"payment_intent": paid["id"], "reason": "goodwill"})


def test_evidence_that_does_not_convince_is_a_loss(shop: factories.Shop) -> None:
    disputed(shop, "pm_card_createDisputeProductNotReceived")
    dispute = stands("needs_response")
    assert dispute.reason == "product_not_received"
    answering.gather(dispute.pk, {"other": "losing_evidence"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    stands("lost")
    assert balances("stripe-us", "USD") == (0, 0, 2000)


def test_an_inquiry_that_becomes_a_chargeback_and_is_accepted(shop: factories.Shop) -> None:
    disputed(shop, "pm_card_createDisputeInquiry")
    dispute = stands("inquiry")
    assert balances("stripe-us", "USD") == (2000, 0, 0)
    answering.gather(dispute.pk, {"other": "escalate_inquiry_evidence"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    stands("needs_response")
    there(lambda: balances("stripe-us", "USD") == (0, 2000, 0))

    answering.accept(dispute.pk, because="the parcel is lost", client_id=None, by="staff lea")
    dispute = stands("accepted")
    assert [row.answer for row in dispute.stages.order_by("pk")] == ["submit", "accept"]
    assert balances("stripe-us", "USD") == (0, 0, 2000)


def test_a_chargeback_on_top_of_a_full_refund_is_recorded_and_owned(shop: factories.Shop) -> None:
    """The bank asked first, the shop gave all of it back, and the bank took it as well."""
    paid = disputed(shop, "pm_card_createDisputeInquiry")
    dispute = stands("inquiry")
    shop.post("refunds", {"payment_intent": paid["id"], "reason": "requested_by_customer"})
    there(lambda: balances("stripe-us", "USD") == (0, 0, 0))

    answering.gather(dispute.pk, {"other": "escalate_inquiry_evidence"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    stands("needs_response")
    there(lambda: balances("stripe-us", "USD") == (-2000, 2000, 0))
    told = shop.get(f"payment_intents/{paid['id']}")
    assert (told["amount_captured"], told["amount_refunded"], told["amount_disputed"]) == (2000, 2000, 2000)
    [owned] = AttentionItem.objects.filter(kind="over_returned", closed_at=None)
    assert (owned.object_id, owned.amount_minor) == (paid["id"], 2000)
    refused = shop.call("POST", "refunds", {"payment_intent": paid["id"], "reason": "goodwill"})
    assert refused.status_code in (409, 422)


def test_several_disputes_of_one_payment(shop: factories.Shop) -> None:
    disputed(shop, "pm_card_createMultipleDisputes")
    there(lambda: Dispute.objects.count() == 2)
    there(lambda: balances("stripe-us", "USD") == (0, 2000, 0))


def test_a_warning_of_fraud_at_stripe_asks_somebody(shop: factories.Shop) -> None:
    paid = shop.confirm(shop.intent(), "pm_card_createIssuerFraudRecord")
    there(lambda: FraudWarning.objects.filter(intent=paid["id"]).exists())
    assert AttentionItem.objects.get(kind="fraud_warning").closed_at is None


def test_partly_refunded_charged_back_reversed_and_charged_back_again(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    """At Adyen: every movement is booked once, and the trial balance is zero at every step."""
    paid = adyen.confirm(shop, adyen.intent(shop), holder="CHARGEBACK_LOST")
    adyen.told("AUTHORISATION")
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 1000, "reason": "damaged"})
    factories.work()
    adyen.told("REFUND")
    stands("needs_response")
    assert balances(adyen.ACCOUNT, "EUR") == (2000, 0, 0), "told of, and nothing taken yet"

    sim.advance(3_700)
    adyen.told("CHARGEBACK")
    there(lambda: balances(adyen.ACCOUNT, "EUR") == (0, 2000, 0))
    sim.advance(DAY + 60)
    adyen.told("CHARGEBACK_REVERSED")
    dispute = stands("won")
    assert balances(adyen.ACCOUNT, "EUR") == (2000, 0, 0)
    sim.advance(30 * DAY + 60)
    adyen.told("SECOND_CHARGEBACK")
    dispute = stands("lost")
    assert (dispute.stage, dispute.amount_lost_minor) == ("second", 2000)
    assert balances(adyen.ACCOUNT, "EUR") == (0, 0, 2000)
    assert [row.kind for row in dispute.movements.order_by("pk")] == ["withdrawn", "reinstated", "withdrawn", "lost"]
    intent = shop.get(f"payment_intents/{paid['id']}")
    assert (intent["amount_refunded"], intent["amount_disputed"]) == (1000, 2000)
    assert shop.get(f"orders/{paid['order']}")["status"] == "partially_refunded"


def test_nobody_answers_at_adyen(shop: factories.Shop, sim: factories.Simulator) -> None:
    adyen.confirm(shop, adyen.intent(shop), holder="CHARGEBACK")
    stands("needs_response")
    sim.advance(3_700)
    adyen.told("CHARGEBACK")
    sim.advance(15 * DAY)
    adyen.told("DISPUTE_DEFENSE_PERIOD_ENDED")
    stands("expired")
    assert balances(adyen.ACCOUNT, "EUR") == (0, 0, 3000)


def test_a_defence_at_adyen_brings_the_money_back(shop: factories.Shop, sim: factories.Simulator) -> None:
    adyen.confirm(shop, adyen.intent(shop), holder="CHARGEBACK")
    dispute = stands("needs_response")
    sim.advance(3_700)
    adyen.told("CHARGEBACK")
    there(lambda: balances(adyen.ACCOUNT, "EUR") == (0, 3000, 0))
    answering.gather(
        dispute.pk, {"shipping_tracking": "1Z999", "shipping_carrier": "UPS"}, client_id=None, by="staff lea"
    )
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    stands("under_review")
    sim.advance(DAY + 60)
    adyen.told("CHARGEBACK_REVERSED")
    stands("won")
    assert balances(adyen.ACCOUNT, "EUR") == (3000, 0, 0)


@pytest.mark.parametrize("fault", ["webhook_doubled", "webhook_reordered"])
def test_however_the_letters_come_the_end_is_the_same(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    sim.scenario("webhook", fault, rate=1)
    disputed(shop)
    dispute = stands("needs_response")
    answering.gather(dispute.pk, {"other": "winning_evidence"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    stands("won")
    there(lambda: balances("stripe-us", "USD") == (2000, 0, 0))
    assert not InboundEvent.objects.filter(state="failed").exists()
