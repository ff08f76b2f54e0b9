"""Nonsense is answered with an error of the request, never with a failure of the simulator."""

import itertools
from typing import Any

import pytest

from tests.simulator.adyen.merchant import Merchant, card

NONSENSE: list[Any] = [None, "", "x", "ä" * 300, 0, -1, 10**30, 1.5, True, [], [1], {}, {"a": [1]}]
FIELDS = [
    *("amount", "reference", "returnUrl", "paymentMethod", "shopperReference", "captureDelayHours", "additionalData"),
    *("metadata", "shopperName", "storePaymentMethod", "authenticationData", "shopperInteraction", "countryCode"),
    *("merchantAccount", "idempotencyKey"),
]
PATHS = ["/payments/{psp}/captures", "/payments/{psp}/refunds", "/payments/{psp}/amountUpdates"]


def sensible(merchant: Merchant, path: str, body: dict[str, Any]) -> None:
    answer = merchant.ask("POST", path, {"merchantAccount": merchant.name, **body})
    understood = answer.status in {200, 201, 400, 403, 422}
    assert understood or answer.json()["errorCode"] == "905_1", (path, body, answer.body)


@pytest.mark.parametrize("field", FIELDS)
def test_payments(merchant: Merchant, field: str) -> None:
    for value in NONSENSE:
        sensible(merchant, "/payments", {**merchant.wish(), field: value})


@pytest.mark.parametrize("field", [*card(), "holderName", "storedPaymentMethodId", "number", "issuer"])
def test_payment_methods(merchant: Merchant, field: str) -> None:
    for value in NONSENSE:
        sensible(merchant, "/payments", merchant.wish({**card(), field: value}, shopperReference="cus_1"))
    for value in NONSENSE:
        sensible(merchant, "/payments", merchant.wish({"type": "applepay", "applePayToken": value}))


def test_amounts(merchant: Merchant) -> None:
    for value, currency in itertools.product(NONSENSE, NONSENSE[:8]):
        sensible(merchant, "/payments", merchant.wish(amount={"value": value, "currency": "EUR"}))
        sensible(merchant, "/payments", merchant.wish(amount={"value": 100, "currency": currency}))


def test_modifications(merchant: Merchant) -> None:
    psp = merchant.hold()
    for path, value in itertools.product(PATHS, NONSENSE):
        sensible(merchant, path.format(psp=psp), {"amount": value})
        sensible(merchant, path.format(psp=psp), {"amount": {"value": 100, "currency": "EUR"}, "reference": value})
    for value in NONSENSE:
        sensible(merchant, "/cancels", {"paymentReference": value})
        sensible(merchant, f"/payments/{psp}/cancels", {"reference": value})


def test_the_rest(merchant: Merchant) -> None:
    for value in NONSENSE:
        sensible(merchant, "/payments/details", {"details": value})
        for name in ("redirectResult", "threeDSResult"):
            sensible(merchant, "/payments/details", {"details": {name: value}, "paymentData": value})
        for name in ("amount", "countryCode", "shopperReference", "allowedPaymentMethods", "blockedPaymentMethods"):
            sensible(merchant, "/paymentMethods", {name: value})
        for name in ("amount", "reference", "returnUrl", "mode", "metadata"):
            wish = {"amount": {"value": 1, "currency": "EUR"}, "reference": "r", "returnUrl": "https://shop.example"}
            answer = merchant.ask("POST", "/sessions", {"merchantAccount": merchant.name, **wish, name: value})
            assert answer.status in {201, 400, 422}, answer.body
