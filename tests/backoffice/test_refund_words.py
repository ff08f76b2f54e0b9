"""What customers ask of a refund stands on its page in plain words: where, when, by which number, twice or not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from payments.intents.models import PaymentAttempt
from refunds.models import Refund
from reporting.admin import tracing
from tests import factories
from tests.backoffice import pages
from tests.backoffice.test_refund_form import fill, send
from tests.refunds import conftest as refunds
from tests.refunds.psp import Psp

psp = refunds.psp


@pytest.fixture
def support(staff: Any) -> Client:
    """An agent's browser."""
    browser: Client = staff("support")
    return browser


def page(browser: Client) -> str:
    """The page of the only refund."""
    return pages.text(browser, pages.page_of("refunds", "refund", Refund.objects.get().pk))


def given_back(shop: factories.Shop, paid: dict[str, Any]) -> Refund:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "damaged"})
    factories.work()
    return Refund.objects.get()


def test_a_refund_is_told_with_its_number_and_its_days(
    support: Client, shop: factories.Shop, paid: dict[str, Any]
) -> None:
    refund = given_back(shop, paid)
    shown = page(support)

    assert f"5.00 USD went back to Visa •4242 on {refund.settled_at:%-d %b %Y}." in shown
    assert "Where the money is With the customer's bank or wallet" in shown.replace("&#x27;", "'")
    assert "When the customer sees it Between" in shown
    assert len(refund.acquirer_reference) == 23
    assert f"Reference for their bank (ARN) {refund.acquirer_reference}" in shown
    assert "On their statement COUNTINGHOUSE" in shown
    assert "On the customer's statement COUNTINGHOUSE" in pages.text(support, pages.payment(paid["id"]))
    assert shop.get(f"refunds/{refund.pk}")["acquirer_reference"] == refund.acquirer_reference


def test_the_number_comes_later_than_the_success(
    support: Client, shop: factories.Shop, paid: dict[str, Any], psp: Psp
) -> None:
    refund = given_back(shop, paid)
    number = refund.acquirer_reference
    Refund.objects.update(acquirer_reference="")
    assert "The provider tells it some days after the refund: look again then." in page(support)

    psp.notify(psp.events_once("refund.created"))
    assert Refund.objects.get().acquirer_reference == number, "the success is old news, the number is not"
    factories.assert_books_close()


def test_who_waits_is_told_where_the_money_is(support: Client, shop: factories.Shop) -> None:
    much = shop.paid(50_000)
    send(support, much, fill(support, much, amount="300.00"))
    shown = page(support)
    assert "300.00 USD wait for a second person: more than 250.00 USD at once. Nothing goes back before that." in shown
    assert "Where the money is With us, set aside for it" in shown
    assert "(ARN)" not in shown


@pytest.mark.parametrize(
    ("sent", "days", "then"),
    [
        (datetime(2026, 11, 25, 23, tzinfo=UTC), 5, (12, 2)),
        (datetime(2026, 11, 27, 1, tzinfo=UTC), 1, (11, 30)),
        (datetime(2026, 11, 28, 1, tzinfo=UTC), 1, (11, 30)),
    ],
)
def test_business_days_have_no_weekends(sent: datetime, days: int, then: tuple[int, int]) -> None:
    found = tracing._business_days(sent, days)
    assert (found.month, found.day) == then


def test_which_of_two_is_an_authorisation_that_vanishes(support: Client, shop: factories.Shop) -> None:
    order = shop.order(1999)
    first = shop.confirm(shop.intent(order, capture_method="manual"))
    shop.post(f"payment_intents/{first['id']}/cancel", {"reason": "abandoned"})
    factories.work()
    second = shop.confirm(shop.intent(order))
    shown = pages.text(support, pages.payment(second["id"]))

    assert "Charged twice?" in shown
    assert shown.count("19.99 USD by Visa •4242 on") >= 2
    assert "An authorisation, never taken. It was released and vanishes from the statement" in shown
    assert "Taken: this payment." in shown


def test_one_payment_is_not_asked_about(support: Client, paid: dict[str, Any]) -> None:
    assert PaymentAttempt.objects.count() == 1
    assert "Charged twice?" not in pages.text(support, pages.payment(paid["id"]))
