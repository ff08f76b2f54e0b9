"""`POST /v1/payment_intents/{id}/confirm` with any method: what is not offered is refused."""

import pytest

from payments.intents.models import PaymentAttempt
from tests import factories
from tests.api.conftest import refused


def confirm(intent: dict[str, object]) -> str:
    return f"POST payment_intents/{intent['id']}/confirm"


def method(type_: str, **facts: object) -> dict[str, object]:
    return {"payment_method": {"type": type_, **facts}}


@pytest.mark.parametrize(
    ("order", "body", "why", "param"),
    [
        ({"country": "NL"}, method("oxxo"), "customers in NL do not have it", "payment_method"),
        ({"currency": "USD", "country": "NL"}, method("ideal"), "it is not paid in USD", "payment_method"),
        (
            {"amount": 1_000_001, "currency": "MXN", "country": "MX"},
            method("oxxo"),
            "it takes from 10.00 MXN to 10000.00 MXN",
            "payment_method",
        ),
        (
            {"country": "US"},
            method("card", details={"holderName": "Ada"}, provider_account="adyen-eu"),
            "it takes no payments from US",
            "payment_method.provider_account",
        ),
        (
            {"country": "NL"},
            method("ideal", provider_account="stripe-mars"),
            "there is no enabled account stripe-mars",
            "payment_method.provider_account",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(
    shop: factories.Shop, order: dict[str, object], body: dict[str, object], why: str, param: str
) -> None:
    facts = {"amount": 3000, "currency": "EUR", **order}
    intent = shop.intent(shop.order(**facts))  # type: ignore[arg-type]
    problem = refused(shop, confirm(intent), body, "payment_method_not_available", param=param)
    assert why in problem["detail"]
    offered = {row["type"]: row["provider_accounts"] for row in problem["available"]}
    assert "stripe-us" in offered["card"]
    assert not PaymentAttempt.objects.exists()


def test_what_cannot_be_reserved_is_refused(shop: factories.Shop) -> None:
    intent = shop.intent(shop.order(3000, "EUR", country="NL"), capture_method="manual")
    problem = refused(shop, confirm(intent), method("ideal"), "payment_method_not_available", param="payment_method")
    assert "cannot be reserved" in problem["detail"]


def test_an_app_says_where_it_runs(shop: factories.Shop) -> None:
    intent = shop.intent(shop.order(3000, "EUR", country="NL"))
    body = {**method("apple_pay", token="pm_card_visa"), "browser": {"channel": "Android"}}
    problem = refused(shop, confirm(intent), body, "payment_method_not_available", param="payment_method")
    assert "it does not work on android" in problem["detail"]


def test_a_token_is_for_the_provider_that_made_it(shop: factories.Shop) -> None:
    intent = shop.intent(shop.order(3000, "EUR", country="NL"))
    code, param = "token_of_another_provider", "payment_method.token"
    for token, account in (("pm_card_visa", "adyen-eu"), ("8415718415717835", "stripe-eu")):
        refused(shop, confirm(intent), method("card", token=token, provider_account=account), code, param=param)
    dollars = shop.intent(shop.order(3000, "USD"))
    refused(shop, confirm(dollars), method("card", token="ABCDEFGHIJKLMNOP"), code, param=param)
    path = f"payment_intents/{intent['id']}/confirm"
    paid = shop.post(path, method("card", token="pm_card_visa"))
    assert paid["latest_attempt"]["provider_account"].startswith("stripe"), "the token decides"


def test_fields_have_to_be_filled_in_where_there_are_any(shop: factories.Shop) -> None:
    intent = shop.intent(shop.order(3000, "EUR", country="NL"))
    refused(shop, confirm(intent), method("card"), "parameter_missing", param="payment_method")
    refused(shop, confirm(intent), method("sea_shells"), "parameter_invalid", param="payment_method.type")
    path = f"payment_intents/{intent['id']}/confirm"
    waiting = shop.post(path, {**method("ideal"), "return_url": "https://shop.example/done"})
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "redirect")
