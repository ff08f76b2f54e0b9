"""What a browser may do with a publishable key: turn a card into a payment method, and little else."""

import json
import urllib.parse

from tests.simulator import process

CARD = urllib.parse.urlencode(
    {
        "type": "card",
        "card[number]": "4242424242424242",
        "card[exp_month]": 12,
        "card[exp_year]": 2034,
        "card[cvc]": 123,
    }
)


def browser(merchant: process.Merchant, method: str, path: str, body: str | None = None) -> process.Answer:
    headers = {"Authorization": f"Bearer pk_test_{merchant.code}", "Origin": "https://shop.example"}
    return merchant.simulator.ask(method, path, body, headers)


def test_a_page_makes_a_payment_method_and_the_server_charges_it(shared: process.Simulator) -> None:
    merchant = shared.merchant()
    settings = {"publishable_key": f"pk_test_{merchant.code}"}
    assert shared.ask("PUT", f"/_sim/accounts/{merchant.code}", settings).status == 200

    made = browser(merchant, "POST", "/v1/payment_methods", CARD)

    assert (made.status, made.headers["access-control-allow-origin"]) == (200, "*")
    intent = merchant.pay(json.loads(made.body)["id"])
    assert intent.status == "succeeded"
    secret = urllib.parse.quote(str(intent.client_secret))
    assert browser(merchant, "GET", f"/v1/payment_intents/{intent.id}?client_secret={secret}").status == 200
    assert browser(merchant, "GET", f"/v1/payment_intents/{intent.id}?client_secret=guess").status == 401
    assert browser(merchant, "GET", f"/v1/payment_intents/{intent.id}").status == 401
    assert browser(merchant, "POST", "/v1/refunds", f"payment_intent={intent.id}").status == 401
    assert merchant.v1.refunds.list().data == []


def test_a_page_confirms_with_its_client_secret(shared: process.Simulator) -> None:
    merchant = shared.merchant()
    shared.ask("PUT", f"/_sim/accounts/{merchant.code}", {"publishable_key": f"pk_test_{merchant.code}"})
    intent = merchant.v1.payment_intents.create(params={"amount": 900, "currency": "usd"})
    body = urllib.parse.urlencode({"client_secret": intent.client_secret, "payment_method": "pm_card_visa"})
    assert browser(merchant, "POST", f"/v1/payment_intents/{intent.id}/confirm", body).status == 200
    assert merchant.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_browser_asks_first(shared: process.Simulator) -> None:
    asked = shared.ask("OPTIONS", "/v1/payment_methods", headers={"Origin": "https://shop.example"})
    assert asked.status == 200
    assert "authorization" in asked.headers["access-control-allow-headers"]
