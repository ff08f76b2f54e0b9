"""Methods other than cards: paid, failed, cancelled, paid late, expired."""

import urllib.parse
from typing import Any

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import Inbox, Merchant

JAPANESE = {
    "firstName": "A",
    "lastName": "B",
    "shopperEmail": "a@example.org",
    "telephoneNumber": "0123456789",
}
SEPA = {"type": "sepadirectdebit", "iban": "NL13TEST0123456789", "ownerName": "A. Klaassen"}


def redirected(merchant: Merchant, answer: dict[str, Any], result: str) -> dict[str, Any]:
    """Press a button on the page, come back, and ask for the result."""
    back = merchant.press(answer["action"]["url"], result).headers["location"]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    return merchant.post("/payments/details", {"details": {"redirectResult": query["redirectResult"]}})


@pytest.mark.parametrize(
    ("method", "currency"),
    [
        ("ideal", "EUR"),
        ("bcmc", "EUR"),
        ("bizum", "EUR"),
        ("klarna", "EUR"),
        ("klarna_account", "SEK"),
        ("klarna_paynow", "GBP"),
        ("paypal", "USD"),
        ("cashapp", "USD"),
        ("onlineBanking_PL", "PLN"),
        ("alipay", "CNY"),
        ("twint", "CHF"),
    ],
)
def test_redirects(merchant: Merchant, inbox: Inbox, method: str, currency: str) -> None:
    amount = {"value": 1_500, "currency": currency}
    given = {"type": method, **({"issuer": "154"} if method == "onlineBanking_PL" else {})}
    for button, result in (("success", "Authorised"), ("fail", "Refused"), ("cancel", "Cancelled")):
        answer = merchant.pay(given, amount=amount)
        assert answer["resultCode"] == "RedirectShopper"
        assert answer["action"]["type"] == "redirect"
        assert redirected(merchant, answer, button)["resultCode"] == result
        item = inbox.wait("AUTHORISATION", answer["pspReference"])
        assert (item["success"], item["paymentMethod"]) == (str(button == "success").lower(), method)
        assert merchant.line(answer["pspReference"])["amount_captured"] == (1_500 if button == "success" else 0)


def test_the_money_moves_when_the_shopper_does_not_come_back(merchant: Merchant, inbox: Inbox) -> None:
    answer = merchant.pay({"type": "ideal"})
    merchant.press(answer["action"]["url"], "success")
    assert inbox.wait("AUTHORISATION")["success"] == "true"


@pytest.mark.parametrize(("method", "manual"), [("klarna", True), ("paypal", True), ("twint", True), ("ideal", False)])
def test_separate_capture_where_the_method_has_it(
    merchant: Merchant, inbox: Inbox, method: str, *, manual: bool
) -> None:
    currency = "CHF" if method == "twint" else "EUR"
    wish: dict[str, Any] = {"amount": {"value": 900, "currency": currency}, "additionalData": {"manualCapture": "true"}}
    psp = merchant.pay({"type": method}, **wish)["pspReference"]
    assert merchant.act(psp, "pay").status == 200
    assert merchant.line(psp)["amount_captured"] == (0 if manual else 900)
    merchant.change(psp, "captures", 900, currency=currency)
    assert inbox.wait("CAPTURE")["success"] == str(manual).lower()
    assert merchant.line(psp)["amount_captured"] == 900


@pytest.mark.parametrize(
    ("method", "currency", "days"),
    [
        ("boletobancario", "BRL", 3),
        ("oxxo", "MXN", 7),
        ("multibanco", "EUR", 3),
        ("econtext_stores", "JPY", 3),
    ],
)
def test_vouchers(own: process.Simulator, inbox: Inbox, method: str, currency: str, days: int) -> None:
    merchant = Merchant(own, inbox)
    amount = {"value": 30_000, "currency": currency}
    given = {"type": method, **(JAPANESE if currency == "JPY" else {})}
    paid, unpaid = (merchant.pay(given, amount=amount) for _ in range(2))
    assert paid["resultCode"] == "PresentToShopper"
    assert (paid["action"]["type"], paid["action"]["totalAmount"]) == ("voucher", amount)
    assert ("entity" in paid["action"]) == (method == "multibanco")
    own.advance(days * 86_400 - 60)
    merchant.press(paid["action"]["instructionsUrl"], "success")
    assert inbox.wait("AUTHORISATION", paid["pspReference"])["success"] == "true"
    own.advance(60)
    assert inbox.wait("OFFER_CLOSED")["pspReference"] == unpaid["pspReference"]
    merchant.change(paid["pspReference"], "refunds", 1_000, currency=currency)
    assert inbox.wait("REFUND")["success"] == str(method == "multibanco").lower()


