"""Cards: authorised, refused, with an error of the request."""

from typing import Any

import pytest

from tests.simulator.adyen.merchant import Inbox, Merchant, card


def test_a_card_is_authorised_and_captured_at_once(merchant: Merchant, inbox: Inbox) -> None:
    answer = merchant.pay(captureDelayHours=0, reference="att_1", metadata={"attempt": "att_1"}, key="key-1")

    assert answer["resultCode"] == "Authorised"
    assert answer["amount"] == {"value": 2_000, "currency": "EUR"}
    assert answer["merchantReference"] == "att_1"
    assert answer["paymentMethod"] == {"type": "scheme", "brand": "visa"}
    psp = answer["pspReference"]
    assert len(psp) == 16
    assert psp.isalnum()
    assert psp.upper() == psp

    item = inbox.wait("AUTHORISATION", psp)
    assert (item["success"], item["merchantReference"], item["paymentMethod"]) == ("true", "att_1", "visa")
    assert item["reason"].endswith(":1111:03/2030")
    assert inbox.events() == ["AUTHORISATION"], "no CAPTURE is told of an automatic capture"

    book = {line["object"]: line for line in merchant.book()}
    assert set(book) == {"payment", "capture"}
    assert (book["payment"]["amount_captured"], book["payment"]["status"]) == (2_000, "authorised")
    assert (book["payment"]["reference"], book["payment"]["merchant_reference"]) == ({"attempt": "att_1"}, "att_1")
    assert (book["payment"]["idempotency_key"], book["payment"]["method"]) == ("key-1", "scheme")
    assert (book["capture"]["payment"], book["capture"]["automatic"]) == (psp, True)


def test_who_captures_is_said_by_the_request_or_else_by_the_account(merchant: Merchant) -> None:
    held = merchant.hold()
    assert merchant.line(held)["amount_captured"] == 0
    assert merchant.line(merchant.pay()["pspReference"])["amount_captured"] == 2_000
    careful = Merchant(merchant.simulator, settings={"capture_delay_hours": "manual"})
    assert careful.line(careful.pay()["pspReference"])["amount_captured"] == 0
    assert careful.line(careful.pay(captureDelayHours=0)["pspReference"])["amount_captured"] == 2_000


@pytest.mark.parametrize(
    ("name", "result", "reason", "code"),
    [
        ("DECLINED", "Refused", "Refused", "2"),
        ("CARD_EXPIRED", "Refused", "Expired Card", "6"),
        ("ISSUER_UNAVAILABLE", "Refused", "Issuer Unavailable", "9"),
        ("NOT_ENOUGH_BALANCE", "Refused", "Not enough balance", "12"),
        ("FRAUD", "Refused", "FRAUD", "20"),
        ("ERPS_BLOCK", "Refused", "Transaction blocked by Adyen to prevent excessive retry fees", "46"),
        ("SHOPPER_CANCELLED", "Cancelled", "Shopper Cancelled", "16"),
        ("ERROR", "Error", "Acquirer Error", "4"),
        ("UNKNOWN", "Error", "Unknown", "0"),
    ],
)
def test_a_refusal_by_the_holders_name(
    merchant: Merchant, inbox: Inbox, name: str, result: str, reason: str, code: str
) -> None:
    answer = merchant.pay(card(holderName=name))
    assert (answer["resultCode"], answer["refusalReason"], answer["refusalReasonCode"]) == (result, reason, code)
    item = inbox.wait("AUTHORISATION", answer["pspReference"])
    assert (item["success"], item["reason"]) == ("false", reason)
    line = merchant.line(answer["pspReference"])
    assert (line["status"], line["amount_captured"]) == (result.lower(), 0)


def test_every_test_code_can_be_asked_for_by_its_number(merchant: Merchant) -> None:
    results = {}
    for code in range(47):
        answer = merchant.pay(additionalData={"RequestedTestAcquirerResponseCode": str(code)})
        results[code] = answer["resultCode"]
        assert answer.get("refusalReasonCode", str(code)) == str(code)
    assert [code for code, result in results.items() if result == "Authorised"] == [1, 30]
    assert [code for code, result in results.items() if result == "Error"] == [0, 4]
    assert [code for code, result in results.items() if result == "Cancelled"] == [15, 16, 22]
    assert results[13] == "Received"


