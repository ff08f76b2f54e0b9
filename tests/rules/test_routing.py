"""Routing: rules from top to bottom, repeatable splits, the reason in words, and when another provider may try."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES, Category
from payments.intents import routing
from payments.intents.routing import Book, Candidate, Facts, Plan, Rule, Shift
from payments.kernel import ids

US = Candidate(code="stripe-us", countries=("US", "CA"), currencies=("USD",), weight=100)
EU = Candidate(code="stripe-eu", countries=(), currencies=("EUR", "USD"), weight=300)
ANY = Candidate(code="stripe-any", countries=(), currencies=(), weight=0)
FACTS = Facts(intent_id="pi_1", currency="USD", country="US", amount=1999)


def plan(*candidates: Candidate, rules: tuple[Rule, ...] = (), book: Book | None = None, **facts: Any) -> Plan:
    return routing.plan(book or Book(candidates=candidates, rules=rules), replace(FACTS, **facts))


def order(found: Plan) -> list[str]:
    return [choice.code for choice in found.choices]


def rule(*split: tuple[str, int], **match: Any) -> Rule:
    return Rule(id="rule_1", name="test", split=split, **match)


# --- weights


def test_the_same_intent_always_goes_the_same_way() -> None:
    intents = [ids.new("pi") for _ in range(200)]
    first = [plan(US, EU, intent_id=intent) for intent in intents]
    assert [plan(EU, US, intent_id=intent).choices for intent in intents] == [one.choices for one in first]
    assert {found.first.code for found in first} == {"stripe-us", "stripe-eu"}


def test_a_split_is_the_same_on_every_machine() -> None:
    # SHA-256 of account and intent, its first 6 bytes as a number in (0, 1): whoever changes this moves live traffic
    taken = {n for n in range(20) if plan(US, EU, intent_id=f"pi_{n}").first.code == "stripe-us"}
    assert taken == {7, 14}


def test_traffic_is_split_by_weight_and_says_so() -> None:
    taken = Counter(plan(US, EU, intent_id=f"pi_{n}").first.code for n in range(20_000))
    assert abs(taken["stripe-us"] / 20_000 - 0.25) < 0.015
    assert {choice.why for choice in plan(US, EU).choices} == {"weight 100 of 400", "weight 300 of 400"}


@settings(max_examples=30, deadline=None)
@given(weights=st.lists(st.integers(1, 100), min_size=2, max_size=6), gone=st.integers(0, 5))
def test_when_an_account_goes_only_its_own_share_moves(weights: list[int], gone: int) -> None:
    accounts = [Candidate(code=f"a{n}", countries=(), currencies=(), weight=weight) for n, weight in enumerate(weights)]
    left = [one for n, one in enumerate(accounts) if n != gone % len(accounts)]
    for n in range(300):
        before, after = plan(*accounts, intent_id=f"pi_{n}"), plan(*left, intent_id=f"pi_{n}")
        assert [code for code in order(before) if code != f"a{gone % len(accounts)}"] == order(after)


@settings(max_examples=20, deadline=None)
@given(weights=st.lists(st.integers(1, 50), min_size=2, max_size=5))
def test_weights_are_respected(weights: list[int]) -> None:
    split = tuple((f"a{n}", weight) for n, weight in enumerate(weights))
    accounts = [Candidate(code=code, countries=(), currencies=(), weight=1) for code, _ in split]
    taken = Counter(plan(*accounts, rules=(rule(*split),), intent_id=f"pi_{n}").first.code for n in range(4_000))
    for code, weight in split:
        assert abs(taken[code] / 4_000 - weight / sum(weights)) < 0.04


def test_an_account_of_weight_zero_is_a_standby() -> None:
    assert {plan(US, EU, ANY, intent_id=f"pi_{n}").first.code for n in range(2_000)} == {"stripe-us", "stripe-eu"}
    assert plan(US, EU, ANY).choices[-1] == routing.Choice(code="stripe-any", why="standby, of weight zero")
    idle = replace(ANY, code="idle")
    assert order(plan(ANY, idle)) == ["stripe-any", "idle"], "when all weigh nothing the first takes all"


def test_the_only_one_that_fits_takes_it() -> None:
    found = plan(US, EU, country="DE")
    assert found.choices == (routing.Choice(code="stripe-eu", why="the only account for this payment"),)
    assert found.told() == {
        "next": [],
        "left_out": [{"provider_account": "stripe-us", "why": "does not serve DE"}],
    }


# --- who can


@pytest.mark.parametrize(
    ("country", "currency", "fit"),
    [
        ("US", "USD", {"stripe-us", "stripe-eu", "stripe-any"}),
        ("DE", "USD", {"stripe-eu", "stripe-any"}),
        ("US", "EUR", {"stripe-eu", "stripe-any"}),
        ("", "USD", {"stripe-us", "stripe-eu", "stripe-any"}),  # standalone: nobody knows the country
        ("JP", "JPY", {"stripe-any"}),
    ],
)
def test_who_fits(country: str, currency: str, fit: set[str]) -> None:
    assert set(order(plan(US, EU, ANY, country=country, currency=currency))) == fit


def test_who_does_not_offer_the_method_is_left_out() -> None:
    cards_only = replace(EU, takes=lambda facts: facts.method == "card")
    found = plan(US, cards_only, method="ideal")
    assert order(found) == ["stripe-us"]
    assert found.left_out == (routing.Choice(code="stripe-eu", why="does not offer ideal this way"),)


def test_a_token_goes_to_the_account_that_made_it() -> None:
    found = plan(US, EU, ANY, wanted="stripe-any", has_token=True)
    assert found.choices == (
        routing.Choice(code="stripe-any", why="the payment method was tokenised with this account"),
    )


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


@pytest.mark.parametrize("off", [{"off_methods": frozenset({"card"})}, {"off_countries": frozenset({"US"})}])
def test_what_is_switched_off_takes_nothing(off: dict[str, frozenset[str]]) -> None:
    book = Book(candidates=(US, EU), **off)  # type: ignore[arg-type]
    for wanted in (None, "stripe-us"):
        with pytest.raises(routing.PaymentMethodNotAvailable, match="switched off"):
            plan(book=book, wanted=wanted)
    assert plan(book=book, method="ideal", country="CA").choices


def test_who_is_in_trouble_comes_last_and_still_takes_what_nobody_else_can() -> None:
    book = Book(candidates=(US, EU), troubled={"stripe-eu": "its circuit is open"})
    assert {tuple(order(plan(book=book, intent_id=f"pi_{n}"))) for n in range(50)} == {("stripe-us", "stripe-eu")}
    alone = plan(book=book, country="DE")
    assert alone.first.why == "the only account for this payment; last, because its circuit is open"
    assert plan(book=book, wanted="stripe-eu").first.code == "stripe-eu", "a token has nowhere else to go"


# --- rules


@pytest.mark.parametrize(
    ("match", "yes", "no"),
    [
        ({"methods": frozenset({"card"})}, {}, {"method": "ideal"}),
        ({"currencies": frozenset({"USD"})}, {}, {"currency": "EUR"}),
        ({"countries": frozenset({"US"})}, {}, {"country": "CA"}),
        ({"amount_from": 1999}, {}, {"amount": 1998}),
        ({"amount_to": 2000}, {}, {"amount": 2000}),
        ({"brands": frozenset({"amex"})}, {"brand": "amex"}, {"brand": "visa"}),
        ({"bins": ("4111", "37")}, {"bin": "411111"}, {"bin": "421111"}),
        ({"bins": ("4111",)}, {"bin": "4111"}, {"bin": ""}),
        ({"segments": frozenset({"vip"})}, {"segment": "vip"}, {}),
        ({"channels": frozenset({"iOS"})}, {"channel": "iOS"}, {"channel": "Web"}),
    ],
)
def test_what_a_rule_matches(match: dict[str, Any], yes: dict[str, Any], no: dict[str, Any]) -> None:
    one = rule(("stripe-any", 1), **match)
    taken = plan(US, EU, ANY, rules=(one,), **yes)
    assert (taken.first.why, taken.rule, taken.arm) == ("rule test: weight 1 of 1", "rule_1", "rule")
    assert plan(US, EU, ANY, rules=(one,), **no).rule == ""


def test_rules_are_read_from_top_to_bottom_and_weights_stand_at_the_end() -> None:
    second = replace(rule(("stripe-any", 1)), id="rule_2", name="second")
    found = plan(US, EU, ANY, rules=(rule(("stripe-us", 1)), second))
    assert [choice.why for choice in found.choices] == [
        "rule test: weight 1 of 1",
        "rule second: weight 1 of 1",
        "weight 300 of 300",
    ]
    assert found.rule == "rule_1"


def test_a_rule_whose_accounts_cannot_leaves_it_to_the_next() -> None:
    found = plan(US, EU, rules=(rule(("stripe-us", 1)),), country="DE")
    assert (order(found), found.rule) == (["stripe-eu"], "")


def test_a_rule_that_blocks_ends_the_list_where_it_stands() -> None:
    block = replace(rule(), name="no gift cards")
    assert order(plan(US, EU, rules=(rule(("stripe-us", 1)), block))) == ["stripe-us"]
    for wanted in (None, "stripe-eu"):
        with pytest.raises(routing.PaymentMethodNotAvailable, match="no gift cards"):
            plan(US, EU, rules=(block,), wanted=wanted)


def test_a_share_is_spared_to_compare_with() -> None:
    one = rule(("stripe-any", 1), control_percent=20)
    found = [plan(US, EU, ANY, rules=(one,), intent_id=f"pi_{n}") for n in range(5_000)]
    spared = [each for each in found if each.arm == "control"]
    assert abs(len(spared) / 5_000 - 0.2) < 0.02
    assert {each.first.code for each in spared} == {"stripe-us", "stripe-eu"}
    assert {each.rule for each in found} == {"rule_1"}


# --- failover


@pytest.mark.parametrize(
    ("outcome", "may"),
    [
        *((Outcome(verdict=verdict), verdict is Verdict.UNAVAILABLE) for verdict in Verdict),
        *(
            (
                Outcome(verdict=Verdict.DECLINED, decline=decline),
                decline.category is Category.SOFT and code not in routing.NO_MONEY,
            )
            for code, decline in DECLINES.items()
        ),
    ],
)
def test_when_another_provider_may_try(outcome: Outcome, may: bool) -> None:  # noqa: FBT001
    assert routing.may_fail_over(outcome) is may


def test_at_most_two_providers_are_asked_and_the_second_says_why() -> None:
    unavailable = Outcome(verdict=Verdict.UNAVAILABLE)
    first = plan(US, EU, ANY)
    second = first.after(unavailable)
    assert second is not None
    assert second.first.why == f"{first.first.code} could not be reached; {first.choices[1].why}"
    assert second.after(unavailable) is None
    assert first.after(Outcome(verdict=Verdict.UNKNOWN)) is None


@pytest.mark.parametrize("tied", [{"has_token": True}, {"wanted": "stripe-us"}])
def test_what_was_made_for_one_provider_does_not_move_on(tied: dict[str, Any]) -> None:
    assert plan(US, EU, **tied).after(Outcome(verdict=Verdict.UNAVAILABLE)) is None


def test_the_last_of_a_plan_has_nobody_after_it() -> None:
    assert plan(EU).after(Outcome(verdict=Verdict.UNAVAILABLE)) is None


# --- payments that go elsewhere for a while

BEGAN = datetime(2026, 11, 3, 12, tzinfo=UTC)


def shift(share: float = 0, **narrowed: str) -> Shift:
    return Shift(id="shift_1", account="stripe-eu", share=share, because="it is dark", since=BEGAN, **narrowed)


def shifted(*shifts: Shift, rules: tuple[Rule, ...] = (), **facts: Any) -> Plan:
    return routing.plan(Book(candidates=(US, EU), rules=rules, shifts=shifts), replace(FACTS, **facts))


def test_a_shifted_account_comes_last_and_it_is_said_why() -> None:
    by_weight = [plan(US, EU, intent_id=f"pi_{n}").first.code for n in range(200)]
    found = [shifted(shift(), intent_id=f"pi_{n}") for n in range(200)]

    assert "stripe-eu" in by_weight
    assert {order(one)[0] for one in found} == {"stripe-us"}
    assert {one.choices[1].why for one in found} == {
        "weight 300 of 400; last, because its payments go elsewhere: it is dark"
    }


def test_a_share_of_them_tries_it_again_always_the_same_and_more_as_it_grows() -> None:
    def keeps(share: float) -> set[int]:
        return {n for n in range(5_000) if order(shifted(shift(share), intent_id=f"pi_{n}"))[0] == "stripe-eu"}

    would = {n for n in range(5_000) if plan(US, EU, intent_id=f"pi_{n}").first.code == "stripe-eu"}
    none, few, some, all_ = keeps(0), keeps(0.01), keeps(0.1), keeps(1)

    assert none == set()
    assert few < some < all_ == would
    assert abs(len(few) / len(would) - 0.01) < 0.006
    assert abs(len(some) / len(would) - 0.1) < 0.02


def test_a_payment_that_nobody_else_takes_goes_there_anyway() -> None:
    assert order(shifted(shift(), country="DE")) == ["stripe-eu"]
    assert order(shifted(shift(), wanted="stripe-eu", has_token=True)) == ["stripe-eu"]


def test_only_what_matches_goes_elsewhere() -> None:
    where = {f"pi_{n}" for n in range(100) if plan(US, EU, intent_id=f"pi_{n}").first.code == "stripe-eu"}
    for other in (shift(method="ideal"), shift(country="CA"), shift(currency="EUR")):
        found = [shifted(other, intent_id=intent) for intent in where]
        assert {order(one)[0] for one in found} == {"stripe-eu"}, other
    assert {order(shifted(shift(country="US", method="card"), intent_id=one))[0] for one in where} == {"stripe-us"}


def test_people_win() -> None:
    ours = rule(("stripe-eu", 1))
    older, newer = replace(ours, since=BEGAN - timedelta(days=1)), replace(ours, since=BEGAN + timedelta(minutes=1))

    assert order(shifted(shift(), rules=(older,))) == ["stripe-us", "stripe-eu"]
    assert order(shifted(shift(), rules=(newer,))) == ["stripe-eu", "stripe-us"], "who says so now knows better"
    with pytest.raises(routing.PaymentMethodNotAvailable):
        shifted(shift(), rules=(replace(newer, split=()),))
    off = Book(candidates=(EU,), shifts=(shift(),), off_methods=frozenset({"card"}))
    with pytest.raises(routing.PaymentMethodNotAvailable):
        routing.plan(off, FACTS)


def test_who_fails_now_comes_behind_who_is_spared() -> None:
    book = Book(candidates=(US, EU), shifts=(shift(),), troubled={"stripe-us": "its circuit is open"})

    assert [order(routing.plan(book, FACTS))[0]] == ["stripe-eu"]