def test_seven_eleven_shows_the_voucher_on_its_page(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    answer = merchant.pay({"type": "econtext_seven_eleven", **JAPANESE}, amount={"value": 3_000, "currency": "JPY"})
    assert answer["resultCode"] == "RedirectShopper"
    assert redirected(merchant, answer, "success")["resultCode"] == "PresentToShopper"
    assert merchant.act(answer["pspReference"], "pay").status == 200
    assert inbox.wait("AUTHORISATION")["amount"] == {"value": 3_000, "currency": "JPY"}


@pytest.mark.parametrize(
    ("method", "currency"), [("pix", "BRL"), ("wechatpayQR", "CNY"), ("upi_qr", "INR"), ("bcmc_mobile", "EUR")]
)
def test_codes_to_scan(merchant: Merchant, inbox: Inbox, method: str, currency: str) -> None:
    amount = {"value": 700, "currency": currency}
    paid, failed = (merchant.pay({"type": method}, amount=amount) for _ in range(2))
    assert (paid["resultCode"], paid["action"]["type"]) == ("Pending", "qrCode")
    assert paid["action"]["qrCodeData"]
    merchant.act(paid["pspReference"], "pay")
    merchant.act(failed["pspReference"], "fail")
    assert inbox.wait("AUTHORISATION", paid["pspReference"])["success"] == "true"
    assert inbox.wait("AUTHORISATION", failed["pspReference"])["success"] == "false"


@pytest.mark.parametrize(
    ("given", "currency"),
    [
        ({"type": "blik", "blikCode": "777123"}, "PLN"),
        ({"type": "mbway", "telephoneNumber": "+351912345678", "shopperEmail": "a@example.org"}, "EUR"),
        ({"type": "upi_collect", "virtualPaymentAddress": "a@b"}, "INR"),
        ({"type": "upi_intent"}, "INR"),
    ],
)
def test_approved_in_an_app(merchant: Merchant, inbox: Inbox, given: dict[str, str], currency: str) -> None:
    amount = {"value": 700, "currency": currency}
    answer = merchant.pay(given, amount=amount, metadata={"simulate": "PAY"})
    assert (answer["resultCode"], answer["action"]["type"]) == ("Pending", "await")
    assert inbox.wait("AUTHORISATION", answer["pspReference"])["success"] == "true"
    refused = merchant.pay(given, amount=amount, metadata={"simulate": "FAIL"})
    assert inbox.wait("AUTHORISATION", refused["pspReference"])["success"] == "false"


def test_nobody_approves_in_time_and_somebody_approves_too_late(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    amount, blik = {"value": 700, "currency": "PLN"}, {"type": "blik", "blikCode": "777123"}
    never, overdue, by_itself = (
        merchant.pay(blik, amount=amount, metadata={"simulate": word})["pspReference"]
        for word in ("EXPIRE", "PAY_OVERDUE", "nothing")
    )
    own.advance(120)
    for psp in (never, overdue):
        assert inbox.wait("OFFER_CLOSED", psp)["success"] == "true"
    assert inbox.wait("AUTHORISATION", by_itself)["success"] == "true", "shoppers approve unless a word says otherwise"
    own.advance(3_600)
    assert inbox.wait("AUTHORISATION", overdue)["success"] == "true"
    assert merchant.line(overdue)["amount_captured"] == 700
    assert merchant.line(never)["status"] == "expired"


def test_a_bank_debit(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    good = merchant.pay(SEPA)
    assert good["resultCode"] == "Received"
    bad = merchant.pay({**SEPA, "ownerName": "FAIL"})["pspReference"]
    returned = merchant.pay({**SEPA, "ownerName": "CAPTURE_FAILED"})["pspReference"]
    held = merchant.pay(SEPA, additionalData={"manualCapture": "true"})["pspReference"]
    own.advance(10)
    assert inbox.wait("AUTHORISATION", good["pspReference"])["success"] == "true"
    assert inbox.wait("AUTHORISATION", bad)["success"] == "false"
    assert merchant.line(returned)["amount_captured"] == 2_000
    assert merchant.line(held)["amount_captured"] == 0
    own.advance(3 * 86_400)
    assert inbox.wait("CAPTURE_FAILED", returned)["success"] == "true"
    assert merchant.line(returned)["amount_captured"] == 0


@pytest.mark.parametrize(
    "given",
    [
        {"type": "applepay", "applePayToken": "VNRWtuNlNEWkRCSm1xWndjMDFFbktkQU"},
        {"type": "googlepay", "googlePayToken": "test_5555555555554444"},
    ],
)
def test_wallets(merchant: Merchant, given: dict[str, str]) -> None:
    answer = merchant.pay(given)
    assert (answer["resultCode"], answer["paymentMethod"]["type"]) == ("Authorised", given["type"])
    declined = merchant.pay(given, additionalData={"RequestedTestAcquirerResponseCode": "12"})
    assert declined["refusalReason"] == "Not enough balance"


@pytest.mark.parametrize(
    ("given", "cancelled"), [({"type": "ideal"}, True), ({"type": "multibanco"}, False), (SEPA, False)]
)
def test_a_cancel_while_the_shopper_is_away(
    merchant: Merchant, inbox: Inbox, given: dict[str, str], *, cancelled: bool
) -> None:
    psp = merchant.pay(given)["pspReference"]
    merchant.change(psp, "cancels")
    assert inbox.wait("CANCELLATION")["success"] == str(cancelled).lower(), "who holds a voucher can still pay"
    assert merchant.act(psp, "pay").status == (409 if cancelled else 200)
    assert merchant.act(psp, "dance").status == 400
    assert merchant.act("NOBODY", "pay").status == 404
