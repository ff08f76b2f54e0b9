"""The month's end: what is open in other currencies is worth what the PSPs converted at last."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from payments.gateway.models import LegalEntity
from payments.kernel import unit
from payments.ledger import selectors as ledger
from payments.ledger.models import Transfer
from reporting.models import Close, Discrepancy
from reporting.services import discrepancies, reconciliation, revaluing
from tests import factories
from tests.reporting import settling
from tests.reporting.settling import Account

ENDS = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def account(shop: factories.Shop) -> Account:
    """An account that settles in dollars, of a company that counts in dollars."""
    LegalEntity.objects.update(functional_currency="USD")
    return Account("stripe-us")


def closed(edition: int = 1, ends: datetime = ENDS) -> Close:
    """The month of the company that owns the account."""
    first = (ends - timedelta(days=1)).date().replace(day=1)
    entity = LegalEntity.objects.get(provideraccount__code="stripe-us")
    close = Close(entity=entity, kind="month", day=first, time_zone="UTC", ends_at=ends, edition=edition)
    if edition > 1:
        close.pk = Close.objects.get(day=first).pk
    else:
        close.starts_at = datetime(first.year, first.month, 1, tzinfo=UTC)
        close.save()
    with unit.work():
        revaluing.revalue(close)
    return close


def converted(account: Account, gross: int, settled: int, currency: str = "EUR") -> None:
    """Money that nobody here knows of was converted; what it is about does not matter."""
    line = settling.line("capture", gross, currency, settled=settled, into="USD")
    account.load(line)
    reconciliation.compare(account.pk)


def result(currency: str = "USD") -> int:
    """What was gained so far, in minor units: a credit is a gain."""
    return -ledger.trial_balance().get(("fx_result", currency), 0)


def test_a_rate_that_fell_is_a_gain_for_who_owes(account: Account) -> None:
    """10.00 EUR were worth 12.00 USD when we got them, and 11.00 at the end: less is owed than came in."""
    converted(account, 1000, 1200)
    converted(account, 100, 110)
    closed()
    assert result() == 100
    told = Transfer.objects.get(event="revalued")
    assert "EUR 1.1" in told.narrative
    assert (told.effective_at, told.refs["legal_entity"]) == (
        ENDS,
        LegalEntity.objects.get(provideraccount__code="stripe-us").pk,
    )
    factories.assert_books_close()


def test_what_was_booked_before_is_not_booked_again(account: Account) -> None:
    converted(account, 1000, 1200)
    converted(account, 100, 110)
    closed()
    closed(edition=2)
    assert Transfer.objects.filter(event="revalued").count() == 1
    converted(account, 10, 12)
    closed(edition=3)
    assert result() == -10, "at 1.20 again: what was gained is lost, and a bit more for what came in at 1.10"


def test_without_a_rate_to_the_companys_own_currency_a_position_is_left_and_named(account: Account) -> None:
    LegalEntity.objects.update(functional_currency="GBP")
    converted(account, 1000, 1200)
    closed()
    assert not Transfer.objects.filter(event="revalued").exists()


def test_nothing_open_is_nothing_to_book(account: Account) -> None:
    closed()
    assert not Transfer.objects.filter(event="revalued").exists()


def test_a_later_month_begins_with_what_the_last_one_was_left_at(account: Account) -> None:
    converted(account, 1000, 1200)
    converted(account, 100, 110)
    closed()
    converted(account, 1, 1)
    closed(ends=datetime(2026, 12, 1, tzinfo=UTC))
    assert result() == 100 + 110


def test_what_was_settled_of_a_conversion_is_not_gained_once_more(account: Account) -> None:
    """A wrong rate was found and taken to the result by hand: the month's end adds nothing to that."""
    line = settling.line("capture", 10_00, "EUR", settled=11_00, into="USD", rate=Decimal("1.2"))
    account.load(line)
    reconciliation.compare(account.pk)
    wrong = Discrepancy.objects.get(kind="fx")
    assert (wrong.amount_minor, wrong.proposal["credit"]) == (-100, "fx_clearing")
    discrepancies.settle(wrong.pk, "fx_result", because="They keep it.", by="staff ada")
    if Discrepancy.objects.get(pk=wrong.pk).status == "proposed":
        discrepancies.approve(wrong.pk, by="staff bob")
    assert Transfer.objects.get(event="difference_settled").place == "stripe-us"
    assert result() == -100
    closed(ends=datetime(2026, 12, 1, tzinfo=UTC))
    open_position = {code: minor for (code, _), minor in ledger.trial_balance().items() if code == "fx_clearing"}
    assert result() == 0, f"what was lost is in the worth of what is open: {open_position}"


def test_what_a_month_gained_is_in_the_books_of_its_company(account: Account) -> None:
    converted(account, 1000, 1200)
    converted(account, 100, 110)
    closed()
    assert Transfer.objects.get(event="revalued").place == "stripe-us"
