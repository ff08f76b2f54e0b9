"""Support's day in a browser: from what a customer says on the phone to the money that goes back."""

from typing import Any

import pytest

from refunds.models import Refund
from tests import factories
from tests.browser.conftest import WIDTHS, Sit

pytestmark = pytest.mark.browser


MUGS = {"sku": "MUG-01", "name": "Blue mug with a golden rim", "quantity": 3, "unit_amount": 350, "discount_amount": 50}
TEA = {"sku": "TEA-9", "name": "Green tea", "quantity": 1, "unit_amount": 999}
GIFT = {"sku": "CARD", "name": "Greeting card", "quantity": 1, "unit_amount": 0}


def basket(shop: factories.Shop, **facts: Any) -> dict[str, Any]:
    """Three mugs, tea, and a card for nothing; paid by a Visa that ends in 4242."""
    return shop.confirm(shop.intent(shop.order(0, lines=[MUGS, TEA, GIFT], **facts)))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_payment_is_found_by_four_digits_and_lines_of_it_go_back(shop: factories.Shop, sit: Sit, width: int) -> None:
    paid = basket(shop, shipping_amount=499)
    factories.work()
    desk = sit("support", width=width)
    desk.look("home")

    desk.page.locator("input[name=q]").first.fill("4242")
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    desk.look("found")
    with desk.page.expect_navigation():
        desk.page.locator(f"a[href*='{paid['id']}']").first.click()
    assert desk.says("24.98 USD")
    desk.look("payment")

    desk.press("Refund")
    desk.look("refund-form")
    desk.page.get_by_label("Lines of the order").check()
    desk.page.get_by_label("Blue mug").fill("2")
    assert desk.page.get_by_role("button", name="Refund 6.67 USD").is_visible(), "the amount follows from the lines"
    desk.page.select_option("select[name=reason]", "damaged")
    desk.look("refund-lines")
    desk.press("Refund 6.67 USD")
    factories.until(lambda: Refund.objects.count() == 1)
    assert Refund.objects.get().amount_minor == 667
    desk.look("refund-held")
    factories.later("send_refund")
    desk.page.reload()
    assert desk.says("6.67 USD went back on")
    factories.assert_books_close()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_was_asked_for_is_taken_back(shop: factories.Shop, sit: Sit, width: int) -> None:
    paid = basket(shop)
    desk = sit("support", width=width)
    desk.go(f"/admin/payments/paymentintent/{paid['id']}/refund/")
    desk.page.get_by_label("All that is left").check()
    desk.page.select_option("select[name=reason]", "goodwill")
    desk.press("Refund 19.99 USD")
    box = desk.page.get_by_role("region", name="Take back a refund")
    assert "s left" in box.inner_text()
    before = box.bounding_box()
    text = box.locator("[data-left]").inner_text()
    factories.until(lambda: box.locator("[data-left]").inner_text() != text)
    assert box.bounding_box() == before, "counting moves nothing"
    desk.look("undo")
    desk.press("Take it back")
    assert desk.says("Taken back: 19.99 USD stay here, and can be refunded again.")
    desk.look("taken-back")
    factories.assert_books_close()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_lead_approves_what_an_agent_may_not_give_alone(shop: factories.Shop, sit: Sit, width: int) -> None:
    much = shop.paid(50_000, reference="B-1")
    agent = sit("support", width=width)
    agent.go(f"/admin/payments/paymentintent/{much['id']}/refund/")
    agent.page.get_by_label("Amount", exact=True).fill("300.00")
    assert agent.says("This one needs somebody else.")
    agent.page.select_option("select[name=reason]", "not_delivered")
    agent.page.get_by_label("Note").fill("Two parcels were lost.")
    agent.look("beyond-the-limit")
    agent.press("Refund 300.00 USD")
    assert agent.says("300.00 USD wait for a second person: more than 250.00 USD at once.")

    lead = sit("support_lead", width=width)
    lead.look("lead-home")
    lead.go("/admin/refunds/refund/waiting/")
    assert lead.says("1 refund waits for a second person")
    lead.look("approvals")
    lead.press("300.00 USD")
    lead.look("approval")
    lead.press("Approve")
    lead.look("approve")
    lead.press("Approve")
    assert lead.says("Approved: 300.00 USD go back at")
    lead.look("approved")
    factories.later("send_refund")
    agent.page.reload()
    assert agent.says("300.00 USD went back on")
    agent.look("given-back")
    agent.go(f"/admin/refunds/refund/{Refund.objects.get().pk}/change/")
    agent.look("refund")
    lead.go("/admin/refunds/refund/waiting/")
    lead.look("approvals-none")
    factories.assert_books_close()


