"""Captures, refunds, cancels, reversals, amount updates: received at once, decided by notification."""

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import Inbox, Merchant, card


def test_a_capture(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.hold()
    answer = merchant.change(psp, "captures", 2_000, reference="cap_1")
    assert answer == {
        "merchantAccount": merchant.name,
        "paymentPspReference": psp,
        "pspReference": answer["pspReference"],
        "status": "received",
        "reference": "cap_1",
        "amount": {"value": 2_000, "currency": "EUR"},
    }
    item = inbox.wait("CAPTURE")
    assert (item["pspReference"], item["originalReference"]) == (answer["pspReference"], psp)
    assert (item["success"], item["merchantReference"], item["amount"]["value"]) == ("true", "cap_1", 2_000)
    line = merchant.line(answer["pspReference"])
    assert (line["object"], line["status"], line["amount_captured"]) == ("capture", "succeeded", 2_000)
    assert (line["automatic"], line["merchant_reference"]) == (False, "cap_1")
    assert merchant.line(psp)["amount_captured"] == 2_000


def test_a_partial_capture_releases_the_rest(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.hold()
    merchant.change(psp, "captures", 700)
    assert inbox.wait("CAPTURE")["success"] == "true"
    second = merchant.change(psp, "captures", 100)
    item = inbox.wait("CAPTURE", second["pspReference"])
    assert (item["success"], item["reason"]) == ("false", "Insufficient balance on payment")
    assert merchant.line(psp)["amount_captured"] == 700


def test_several_captures_where_the_account_may(shared: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(shared, inbox, settings={"multiple_partial_captures": True})
    psp = merchant.hold()
    wishes = [merchant.change(psp, "captures", value) for value in (700, 1_200, 500, 100)]
    outcomes = [inbox.wait("CAPTURE", wish["pspReference"])["success"] for wish in wishes]
    assert outcomes == ["true", "true", "false", "true"]
    assert merchant.line(psp)["amount_captured"] == 2_000
    refused = merchant.change(psp, "reversals")
    assert inbox.wait("CANCEL_OR_REFUND", refused["pspReference"])["success"] == "false"


def test_a_capture_of_what_was_captured_by_itself_charges_nobody_twice(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.pay()["pspReference"]
    merchant.change(psp, "captures", 2_000)
    assert inbox.wait("CAPTURE")["success"] == "false"
    assert merchant.line(psp)["amount_captured"] == 2_000


def test_a_cancel(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.hold()
    answer = merchant.change(psp, "cancels", reference="void_1")
    item = inbox.wait("CANCELLATION")
    assert (item["pspReference"], item["originalReference"], item["success"]) == (answer["pspReference"], psp, "true")
    assert merchant.line(psp)["status"] == "cancelled"
    again = merchant.change(psp, "cancels")
    assert inbox.wait("CANCELLATION", again["pspReference"])["success"] == "false"
    late = merchant.change(psp, "captures", 2_000)
    item = inbox.wait("CAPTURE", late["pspReference"])
    assert (item["success"], item["reason"]) == ("false", "Transaction is cancelled")


def test_a_captured_payment_cannot_be_cancelled(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.pay()["pspReference"]
    merchant.change(psp, "cancels")
    item = inbox.wait("CANCELLATION")
    assert (item["success"], item["reason"]) == ("false", "Transaction has been captured")


def test_a_cancel_by_the_merchants_own_reference(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.hold(reference="att_9")
    answer = merchant.post("/cancels", {"paymentReference": "att_9", "reference": "void_9"}, 201)
    assert answer["paymentReference"] == "att_9"
    item = inbox.wait("TECHNICAL_CANCEL")
    assert (item["success"], item["originalReference"], item["merchantReference"]) == ("true", psp, "att_9")
    assert merchant.line(psp)["status"] == "cancelled"


def test_a_cancel_of_a_reference_that_never_arrived(merchant: Merchant, inbox: Inbox) -> None:
    merchant.post("/cancels", {"paymentReference": "att_none"}, 201)
    item = inbox.wait("TECHNICAL_CANCEL")
    assert (item["success"], item["merchantReference"]) == ("false", "att_none")
    assert "originalReference" not in item


def test_refunds_up_to_what_was_captured(merchant: Merchant, inbox: Inbox) -> None:
    psp = merchant.pay()["pspReference"]
    wishes = [merchant.change(psp, "refunds", value, reference=f"ref_{value}") for value in (1_500, 600, 500)]
    items = [inbox.wait("REFUND", wish["pspReference"]) for wish in wishes]
    assert [item["success"] for item in items] == ["true", "false", "true"]
    assert items[1]["reason"] == "Insufficient balance on payment"
    assert items[0]["merchantReference"] == "ref_1500"
    assert merchant.line(psp)["amount_refunded"] == 2_000
    assert [line["amount_refunded"] for line in merchant.lines("refund")] == [1_500, 0, 500]


def test_a_refund_before_the_capture(merchant: Merchant, inbox: Inbox) -> None:
    merchant.change(merchant.hold(), "refunds", 100)
    item = inbox.wait("REFUND")
    assert (item["success"], item["reason"]) == ("false", "Transaction hasn't been captured, refund not possible")


@pytest.mark.parametrize("captured", [True, False])
def test_a_reversal(merchant: Merchant, inbox: Inbox, *, captured: bool) -> None:
    psp = merchant.pay()["pspReference"] if captured else merchant.hold()
    answer = merchant.change(psp, "reversals", reference="rev_1")
    item = inbox.wait("CANCEL_OR_REFUND")
    assert item["success"] == "true"
    assert item["additionalData"]["modification.action"] == ("refund" if captured else "cancel")
    line = merchant.line(psp)
    assert (line["status"], line["amount_refunded"]) == (("authorised", 2_000) if captured else ("cancelled", 0))
    assert [row["id"] for row in merchant.lines("refund")] == ([answer["pspReference"]] if captured else [])


def pre_authorised(merchant: Merchant) -> str:
    how = {"manualCapture": "true", "authorisationType": "PreAuth"}
    return str(merchant.pay(additionalData=how)["pspReference"])


def test_an_authorisation_is_adjusted(merchant: Merchant, inbox: Inbox) -> None:
    psp = pre_authorised(merchant)
    merchant.change(psp, "amountUpdates", 3_000, reference="adj_1")
    assert inbox.wait("AUTHORISATION_ADJUSTMENT")["success"] == "true"
    merchant.change(psp, "captures", 3_000)
    assert inbox.wait("CAPTURE")["success"] == "true"
    merchant.change(psp, "amountUpdates", 4_000, reference="adj_2")
    process.until(lambda: "-AUTHORISATION_ADJUSTMENT" in inbox.events(), "the refusal")


def test_what_was_not_pre_authorised_is_not_adjusted(merchant: Merchant, inbox: Inbox) -> None:
    merchant.change(merchant.hold(), "amountUpdates", 3_000, reference="adj_1")
    item = inbox.wait("AUTHORISATION_ADJUSTMENT")
    assert (item["success"], item["reason"]) == ("false", "Authorisation is not a pre-authorisation")


def test_an_authorisation_that_was_extended_is_held_anew(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    psp = pre_authorised(merchant)
    own.advance(20 * 86_400)
    merchant.change(psp, "amountUpdates", 2_000, reference="adj_1")
    assert inbox.wait("AUTHORISATION_ADJUSTMENT")["success"] == "true"
    own.advance(20 * 86_400)
    assert merchant.line(psp)["status"] == "authorised", "it would have ended after 28 days"
    own.advance(9 * 86_400)
    assert inbox.wait("EXPIRE")["pspReference"] == psp


def test_a_modification_of_nothing_is_an_error(merchant: Merchant) -> None:
    amount = {"amount": {"value": 100, "currency": "EUR"}}
    for what in ("captures", "refunds"):
        assert merchant.post(f"/payments/NOSUCHPAYMENT000/{what}", amount, 422)["errorCode"] == "167"
    for what in ("cancels", "reversals"):
        assert merchant.post(f"/payments/NOSUCHPAYMENT000/{what}", {}, 422)["errorCode"] == "167"
    other = {"amount": {"value": 100, "currency": "USD"}}
    assert merchant.post(f"/payments/{merchant.hold()}/captures", other, 422)["errorCode"] == "138"


@pytest.mark.parametrize(
    ("fault", "word", "event"),
    [
        ("bounced_refund", "REFUND_FAILED", "REFUND_FAILED"),
        ("reversed_refund", "REFUND_REVERSED", "REFUNDED_REVERSED"),
    ],
)
def test_a_refund_that_fails_later(own: process.Simulator, inbox: Inbox, fault: str, word: str, event: str) -> None:
    merchant = Merchant(own, inbox)
    by_word = merchant.pay(card(holderName=word))["pspReference"]
    by_fault = merchant.pay()["pspReference"]
    first = merchant.change(by_word, "refunds", 500)["pspReference"]
    merchant.fault(fault, operation="refunds", seconds=60)
    second = merchant.change(by_fault, "refunds", 500)["pspReference"]
    assert inbox.wait("REFUND", first)["success"] == inbox.wait("REFUND", second)["success"] == "true"
    own.advance(3 * 86_400)
    for psp, refund in ((by_word, first), (by_fault, second)):
        item = inbox.wait(event, refund)
        assert (item["success"], item["originalReference"]) == ("true", psp), "success means that it failed"
        assert merchant.line(psp)["amount_refunded"] == 0
        assert (merchant.line(refund)["status"], merchant.line(refund)["amount_refunded"]) == ("failed", 0)


def test_a_capture_that_fails_later(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    by_word = merchant.pay(card(holderName="CAPTURE_FAILED"))["pspReference"]
    by_fault = merchant.hold()
    merchant.fault("late_capture_failure", operation="captures", seconds=60)
    capture = merchant.change(by_fault, "captures", 2_000)["pspReference"]
    inbox.wait("CAPTURE")
    own.advance(3 * 86_400)
    for psp in (by_word, by_fault):
        assert inbox.wait("CAPTURE_FAILED", psp)["success"] == "true", "success means that it failed"
        assert merchant.line(psp)["amount_captured"] == 0
    assert merchant.line(capture)["status"] == "failed"


def test_a_capture_refused_and_one_decided_late(merchant: Merchant, inbox: Inbox) -> None:
    merchant.fault("refused_modification", operation="captures", times=1)
    merchant.fault("delayed_modification", operation="captures", seconds=1)
    first = merchant.change(merchant.hold(), "captures", 2_000)["pspReference"]
    assert inbox.wait("CAPTURE", first)["success"] == "false"
    second = merchant.change(merchant.hold(), "captures", 2_000)["pspReference"]
    assert merchant.line(second)["status"] == "received"
    assert inbox.wait("CAPTURE", second)["success"] == "true"


def test_an_authorisation_expires(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    psp = merchant.hold()
    delayed = merchant.pay(captureDelayHours=24)["pspReference"]
    own.advance(86_400)
    assert merchant.line(delayed)["amount_captured"] == 2_000
    own.advance(28 * 86_400)
    item = inbox.wait("EXPIRE")
    assert (item["pspReference"], item["amount"]["value"]) == (psp, 2_000)
    assert merchant.line(psp)["status"] == "expired"
    assert inbox.events().count("EXPIRE") == 1
