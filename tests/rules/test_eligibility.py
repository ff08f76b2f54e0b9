"""Which methods fit a payment: best first, with the reason why another one does not."""

import pytest

from payments.methods import catalogue, eligibility
from payments.methods.eligibility import Account, Facts, Offered

EU = Account(code="stripe-eu", psp="stripe")
ADYEN = Account(code="adyen-eu", psp="adyen", currencies=frozenset({"EUR"}), countries=frozenset({"NL", "BE"}))


def offered(*accounts: Account, amount: int = 3000, currency: str = "EUR", **facts: object) -> Offered:
    asked = Facts(amount=amount, currency=currency, **facts)  # type: ignore[arg-type]
    return eligibility.offered(asked, accounts or (EU, ADYEN), catalogue.METHODS)


def codes(found: Offered) -> list[str]:
    return [fit.method.code for fit in found.fits]


@pytest.mark.parametrize(
    ("country", "currency", "first"),
    [
        ("NL", "EUR", "ideal"),
        ("BE", "EUR", "bancontact"),
        ("PL", "PLN", "blik"),
        ("PT", "EUR", "multibanco"),
        ("BR", "BRL", "pix"),
        ("IN", "INR", "upi"),
        ("US", "USD", "card"),
        ("", "EUR", "card"),
    ],
)
def test_what_leads_in_a_country_comes_first(country: str, currency: str, first: str) -> None:
    assert codes(offered(EU, country=country, currency=currency))[0] == first


MEASURED = [
    ("card", "NL", 400, 340),
    ("card", "", 9_000, 8_100),
    ("klarna", "NL", eligibility.LEAST_TRIED, 47),
    ("paypal", "NL", eligibility.LEAST_TRIED - 1, 49),
    ("paypal", "", 700, 651),
    ("ideal", "NL", 700, 609),
]


def ranked(country: str, *counted: tuple[str, str, int, int]) -> list[str]:
    facts = Facts(amount=3000, currency="EUR", country=country)
    return codes(eligibility.offered(facts, [EU], catalogue.METHODS, eligibility.shares(counted)))


def test_what_customers_of_the_country_pay_with_comes_first() -> None:
    best = ["klarna", "paypal", "ideal", "card"]
    assert ranked("NL", *MEASURED)[:4] == best, "94, 93 (everywhere: too few tries in NL), 87, 85 per cent"
    assert ranked("NL", *reversed(MEASURED)) == ranked("NL", *MEASURED), "the same in whatever order it was counted"
    assert sorted(ranked("NL", *MEASURED)) == sorted(ranked("NL")), "nothing is lost"


def test_where_a_country_says_too_little_all_countries_speak() -> None:
    assert ranked("FR", *MEASURED)[:2] == ["paypal", "card"]
    assert ranked("", *MEASURED)[:2] == ["paypal", "card"], "nor is a country known"


def test_what_leads_in_a_country_is_tried_before_it_is_judged() -> None:
    young = ("ideal", "NL", eligibility.LEAST_TRIED - 1, 0)
    assert ranked("NL", young, *MEASURED[:-1])[:2] == ["ideal", "klarna"]
    bad = ("ideal", "NL", eligibility.LEAST_TRIED, 1)
    assert ranked("NL", bad, *MEASURED[:-1])[:4] == ["klarna", "paypal", "card", "ideal"]


def test_equals_stand_as_the_catalogue_has_them_and_what_leads_before() -> None:
    equal = [(code, "NL", 1_000, 801 + place) for place, code in enumerate(("ideal", "klarna", "card", "paypal"))]
    assert ranked("NL", *equal)[:4] == ["ideal", "card", "paypal", "klarna"], "tenths of a per cent are noise"


def test_countries_currencies_and_channels_rule_out() -> None:
    found = offered(country="NL", channel="android")
    assert "google_pay" in codes(found)
    assert found.why_not("apple_pay") == "it does not work on android"
    assert found.why_not("oxxo") == "customers in NL do not have it"
    assert offered(country="PL").why_not("blik") == "it is not paid in EUR"
    assert found.why_not("ideal") == ""


def test_where_the_country_is_not_known_it_rules_nothing_out() -> None:
    assert {"ideal", "bancontact", "multibanco"} <= set(codes(offered()))


@pytest.mark.parametrize(("amount", "fits"), [(999, False), (1_000, True), (1_000_000, True), (1_000_001, False)])
def test_an_amount_has_to_be_within_the_limits(amount: int, fits: bool) -> None:  # noqa: FBT001
    found = offered(EU, amount=amount, currency="MXN", country="MX")
    assert ("oxxo" in codes(found)) is fits
    assert fits or found.why_not("oxxo") == "it takes from 10.00 MXN to 10,000.00 MXN".replace(",", "")


def test_what_cannot_be_reserved_is_not_offered_for_a_later_capture() -> None:
    found = offered(country="NL", manual_capture=True)
    assert codes(found) == ["card", "apple_pay", "google_pay", "paypal", "klarna", "sepa_debit"]
    assert found.accounts("paypal") == {"stripe-eu"}
    assert found.accounts("sepa_debit") == {"adyen-eu"}
    assert found.why_not("paypal", "adyen-eu") == "the amount cannot be reserved and captured later"
    assert found.why_not("ideal") == "no account: the amount cannot be reserved and captured later"


def test_an_account_takes_what_it_is_for() -> None:
    found = offered(country="DE")
    assert found.accounts("card") == {"stripe-eu"}
    assert found.why_not("card", "adyen-eu") == "it takes no payments from DE"
    dollars = offered(currency="USD", country="NL")
    assert dollars.why_not("card", "adyen-eu") == "it takes no payments in USD"
    mute = Account(code="stripe-us", psp="stripe", says=False)
    assert offered(mute).why_not("card") == "no account: it takes no payments in EUR"
    assert offered(Account(code="bank", psp="bank")).why_not("card") == "no account: its provider does not offer it"
    nothing = eligibility.offered(Facts(amount=1, currency="EUR"), (), catalogue.METHODS)
    assert nothing.why_not("card") == "no provider account is enabled"
