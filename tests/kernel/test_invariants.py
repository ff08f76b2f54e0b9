"""Invariants: each is declared once, by number and name, as a query that runs."""

import pytest

from payments.kernel import invariants
from payments.kernel.errors import Bug


@pytest.fixture
def planted() -> object:
    """A check that always finds what it looks for."""
    many = "SELECT n::text, 'is ' || n FROM generate_series(1, 50) n"
    invariants.declare(99, "planted_check", "Nothing is a number", many, "SELECT 50")
    yield invariants.CHECKS["planted_check"]
    del invariants.CHECKS["planted_check"]


@pytest.mark.django_db
def test_every_check_runs_on_an_empty_database_and_finds_nothing() -> None:
    findings = list(invariants.verify())
    assert len(findings) == len(invariants.CHECKS) > 15
    assert [found.broken for found in findings] == [[]] * len(findings)
    assert [found.looked_at for found in findings] == [0] * len(findings)


@pytest.mark.django_db
def test_they_run_in_the_order_of_their_numbers() -> None:
    numbers = [found.check.number for found in invariants.verify()]
    assert numbers == sorted(numbers)


@pytest.mark.django_db
def test_a_check_says_what_breaks_it_and_stops_after_twenty(planted: invariants.Check) -> None:
    [found] = invariants.verify("planted")
    assert (found.check, found.looked_at, len(found.broken)) == (planted, 50, 20)
    assert found.broken[0] == ("1", "is 1")


@pytest.mark.django_db
def test_some_can_be_run_alone() -> None:
    names = {found.check.name for found in invariants.verify("ledger")}
    assert names == {"ledger_currency", "ledger_seal", "ledger_trial_balance", "ledger_zero_sum"}


def test_a_name_is_declared_once(planted: invariants.Check) -> None:
    with pytest.raises(Bug, match="planted_check"):
        invariants.declare(1, "planted_check", "", "", "")
