"""Limits are changed by people: less at once, more by two; and what a limit says decides the next refund."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from payments.kernel import ids, money
from payments.kernel.errors import Refusal
from refunds import policy
from refunds.models import RefundLimit
from refunds.policy import Limit
from refunds.services import limiting
from refunds.services.limiting import Wanted
from tests import factories
from tests.kernel.conftest import at_once
from tests.refunds.people import ADA, ask

FIN, FAY = "staff fin", "staff fay"


@pytest.fixture
def support(db: None) -> Group:
    """The role."""
    return Group.objects.get_or_create(name="support")[0]


def wanted(each: int | None, daily: int | None, *, whose: str = "support", currency: str = "USD") -> Wanted:
    return Wanted(whose=whose, currency=currency, each=each, daily=daily)


def active(role: str = "support", currency: str = "USD") -> tuple[int | None, int | None]:
    """What is in force."""
    return RefundLimit.objects.values_list("each_minor", "daily_minor").get(
        role=role, currency=currency, status="active"
    )


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.detail


@pytest.mark.parametrize(
    ("limit", "minor", "before", "why"),
    [
        (None, 1, 0, "there is no limit for EUR"),
        (Limit(100, 1000), 100, 900, ""),
        (Limit(100, 1000), 101, 0, "more than 1.00 EUR at once"),
        (Limit(100, 1000), 100, 901, "more than 10.00 EUR within 24 hours, with 9.01 EUR before it"),
        (Limit(None, 1000), 1000, 0, ""),
        (Limit(None, 1000), 1001, 0, "more than 10.00 EUR within 24 hours, with 0.00 EUR before it"),
        (Limit(100, None), 100, 10**12, ""),
        (Limit(0, 0), 1, 0, "more than 0.00 EUR at once"),
    ],
)
def test_what_is_beyond_a_limit(limit: Limit | None, minor: int, before: int, why: str) -> None:
    assert policy.beyond(limit, money.from_minor(minor, "EUR"), before) == why


def test_the_widest_of_several_limits_counts() -> None:
    assert policy.widest([]) is None
    assert policy.widest([Limit(5, 10), Limit(7, 8)]) == Limit(7, 10)
    assert policy.widest([Limit(5, 10), Limit(None, 8)]) == Limit(None, 10)


def test_every_currency_has_its_first_limits(db: None) -> None:
    for role in ("support", "support_lead", "api"):
        found = set(RefundLimit.objects.filter(role=role, status="active").values_list("currency", flat=True))
        assert found == set(money.IN_USE)
    assert active() == (25_000, 200_000)
    assert active(currency="JPY") == (25_000, 200_000), "yen have no decimals and are worth a hundredth"
    assert active(currency="KWD") == (125_000, 1_000_000), "dinars have three, and are worth two"


def test_less_is_in_force_at_once(shop: factories.Shop, support: Group) -> None:
    intent = shop.paid(2000)
    row = limiting.propose(wanted(400, 200_000), by=FIN)
    assert (row.status, row.approved_by, active()) == ("active", "", (400, 200_000))
    assert ask(intent, 401).status == "needs_approval"
    assert ask(intent, 400).status == "held"


def test_more_is_in_force_when_another_agrees(shop: factories.Shop, support: Group) -> None:
    intent = shop.paid(60_000)
    row = limiting.propose(wanted(50_000, None), by=FIN)
    assert (row.status, active()) == ("proposed", (25_000, 200_000))
    assert ask(intent, 30_000).status == "needs_approval"
    assert refusal(lambda: limiting.agree(row.pk, by=FIN)) == "Who proposed a limit does not agree to it as well."
    limiting.agree(row.pk, by=FAY)
    assert active() == (50_000, None)
    assert ask(intent, 30_000, confirm_duplicate=True).status == "held"
    assert refusal(lambda: limiting.agree(row.pk, by=FAY)) == "The limit is not proposed any more."


def test_a_proposal_that_was_overtaken_is_withdrawn(support: Group) -> None:
    raised, other = (limiting.propose(wanted(each, 300_000), by=FIN) for each in (60_000, 70_000))
    limiting.propose(wanted(100, 100), by=FIN)
    assert refusal(lambda: limiting.agree(raised.pk, by=FAY)) == "The limit is not proposed any more."
    assert set(RefundLimit.objects.filter(pk__in=[raised.pk, other.pk]).values_list("status", flat=True)) == {
        "withdrawn"
    }
    again = limiting.propose(wanted(200, 200), by=FIN)
    limiting.withdraw(again.pk, by=FIN)
    assert refusal(lambda: limiting.withdraw(again.pk, by=FIN)) == "The limit is withdrawn."
    assert active() == (100, 100)


def test_a_client_may_have_a_limit_of_its_own(shop: factories.Shop) -> None:
    mine = limiting.propose(wanted(100, 150, whose="shop"), by=FIN)
    body = {"payment_intent": shop.paid(2000)["id"], "reason": "goodwill"}
    assert shop.post("refunds", {**body, "amount": 101})["status"] == "requested", "nobody has agreed yet"
    limiting.agree(mine.pk, by=FAY)
    assert shop.post("refunds", {**body, "amount": 102})["status"] == "needs_approval"
    assert shop.post("refunds", {**body, "amount": 50})["status"] == "needs_approval", "the day counts what went before"


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (wanted(1, 1, whose="nobody"), "There is no role and no API client nobody."),
        (wanted(1, 1, currency="XXX"), "XXX is no currency that anybody pays in."),
        (wanted(-1, 1), "A limit is an amount, or nothing."),
        (wanted(10**14, None), "A limit is an amount, or nothing."),
        (wanted(2, 1), "A day has room for one refund at least."),
    ],
)
def test_a_limit_that_is_not_clear_is_refused(support: Group, draft: Wanted, words: str) -> None:
    assert refusal(lambda: limiting.propose(draft, by=FIN)) == words
    assert not RefundLimit.objects.filter(proposed_by=FIN).exists()


@pytest.mark.django_db(transaction=True)
def test_many_who_change_a_limit_at_once_leave_one_in_force(db: None) -> None:
    Group.objects.get_or_create(name="support")
    proposals = [limiting.propose(wanted(50_000 + n, None), by=FIN) for n in range(4)]

    def act(number: int) -> str:
        try:
            if number % 2:
                limiting.agree(proposals[number // 2].pk, by=FAY)
            else:
                limiting.propose(wanted(100 - number, 100), by=FIN)
        except Refusal as refused:
            return refused.code
        return "done"

    assert "done" in at_once(8, act)
    assert RefundLimit.objects.filter(role="support", currency="USD", status="active").count() == 1
    assert not [line for line in factories.broken() if line.startswith("refund_by_two")]


def test_ids_of_limits_are_ours(support: Group) -> None:
    assert ids.decode("lim", limiting.propose(wanted(1, 1), by=FIN).pk).version == 7


def test_what_a_limit_was_stays_on_record(support: Group) -> None:
    before: Any = RefundLimit.objects.get(role="support", currency="USD", status="active")
    limiting.propose(wanted(1, 1), by=FIN)
    before.refresh_from_db()
    assert (before.status, before.each_minor, before.replaced_at is not None) == ("replaced", 25_000, True)


def test_who_asks_is_known_by_name(shop: factories.Shop) -> None:
    assert ask(shop.paid(100)).released_by == ADA.name
