"""Stored payment methods, what may be paid with, and sessions."""

import urllib.parse
from typing import Any

from tests.simulator import process
from tests.simulator.adyen.merchant import ENROLLED, VISA, Inbox, Merchant, card

SHOPPER: dict[str, Any] = {"shopperReference": "cus_12345"}


def test_a_card_is_stored_and_charged_again(merchant: Merchant, inbox: Inbox) -> None:
    first = merchant.pay(
        card(holderName="S. Hopper"),
        storePaymentMethod=True,
        shopperInteraction="Ecommerce",
        recurringProcessingModel="CardOnFile",
        **SHOPPER,
    )
    token = first["additionalData"]["tokenization.storedPaymentMethodId"]
    assert first["additionalData"]["tokenization.shopperReference"] == "cus_12345"
    contract = inbox.wait("RECURRING_CONTRACT")
    assert contract["additionalData"]["recurring.recurringDetailReference"] == token
    assert contract["originalReference"] == first["pspReference"]

    again = merchant.pay(
        {"type": "scheme", "storedPaymentMethodId": token},
        shopperInteraction="ContAuth",
        recurringProcessingModel="UnscheduledCardOnFile",
        **SHOPPER,
    )
    assert (again["resultCode"], again["paymentMethod"]["brand"]) == ("Authorised", "visa")
    declined = merchant.pay(
        {"type": "scheme", "storedPaymentMethodId": token},
        additionalData={"RequestedTestAcquirerResponseCode": "6"},
        **SHOPPER,
    )
    assert declined["refusalReason"] == "Expired Card"

    path = f"?merchantAccount={merchant.name}&shopperReference=cus_12345"
    listed = merchant.ask("GET", f"/storedPaymentMethods{path}").json()["storedPaymentMethods"]
    assert [(one["id"], one["lastFour"], one["brand"]) for one in listed] == [(token, "1111", "visa")]
    assert merchant.ask("DELETE", f"/storedPaymentMethods/{token}{path}").status == 204
    assert merchant.ask("GET", f"/storedPaymentMethods{path}").json()["storedPaymentMethods"] == []
    assert merchant.ask("DELETE", f"/storedPaymentMethods/{token}{path}").status == 404
    gone = merchant.post("/payments", merchant.wish({"type": "scheme", "storedPaymentMethodId": token}, **SHOPPER), 422)
    assert gone["errorCode"] == "800"


def test_an_account_is_stored_when_it_was_debited_and_debited_again(merchant: Merchant, inbox: Inbox) -> None:
    account = {"type": "sepadirectdebit", "iban": "DE89370400440532013000", "ownerName": "A. Schneider"}
    kept = {"storePaymentMethod": True, "recurringProcessingModel": "UnscheduledCardOnFile", **SHOPPER}
    first = merchant.pay(account, shopperInteraction="Ecommerce", **kept)
    assert first["resultCode"] == "Received"
    path = f"?merchantAccount={merchant.name}&shopperReference=cus_12345"
    assert merchant.ask("GET", f"/storedPaymentMethods{path}").json()["storedPaymentMethods"] == []
    merchant.act(first["pspReference"], "pay")
    token = inbox.wait("RECURRING_CONTRACT")["pspReference"]
    [listed] = merchant.ask("GET", f"/storedPaymentMethods{path}").json()["storedPaymentMethods"]
    assert (listed["id"], listed["type"], listed["iban"], listed["ownerName"]) == (
        token,
        "sepadirectdebit",
        "DE89370400440532013000",
        "A. Schneider",
    )
    stored = {"type": "sepadirectdebit", "storedPaymentMethodId": token}
    absent = {"shopperInteraction": "ContAuth", "recurringProcessingModel": "UnscheduledCardOnFile"}
    # Adyen's document wants the number of the account with each debit; its pages on tokens want the token alone.
    body = {"merchantAccount": merchant.name, **merchant.wish(stored, **absent, **SHOPPER)}
    again = merchant.ask("POST", "/payments", body)
    assert again.json()["resultCode"] == "Received"


def test_a_token_belongs_to_its_shopper(merchant: Merchant) -> None:
    first = merchant.pay(storePaymentMethod=True, **SHOPPER)
    token = first["additionalData"]["tokenization.storedPaymentMethodId"]
    wish = merchant.wish({"type": "scheme", "storedPaymentMethodId": token}, shopperReference="cus_other")
    assert merchant.post("/payments", wish, 422)["errorCode"] == "800"


