"""Which findings are one incident: a provider that is down is one, and what has nothing to do with it stays apart."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from payments.kernel.attention import Severity
from payments.kernel.errors import Bug
from reporting.models.incidents import IncidentKind as K
from reporting.uptime import grouping
from reporting.uptime.findings import Finding, common, place, within
from reporting.uptime.grouping import Group, Known

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def found(kind: K = K.APPROVAL_DROP, lost: int = 0, severity: Severity = Severity.SOON, **scope: str) -> Finding:
    return Finding(kind, scope, severity, NOON, {"EUR": lost} if lost else {}, {"seen": 1.0}, f"{kind} {place(scope)}")


def known(number: int, kind: K = K.APPROVAL_DROP, **scope: str) -> Known:
    return Known(f"inc_{number}", kind, scope)


def told(groups: list[Group]) -> set[tuple[str, str, int, tuple[str, ...]]]:
    return {(str(g.kind), place(g.scope), len(g.found), tuple(one.id for one in g.known)) for g in groups}


def test_what_has_nothing_in_common_stays_apart() -> None:
    groups = grouping.gather([found(account="a", method="ideal"), found(account="b", method="card")], [])

    assert told(groups) == {
        ("approval_drop", "at a, by ideal", 1, ()),
        ("approval_drop", "at b, by card", 1, ()),
    }


def test_what_lies_in_an_open_one_is_that_one() -> None:
    groups = grouping.gather([found(account="a", method="ideal")], [known(1, account="a")])

    assert told(groups) == {("approval_drop", "at a", 1, ("inc_1",))}


def test_a_wider_finding_takes_in_the_narrow_ones_and_the_first_lives_on() -> None:
    open_ = [known(2, account="a", country="DE"), known(1, account="a", method="ideal")]
    groups = grouping.gather([found(account="a")], open_)

    assert told(groups) == {("approval_drop", "at a", 1, ("inc_1", "inc_2"))}


def test_who_stands_there_already_lives_on() -> None:
    open_ = [known(1, account="a", method="ideal"), known(2, K.OUTAGE, account="a")]
    groups = grouping.gather([found(K.OUTAGE, account="a")], open_)

    assert told(groups) == {("outage", "at a", 1, ("inc_2", "inc_1"))}


def test_a_provider_that_is_dark_is_one_incident_whatever_is_wrong_with_it() -> None:
    dark = [
        found(K.OUTAGE, account="a"),
        found(K.UNAVAILABLE, account="a"),
        found(K.APPROVAL_DROP, account="a", method="card"),
        found(K.SLOW, account="a"),
        found(K.WEBHOOK_SILENCE, account="a"),
        found(K.RECOVERY_BACKLOG, account="a"),
    ]
    assert told(grouping.gather(dark, [])) == {("outage", "at a", 6, ())}


def test_what_explains_nothing_takes_nothing_in() -> None:
    groups = grouping.gather(
        [found(K.WEBHOOK_SILENCE, account="a"), found(K.APPROVAL_DROP, account="a", method="ideal"),
         found(K.QUEUE_LAG), found(K.SETTLEMENT_LATE, account="a")],
        [],
    )  # fmt: skip
    assert len(groups) == 4


def test_a_slow_provider_is_not_the_reason_of_declines_in_one_method() -> None:
    groups = grouping.gather([found(K.SLOW, account="a"), found(K.APPROVAL_DROP, account="a", method="ideal")], [])

    assert len(groups) == 2


def test_many_narrow_ones_are_what_they_share() -> None:
    flood = [found(account="a", method=m, country=c) for m in ("card", "ideal", "klarna") for c in ("DE", "FR", "NL")]
    groups = grouping.gather([*flood, found(account="b", method="card")], [])

    assert told(groups) == {("approval_drop", "at a", 9, ()), ("approval_drop", "at b, by card", 1, ())}


def test_a_flood_that_trickles_in_is_one_too() -> None:
    open_ = [known(1, account="a", method="ideal"), known(2, account="a", method="card", country="DE")]
    now = [found(account="a", method="ideal"), found(account="a", method="card", country="DE"),
           found(account="a", method="klarna", country="NL")]  # fmt: skip

    assert told(grouping.gather(now, open_)) == {("approval_drop", "at a", 3, ("inc_1", "inc_2"))}


def test_quiet_ones_are_not_drawn_into_a_flood() -> None:
    open_ = [known(1, account="a", method="ideal"), known(2, account="a", method="klarna")]
    groups = grouping.gather([found(account="a", method="card")], open_)

    assert len(groups) == 3
    assert sum(not group.found for group in groups) == 2


def test_no_more_than_a_few_new_ones_a_round() -> None:
    many = [found(K.DELIVERY_LAG, account=f"a{number}") for number in range(20)]
    lone = found(K.QUEUE_LAG)

    assert told(grouping.gather([*many, lone], [])) == {
        ("delivery_lag", "everywhere", 20, ()),
        ("queue_lag", "everywhere", 1, ()),
    }


def test_of_too_many_kinds_all_are_one() -> None:
    kinds = (K.WEBHOOK_SILENCE, K.QUEUE_LAG, K.DELIVERY_LAG, K.SETTLEMENT_LATE, K.RECOVERY_BACKLOG, K.CARD_TESTING)
    groups = grouping.gather([found(kind, account="a") for kind in kinds], [])

    assert [(group.scope, len(group.found)) for group in groups] == [({"account": "a"}, 6)]


def test_the_order_of_findings_does_not_matter() -> None:
    everything = [found(account="a", method="card", country="DE"), found(K.OUTAGE, account="b"),
                  found(K.SLOW, account="b", method="card"), found(account="a"), found(K.CARD_TESTING, country="DE"),
                  found(method="ideal"), found(account="c", method="ideal")]  # fmt: skip
    open_ = [known(1, account="b"), known(2, method="ideal", country="NL")]
    first = told(grouping.gather(everything, open_))

    for seed in range(20):
        random.Random(seed).shuffle(everything)
        assert told(grouping.gather(everything, open_)) == first


def test_hundreds_of_findings_are_gathered_at_once() -> None:
    flood = [found(account="a", method=f"m{m}", country=f"c{c}", currency="EUR") for m in range(20) for c in range(25)]

    assert told(grouping.gather(flood, [])) == {("approval_drop", "at a, in EUR", 500, ())}


def test_nothing_that_was_not_approved_counts_twice() -> None:
    of_one = [found(account="a", lost=900), found(account="a", method="ideal", lost=300),
              found(account="b", lost=100), found(account="b", country="NL", lost=100)]  # fmt: skip

    assert grouping.per_minute(of_one) == {"EUR": 1000}
    assert grouping.per_minute([found()]) == {}


def by_place(**lost: float) -> Finding:
    """Found by card, with what is lost at each account."""
    places: dict[tuple[str, ...], float] = {(account, "card", "NL", "EUR"): minor for account, minor in lost.items()}
    whole = {"EUR": round(sum(lost.values()))}
    return Finding(K.OUTAGE, {"method": "card"}, Severity.URGENT, NOON, whole, by_place=places)


def test_of_what_goes_elsewhere_only_what_stays_is_lost_and_where_it_has_gone_all_of_it() -> None:
    gone = [({"account": "a"}, Decimal("0.1"))]

    def lost(*ill: Finding) -> int:
        return grouping.per_minute(ill, gone).get("EUR", 0)

    assert lost(found(account="a", lost=900)) == lost(found(account="a", method="card", lost=900)) == 90
    assert lost(found(account="a", lost=900), found(account="b", lost=400)) == 90 + 400
    assert lost(found(method="card", lost=900)) == 900, "it is not told how much of it has moved"
    assert lost(by_place(a=900, b=0)) == 90
    assert lost(by_place(a=900, b=400)) == 90 + 400
    assert lost(by_place(a=900, b=100), found(account="b", lost=400)) == 400, "the larger, of what is lost still"
    assert lost(by_place(a=900, b=-200)) == 0, "nobody gains by what is wrong"
    assert grouping.per_minute([by_place(a=900, b=100)]) == {"EUR": 1000}
    nested = [
        *gone,
        ({"account": "a", "method": "card"}, Decimal(0)),
        ({"account": "b", "method": "ideal"}, Decimal(0)),
    ]
    assert grouping.per_minute([by_place(a=900, b=100)], nested) == {"EUR": 100}


def test_scopes() -> None:
    assert within({"account": "a", "method": "card"}, {"account": "a"})
    assert within({"account": "a"}, {})
    assert not within({"account": "a"}, {"account": "a", "method": "card"})
    assert common([{"account": "a", "method": "card"}, {"account": "a", "country": "DE"}]) == {"account": "a"}


@pytest.mark.parametrize(
    "wrong", [{"scope": {"card": "visa"}}, {"scope": {"account": ""}}, {"per_minute": {"EUR": -1}}]
)
def test_a_finding_that_says_nonsense_is_a_bug(wrong: dict[str, Any]) -> None:
    with pytest.raises(Bug):
        Finding(**{"kind": K.OUTAGE, "scope": {}, "severity": Severity.SOON, "since": NOON, **wrong})