def test_what_waits_for_a_review_is_decided_later(merchant: Merchant, inbox: Inbox) -> None:
    answer = merchant.pay(card(holderName="PENDING"))
    assert answer["resultCode"] == "Received"
    assert merchant.act(answer["pspReference"], "pay").status == 200
    assert inbox.wait("AUTHORISATION")["success"] == "true"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encryptedExpiryYear": "test_2020"}, "Expired Card"),
        ({"encryptedExpiryMonth": "test_04"}, "Expired Card"),
        ({"encryptedSecurityCode": "test_123"}, "CVC Declined"),
        ({"encryptedCardNumber": "test_4242424242424242"}, "Invalid Card Number"),
    ],
)
def test_wrong_details_of_a_card_are_refused(merchant: Merchant, changes: dict[str, str], reason: str) -> None:
    answer = merchant.pay(card(**changes))
    assert (answer["resultCode"], answer["refusalReason"]) == ("Refused", reason)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": None}, 422, "100"),
        ({"amount": {"value": -5, "currency": "EUR"}}, 422, "137"),
        ({"amount": {"value": 5, "currency": "EURO"}}, 422, "138"),
        ({"reference": None}, 422, "130"),
        ({"reference": "x" * 81}, 422, "131"),
        ({"returnUrl": None}, 422, "14_030"),
        ({"paymentMethod": {}}, 422, "14_006"),
        ({"paymentMethod": {"type": "scheme"}}, 422, "14_004"),
        ({"paymentMethod": card(encryptedCardNumber="adyenjs_0_1_25$x")}, 422, "174"),
        ({"paymentMethod": card("4111111111111112")}, 422, "101"),
        ({"paymentMethod": card(encryptedExpiryMonth="test_13")}, 422, "140"),
        ({"paymentMethod": {"type": "seashells"}}, 500, "905_1"),
        ({"paymentMethod": {"type": "pix"}}, 500, "905_1"),
        ({"captureDelayHours": 700}, 422, "14_013"),
        ({"storePaymentMethod": True}, 422, "14_007"),
        ({"merchantAccount": "Somebody"}, 403, "901"),
        ({"amount": "much"}, 400, "702"),
    ],
)
def test_requests_that_cannot_be_paid(merchant: Merchant, changes: dict[str, Any], status: int, code: str) -> None:
    error = merchant.post("/payments", {**merchant.wish(**changes)}, status)
    assert error["errorCode"] == code
    assert error["status"] == status
    assert merchant.book() == []


def test_the_key_opens_its_own_merchant_account_only(merchant: Merchant) -> None:
    body = {"merchantAccount": merchant.name, **merchant.wish()}
    for headers in ({}, {"X-API-Key": "AQEnobody"}):
        answer = merchant.simulator.ask("POST", "/adyen/v72/payments", body, headers)
        assert (answer.status, answer.json()["errorCode"]) == (401, "000")
    other = Merchant(merchant.simulator)
    assert other.ask("POST", "/payments", body).status == 403


def test_what_is_no_json_and_no_path(merchant: Merchant) -> None:
    headers = {"X-API-Key": merchant.key}
    assert merchant.simulator.ask("POST", "/adyen/v72/payments", "{", headers).json()["errorCode"] == "702"
    assert merchant.simulator.ask("POST", "/adyen/v72/payments", "[]", headers).status == 400
    assert merchant.simulator.ask("POST", "/adyen/v72/payment", "{}", headers).status == 404


def test_the_official_sdk_pays(merchant: Merchant) -> None:
    result = merchant.sdk().payments_api.payments(
        {**merchant.wish(), "merchantAccount": merchant.name}, idempotency_key="sdk-1"
    )
    assert (result.status_code, result.message["resultCode"]) == (200, "Authorised")
    assert result.psp == result.message["pspReference"]
    captured = merchant.sdk().modifications_api.refund_captured_payment(
        {"merchantAccount": merchant.name, "amount": {"value": 500, "currency": "EUR"}}, result.psp
    )
    assert (captured.status_code, captured.message["status"]) == (201, "received")
