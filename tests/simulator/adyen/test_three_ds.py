"""3-D Secure: by redirect and in the app; passed, failed, abandoned."""

import base64
import json
import urllib.parse
from typing import Any

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import ENROLLED, Inbox, Merchant, card

NATIVE: dict[str, Any] = {"authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}}}


def redirected(merchant: Merchant, result: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Go to the bank's page, press a button, come back; the pspReference and the final answer."""
    answer = merchant.pay(card(ENROLLED), **changes)
    assert answer["resultCode"] == "RedirectShopper"
    back = merchant.press(answer["action"]["url"], result).headers["location"]
    assert back.startswith("https://shop.example/return?order=1&redirectResult=")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    details = {"details": {"redirectResult": query["redirectResult"]}}
    return answer["pspReference"], merchant.post("/payments/details", details)


def test_passed(merchant: Merchant, inbox: Inbox) -> None:
    psp, final = redirected(merchant, "success", additionalData={"manualCapture": "true"})
    assert (final["pspReference"], final["resultCode"]) == (psp, "Authorised")
    assert final["additionalData"]["threeDAuthenticated"] == "true"
    assert inbox.wait("AUTHORISATION", psp)["success"] == "true"
    assert merchant.line(psp)["status"] == "authorised"


@pytest.mark.parametrize(
    ("button", "result", "reason"),
    [("fail", "Refused", "3D Not Authenticated"), ("cancel", "Cancelled", "Shopper Cancelled")],
)
def test_not_passed(merchant: Merchant, inbox: Inbox, button: str, result: str, reason: str) -> None:
    psp, final = redirected(merchant, button)
    assert (final["resultCode"], final["refusalReason"]) == (result, reason)
    assert inbox.wait("AUTHORISATION", psp)["success"] == "false"


def test_the_issuer_may_still_refuse(merchant: Merchant) -> None:
    merchant.fault("issuer_outage", operation="payments.details")
    _, final = redirected(merchant, "success")
    assert (final["resultCode"], final["refusalReason"]) == ("Refused", "Issuer Unavailable")


def test_who_is_authenticated_may_still_have_no_money(merchant: Merchant) -> None:
    answer = merchant.pay(card(ENROLLED, holderName="NOT_ENOUGH_BALANCE"))
    merchant.press(answer["action"]["url"], "success")
    final = merchant.post("/payments/details", {"details": {"redirectResult": f"x!{answer['pspReference']}"}})
    assert (final["resultCode"], final["refusalReason"]) == ("Refused", "Not enough balance")


def test_the_details_may_come_twice_and_not_too_early(merchant: Merchant, inbox: Inbox) -> None:
    answer = merchant.pay(card(ENROLLED))
    early = {"details": {"redirectResult": f"x!{answer['pspReference']}"}}
    assert merchant.post("/payments/details", early, 422)["errorCode"] == "14_011"
    merchant.press(answer["action"]["url"], "success")
    first, second = (merchant.post("/payments/details", early) for _ in range(2))
    assert first == second
    inbox.wait("AUTHORISATION")
    assert inbox.events() == ["AUTHORISATION"]
    nobody = {"details": {"redirectResult": "x!NOBODY"}}
    assert merchant.post("/payments/details", nobody, 422)["errorCode"] == "14_009"


def test_abandoned_at_the_banks_page(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    psp = merchant.pay(card(ENROLLED))["pspReference"]
    own.advance(12 * 3_600)
    assert inbox.wait("OFFER_CLOSED")["pspReference"] == psp
    assert merchant.line(psp)["status"] == "expired"


def said(answer: dict[str, Any], **words: str) -> dict[str, Any]:
    """What Adyen's component makes of what the shopper did."""
    content = {"authorisationToken": answer["action"]["authorisationToken"], **words}
    return {"details": {"threeDSResult": base64.b64encode(json.dumps(content).encode()).decode()}}


@pytest.mark.parametrize(("status", "result"), [("Y", "Authorised"), ("A", "Authorised"), ("N", "Refused")])
def test_in_the_app(merchant: Merchant, inbox: Inbox, status: str, result: str) -> None:
    first = merchant.pay(card(ENROLLED), **NATIVE)
    assert (first["resultCode"], first["action"]["subtype"]) == ("IdentifyShopper", "fingerprint")
    assert "pspReference" not in first
    second = merchant.post("/payments/details", said(first, threeDSCompInd="Y"))
    assert (second["resultCode"], second["action"]["subtype"]) == ("ChallengeShopper", "challenge")
    acs = json.loads(base64.b64decode(second["action"]["token"]))["acsURL"]
    assert f'threeDSResult: "{"success"}"' in merchant.press(acs, "success").body.decode()
    last = merchant.post("/payments/details", said(second, transStatus=status))
    assert last["resultCode"] == result
    assert inbox.wait("AUTHORISATION", last["pspReference"])["success"] == str(result == "Authorised").lower()


def test_in_the_app_by_plain_words(merchant: Merchant) -> None:
    first = merchant.pay(card(ENROLLED), **NATIVE)
    data = first["action"]["paymentData"]
    merchant.post("/payments/details", {"paymentData": data, "details": {"threeDSResult": "fingerprint"}})
    last = merchant.post("/payments/details", {"paymentData": data, "details": {"threeDSResult": "success"}})
    assert last["resultCode"] == "Authorised"


def test_abandoned_in_the_app(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    merchant.pay(card(ENROLLED), **NATIVE)
    own.advance(12 * 3_600)
    item = inbox.wait("AUTHORISATION")
    assert (item["success"], item["reason"]) == ("false", "3D Not Authenticated")


def test_frictionless_and_without_the_shopper(merchant: Merchant) -> None:
    assert merchant.pay(card(ENROLLED, holderName="frictionless"))["resultCode"] == "Authorised"
    assert merchant.pay(card(ENROLLED), shopperInteraction="ContAuth")["resultCode"] == "Authorised"
