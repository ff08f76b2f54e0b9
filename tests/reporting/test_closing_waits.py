"""What a close waits for from others: batches that go beyond it, statements without a gap, payouts that are due."""

from datetime import date, timedelta

import pytest

from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from reporting.models import BankAccount, BankStatement, Payout, SettlementFile, SettlementLine
from tests.byhand import behind_the_guards
from tests.reporting import books, settling
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

DAY = desks.moment(3)


@pytest.fixture
def sold(desk: Desk) -> Desk:
    """19.99 USD on the third of October, in the books of a company whose days are UTC's."""
    books.in_utc()
    desk.paid(DAY, 1999)
    return desk


def statement(bank: BankAccount, first: int, last: int, opening: int, closing: int) -> None:
    """A statement of some days of October, of which nobody looks at the lines."""
    BankStatement.objects.create(
        account=bank, kind="CSV", name="october.csv", size=1, sha256=f"{first:064}", position=1,
        from_day=date(2026, 10, first), to_day=date(2026, 10, last), currency="USD", opening_minor=opening,
        closing_minor=closing, lines=0, uploaded_by="test",
    )  # fmt: skip


def test_a_month_misses_the_statement_of_a_day_between_two_others(desk: Desk) -> None:
    books.in_utc()
    last = desks.moment(31)
    desk.paid(last, 1999)
    books.told(last)
    bank = BankAccount.objects.create(
        code="main-usd", legal_entity=books.entity(), currency="USD", number="12", made_by="test"
    )
    with behind_the_guards():
        statement(bank, 1, 10, 0, 500)
        statement(bank, 12, 20, 500, 500)
        statement(bank, 22, 31, 700, 700)
    books.run(last + timedelta(hours=14))
    said = books.says(books.close_of(desks.moment(1), "month"))["bank"]
    assert said == ("missing", "a statement is lost: main-usd from 2026-10-21 to 2026-10-21."), "the 11th moved nothing"


def test_a_month_waits_for_a_payout_of_which_the_psp_does_not_say_when_it_is_due(desk: Desk) -> None:
    books.in_utc()
    last = desks.moment(31)
    desk.paid(last, 1999)
    books.told(last)
    account = SettlementFile.objects.get().account
    for reference, day in (("batch 41", 28), ("batch 42", 30)):
        Payout.objects.create(
            account=account, provider_reference=reference, currency="USD", amount_minor=1900,
            announced_at=desks.moment(day),
        )  # fmt: skip
    books.run(last + timedelta(hours=14))
    said = books.says(books.close_of(desks.moment(1), "month"))["bank"]
    assert said == ("missing", "1 payouts were not seen: batch 41.")


def test_who_tells_by_batch_has_told_of_a_day_with_the_first_one_that_goes_beyond_it(sold: Desk) -> None:
    account = ProviderAccount.objects.get(code="stripe-us")
    for number, moment in ((41, desks.moment(3, 18)), (42, desks.moment(4, 2))):
        with clock.at(desks.moment(4, number - 36)):
            file = SettlementFile.objects.create(
                account=account, kind="batch", reference=str(number), name="batch", source="fetched", file=str(number),
                size=1, sha256=f"{number:064}", status="loaded", loaded_at=clock.now(), matched_at=clock.now(),
            )  # fmt: skip
        carried = settling.line("carried", 0, occurred_at=moment, match="matched", payout_reference=str(number))
        SettlementLine.objects.create(account=account, file=file, number=1, **carried)
        if number == 41:
            books.compared(desks.moment(4, 5))
            books.run(desks.moment(4, 5))
            said = books.says(books.close_of(DAY))
            assert said["files"] == ("missing", "stripe-us has told up to 2026-10-03 18:00 UTC, not all of 2026-10-03.")
    books.run(desks.moment(4, 7))
    said = books.says(books.close_of(DAY))
    assert (said["files"][0], said["unexplained"]) == ("done", ("missing", "stripe-us was not compared since."))
    books.compared(desks.moment(4, 8))
    books.run(desks.moment(4, 9))
    assert books.close_of(DAY).status == "locked"
