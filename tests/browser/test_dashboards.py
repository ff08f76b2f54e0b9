"""Dashboards in a browser: drawn, read as a table, and looked at on two screens, light and dark."""

from datetime import timedelta
from decimal import Decimal

import pytest

from payments.kernel import clock
from reporting.models import ExchangeRate
from reporting.uptime import resting, rollups
from tests import factories
from tests.browser.conftest import WIDTHS, Sit

pytestmark = pytest.mark.browser

BOARDS = ("volume", "approval", "declines", "latency", "funnel", "returns", "rest")


@pytest.fixture
def counted(shop: factories.Shop) -> None:
    """Payments of three days in two currencies, with a decline, a refund and money on its way."""
    now = clock.now()
    ExchangeRate.objects.create(currency="USD", day=now.date(), per_euro=Decimal("1.25"), source="ECB")
    for days, amounts in ((3, (900, 1200)), (2, (2000, 700, 3100)), (1, (1999, 5000, 2500, 800))):
        with clock.at(now - timedelta(days=days)):
            for amount in amounts:
                intent = shop.paid(amount, country="DE" if amount > 2000 else "US")
            shop.confirm(shop.intent(shop.order(amount, "EUR", country="NL")), account="stripe-eu")
            shop.confirm(shop.intent(), "pm_card_visa_chargeDeclined")
            shop.confirm(shop.intent(capture_method="manual"))
            shop.post("refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "damaged"})
            factories.work()
    while rollups.advance():
        pass
    resting.measure()


@pytest.mark.parametrize("width", WIDTHS)
def test_every_dashboard_is_drawn_and_can_be_read(counted: None, sit: Sit, width: int) -> None:
    desk = sit("engineer", width=width)
    for name in BOARDS:
        desk.go(f"/admin/dashboards/{name}/?period=7&currency=EUR")
        drawn = "[...document.querySelectorAll('canvas[data-chart]')].map((one) => Boolean(Chart.getChart(one)))"
        assert set(desk.page.evaluate(drawn)) == {True}, name
        moved = "performance.getEntriesByType('layout-shift').reduce((sum, one) => sum + one.value, 0)"
        assert desk.page.evaluate(moved) < 0.1
        desk.look(f"dashboard-{name}")
    desk.page.evaluate("document.documentElement.classList.add('dark')")
    desk.go("/admin/dashboards/approval/?period=7&currency=EUR")
    desk.page.evaluate("document.documentElement.classList.add('dark')")
    desk.page.wait_for_timeout(200)
    desk.look("dashboard-approval-dark")


def test_a_period_is_chosen_and_a_figure_followed_by_keyboard(counted: None, sit: Sit) -> None:
    desk = sit("finance")
    desk.go("/admin/")
    desk.page.get_by_role("link", name="Approval", exact=True).first.click()
    desk.page.get_by_label("Period").focus()
    desk.page.keyboard.press("y")
    desk.page.get_by_label("Compared with").focus()
    desk.page.keyboard.press("n")
    desk.page.get_by_role("button", name="Show", exact=True).focus()
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert "period=yesterday" in desk.page.url
    assert "compare=none" in desk.page.url
    assert desk.says("Approval rate 85.7 %")
    link = desk.page.get_by_role("region", name="Approval rate by country, as a table").get_by_role("link", name="DE")
    link.focus()
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert desk.says("2 attempts")


def test_without_a_role_for_it_and_without_scripts(counted: None, sit: Sit) -> None:
    lead = sit("support_lead", scripts=False)
    lead.go("/admin/dashboards/returns/?period=7")
    assert lead.says("Damaged or not as described 3")
    assert not lead.page.get_by_role("link", name="Volume", exact=True).count()
