"""The truth survives the simulator's death, and Adyen's documents are really compared with."""

from pathlib import Path

import pytest

from tests.simulator import process, schema
from tests.simulator.adyen import schema as adyen
from tests.simulator.adyen.merchant import Inbox, Merchant, card


def test_killed_and_started_again_it_knows_everything(tmp_path: Path, inbox: Inbox) -> None:
    simulator = process.Simulator("--journal", str(tmp_path / "journal"))
    try:
        merchant = Merchant(simulator, inbox)
        held, wish = merchant.hold(), merchant.wish()
        paid = merchant.post("/payments", wish, key="k")
        merchant.change(paid["pspReference"], "refunds", 100)
        stored = merchant.pay(storePaymentMethod=True, shopperReference="cus_1")
        waiting = merchant.pay({"type": "multibanco"})["pspReference"]
        simulator.advance(3_600)
        inbox.wait("REFUND")
        book, now = merchant.book(), simulator.now()

        simulator.kill()
        simulator.restart()

        assert merchant.book() == book
        assert simulator.now() >= now
        assert merchant.post("/payments", wish, key="k") == paid, "the idempotency key is remembered"
        token = stored["additionalData"]["tokenization.storedPaymentMethodId"]
        again = merchant.pay({"type": "scheme", "storedPaymentMethodId": token}, shopperReference="cus_1")
        assert again["pspReference"] not in {line["id"] for line in book}
        simulator.advance(30 * 86_400)
        assert merchant.line(held)["status"] == merchant.line(waiting)["status"] == "expired", "timers are remembered"
        assert merchant.lines("payout")
    finally:
        simulator.stop()


def test_what_was_not_delivered_is_delivered_after_the_restart(tmp_path: Path, inbox: Inbox) -> None:
    simulator = process.Simulator("--journal", str(tmp_path / "journal"))
    try:
        merchant = Merchant(simulator, inbox)
        inbox.refusals = 1_000
        merchant.pay()
        process.until(lambda: inbox.attempts, "an attempt")
        simulator.kill()
        inbox.refusals = 0
        simulator.restart()
        inbox.wait("AUTHORISATION")
    finally:
        simulator.stop()


def test_reset_forgets_the_payments_and_keeps_the_account(own: process.Simulator) -> None:
    merchant = Merchant(own)
    merchant.pay()
    assert own.ask("POST", "/_sim/reset").status == 200
    assert merchant.book() == []
    assert merchant.pay()["resultCode"] == "Authorised"


def test_only_the_events_asked_for(shared: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(shared, inbox, events=["CANCELLATION"])
    merchant.change(merchant.hold(), "cancels")
    inbox.wait("CANCELLATION")
    assert inbox.events() == ["CANCELLATION"]


@pytest.mark.skipif(not schema.available(), reason="Adyen's documents are not here")
def test_a_damaged_answer_is_noticed(merchant: Merchant) -> None:
    answer = merchant.pay(card())
    assert not adyen.problems(adyen.CHECKOUT, "PaymentResponse", answer)
    for damage in ({"resultCode": "Authorized"}, {"amount": {"value": "20", "currency": "EUR"}}, {"colour": "red"}):
        assert adyen.problems(adyen.CHECKOUT, "PaymentResponse", {**answer, **damage})
    with pytest.raises(AssertionError):
        adyen.check(adyen.CHECKOUT, "POST", "/payments", 422, {"status": "422"})
