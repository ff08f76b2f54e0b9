"""The page of uptime: an outage in money, beside what is usual, for engineers and whoever reads all."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payments.connectors.base import Outcome, Verdict
from payments.gateway import circuits, shifts
from payments.kernel import clock, unit
from payments.kernel.attention import Severity
from reporting.models import IncidentKind
from reporting.services import incidents
from reporting.uptime import levels, rollups
from reporting.uptime.findings import Finding
from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff
from tests.reporting.test_detecting import NOON, filled, learned, minute

QUERIES = 16
"""Session, person, menu, and the twelve of `watching.now`: as many for a million payments as for none."""


@pytest.fixture
def outage(shop: factories.Shop) -> None:
    """A quiet past, then declines at one account: an incident, an open circuit, and payments that go elsewhere."""
    learned()
    with clock.at(minute(0.5)):
        shop.paid()
        for _ in range(4):
            shop.confirm(shop.intent(), "pm_card_visa_chargeDeclined")
    with clock.at(minute(1)):
        rollups.advance()
        levels.count()
        found = Finding(kind=IncidentKind.OUTAGE, scope={"account": "stripe-us"}, severity=Severity.URGENT,
                        since=minute(0), per_minute={"USD": 1599}, figures={}, words="Nothing works.")  # fmt: skip
        incidents.report([found], at=minute(1))
        for _ in range(circuits.FEWEST_FAILURES):
            circuits.note("stripe-us", "authorize", Outcome(verdict=Verdict.UNAVAILABLE))
        with unit.work():
            shifts.move_away({"account": "stripe-us"}, share=shifts.ALL / 100, because="it is out", incident="inc_1",
                             by="detection")  # fmt: skip


def test_an_outage_is_told_in_money_and_leads_to_what_is_behind(staff: Staff, outage: None) -> None:
    browser = staff("engineer")
    with clock.at(minute(1)):
        shown = pages.text(browser, reverse("uptime"))
        page = browser.get(reverse("uptime")).content.decode()
        circuits.forget()

        assert "Not approved a minute 15.99 USD 1.0 attempts a minute" in shown, "four of 19.99, in five minutes"
        assert "Open incidents 1 15.99 USD not approved so far" in shown
        assert "Approval now 20.0 % Usually 95.0 %" in shown
        assert "stripe-us Card US 15.99 USD 20.0 % usually 95.0 % 0.0 % 1.0 usually 3.3" in shown
        assert "stripe-us authorize Open: passed by" in shown
        assert "stripe-us everything 1%" in shown
        assert "Captured 1 20.0 %" in shown
        links = {html.unescape(one) for one in re.findall(r'href="(/admin/[^"]+)"', page.partition("data-live")[2])}
        assert any("/paymentattempt/?account__is=stripe-us&method__is=card&country__is=US" in one for one in links)
        assert any("/incident/inc_" in one for one in links)
        for one in links:
            assert browser.get(one).status_code == 200, one


def test_it_says_where_sums_are_behind_and_where_nothing_is_counted(staff: Staff, db: None) -> None:
    browser = staff("auditor")
    assert "Nothing has been counted yet." in pages.text(browser, reverse("uptime"))
    learned()
    with clock.at(minute(9)):
        assert "Sums are behind" in pages.text(browser, reverse("uptime"))


@pytest.mark.parametrize(("role", "status"), [("engineer", 200), ("admin", 200), ("finance", 403), ("support", 403)])
def test_who_may_see_it(staff: Staff, role: str, status: int) -> None:
    browser = staff(role)
    assert browser.get(reverse("uptime")).status_code == status
    assert (reverse("uptime") in browser.get(reverse("admin:index")).content.decode()) is (status == 200)


def test_it_asks_as_much_however_much_there_is(staff: Staff, db: None) -> None:
    browser = staff("engineer")
    learned()
    asked = []
    for _ in range(3):
        with clock.at(NOON), CaptureQueriesContext(connection) as queries:
            assert browser.get(reverse("uptime")).status_code == 200
        asked.append(len(queries))
        if len(asked) == 2:
            filled("minute", minute(-60), NOON)
    assert asked[1:] == [QUERIES, QUERIES]
