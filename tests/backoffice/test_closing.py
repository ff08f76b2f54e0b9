"""The daily close as finance sees it: what is missing, in words; accepted, locked, and opened again by two."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from payments.kernel import clock
from reporting.models import Close, ReportRun
from tests import factories
from tests.backoffice import pages
from tests.reporting import books
from tests.reporting import desk as desks

DAY = desks.moment(3)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def finance(staff: Any) -> Client:
    """The browser of somebody who counts."""
    browser: Client = staff("finance")
    return browser


@pytest.fixture
def colleague(finance: Client) -> Client:
    """The browser of somebody else who counts."""
    user = User.objects.create_user("second", password="correct horse battery staple", is_staff=True)
    user.groups.set(Group.objects.filter(name="finance"))
    return pages.signed_in(user)


@pytest.fixture
def sold(shop: factories.Shop) -> None:
    """Somebody paid 19.99 USD on the third of October."""
    books.in_utc()
    with clock.at(DAY):
        shop.paid(1999)


def page(name: str = "change") -> str:
    """The address of the third of October, or of something to be done with it."""
    return pages.page_of("reporting", "close", books.close_of(DAY).pk, name)


def item(name: str) -> str:
    """The address of one item of its checklist."""
    return pages.page_of("reporting", "closecheck", books.close_of(DAY).checks.get(item=name).pk)


def done(browser: Client, address: str, **said: str) -> str:
    """What the page says after something was done."""
    return pages.plain(browser.post(address, said, follow=True).content.decode())


def test_finance_reads_what_is_missing_and_where(finance: Client, sold: None) -> None:
    books.run(desks.moment(4, 6))
    listed = pages.text(finance, pages.list_of("reporting", "close"))
    assert "2026-10-03 Something is missing Countinghouse Inc. stripe-us has told nothing, not 2026-10-03." in listed
    shown = pages.text(finance, page())
    assert "Missing: stripe-us has told nothing, not 2026-10-03. stripe-us was not compared since." in shown
    assert "All settlement files are in Missing stripe-us has told nothing, not 2026-10-03." in shown
    assert "The trial balance is zero Waits Looked at when nothing above is missing." in shown
    assert "Look again" in shown
    assert "Lock now" not in shown


def test_what_is_missing_is_accepted_with_a_reason(finance: Client, sold: None) -> None:
    books.run(desks.moment(4, 6))
    accept = item("files").replace("/change/", "/accept/")
    assert "Accept with a reason" in pages.text(finance, item("files"))
    assert "at least 5 characters" in done(finance, accept, reason="no")
    shown = done(finance, accept, reason="Stripe is down, ticket 4711")
    assert "Accepted. The period is locked by itself when nothing else is missing." in shown
    assert "staff finance" in shown
    assert "Accept with a reason" not in pages.text(finance, item("files"))
    listed = pages.text(finance, page())
    assert "not 2026-10-03. staff finance: “Stripe is down, ticket 4711”" in listed
    assert "Accepted: Stripe is down, ticket 4711 staff finance" in listed, "it stands in what was done"


def test_what_we_owe_ourselves_cannot_be_accepted(finance: Client, sold: None) -> None:
    books.run(desks.moment(4, 6))
    balance = item("balance")
    assert "Accept with a reason" not in pages.text(finance, balance)
    shown = done(finance, balance.replace("/change/", "/accept/"), reason="never mind that")
    assert "Nothing was changed." in shown


def test_it_is_looked_at_again_and_locked_by_hand(finance: Client, sold: None) -> None:
    books.run(desks.moment(4, 6))
    books.told(DAY)
    assert "Looked at: something is missing." in done(finance, page("again")), "the reports are being written"
    assert "Not there yet: The reports are written" in done(finance, page("lock"))
    factories.work()
    assert "Locked." in done(finance, page("lock"))
    factories.work()
    close = books.close_of(DAY)
    assert (close.status, close.locked_by) == ("locked", "staff finance")
    shown = pages.text(finance, page())
    assert "Its books take nothing more." in shown
    run = ReportRun.objects.get(pk=close.reports[0]["run"])
    assert run.sha256 in shown


def test_two_people_open_it_again(finance: Client, colleague: Client, sold: None) -> None:
    books.told(DAY)
    books.run(desks.moment(4, 6))
    assert "Another person has to agree" in done(finance, page("ask"), reason="a refund was forgotten")
    mine = pages.text(finance, page())
    assert "staff finance wants it open again: “a refund was forgotten”" in mine
    assert "Agree to open again" not in mine
    assert "Another person has to agree with the one who asked. Nothing was changed." in done(finance, page("agree"))
    assert books.close_of(DAY).status == "locked"
    assert "It is open again." in done(colleague, page("agree"))
    assert "Opened again" in pages.text(finance, page())
    assert books.close_of(DAY).reopened_by == "staff second"


def test_the_wish_is_taken_back(finance: Client, sold: None) -> None:
    books.told(DAY)
    books.run(desks.moment(4, 6))
    done(finance, page("ask"), reason="a refund was forgotten")
    assert "It stays locked." in done(finance, page("withdraw"))
    assert "Ask to open again" in pages.text(finance, page())


@pytest.mark.parametrize("role", ["support", "support_lead", "engineer"])
def test_others_do_not_see_it(staff: Any, sold: None, role: str) -> None:
    books.run(desks.moment(4, 6))
    assert staff(role).get(page()).status_code == 403


def test_who_gives_rights_reads_and_does_nothing(staff: Any, boss: Client, sold: None) -> None:
    books.run(desks.moment(4, 6))
    for browser in (staff("admin"), boss):
        assert "Look again" not in pages.text(browser, page())
        for name in ("again", "lock", "ask", "agree", "withdraw"):
            assert browser.post(page(name)).status_code == 403
        assert browser.post(item("files").replace("/change/", "/accept/"), {"reason": "whatever"}).status_code == 403
    assert Close.objects.filter(status="checking").exists()
