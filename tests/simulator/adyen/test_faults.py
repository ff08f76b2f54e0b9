"""Faults, idempotency and notifications: what goes wrong between the merchant and Adyen."""

import base64
import json
import threading
import time

import pytest
from Adyen import util
from Adyen.exceptions import AdyenAPICommunicationError

from payments.simulator.adyen import notifications
from tests.simulator import process
from tests.simulator.adyen.merchant import HMAC_KEY, Inbox, Merchant, card, forged


def statuses(merchant: Merchant) -> list[str]:
    """The states of the merchant's payments, as the book of truth has them."""
    return [line["status"] for line in merchant.lines("payment")]


@pytest.mark.parametrize(
    ("fault", "status", "effect"),
    [
        ("error_500_before", 500, []),
        ("error_500_after", 500, ["authorised"]),
        ("error_503_before", 503, []),
        ("rate_limit_429", 429, []),
    ],
)
def test_answers_that_are_errors(merchant: Merchant, fault: str, status: int, effect: list[str]) -> None:
    scenario = merchant.fault(fault, operation="payments", times=1)
    wish = merchant.wish()
    assert merchant.post("/payments", wish, status, key="k")["status"] == status
    assert statuses(merchant) == effect
    assert merchant.fired(scenario) == 1
    assert merchant.post("/payments", wish, key="k")["resultCode"] == "Authorised"
    assert statuses(merchant) == ["authorised"], "the key tells how it really ended, and charges nobody twice"


@pytest.mark.parametrize(("fault", "effect"), [("reset_before", []), ("reset_after", ["authorised"])])
def test_broken_connections(merchant: Merchant, fault: str, effect: list[str]) -> None:
    merchant.fault(fault, operation="payments", times=1)
    with pytest.raises(ConnectionResetError):
        merchant.pay()
    assert statuses(merchant) == effect


def test_garbage_and_the_sdk_that_does_not_notice(merchant: Merchant) -> None:
    merchant.fault("garbage_200", operation="payments", times=1)
    result = merchant.sdk().payments_api.payments({**merchant.wish(), "merchantAccount": merchant.name})
    assert (result.status_code, result.message) == (200, {})
    assert statuses(merchant) == ["authorised"]
    merchant.fault("error_500_before", operation="payments", times=1)
    with pytest.raises(AdyenAPICommunicationError):
        merchant.sdk().payments_api.payments({**merchant.wish(), "merchantAccount": merchant.name})


def test_slow_and_hang(merchant: Merchant) -> None:
    merchant.fault("slow", operation="payments", ms=300, times=1)
    begun = time.monotonic()
    merchant.pay()
    assert time.monotonic() - begun >= 0.3
    merchant.fault("hang", operation="payments", seconds=5)
    with pytest.raises(Exception, match="timed out"):
        merchant.sdk(timeout=0.5).payments_api.payments({**merchant.wish(), "merchantAccount": merchant.name})
    moved = ["authorised"] * 2
    process.until(lambda: statuses(merchant) == moved, "money that moves though nobody waits for the answer")


def test_wrong_amounts(merchant: Merchant, inbox: Inbox) -> None:
    merchant.fault("wrong_amount", operation="payments", delta=5, times=1)
    answer = merchant.pay()
    assert answer["amount"]["value"] == 2_005
    assert inbox.wait("AUTHORISATION")["amount"]["value"] == 2_005
    merchant.fault("wrong_amount", operation="captures", delta=-300, times=1)
    capture = merchant.change(merchant.hold(), "captures", 2_000)
    assert inbox.wait("CAPTURE")["amount"]["value"] == 1_700
    assert merchant.line(capture["pspReference"])["amount_captured"] == 1_700


def test_issuer_outage_of_one_method(merchant: Merchant) -> None:
    merchant.fault("issuer_outage", operation="payments", method="scheme")
    answer = merchant.pay()
    assert (answer["resultCode"], answer["refusalReasonCode"]) == ("Refused", "9")
    assert merchant.pay({"type": "ideal"})["resultCode"] == "RedirectShopper"


def test_an_outage_of_one_issuer(merchant: Merchant) -> None:
    merchant.fault("issuer_outage", operation="payments", issuer="555555")
    assert merchant.pay()["resultCode"] == "Authorised"
    merchant.fault("issuer_outage", operation="payments", issuer="411111")
    assert merchant.pay()["refusalReasonCode"] == "9"


