"""`POST /v1/payment_intents/{id}/confirm` with any method: what is not offered is refused."""

import pytest

from payments.gateway.models import ProviderCall
from payments.intents.models import PaymentAttempt
from tests import factories
from tests.api.conftest import refused
from tests.stories import methods


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


@pytest.mark.parametrize(
    ("order", "body", "param", "required"),
    [
        ({"country": "PL", "currency": "PLN"}, method("blik"), "code", ["code"]),
        ({"country": "PL", "currency": "PLN"}, method("blik", details={"code": ""}), "code", ["code"]),
        ({"country": "PL", "currency": "PLN"}, method("blik", token="pm_1", provider_account="stripe-us"), "code",
         ["code"]),
        ({"country": "PT"}, method("mb_way"), "phone", ["phone"]),
        ({"country": "PT"}, method("mb_way", details={"phone": "+351912345678"}, provider_account="adyen-eu"), "email",
         ["email"]),
        ({"country": "PL"}, method("p24", provider_account="adyen-eu"), "bank", ["bank"]),
        ({"country": "BR", "currency": "BRL"}, method("boleto", provider_account="adyen-eu"), "tax_id", ["tax_id"]),
        ({"country": "BR", "currency": "BRL"}, method("boleto", provider_account="stripe-us"), "tax_id",
         ["tax_id", "name", "email", "address", "city", "state", "postal_code"]),
        ({"country": "IN", "currency": "INR"}, method("upi", provider_account="adyen-eu"), "upi_id", ["upi_id"]),
        ({"country": "DE"}, method("sepa_debit", details={"holder_name": "Ada"}, provider_account="adyen-eu"), "iban",
         ["iban"]),
        ({"country": "JP", "currency": "JPY"}, method("konbini", provider_account="adyen-eu"), "first_name",
         ["first_name", "last_name", "email", "phone"]),
        ({"country": "MX", "currency": "MXN"}, method("oxxo", provider_account="stripe-us"), "name", ["name", "email"]),
        ({"country": "BE"}, method("bancontact", provider_account="stripe-us"), "holder_name", ["holder_name"]),
        ({"country": "US"}, method("google_pay", details={"x": "y"}, provider_account="adyen-eu"), "googlePayToken",
         ["googlePayToken"]),
    ],
)  # fmt: skip
def test_what_a_provider_requires_is_asked_for_before_any_provider_is(
    shop: factories.Shop, order: dict[str, object], body: dict[str, object], param: str, required: list[str]
) -> None:
    methods.everywhere()
    intent = shop.intent(shop.order(**{"amount": 30_000, "currency": "EUR", **order}))  # type: ignore[arg-type]
    said = f"payment_method.details.{param}"
    problem = refused(shop, confirm(intent), body, "payment_method_details_required", param=said)
    assert problem["required"] == required
    assert not PaymentAttempt.objects.exists()
    assert not ProviderCall.objects.exists()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "requires_payment_method"


def test_the_provider_that_has_what_it_needs_is_asked(shop: factories.Shop) -> None:
    methods.everywhere()
    intent = shop.intent(shop.order(30_000, "PLN", country="PL"))
    body = {**method("p24"), "return_url": "https://shop.example/done"}
    paid = shop.post(f"payment_intents/{intent['id']}/confirm", body)
    assert paid["latest_attempt"]["provider_account"].startswith("stripe"), "Adyen wants to know the bank"


def test_what_the_customers_record_says_is_not_asked_for(shop: factories.Shop) -> None:
    methods.everywhere()
    known = shop.post("customers", {"reference": "ada", "email": "ada@example.com", "name": "Ada Lovelace"})["id"]
    intent = shop.intent(shop.order(30_000, "MXN", country="MX", customer=known))
    body = method("oxxo", provider_account="stripe-us")
    waiting = shop.post(f"payment_intents/{intent['id']}/confirm", body)
    assert waiting["next_action"]["type"] == "voucher"
