"""Saved methods as people find and read them: by the last four digits, on their customer's page, without tokens."""

from typing import Any

import pytest
from django.test import Client

from payments.methods.models import PaymentMethodToken
from tests import factories
from tests.backoffice import pages

LIST = pages.list_of("payments", "paymentmethod")


@pytest.fixture
def saved(shop: factories.Shop, customer: dict[str, Any]) -> dict[str, Any]:
    """Jane's card."""
    shop.confirm(shop.intent(shop.order(customer=customer["id"]), setup_future_usage="off_session"))
    return dict(shop.get(f"customers/{customer['id']}/payment_methods")["data"][0])


def test_a_card_is_found_by_its_last_digits(boss: Client, saved: dict[str, Any]) -> None:
    for term in ("4242", "•4242", saved["id"], saved["customer"]):
        assert "visa •••• 4242" in pages.text(boss, LIST, q=term), term
    for term in ("4243", "42", ""):
        assert ("visa •••• 4242" in pages.text(boss, LIST, q=term)) is (term == ""), term


def test_its_page_says_who_keeps_it_and_what_was_paid_with_it(
    boss: Client, shop: factories.Shop, saved: dict[str, Any]
) -> None:
    page = pages.page_of("payments", "paymentmethod", saved["id"])
    text = pages.text(boss, page)
    assert "stripe-us" in text
    assert f"{saved['exp_month']:02}/{saved['exp_year']}" in text
    assert PaymentMethodToken.objects.get().token not in boss.get(page).content.decode()
    shop.call("DELETE", f"payment_methods/{saved['id']}")
    factories.work()
    assert PaymentMethodToken.objects.get().forgotten_at is not None
    assert pages.text(boss, page).count("UTC") >= 3


def test_a_customers_page_shows_what_they_saved(staff: Any, saved: dict[str, Any]) -> None:
    page = pages.page_of("payments", "customer", saved["customer"])
    assert "visa •••• 4242" in pages.text(staff("support"), page)
    assert staff("finance").get(LIST).status_code == 403