def test_a_key_is_for_one_request(merchant: Merchant) -> None:
    wish = merchant.wish()
    first = merchant.ask("POST", "/payments", {"merchantAccount": merchant.name, **wish}, key="key-1")
    assert first.headers["idempotency-key"] == "key-1"
    assert first.headers["pspreference"] == first.json()["pspReference"]
    assert merchant.post("/payments", wish, key="key-1") == first.json()
    assert merchant.post("/payments", merchant.wish(), 422, key="key-1")["errorCode"] == "705"
    assert merchant.post("/cancels", {"paymentReference": "x"}, 422, key="key-1")["errorCode"] == "705"
    assert merchant.post("/payments", wish, 422, key="k" * 65)["errorCode"] == "703"
    assert len(statuses(merchant)) == 1


def test_an_error_of_the_request_does_not_spend_the_key(merchant: Merchant) -> None:
    assert merchant.post("/payments", merchant.wish(reference=None), 422, key="key-2")["errorCode"] == "130"
    assert merchant.pay(key="key-2")["resultCode"] == "Authorised"


def test_a_key_in_use(merchant: Merchant) -> None:
    scenario = merchant.fault("slow", operation="payments", ms=1_500, times=1)
    wish = merchant.wish()
    answers = []
    first = threading.Thread(target=lambda: answers.append(merchant.post("/payments", wish, key="k")))
    first.start()
    process.until(lambda: merchant.fired(scenario), "the first request")
    assert merchant.post("/payments", wish, 422, key="k")["errorCode"] == "704"
    first.join()
    assert merchant.post("/payments", wish, key="k") == answers[0]


def test_a_key_is_forgotten_after_a_week(own: process.Simulator) -> None:
    merchant = Merchant(own)
    wish = merchant.wish()
    first = merchant.post("/payments", wish, key="k")
    own.advance(6 * 86_400)
    assert merchant.post("/payments", wish, key="k") == first
    own.advance(86_400)
    assert merchant.post("/payments", wish, key="k")["pspReference"] != first["pspReference"]


def test_the_published_vector_of_the_signature() -> None:
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    assert notifications.signature(item, HMAC_KEY) == "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="
    assert util.generate_notification_sig(item, HMAC_KEY).decode() == notifications.signature(item, HMAC_KEY)


def test_an_endpoint_with_a_lock(shared: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(shared, inbox, settings={"webhook_user": "adyen", "webhook_password": "secret"})
    merchant.pay()
    inbox.wait("AUTHORISATION")
    assert inbox.deliveries[0][0] == f"Basic {base64.b64encode(b'adyen:secret').decode()}"


def test_a_refusing_receiver_is_asked_again(merchant: Merchant, inbox: Inbox) -> None:
    inbox.refusals = 2
    merchant.pay()
    inbox.wait("AUTHORISATION")
    assert inbox.attempts == 3


def test_lost_doubled_and_late(merchant: Merchant, inbox: Inbox) -> None:
    merchant.fault("webhook_lost", event="AUTHORISATION", times=1)
    psp = merchant.hold()
    merchant.fault("webhook_doubled", event="CAPTURE", times=1)
    merchant.change(psp, "captures", 2_000)
    process.until(lambda: inbox.events() == ["CAPTURE", "CAPTURE"], "both")
    merchant.fault("webhook_late", event="AUTHORISATION", seconds=1, times=1)
    late = merchant.hold()
    merchant.change(late, "cancels")
    inbox.wait("AUTHORISATION", late)
    assert inbox.events()[2:] == ["CANCELLATION", "AUTHORISATION"]


def test_reordered(merchant: Merchant, inbox: Inbox) -> None:
    merchant.fault("webhook_reordered", event="AUTHORISATION", times=1)
    merchant.pay()
    merchant.pay(card(holderName="DECLINED"))
    process.until(lambda: len(inbox.events()) == 2, "both")
    assert inbox.events() == ["-AUTHORISATION", "AUTHORISATION"]


def test_forged_alone_and_behind_a_genuine_item(merchant: Merchant, inbox: Inbox) -> None:
    merchant.fault("webhook_forged")
    for _ in range(8):
        merchant.pay()
    process.until(lambda: forged(inbox) == 8, "the forgeries")
    process.until(lambda: len({item["pspReference"] for item in inbox.items()}) == 8, "the genuine ones")
    sizes = {len(json.loads(body)["notificationItems"]) for _, body in inbox.deliveries}
    assert sizes == {1, 2}
    assert all(item["amount"]["value"] == 2_000 for item in inbox.items())