def test_the_form_is_filled_and_sent_by_the_keyboard_alone(shop: factories.Shop, sit: Sit) -> None:
    paid = basket(shop)
    desk = sit("support")
    desk.go(f"/admin/payments/paymentintent/{paid['id']}/refund/")
    press = desk.page.keyboard.press
    for _ in range(40):
        press("Tab")
        if desk.page.evaluate("document.activeElement.name") == "by":
            break
    press("ArrowUp")  # from the amount to the lines
    press("Tab")
    desk.page.keyboard.type("1")
    desk.look("by-keyboard")
    while desk.page.evaluate("document.activeElement.name") != "reason":
        press("Tab")
    desk.page.keyboard.type("Good")
    press("Tab")
    desk.page.keyboard.type("She waited for long.")
    press("Tab")
    assert desk.page.evaluate("document.activeElement.innerText").split() == ["Refund", "3.33", "USD"]
    with desk.page.expect_navigation():
        press("Enter")
    made = Refund.objects.get()
    assert (made.amount_minor, made.reason, made.note) == (333, "goodwill", "She waited for long.")


def test_from_four_digits_to_the_refund_without_a_mouse(shop: factories.Shop, sit: Sit) -> None:
    basket(shop, reference="A-2026-7731")
    shop.confirm(shop.intent(shop.order(2500)), token="pm_card_mastercard")
    desk = sit("support")
    page, press, write = desk.page, desk.page.keyboard.press, desk.page.keyboard.type
    desk.go("/admin/payments/order/")
    press("/")
    write("4242 19.99 today")
    with page.expect_navigation():
        press("Enter")
    assert desk.says("Card, order or payment ending in 4242 · 19.99 in any currency · today (UTC)")
    desk.look("found-together")
    press("/")
    press("ArrowDown")
    with page.expect_navigation():
        press("Enter")
    assert desk.says("What to tell the customer")
    _tab_to(page, "document.activeElement.innerText.trim() === 'Refund'")
    with page.expect_navigation():
        press("Enter")
    _tab_to(page, "document.activeElement.name === 'by'")
    press("ArrowDown")  # from an amount to all that is left
    _tab_to(page, "document.activeElement.name === 'reason'")
    write("Good")
    _tab_to(page, "document.activeElement.innerText.trim().startsWith('Refund')")
    with page.expect_navigation():
        press("Enter")
    assert desk.says("A refund of 19.99 USD is being looked at.")
    assert Refund.objects.get().amount_minor == 1999


def _tab_to(page: Any, there: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(there):
            return
    raise AssertionError(there)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_found_says_what_was_understood_and_what_else_to_try(
    shop: factories.Shop, sit: Sit, width: int
) -> None:
    basket(shop)
    desk = sit("support", width=width)
    desk.go("/admin/search")
    desk.look("search-empty")
    desk.page.locator("input[name=q]").fill("4242 19.98 today")
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    desk.look("search-nothing")
    desk.press("Without 19.98")
    assert desk.says("19.99 USD")


@pytest.mark.parametrize("width", WIDTHS)
def test_an_order_that_two_payments_paid_goes_back_whole(shop: factories.Shop, sit: Sit, width: int) -> None:
    order = shop.order(3000)
    shop.confirm(shop.intent(order, amount=1000))
    second = shop.confirm(shop.intent(order))
    desk = sit("support", width=width)
    desk.go(f"/admin/payments/paymentintent/{second['id']}/change/")
    assert desk.says("Charged twice?")
    assert desk.says("Taken: another payment of the same order.")
    desk.look("charged-twice")
    desk.press("Refund")
    desk.page.get_by_label("All that is left").check()
    assert desk.page.get_by_role("button", name="Refund 20.00 USD").is_visible()
    desk.page.get_by_label("The whole order").check()
    assert desk.says("Still refundable 30.00 USD 0.00 USD")
    desk.page.select_option("select[name=reason]", "not_delivered")
    desk.look("whole-order")
    desk.press("Refund 30.00 USD")
    factories.later("send_refund")
    assert sorted(Refund.objects.values_list("amount_minor", "status")) == [(1000, "succeeded"), (2000, "succeeded")]
    factories.assert_books_close()


def test_without_scripts_everything_works_too(shop: factories.Shop, sit: Sit) -> None:
    paid = basket(shop)
    desk = sit("support", scripts=False)
    desk.go(f"/admin/payments/paymentintent/{paid['id']}/refund/")
    desk.page.get_by_label("Lines of the order").check()
    desk.page.get_by_label("Green tea").fill("1")
    desk.page.select_option("select[name=reason]", "damaged")
    desk.press("Refund")
    assert desk.says("9.99 USD held until")
    desk.press("Take it back")
    assert desk.says("Taken back: 9.99 USD stay here")
    assert Refund.objects.get().status == "canceled"