def test_a_card_is_stored_without_a_payment(merchant: Merchant) -> None:
    answer = merchant.pay(amount={"value": 0, "currency": "EUR"}, storePaymentMethod=True, **SHOPPER)
    assert answer["resultCode"] == "Authorised"
    assert answer["additionalData"]["tokenization.storedPaymentMethodId"]
    assert merchant.lines("capture") == []


def test_nothing_is_stored_of_a_refused_card(merchant: Merchant, inbox: Inbox) -> None:
    merchant.pay(card(holderName="DECLINED"), storePaymentMethod=True, **SHOPPER)
    inbox.wait("AUTHORISATION")
    assert inbox.events() == ["-AUTHORISATION"]


def test_a_stored_enrolled_card_is_asked_only_when_its_shopper_is_there(merchant: Merchant) -> None:
    first = merchant.pay(card(ENROLLED, holderName="frictionless"), storePaymentMethod=True, **SHOPPER)
    stored = {
        "type": "scheme",
        "storedPaymentMethodId": first["additionalData"]["tokenization.storedPaymentMethodId"],
        "encryptedSecurityCode": "test_737",
    }
    assert merchant.pay(stored, shopperInteraction="Ecommerce", **SHOPPER)["resultCode"] == "RedirectShopper"
    assert merchant.pay(stored, shopperInteraction="ContAuth", **SHOPPER)["resultCode"] == "Authorised"
    wrong = {**stored, "encryptedSecurityCode": "test_111"}
    assert merchant.pay(wrong, shopperInteraction="ContAuth", **SHOPPER)["refusalReason"] == "CVC Declined"


def test_what_may_be_paid_with(merchant: Merchant) -> None:
    merchant.pay(storePaymentMethod=True, **SHOPPER)
    amount = {"value": 1_000, "currency": "EUR"}
    answer = merchant.post("/paymentMethods", {"countryCode": "NL", "amount": amount, **SHOPPER})
    types = {method["type"] for method in answer["paymentMethods"]}
    assert {"scheme", "ideal", "klarna", "sepadirectdebit"} <= types
    assert not {"pix", "bcmc", "blik"} & types
    assert answer["storedPaymentMethods"][0]["lastFour"] == VISA[-4:]
    few = merchant.post("/paymentMethods", {"allowedPaymentMethods": ["ideal", "pix"], "countryCode": "NL"})
    assert [method["type"] for method in few["paymentMethods"]] == ["ideal"]
    assert merchant.post("/paymentMethods", {"amount": {"value": 1, "currency": "XXX"}}, 422)["errorCode"] == "138"


def session(merchant: Merchant, **more: Any) -> dict[str, Any]:
    wish: dict[str, Any] = {
        "amount": {"value": 1_000, "currency": "EUR"},
        "reference": "ord_1",
        "returnUrl": "https://shop.example/done",
        **more,
    }
    return merchant.post("/sessions", wish, 201)


def test_a_session_is_paid_by_the_component(merchant: Merchant, inbox: Inbox) -> None:
    opened = session(merchant, metadata={"attempt": "att_1"})
    page = f"/_sim/adyen/sessions/{opened['id']}"
    refused = merchant.simulator.ask("POST", page, {"paymentMethod": card(holderName="DECLINED")}).json()
    assert refused["resultCode"] == "Refused"
    asked = f"/sessions/{opened['id']}?sessionResult={refused['sessionResult']}"
    assert merchant.ask("GET", asked).json()["status"] == "refused"
    paid = merchant.simulator.ask("POST", page, {"paymentMethod": card(), "amount": {"value": 1}}).json()
    assert paid["amount"]["value"] == 1_000, "the session has settled it"
    result = merchant.ask("GET", asked).json()
    assert (result["status"], result["payments"][0]["pspReference"]) == ("completed", paid["pspReference"])
    assert inbox.wait("AUTHORISATION", paid["pspReference"])["merchantReference"] == "ord_1"
    assert merchant.line(paid["pspReference"])["reference"] == {"attempt": "att_1"}


