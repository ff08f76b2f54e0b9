"""The menu: kept for everybody who has the same rights and language, and right for each."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from payments.admin import addresses
from payments.intents.models import PaymentIntent
from reporting.admin import navigation
from tests.backoffice import pages
from tests.backoffice.conftest import Staff

PAYMENTS = pages.list_of("payments", "paymentintent")
REFUNDS = pages.list_of("refunds", "refund")
AUDIT_LOG = pages.list_of("payments", "auditevent")
WAITING = "/admin/refunds/refund/waiting/"


def menu(browser: Client, address: str) -> dict[str, tuple[str, bool]]:
    """Address -> words of each line of the menu, and whether it is marked."""
    html = browser.get(address).content.decode()
    [side] = re.findall(r'<div id="nav-sidebar-apps".*?</nav>', html, re.DOTALL)
    lines = re.findall(r'<li><a href="([^"]+)" class="([^"]+)">.*?</span><span>(.*?)</span>', side)
    return {where: (words, "active" in classes.split()) for where, classes, words in lines}


def marked(browser: Client, address: str) -> list[str]:
    return [where for where, (_, here) in menu(browser, address).items() if here]


def test_one_line_is_marked_where_one_is_and_none_where_one_was(staff: Staff) -> None:
    lead = staff("support_lead")

    assert marked(lead, PAYMENTS) == [PAYMENTS]
    assert marked(lead, REFUNDS) == [REFUNDS]
    assert marked(lead, WAITING) == [WAITING]
    assert marked(lead, "/admin/account/") == []


def test_who_changes_roles_has_another_menu_on_the_next_page(staff: Staff) -> None:
    browser = staff("support")
    assert AUDIT_LOG not in menu(browser, PAYMENTS)

    User.objects.get(username="support").groups.set(Group.objects.filter(name="auditor"))
    assert AUDIT_LOG in menu(browser, PAYMENTS)


def test_the_same_rights_are_read_in_each_ones_language(staff: Staff) -> None:
    browser = staff("support")
    assert menu(browser, PAYMENTS)[PAYMENTS][0] == "Payments"

    browser.post("/admin/language/", {"language": "de", "next": "/admin/account/"})
    assert menu(browser, PAYMENTS)[PAYMENTS][0] == "Zahlungen"


class Forgetful(dict[Any, Any]):
    """What is kept of menus, while somebody else's page has just let go of all of it."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


def test_a_page_has_its_menu_while_another_one_empties_what_is_kept(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(navigation, "_KNOWN", Forgetful())
    assert PAYMENTS in menu(staff("support"), PAYMENTS)


def test_a_key_that_needs_quoting_is_quoted_in_an_address() -> None:
    plain, odd = (addresses.address(PaymentIntent, key) for key in ("pi_0190", "a b/ü"))

    assert plain == "/admin/payments/paymentintent/pi_0190/change/"
    assert odd == "/admin/payments/paymentintent/a%20b/%C3%BC/change/"
