"""Routing: repeatable, by weight, with the reason in words, and a clear refusal when nobody fits."""

from collections import Counter

import pytest

from payments.intents import routing
from payments.intents.routing import Candidate
from payments.kernel import ids

US = Candidate(code="stripe-us", countries=("US", "CA"), currencies=("USD",), weight=100)
EU = Candidate(code="stripe-eu", countries=(), currencies=("EUR", "USD"), weight=300)
ANY = Candidate(code="stripe-any", countries=(), currencies=(), weight=0)


def plan(
    *candidates: Candidate, intent: str = "pi_1", country: str = "US", currency: str = "USD", wanted: str | None = None
) -> routing.Choice:
    return routing.plan(candidates, intent_id=intent, country=country, currency=currency, wanted=wanted)


def test_the_same_intent_always_goes_the_same_way() -> None:
    intents = [ids.new("pi") for _ in range(200)]
    first = [plan(US, EU, intent=intent) for intent in intents]
    assert [plan(US, EU, intent=intent) for intent in intents] == first
    assert {choice.code for choice in first} == {"stripe-us", "stripe-eu"}


def test_a_split_is_the_same_on_every_machine() -> None:
    # SHA-256 of the id, its first 8 bytes modulo the sum of the weights: whoever changes this moves live traffic
    taken = {n for n in range(20) if plan(US, EU, intent=f"pi_{n}").code == "stripe-us"}
    assert taken == {6, 8, 11, 13, 14, 15, 17, 19}


def test_traffic_is_split_by_weight() -> None:
    taken = Counter(plan(US, EU, intent=f"pi_{n}").code for n in range(20_000))
    assert abs(taken["stripe-us"] / 20_000 - 0.25) < 0.015
    assert plan(US, EU).why in ("weight 100 of 400", "weight 300 of 400")


def test_an_account_of_weight_zero_takes_nothing_while_another_has_some() -> None:
    assert {plan(US, EU, ANY, intent=f"pi_{n}").code for n in range(2_000)} == {"stripe-us", "stripe-eu"}


def test_when_all_weigh_nothing_the_first_takes_all() -> None:
    idle = Candidate(code="idle", countries=(), currencies=(), weight=0)
    choice = plan(ANY, idle)
    assert (choice.code, choice.why) == ("stripe-any", "all weights are zero: the first account")


def test_the_only_one_that_fits_takes_it() -> None:
    choice = plan(US, EU, country="DE")
    assert (choice.code, choice.why) == ("stripe-eu", "the only account for this country and currency")


@pytest.mark.parametrize(
    ("country", "currency", "fit"),
    [
        ("US", "USD", ["stripe-us", "stripe-eu", "stripe-any"]),
        ("DE", "USD", ["stripe-eu", "stripe-any"]),
        ("US", "EUR", ["stripe-eu", "stripe-any"]),
        ("", "USD", ["stripe-us", "stripe-eu", "stripe-any"]),  # standalone: nobody knows the country
        ("JP", "JPY", ["stripe-any"]),
    ],
)
def test_who_fits(country: str, currency: str, fit: list[str]) -> None:
    assert [one.code for one in routing.fitting([US, EU, ANY], country=country, currency=currency)] == fit


def test_a_token_goes_to_the_account_that_made_it() -> None:
    choice = plan(US, EU, ANY, wanted="stripe-any")
    assert (choice.code, choice.why) == ("stripe-any", "the payment method was tokenised with this account")


@pytest.mark.parametrize(
    ("country", "currency", "wanted"),
    [("DE", "USD", "stripe-us"), ("US", "JPY", "stripe-eu"), ("US", "USD", "stripe-mars"), ("US", "USD", "")],
)
def test_a_token_does_not_travel(country: str, currency: str, wanted: str) -> None:
    with pytest.raises(routing.PaymentMethodNotAvailable) as refused:
        plan(US, EU, country=country, currency=currency, wanted=wanted)
    assert refused.value.param == "payment_method.provider_account"


@pytest.mark.parametrize("candidates", [[], [US], [US, EU]])
def test_when_nobody_fits_it_is_refused(candidates: list[Candidate]) -> None:
    with pytest.raises(routing.PaymentMethodNotAvailable) as refused:
        plan(*candidates, country="JP", currency="JPY")
    assert refused.value.detail == "No provider account takes payments in JPY from JP."
    assert refused.value.param == "payment_method"
