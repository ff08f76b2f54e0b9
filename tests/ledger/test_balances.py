"""Reading the books: balances now and then, the trial balance, and the journal of one movement."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from moneyed import Money

from payments.kernel import clock, ids
from payments.ledger import postings, selectors
from payments.ledger import services as ledger
from payments.ledger.models import Account, Entry, Transfer
from tests.ledger.conftest import post

pytestmark = pytest.mark.django_db

RECEIVABLE, CLEARING = "psp_receivable/stripe-us", "order_clearing"


def test_what_was_captured_is_owed_to_us_and_by_us() -> None:
    post(1999)
    post(1)
    assert selectors.balance(RECEIVABLE, "USD") == Money("20.00", "USD")
    assert selectors.balance(CLEARING, "USD") == Money("-20.00", "USD")


def test_an_account_that_nobody_has_used_is_even() -> None:
    assert selectors.balance("bank/x", "JPY") == Money(0, "JPY")
    assert selectors.trial_balance() == {}


def test_every_currency_is_a_book_of_its_own() -> None:
    post(1999, "USD")
    post(1999, "JPY")
    post(1999, "KWD", account="stripe-eu")
    assert selectors.trial_balance() == {
        (RECEIVABLE, "USD"): 1999,
        (CLEARING, "USD"): -1999,
        (RECEIVABLE, "JPY"): 1999,
        (CLEARING, "JPY"): -1999,
        ("psp_receivable/stripe-eu", "KWD"): 1999,
        (CLEARING, "KWD"): -1999,
    }
    assert selectors.balance(RECEIVABLE, "JPY") == Money("1999", "JPY")


def test_a_balance_of_an_earlier_moment_holds_what_was_booked_before_it() -> None:
    now = clock.now()
    for days, minor in ((3, 100), (2, 20), (1, 3)):
        with clock.at(now - timedelta(days=days)):
            post(minor)

    def at(moment: datetime) -> int:
        return int(selectors.balance(RECEIVABLE, "USD", as_of=moment).amount * 100)

    assert at(now - timedelta(days=4)) == 0
    assert at(now - timedelta(days=2, hours=12)) == 100
    assert at(now - timedelta(days=2)) == 100, "what is booked at the moment itself is not before it"
    assert at(now) == 123 == int(selectors.balance(RECEIVABLE, "USD").amount * 100)


def test_what_is_booked_late_says_when_the_money_moved() -> None:
    moved = clock.now() - timedelta(days=40)
    source = post(effective_at=moved)
    [transfer] = selectors.journal([source])
    assert transfer.effective_at == moved
    assert transfer.booked_at > moved + timedelta(days=39)


def test_the_journal_of_movements_is_oldest_first_with_entries_and_accounts(
    django_assert_max_num_queries: object,
) -> None:
    first, second, other = post(100), post(200), post(300)
    post(100, source=first, event=postings.Event.CAPTURE_REVERSED)
    with django_assert_max_num_queries(3):  # type: ignore[operator]
        found = selectors.journal([first, second])
        told = [(t.event, {e.account.code: e.amount_minor for e in t.entries.all()}) for t in found]
    assert told == [
        ("captured", {RECEIVABLE: 100, CLEARING: -100}),
        ("captured", {RECEIVABLE: 200, CLEARING: -200}),
        ("capture_reversed", {RECEIVABLE: -100, CLEARING: 100}),
    ]
    assert found[0].refs == {"order": "ord_1"}
    assert other not in {transfer.source_id for transfer in found}


def test_the_largest_amount_is_booked_to_the_unit() -> None:
    post(10**14 - 1, "USD")
    assert selectors.trial_balance()[RECEIVABLE, "USD"] == 10**14 - 1


def test_an_account_carries_its_kind() -> None:
    post()
    assert dict(Account.objects.values_list("code", "kind")) == {RECEIVABLE: "asset", CLEARING: "liability"}


@pytest.mark.django_db(transaction=True)
def test_processes_that_use_an_account_for_the_first_time_at_once_make_one() -> None:
    def book(_: int) -> None:
        try:
            ledger.forget_accounts()  # every process learns for itself which accounts there are
            post(5, "CHF", account="stripe-eu")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(book, range(24), timeout=300))
    assert Account.objects.count() == 2
    assert (Transfer.objects.count(), Entry.objects.count()) == (24, 48)
    assert selectors.balance("psp_receivable/stripe-eu", "CHF") == Money("1.20", "CHF")


def test_the_trial_balance_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    post(199_999)
    call_command("ledger", "balances")
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        [CLEARING, "-1999.99", "USD"],
        [RECEIVABLE, "1999.99", "USD"],
    ]


def test_the_id_of_an_account_follows_from_what_it_is() -> None:
    post()
    before = set(Account.objects.values_list("pk", flat=True))
    ledger.forget_accounts()
    post(source=ids.new("cap"))
    assert set(Account.objects.values_list("pk", flat=True)) == before
