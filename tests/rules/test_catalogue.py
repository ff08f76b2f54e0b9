"""The catalogue: every method is complete, and promises nothing that its provider does not."""

import json
from typing import Any

import pytest

from payments.connectors.adyen import requests
from payments.kernel import money
from payments.methods import catalogue
from payments.methods.catalogue import Flow, Method
from payments.rest import countries
from tests.conftest import ROOT

CODES = (
    "card", "apple_pay", "google_pay", "paypal", "klarna", "ideal", "bancontact", "sepa_debit", "blik", "p24",
    "multibanco", "mb_way", "twint", "boleto", "pix", "oxxo", "konbini", "alipay", "wechat_pay", "upi", "cashapp",
)  # fmt: skip
NO_REFUNDS = {"boleto", "oxxo", "konbini"}
SPECS = ROOT.parent / "shared/reference/specs"


@pytest.fixture(params=CODES)
def method(request: pytest.FixtureRequest) -> Method:
    return catalogue.METHODS[request.param]


def test_the_first_set_is_there_with_both_providers() -> None:
    assert sorted(catalogue.METHODS) == sorted(CODES)
    assert all(set(method.offers) == {"adyen", "stripe"} for method in catalogue.METHODS.values())


def test_a_method_is_complete(method: Method) -> None:
    assert method.countries <= countries.ALPHA_2
    assert method.currencies | method.limits.keys() <= money.IN_USE
    assert method.leads_in <= (method.countries or countries.ALPHA_2)
    assert method.name("xx") == method.name("en-GB") == method.names["en"]
    assert (ROOT / "payments/static" / method.logo_path).read_text().startswith("<svg")
    assert all(low < high for low, high in method.limits.values())


def test_what_is_allowed_hangs_together(method: Method) -> None:
    for offer in method.offers.values():
        assert offer.manual_capture or not (offer.partial_capture or offer.multiple_captures or offer.extends)
        assert offer.refund or not offer.partial_refund
        assert offer.partial_refund or not offer.multiple_refunds
        assert offer.refund is (method.code not in NO_REFUNDS)
        assert not offer.expires_after_days or method.flow is Flow.VOUCHER


def test_what_is_required_can_be_handed_over(method: Method) -> None:
    for offer in method.offers.values():
        assert set(offer.each_time) <= set(offer.requires) <= offer.fields.keys()
        everything = dict.fromkeys(offer.requires, "said")
        assert offer.missing({}, {}, token=False) == list(offer.requires)
        assert offer.missing({}, everything, token=False) == offer.missing({}, everything, token=True) == []
        assert offer.missing({}, {}, token=True) == list(offer.each_time)
        if offer.requires:
            first, *rest = offer.requires
            assert offer.missing({}, {**dict.fromkeys(rest, "said"), first: ""}, token=False) == [first]


def test_what_the_customers_record_says_need_not_be_said_again() -> None:
    offer = catalogue.offer("konbini", "adyen")
    known = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}
    assert offer.missing(known, {}, token=False) == ["phone"]
    assert offer.missing({}, {"firstName": "Ada", "lastName": "L", "phone": "1"}, token=False) == ["email"]


@pytest.mark.parametrize(
    ("code", "limits", "window"),
    [
        ("multibanco", {"EUR": (50, 9_999_900)}, 365),
        ("mb_way", {"EUR": (50, 500_000)}, 365),
        ("twint", {"CHF": (1, 500_000)}, 180),
        ("upi", {"INR": (100, 10_000_000)}, 60),
        ("boleto", {"BRL": (500, 4_999_999)}, None),
        ("oxxo", {"MXN": (1_000, 1_000_000)}, None),
        ("konbini", {"JPY": (120, 300_000)}, None),
        ("pix", {}, 90),
        ("alipay", {}, 90),
        *((code, {}, 180) for code in ("paypal", "klarna", "ideal", "bancontact", "sepa_debit", "p24", "wechat_pay")),
    ],
)
def test_limits_and_windows_are_those_of_the_providers_pages(
    code: str, limits: dict[str, tuple[int, int]], window: int | None
) -> None:
    method = catalogue.METHODS[code]
    assert (method.limits, method.refund_window_days) == (limits, window)


def test_names_are_said_in_the_customers_language() -> None:
    card = catalogue.METHODS["card"]
    names = [card.name(locale) for locale in ("en", "de-AT", "fr", "es", "nl", "pt_BR", "pl", "ja")]
    assert names == ["Card", "Karte", "Carte", "Tarjeta", "Kaart", "Cartão", "Karta", "カード"]


def test_a_method_that_nobody_knows_promises_nothing() -> None:
    offer = catalogue.offer("sea_shells", "stripe")
    assert not any([offer.manual_capture, offer.refund, offer.partial_refund, offer.type])
    assert catalogue.offer("card", "a bank").type == ""


def _document(name: str) -> Any:
    path = SPECS / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return json.loads(path.read_text())


def test_stripe_knows_every_type_and_reserves_what_it_says_it_does(method: Method) -> None:
    spec: Any = _document("stripe-payments.endive-overlay.openapi.json")
    form = spec["paths"]["/v1/payment_intents/{intent}/confirm"]["post"]["requestBody"]["content"]
    asked = form["application/x-www-form-urlencoded"]["schema"]["properties"]
    offer = method.offers["stripe"]
    options = json.dumps(asked["payment_method_options"]["properties"][offer.type])
    assert offer.type in {*asked["payment_method_data"]["properties"]["type"]["enum"], "card"}
    assert offer.manual_capture is ('"capture_method"' in options)
    assert not offer.expires_after_days or '"expires_after_days"' in options


def test_adyen_gets_what_it_requires(method: Method) -> None:
    spec: Any = _document("adyen-checkout.openapi.json")
    offer = method.offers["adyen"]
    wanted = {
        f"paymentMethod.{name}"
        for schema in spec["components"]["schemas"].values()
        if offer.type in schema.get("properties", {}).get("type", {}).get("enum", ())
        for name in schema.get("required", ())
        if name != "type"
    }
    assert wanted <= {offer.fields[name] for name in offer.requires}


def test_what_adyen_holds_for_longer_is_what_was_pre_authorised() -> None:
    offers = [method.offers["adyen"] for method in catalogue.METHODS.values() if "adyen" in method.offers]
    assert {offer.type for offer in offers if offer.extends} == requests.PRE_AUTHORISED
