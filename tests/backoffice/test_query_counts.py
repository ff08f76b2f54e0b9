"""Pages ask the database a fixed number of questions, however much there is to show."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff

MOST_OF_A_LIST, MOST_OF_A_SEARCH, MOST_OF_A_COCKPIT = 9, 30, 45


def counted(browser: Client, address: str, **query: str) -> int:
    """The queries of a page that must be there; a first look warms what a process keeps."""
    browser.get(address, query)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert browser.get(address, query).status_code == 200
    return len(asked)


LISTS = ("payments.paymentintent", "payments.order", "payments.paymentattempt", "payments.capture", "payments.customer",
         "payments.transfer", "payments.entry", "payments.event", "payments.providercall",
         "payments.statechange")  # fmt: skip


@pytest.fixture
def browser(staff: Staff) -> Client:
    return staff("auditor")


def test_lists_and_search_ask_as_much_for_one_row_as_for_many(
    browser: Client, shop: factories.Shop, paid: dict[str, Any]
) -> None:
    search = "/admin/search"
    before = [counted(browser, pages.list_of(*one.split("."))) for one in LISTS]
    found = counted(browser, search, q="19.99 USD")
    for number in range(3):
        order = shop.order(1999, reference=f"MORE-{number}", customer=paid["customer"])
        shop.confirm(shop.intent(order))
    factories.work()

    assert [counted(browser, pages.list_of(*one.split("."))) for one in LISTS] == before
    assert counted(browser, search, q="19.99 USD") == found
    assert max(before) <= MOST_OF_A_LIST, dict(zip(LISTS, before, strict=True))
    assert found <= MOST_OF_A_SEARCH


def test_the_cockpit_asks_as_much_for_a_short_story_as_for_a_long_one(
    staff: Staff, shop: factories.Shop, paid: dict[str, Any]
) -> None:
    support, address = staff("support"), pages.payment(paid["id"])
    short = counted(support, address)
    for amount in (300, 400):
        shop.post("refunds", {"payment_intent": paid["id"], "amount": amount, "reason": "goodwill"})
    factories.work()
    with_refunds = counted(support, address)
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.work()

    assert counted(support, address) == with_refunds
    assert short <= with_refunds <= MOST_OF_A_COCKPIT
