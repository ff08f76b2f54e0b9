"""Every payment method at both PSPs, from the confirmation to the refund, and what customers do besides."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from payments.intents.models import PaymentAttempt
from payments.kernel.attention import AttentionItem
from payments.methods import catalogue
from payments.methods.catalogue import Family, Flow, Method, Offer
from payments.webhooks.models import Event
from refunds.models import Refund
from tests import factories
from tests.connectors.adyen_bench import ENROLLED, fields
from tests.stories import adyen, methods
from tests.stories.methods import ROWS, Row

PSPS = ("stripe", "adyen")


@pytest.fixture
def shop(shop: factories.Shop) -> factories.Shop:
    """A shop whose accounts serve the whole world."""
    methods.everywhere()
    return shop


def refund(shop: factories.Shop, intent: Mapping[str, Any], **facts: Any) -> Any:
    """Ask for money back, whatever comes of it."""
    return shop.call("POST", "refunds", {"payment_intent": intent["id"], "reason": "damaged", **facts})


def books(sim: factories.Simulator) -> None:
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_every_method_has_its_row() -> None:
    assert ROWS.keys() == catalogue.METHODS.keys()


@pytest.mark.parametrize("psp", PSPS)
@pytest.mark.parametrize("code", ROWS)
def test_a_method_is_paid_and_given_back(shop: factories.Shop, sim: factories.Simulator, code: str, psp: str) -> None:
    row, offer = ROWS[code], catalogue.offer(code, psp)
    intent = shop.intent(methods.order(shop, row))
    assert code in next(
        one["methods"] for one in intent["client_options"] if one["provider_account"] == methods.ACCOUNTS[psp]
    )
    waiting = methods.confirm(shop, intent, code, psp)
    assert (waiting["next_action"] or {"type": ""})["type"] == getattr(row, psp)
    paid = methods.pays(shop, sim, waiting, psp)
    assert (paid["status"], paid["amount_captured"]) == ("succeeded", row.amount)
    assert shop.get(f"orders/{paid['order']}")["status"] == "paid"

    if not offer.partial_refund:
        answer = refund(shop, paid, amount=row.amount // 3)
        expected = "partial_refund_not_supported" if offer.refund else "refund_not_supported"
        assert (answer.status_code, answer.json()["code"]) == (422, expected)
    if offer.refund:
        assert refund(shop, paid).status_code == 201
        factories.work()
        if psp == "adyen":
            adyen.told("REFUND")
        assert Refund.objects.get().status == "succeeded"
        assert shop.get(f"orders/{paid['order']}")["status"] == "refunded"
    books(sim)


PARTLY = [
    (code, psp)
    for code, method in catalogue.METHODS.items()
    for psp in PSPS
    if method.offers[psp].multiple_refunds and method.family is not Family.CARD
]


@pytest.mark.parametrize(("code", "psp"), PARTLY)
def test_what_may_be_given_back_in_parts_is(
    shop: factories.Shop, sim: factories.Simulator, code: str, psp: str
) -> None:
    row = ROWS[code]
    paid = methods.pays(shop, sim, methods.confirm(shop, shop.intent(methods.order(shop, row)), code, psp), psp)
    for number, amount in enumerate((row.amount // 3, row.amount - row.amount // 3)):
        assert refund(shop, paid, amount=amount).status_code == 201
        factories.work()
        if psp == "adyen":
            adyen.told("REFUND", number + 1)
    assert {row.status for row in Refund.objects.all()} == {"succeeded"}
    assert shop.get(f"orders/{paid['order']}")["status"] == "refunded"
    books(sim)


@pytest.mark.parametrize("psp", PSPS)
def test_pay_later_is_captured_when_it_is_shipped(shop: factories.Shop, sim: factories.Simulator, psp: str) -> None:
    intent = shop.intent(methods.order(shop, ROWS["klarna"]), capture_method="manual")
    reserved = methods.pays(shop, sim, methods.confirm(shop, intent, "klarna", psp), psp)
    assert (reserved["status"], reserved["amount_capturable"]) == ("requires_capture", 30_000)
    path = f"payment_intents/{intent['id']}/capture"
    if psp == "stripe":
        answer = shop.call("POST", path, {"amount": 10_000})
        assert (answer.status_code, answer.json()["code"]) == (422, "partial_capture_not_supported")
        assert shop.post(path, {})["status"] == "succeeded"
    else:
        assert shop.post(path, {"amount": 20_000})["status"] == "processing"
        adyen.told("CAPTURE")
        assert shop.get(f"payment_intents/{intent['id']}")["amount_captured"] == 20_000
    books(sim)


@pytest.mark.parametrize("psp", PSPS)
def test_a_debit_that_bounces_days_later_can_be_paid_otherwise(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    intent = shop.intent(methods.order(shop, ROWS["sepa_debit"]))
    details = {"iban": "DE62370400440532013001", "holder_name": "FAIL"}
    waiting = methods.confirm(shop, intent, "sepa_debit", psp, details=details)
    assert waiting["status"] == "processing"
    if psp == "stripe":
        methods.days_later(sim)
    else:
        sim.advance(11)
        methods.told()
    failed = shop.get(f"payment_intents/{intent['id']}")
    assert (failed["status"], failed["last_payment_error"]["code"]) == ("requires_payment_method", "payment_declined")
    assert methods.confirm(shop, failed, "card", "stripe")["status"] == "succeeded"
    factories.work()
    factories.assert_books_close()


def test_a_voucher_that_is_paid_after_its_time_is_still_a_payment(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.intent(methods.order(shop, ROWS["oxxo"]))
    waiting = methods.confirm(shop, intent, "oxxo", "adyen")
    assert waiting["next_action"]["reference"]
    reference = methods.step(waiting)
    methods.acts(sim, reference, "expire")
    adyen.told("OFFER_CLOSED")
    over = shop.get(f"payment_intents/{intent['id']}")
    assert (over["status"], over["last_payment_error"]["decline_code"]) == (
        "requires_payment_method",
        "payment_expired",
    )
    methods.acts(sim, reference)
    adyen.told("AUTHORISATION")
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    assert PaymentAttempt.objects.get().decline is None, "it was not in vain after all"
    books(sim)


def test_a_code_that_nobody_scans_in_time_can_be_paid_otherwise(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent(methods.order(shop, ROWS["pix"]))
    waiting = methods.confirm(shop, intent, "pix", "stripe")
    assert waiting["next_action"]["expires_at"].endswith("Z")
    methods.days_later(sim)
    over = shop.get(f"payment_intents/{intent['id']}")
    assert over["last_payment_error"]["decline_code"] == "payment_expired"
    assert methods.confirm(shop, over, "card", "stripe")["status"] == "succeeded"
    factories.work()
    factories.assert_books_close()


@pytest.mark.parametrize("psp", PSPS)
@pytest.mark.parametrize(("code", "goes_back"), [("oxxo", False), ("multibanco", True)])
def test_a_voucher_paid_after_a_card_is_given_back_where_that_is_possible(
    shop: factories.Shop,
    sim: factories.Simulator,
    code: str,
    psp: str,
    goes_back: bool,  # noqa: FBT001
) -> None:
    late = methods.paid_late(shop, sim, code, psp)
    assert (late["status"], late["amount_captured"]) == ("succeeded", 60_000)
    items = AttentionItem.objects.filter(kind="overpayment", closed_at=None)
    if goes_back:
        if psp == "adyen":
            adyen.told("REFUND")
        assert (Refund.objects.get().status, items.count()) == ("succeeded", 0)
    else:
        assert Refund.objects.count() == 0
        assert "oxxo cannot give money back" in items.get().detail
        answer = refund(shop, late)
        assert (answer.status_code, answer.json()["amount"]) == (201, 30_000), "the card can"
        factories.work()
    books(sim)


@pytest.mark.parametrize("psp", PSPS)
def test_three_d_secure_left_and_paid_otherwise_and_passed_all_the_same(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    row = ROWS["ideal"]
    intent = shop.intent(methods.order(shop, row))
    left = methods.confirm(shop, intent, "card", "stripe", token="pm_card_threeDSecure2Required")
    waiting = methods.confirm(shop, left, "ideal", psp)
    if psp == "stripe":
        sim.challenge(waiting["latest_attempt"]["provider_reference"], "success")
    else:
        shop.http.get(adyen.answer(waiting))
    sim.challenge(left["latest_attempt"]["provider_reference"], "success")  # before our cancel has reached Stripe
    methods.told(2)
    both = shop.get(f"payment_intents/{intent['id']}")
    assert both["status"] == "succeeded"
    if Refund.objects.get().status == "pending":
        adyen.told("REFUND")
    assert (Refund.objects.get().status, Refund.objects.get().origin) == ("succeeded", "duplicate")
    books(sim)


def told_without(action: Mapping[str, Any]) -> Any:
    """What the shop's webhooks are told to do, in which nothing stands that only the provider's SDK needs."""
    event = Event.objects.filter(type="payment_intent.requires_action").order_by("-sequence")[0]
    told = json.dumps([event.data, event.previous])
    assert not any(str(value) in told for name, value in action["payload"].items() if name not in ("type", "subtype"))
    return event.data["next_action"]


def test_an_app_shows_the_challenge_itself(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent(methods.order(shop, ROWS["ideal"]))
    body = {
        "payment_method": {"type": "card", "provider_account": "adyen-eu", "details": fields(ENROLLED)},
        "browser": {"channel": "iOS", "native_three_ds": True},
    }
    path = f"payment_intents/{intent['id']}"
    asked = shop.post(f"{path}/confirm", body)
    for result, status in (("fingerprint", "requires_action"), ("success", "succeeded")):
        action = asked["next_action"]
        assert (action["type"], action["provider"]) == ("provider_sdk", "adyen")
        assert action["payload"]["subtype"] == ("fingerprint" if result == "fingerprint" else "challenge")
        assert told_without(action) == {"type": "provider_sdk", "provider": "adyen"}
        given = {"threeDSResult": result, "paymentData": action["payload"]["paymentData"]}
        asked = shop.post(f"{path}/complete_action", {"details": given})
        assert asked["status"] == status
    adyen.told("AUTHORISATION")
    books(sim)


def test_stripes_own_sdk_shows_the_challenge(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent(methods.order(shop, ROWS["ideal"]))
    body = {
        "payment_method": {"type": "card", "token": "pm_card_threeDSecure2Required", "provider_account": "stripe-us"},
        "browser": {"channel": "Android", "native_three_ds": True},
    }
    path = f"payment_intents/{intent['id']}"
    asked = shop.post(f"{path}/confirm", body)
    action, reference = asked["next_action"], asked["latest_attempt"]["provider_reference"]
    assert (action["type"], action["provider"], action["payload"]["type"]) == (
        "provider_sdk",
        "stripe",
        "use_stripe_sdk",
    )
    assert action["payload"]["client_secret"].startswith(reference)
    assert shop.get(path)["next_action"] == action, "who asks for it gets it again"
    assert told_without(action) == {"type": "provider_sdk", "provider": "stripe"}
    sim.challenge(reference, "success")
    assert shop.post(f"{path}/complete_action", {"details": {}})["status"] == "succeeded"
    books(sim)


def test_who_is_told_who_pays(shop: factories.Shop) -> None:
    intent = shop.intent(methods.order(shop, Row("NL", "EUR"), name="NOT_ENOUGH_BALANCE"))
    refused = methods.confirm(shop, intent, "card", "adyen", details=fields(holder=""))
    assert refused["last_payment_error"]["decline_code"] == "insufficient_funds", "Adyen reads it from the name"


@pytest.mark.parametrize("psp", PSPS)
def test_a_new_method_is_one_entry(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch, psp: str
) -> None:
    """The PSPs know Bizum and this catalogue does not: under a name that no other line of the code has ever heard."""
    entry = Method(
        code="sea_shells",
        family=Family.BANK_REDIRECT,
        flow=Flow.REDIRECT,
        names={"en": "Sea shells"},
        offers=dict.fromkeys(PSPS, Offer(type="bizum")),
        countries=frozenset({"ES"}),
        currencies=frozenset({"EUR"}),
        leads_in=frozenset({"ES"}),
        confirmed_by="the sea",
    )
    monkeypatch.setitem(catalogue.METHODS, "sea_shells", entry)
    [first, *_] = shop.get("payment_methods/available?amount=30000&currency=EUR&country=ES")["data"]
    assert (first["type"], first["name"], len(first["providers"])) == ("sea_shells", "Sea shells", 4)
    intent = shop.intent(methods.order(shop, Row("ES", "EUR")))
    paid = methods.pays(shop, sim, methods.confirm(shop, intent, "sea_shells", psp), psp)
    assert paid["status"] == "succeeded"
    assert PaymentAttempt.objects.get().method == "sea_shells"
    assert refund(shop, paid).status_code == 201
    factories.work()
    if psp == "adyen":
        adyen.told("REFUND")
    books(sim)
