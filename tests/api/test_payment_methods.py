"""`GET /v1/payment_methods/available`: what can be paid with, best first."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.methods import services
from payments.methods.documents import AvailableObject
from payments.rest.models import KeyKind
from tests import factories
from tests.api.conftest import refused, shaped, with_key
from tests.stories import methods

PATH = "payment_methods/available"


def test_a_page_learns_what_fits_and_how_to_begin(shop: factories.Shop) -> None:
    app = with_key(kind=KeyKind.PUBLISHABLE, scopes=())
    answer = app.call("GET", f"{PATH}?amount=3000&currency=EUR&country=NL&channel=web&locale=nl-NL")
    told = shaped(AvailableObject, answer)
    methods = {row["type"]: row for row in told["data"]}
    assert next(iter(methods)) == "ideal"
    assert {row["provider_account"] for row in methods["ideal"]["providers"]} == {
        "adyen-eu",
        "stripe-eu",
        "stripe-us",
    } & {row["provider_account"] for row in methods["card"]["providers"]}
    card = methods["card"]
    assert (card["name"], card["family"], card["flow"], card["confirmed"]) == ("Kaart", "card", "fields", "instant")
    assert card["logo"].endswith("/static/methods/card.svg")
    by_psp = {row["psp"]: row["public"] for row in card["providers"]}
    assert by_psp["stripe"]["publishable_key"].startswith("pk_")
    assert by_psp["adyen"]["environment"] == "test"
    reasons = {row["type"]: row["reason"] for row in told["unavailable"]}
    assert reasons["oxxo"] == "customers in NL do not have it"


def test_a_page_learns_which_fields_each_provider_requires(shop: factories.Shop) -> None:
    methods.everywhere()

    def required(query: str) -> dict[tuple[str, str], list[str]]:
        told = shop.get(f"{PATH}?amount=30000&{query}")["data"]
        return {(row["type"], one["psp"]): one["required"] for row in told for one in row["providers"]}

    poland, portugal = required("currency=PLN&country=PL"), required("currency=EUR&country=PT")
    assert poland["blik", "stripe"] == poland["blik", "adyen"] == ["code"]
    assert (poland["p24", "stripe"], poland["p24", "adyen"]) == ([], ["bank"])
    assert (portugal["mb_way", "stripe"], portugal["mb_way", "adyen"]) == (["phone"], ["phone", "email"])
    known = shop.post("customers", {"reference": "ana", "email": "ana@example.com"})["id"]
    assert required(f"currency=EUR&country=PT&customer={known}")["mb_way", "adyen"] == ["phone"]


def test_what_was_paid_with_in_a_country_comes_first(shop: factories.Shop) -> None:
    address = f"{PATH}?amount=3000&currency=EUR&country=NL"
    assert shop.get(address)["data"][0]["type"] == "ideal"
    services.measured([("ideal", "NL", 90, 40), ("card", "NL", 90, 70), ("card", "DE", 90, 10)])
    assert [row["type"] for row in shop.get(address)["data"]][:2] == ["card", "ideal"]
    options = shop.intent(shop.order(3000, "EUR", country="NL"))["client_options"]
    assert all(row["methods"][0] == "card" for row in options if "ideal" in row["methods"])


def test_a_customers_country_and_language_stand_in(shop: factories.Shop) -> None:
    facts = {"reference": "ana", "country": "PT", "locale": "pt-PT"}
    customer = shop.post("customers", facts)["id"]
    told = shop.get(f"{PATH}?amount=3000&currency=EUR&customer={customer}")
    assert told["data"][0]["type"] == "multibanco"
    assert next(row["name"] for row in told["data"] if row["type"] == "card") == "Cartão"
    app = with_key(kind=KeyKind.PUBLISHABLE, scopes=())
    there = app.get(f"{PATH}?amount=3000&currency=EUR&customer={customer}")
    assert there["data"][0]["type"] == "card", "an app's key tells nothing of a customer"


def test_what_is_to_be_captured_later_can_be_reserved(shop: factories.Shop) -> None:
    told = shop.get(f"{PATH}?amount=3000&currency=EUR&country=NL&capture_method=manual")
    assert "ideal" not in {row["type"] for row in told["data"]}


def test_no_query_per_method(shop: factories.Shop) -> None:
    address = f"{PATH}?amount=3000&currency=EUR&country=NL"
    shop.get(address)
    with CaptureQueriesContext(connection) as few:
        shop.get(f"{PATH}?amount=3000&currency=XPF&country=AQ")
    with CaptureQueriesContext(connection) as many:
        shop.get(address)
    assert len(many) == len(few) <= 2, [query["sql"] for query in many]


def test_refusals(shop: factories.Shop) -> None:
    refused(shop, f"GET {PATH}?currency=EUR", None, "parameter_missing", param="amount")
    refused(shop, f"GET {PATH}?amount=0&currency=EUR", None, "parameter_invalid", param="amount")
    refused(shop, f"GET {PATH}?amount=1&currency=EURO", None, "currency_unknown", param="currency")
    refused(shop, f"GET {PATH}?amount=1&currency=EUR&country=XX", None, "parameter_invalid", param="country")
    unknown = f"cus_{'0' * 32}"
    refused(shop, f"GET {PATH}?amount=1&currency=EUR&customer={unknown}", None, "customer_unknown", param="customer")
