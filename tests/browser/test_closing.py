"""Finance's morning in a browser: what keeps a day open is read and accepted; locked, it is opened again by two."""

import pytest

from payments.kernel import clock
from tests import factories
from tests.browser.conftest import WIDTHS, Sit
from tests.reporting import books
from tests.reporting import desk as desks

pytestmark = pytest.mark.browser

DAY = desks.moment(3)


@pytest.fixture
def day(shop: factories.Shop) -> str:
    """The page of the third of October, of which 0.12 USD are unexplained."""
    books.in_utc()
    with clock.at(DAY):
        shop.paid(1999)
    books.told(DAY, unexplained=-12)
    books.run(desks.moment(4, 6))
    return f"/admin/reporting/close/{books.close_of(DAY).pk}/change/"


@pytest.mark.parametrize("width", WIDTHS)
def test_what_keeps_a_day_open_is_read_and_accepted(day: str, sit: Sit, width: int) -> None:
    ada = sit("finance", width=width, name="ada")
    ada.go("/admin/reporting/close/")
    assert ada.says("stripe-us: -0.12 USD unexplained.")
    ada.look("close-days")
    ada.go(day)
    assert ada.says("Missing: stripe-us: -0.12 USD unexplained.")
    ada.look("close-missing")
    ada.page.get_by_role("link", name="Nothing is unexplained", exact=True).click()
    ada.look("close-item")
    ada.press("Accept with a reason")
    ada.page.fill("textarea[name=reason]", "A rounding of Stripe's, ticket 81")
    ada.look("close-accept")
    ada.press("Accept with a reason")
    ada.go(day)
    ada.press("Look again")
    ada.press("Look again")
    assert ada.says("It is being looked at, and locked by itself when the reports are written.")
    factories.work()
    books.run(desks.moment(4, 7))
    ada.go(day)
    assert ada.says("Its books take nothing more.")
    assert ada.says("Accepted")
    ada.look("close-locked")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_locked_day_is_opened_again_by_two(day: str, sit: Sit, width: int) -> None:
    books.compared(desks.moment(4, 6))
    books.run(desks.moment(4, 7))
    ada = sit("finance", width=width, name="ada")
    ada.go(day)
    ada.press("Ask to open again")
    ada.page.fill("textarea[name=reason]", "A refund was forgotten")
    ada.press("Ask to open again")
    assert not ada.page.get_by_role("link", name="Agree to open again").count(), "nobody agrees with themselves"
    grace = sit("finance", width=width, name="grace")
    grace.go(day)
    assert grace.says("staff ada wants it open again: “A refund was forgotten”")
    grace.look("close-wish")
    grace.press("Agree to open again")
    grace.press("Agree to open again")
    assert grace.says("It is open again.")
    grace.look("close-reopened")
    factories.assert_books_close()
