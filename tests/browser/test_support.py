"""Support's day in a browser: from what a customer says on the phone to the money that goes back."""

import pytest

from refunds.models import Refund
from tests import factories
from tests.browser.conftest import WIDTHS, Sit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", WIDTHS)
def test_a_payment_is_found_by_four_digits_and_part_of_it_goes_back(shop: factories.Shop, sit: Sit, width: int) -> None:
    paid = shop.paid()
    factories.work()
    desk = sit("support", width=width)
    desk.look("home")

    desk.page.locator("input[name=q]").first.fill("4242")
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    desk.look("found")
    with desk.page.expect_navigation():
        desk.page.locator(f"a[href*='{paid['id']}']").first.click()
    assert desk.says("19.99 USD")
    desk.look("payment")

    desk.press("Refund")
    desk.look("refund-form")
    desk.page.fill("input[name=amount]", "5.00")
    desk.page.select_option("select[name=reason]", "damaged")
    desk.look("refund-filled")
    desk.press("Refund 5.00 USD")
    factories.until(lambda: Refund.objects.count() == 1)
    desk.look("refund-asked-for")
    factories.work()
    desk.page.reload()
    assert desk.says("5.00 USD")
    factories.assert_books_close()