def test_a_session_with_a_page(merchant: Merchant) -> None:
    opened = session(merchant, mode="hosted")
    assert merchant.ask("GET", f"/sessions/{opened['id']}?sessionResult=x").json()["status"] == "active"
    back = merchant.press(str(opened["url"]), "success").headers["location"]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    assert query["sessionId"] == opened["id"]
    asked = f"/sessions/{opened['id']}?sessionResult={urllib.parse.quote(query['sessionResult'])}"
    assert merchant.ask("GET", asked).json()["status"] == "completed"
    assert merchant.ask("GET", f"/sessions/{opened['id']}").status == 422
    assert merchant.ask("GET", "/sessions/CSnobody?sessionResult=x").status == 404


def test_a_session_expires(own: process.Simulator) -> None:
    merchant = Merchant(own)
    opened = session(merchant)
    own.advance(3_600)
    assert merchant.ask("GET", f"/sessions/{opened['id']}?sessionResult=x").json()["status"] == "expired"
    answer = own.ask("POST", f"/_sim/adyen/sessions/{opened['id']}", {"paymentMethod": card()})
    assert answer.status == 422


def test_the_same_card_of_a_shopper_is_stored_once(merchant: Merchant) -> None:
    first, second = (merchant.pay(storePaymentMethod=True, **SHOPPER) for _ in range(2))
    kept = [answer["additionalData"]["tokenization.storedPaymentMethodId"] for answer in (first, second)]
    assert kept[0] == kept[1]


def test_who_pays_with_one_click_is_there_and_can_be_asked(merchant: Merchant) -> None:
    first = merchant.pay(card(ENROLLED, holderName="frictionless"), storePaymentMethod=True, **SHOPPER)
    token = first["additionalData"]["tokenization.storedPaymentMethodId"]
    stored = {"type": "scheme", "storedPaymentMethodId": token}
    absent = {"shopperInteraction": "ContAuth", "recurringProcessingModel": "UnscheduledCardOnFile"}
    assert merchant.pay(stored, **absent, **SHOPPER)["resultCode"] == "Authorised"
    there = {**absent, "recurringProcessingModel": "CardOnFile"}
    assert merchant.pay(stored, **there, **SHOPPER)["resultCode"] == "RedirectShopper"


def test_what_becomes_of_a_token_is_told_in_messages_of_their_own(merchant: Merchant, inbox: Inbox) -> None:
    paid = merchant.pay(storePaymentMethod=True, **SHOPPER)
    token = paid["additionalData"]["tokenization.storedPaymentMethodId"]
    created = inbox.wait_token("created")
    assert (created["eventId"], created["environment"]) == (paid["pspReference"], "test")
    assert created["data"] == {
        "merchantAccount": merchant.name,
        "operation": "created",
        "shopperReference": "cus_12345",
        "storedPaymentMethodId": token,
        "type": "visa",
    }
    merchant.pay(storePaymentMethod=True, **SHOPPER)
    assert inbox.wait_token("alreadyExisting")["data"]["storedPaymentMethodId"] == token

    lever = f"/_sim/adyen/tokens/{token}"
    assert merchant.simulator.ask("POST", lever, {"action": "update", "month": "01", "year": "2033"}).status == 200
    assert inbox.wait_token("updated")["data"]["storedPaymentMethodId"] == token
    path = f"?merchantAccount={merchant.name}&shopperReference=cus_12345"
    [listed] = merchant.ask("GET", f"/storedPaymentMethods{path}").json()["storedPaymentMethods"]
    assert (listed["expiryMonth"], listed["expiryYear"]) == ("01", "2033")

    assert merchant.ask("DELETE", f"/storedPaymentMethods/{token}{path}").status == 204
    disabled = inbox.wait_token("disabled")["data"]
    assert (disabled["storedPaymentMethodId"], "operation" in disabled) == (token, False)
    assert merchant.simulator.ask("POST", lever, {"action": "disable"}).status == 404
    assert merchant.simulator.ask("POST", lever, {"action": "rob"}).status == 400


def test_a_forged_message_about_a_token_has_no_signature_that_holds(merchant: Merchant, inbox: Inbox) -> None:
    token = merchant.pay(storePaymentMethod=True, **SHOPPER)["additionalData"]["tokenization.storedPaymentMethodId"]
    inbox.wait_token("created")
    merchant.fault("webhook_forged", event="recurring.token.disabled")
    merchant.simulator.ask("POST", f"/_sim/adyen/tokens/{token}", {"action": "disable"})
    process.until(lambda: any(b"FAKE" in body for _, body in inbox.deliveries), "the forged one")
    assert all("FAKE" not in one["data"]["storedPaymentMethodId"] for one in inbox.tokens())
