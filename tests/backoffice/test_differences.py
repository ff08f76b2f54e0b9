"""Finance's morning: what is unexplained, what does not agree, and what is done about it, by one or by two."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from moneyed import Money

from payments.kernel import clock, unit
from reporting.models import Discrepancy, DiscrepancyKind, PspBalance, TieOut
from reporting.services import discrepancies, tieout
from reporting.services.discrepancies import Found
from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff
from tests.reporting.settling import BEGAN, Account, of


@pytest.fixture
def psp(shop: factories.Shop) -> Account:
    """An account that settled 19.00 of 20.00, and says that it owes us 18.50."""
    psp = Account()
    psp.settle(of(shop.paid(2000), 1900))
    PspBalance.objects.create(account_id=psp.pk, as_of=BEGAN.replace(hour=23), amounts={"USD": 1850})
    tieout.tie_out_all(psp.pk)
    return psp


def difference(kind: str = "amount_differs") -> Discrepancy:
    return Discrepancy.objects.get(kind=kind)


def page(row: Discrepancy, name: str = "change") -> str:
    return pages.page_of("reporting", "discrepancy", row.pk, name)


def test_finance_sees_what_is_unexplained_on_the_first_page(psp: Account, staff: Staff) -> None:
    shown = pages.text(staff("finance"), "/admin/")
    assert "Unexplained amounts stripe-us · USD −0.50 USD" in shown
    assert "Unexplained amounts" not in pages.text(staff("support"), "/admin/")


@pytest.mark.parametrize(("days", "hour", "words"), [
    (0, 23, "Since yesterday"), (1, 0, "Since yesterday"), (1, 23, "Since yesterday"),
    (2, 0, "Older than yesterday"), (7, 23, "Older than yesterday"), (8, 0, "Older than a week"),
])  # fmt: skip
def test_ages_of_differences_go_by_days(days: int, hour: int, words: str, psp: Account, staff: Staff) -> None:
    began = BEGAN.replace(hour=12)
    Discrepancy.objects.update(since=began)
    with clock.at(began.replace(hour=hour) + timedelta(days=days)):
        shown = pages.text(staff("finance"), "/admin/")
    assert f"Open differences {words} {Discrepancy.objects.count()}" in shown


def test_a_tie_out_shows_what_it_is_made_of(psp: Account, staff: Staff) -> None:
    finance = staff("finance")
    assert "stripe-us · USD" in pages.text(finance, pages.list_of("reporting", "tieout"))
    shown = pages.text(finance, pages.page_of("reporting", "tieout", TieOut.objects.get().pk))
    assert "Unexplained amount −0.50 USD at stripe-us" in shown
    assert "Settled with another amount" in shown
    assert "Captured" in shown


def test_one_person_books_a_small_difference(psp: Account, staff: Staff) -> None:
    finance, row = staff("finance"), difference()
    shown = pages.text(finance, page(row))
    assert "What we owe the commerce side (order_clearing)" in shown
    assert "Book it" in shown
    finance.post(page(row, "take"))
    said = {"counter": "psp_fees/stripe-us", "reason": "the fee was taken off"}
    answer = finance.post(page(row, "settle"), said, follow=True)
    assert "Booked." in pages.plain(answer.content.decode())
    row.refresh_from_db()
    assert (row.status, row.taken_by, row.settled_by) == ("settled", "staff finance", "staff finance")
    assert psp.balance("psp_fees") == 100


def test_a_large_one_takes_two(psp: Account, staff: Staff, settings: Any) -> None:
    settings.SETTLE_ALONE = {}
    row, finance = difference("balance_differs"), staff("finance")
    assert "another has to agree" in pages.text(finance, page(row, "accept"))
    finance.post(page(row, "accept"), {"reason": "they write that it is so"})
    row.refresh_from_db()
    assert row.status == "proposed"
    assert page(row, "approve") not in finance.get(page(row)).content.decode(), "nobody agrees with themselves"
    finance.post(page(row, "approve"))
    row.refresh_from_db()
    assert row.status == "proposed"
    discrepancies.approve(row.pk, by="staff bob")
    row.refresh_from_db()
    assert (row.status, row.approved_by) == ("accepted", "staff bob")


def test_others_look_or_do_not(psp: Account, staff: Staff) -> None:
    row, auditor = difference(), staff("admin")
    assert "Book it" not in pages.text(auditor, page(row))
    assert auditor.post(page(row, "take")).status_code == 403
    assert staff("support").get(page(row)).status_code == 403


def test_lists_are_narrowed_by_owner(psp: Account, staff: Staff) -> None:
    finance, address = staff("finance"), pages.list_of("reporting", "discrepancy")
    discrepancies.take(difference().pk, by="staff finance")
    mine, nobody = (pages.text(finance, address, state=state) for state in ("mine", "nobody"))
    assert "1.00 USD" in mine
    assert "0.50 USD" not in mine
    assert "0.50 USD" in nobody


def test_one_without_money_is_only_accepted(psp: Account, boss: Client, staff: Staff) -> None:
    given: dict[str, Any] = {
        "detail": "It did not come.",
        "since": BEGAN,
        "account_id": psp.pk,
    }
    with unit.work():
        discrepancies.open_one(
            Found(kind=DiscrepancyKind.FILE_MISSING, subject_id="a day", amount=Money(0, "USD"), **given)
        )
    shown = pages.text(staff("finance"), page(difference("file_missing")))
    assert "Accept as it is" in shown
    assert "Book it" not in shown
