"""The list of payments is searched by whatever a customer can say on the phone."""

from typing import Any

import pytest
from django.test import Client

from payments.intents.models import PaymentAttempt
from refunds.models import Refund
from tests import factories
from tests.backoffice import pages

PAYMENTS = ("payments", "paymentintent")


@pytest.fixture
def others(shop: factories.Shop) -> None:
    """Payments that must not be found: another card, another order."""
    shop.confirm(shop.intent(), token="pm_card_mastercard")


def found(client: Client, term: str, *table: str) -> bool:
    """Whether Jane's payment, and only that, is the result."""
    shown = pages.text(client, pages.list_of(*(table or PAYMENTS)), q=term)
    one = "A-2026-7731" in shown and " 1 " in shown
    assert one or "Nothing matches" in shown, shown
    return one


@pytest.mark.parametrize(
    "term",
    [
        "A-2026-7731",
        " A-2026-7731 ",
        "7731",
        "4242",
        "•4242",
        "a-2026-7731",
        "-7731",
        "2026-7731",
        "26-7731",
        "jane.doe@example.com",
        "JANE.DOE@EXAMPLE.COM",
    ],
)
def test_by_what_customers_say(boss: Client, paid: dict[str, Any], others: None, term: str) -> None:
    assert found(boss, term)


def test_by_every_id_of_ours_and_the_psps(
    boss: Client, shop: factories.Shop, paid: dict[str, Any], others: None
) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.work()
    attempt, refund = PaymentAttempt.objects.get(intent=paid["id"]), Refund.objects.get()
    ours = [paid["id"], paid["order"], paid["customer"], attempt.pk, refund.pk, paid["id"][-4:]]

    for term in (*ours, attempt.provider_reference, refund.provider_reference):
        assert found(boss, term), term


@pytest.mark.parametrize(
    "term", ["A-2026", "0341", "731", "_731", "%7731", "john@example.com", "pi_12", "pi_" + "0" * 32, "%", "'", "é"]
)
def test_what_nobody_has_said_finds_nothing(boss: Client, paid: dict[str, Any], term: str) -> None:
    assert not found(boss, term)


def test_orders_and_customers_are_found_too(boss: Client, paid: dict[str, Any], others: None) -> None:
    for term in ("A-2026-7731", "7731", "jane.doe@example.com", paid["order"], paid["customer"]):
        assert found(boss, term, "payments", "order"), term
    for term in ("C-77", "Jane.Doe@example.com", "jane doe", paid["customer"]):
        assert "J•••@e•••.com" in pages.text(boss, pages.list_of("payments", "customer"), q=term)


def test_an_email_finds_nothing_for_who_may_not_read_it(staff: Any, paid: dict[str, Any]) -> None:
    engineer = staff("engineer")

    assert found(engineer, "A-2026-7731")
    assert not found(engineer, "jane.doe@example.com")
    refused = "Your role may not search by e-mail."
    for table in ("paymentintent", "order", "customer"):
        answer = pages.text(engineer, pages.list_of("payments", table), q="jane.doe@example.com")
        assert refused in answer, table
        assert "e-mail" not in engineer.get(pages.list_of("payments", table)).content.decode(), table
    assert refused not in pages.text(staff("support"), pages.list_of(*PAYMENTS), q="jane.doe@example.com")
    shown = pages.text(engineer, pages.list_of("payments", "customer"))
    assert "J•••@e•••.com" in shown
    assert "Jane" not in shown


@pytest.mark.parametrize("term", ["a\x00b", "basket:\x00", "\x00"])
def test_what_no_database_can_hold_is_no_error(boss: Client, term: str) -> None:
    assert boss.get("/admin/search", {"q": term}).status_code == 200


def test_references_and_descriptions_that_are_addresses_are_masked(staff: Any, shop: factories.Shop) -> None:
    """Shops call their customers by e-mail, and write to whom a payment belongs."""
    customer = shop.post("customers", {"reference": "ada@example.com"})["id"]
    shop.post(
        "payment_intents", {"amount": 1999, "currency": "USD", "customer": customer, "description": "ada@example.com"}
    )
    shop.order(1999, reference="A-5", customer=customer)
    browser = staff("support")
    addresses = ("/admin/search?q=19.99", "/admin/search?q=A-5", pages.list_of("payments", "customer"),
                 pages.page_of("payments", "customer", customer), pages.list_of("payments", "order"))  # fmt: skip
    for address in addresses:
        page = browser.get(address, follow=True).content.decode()
        assert "a•••@e•••.com" in page, address
        assert "ada@example.com" not in page.replace("q=ada", ""), address
