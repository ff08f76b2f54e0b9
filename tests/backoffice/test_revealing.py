"""Personal data is masked for everybody, and shown to who may see it, who says why, for a quarter of an hour."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from payments.intents.models import PaymentIntent
from payments.kernel import clock
from payments.kernel.audit import AuditEvent
from payments.orders.models import Order
from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff

WHO = ("Jane", "Doe", "jane.doe@example.com", "10 Downing Street", "SW1A")


@pytest.fixture
def order(shop: factories.Shop, paid: dict[str, Any]) -> str:
    """Jane's order, with an address in its metadata."""
    address = {"city": "London", "postal_code": "SW1A 2AA"}
    Order.objects.filter(pk=paid["order"]).update(
        metadata={"shipping_address": {**address, "to": "10 Downing Street"}, "gift": "yes", "merchant_name": "Mugs"}
    )
    return str(paid["order"])


def test_a_page_shows_who_it_is_to_who_says_why_and_for_a_while(staff: Staff, paid: dict[str, Any], order: str) -> None:
    support, address = staff("support"), pages.page_of("payments", "order", order)
    masked = pages.text(support, address)
    assert "J•••" in masked
    assert '"gift": "yes"' in masked.replace("&quot;", '"')
    assert "Mugs" in masked
    assert not [word for word in WHO if word in masked]
    assert "Names and addresses are hidden. Show" in masked
    assert not AuditEvent.objects.filter(action="personal_data.revealed").exists()

    for wrong in ("", "why"):
        assert support.post(pages.page_of("payments", "order", order, "reveal"), {"reason": wrong}).status_code == 200
    assert not [word for word in WHO if word in pages.text(support, address)], "not without a reason"

    shown = pages.reveal(support, "payments", "order", order)
    assert all(word in shown for word in ("Jane Doe", "10 Downing Street", "SW1A 2AA"))
    event = AuditEvent.objects.get(action="personal_data.revealed")
    assert (event.object_id, event.by) == (order, "staff support")
    assert event.because == "The customer is on the phone."

    assert "Jane" not in pages.text(support, pages.payment(paid["id"])), "this object, no other"
    assert "Jane" not in pages.text(support, pages.list_of("payments", "order")), "never in a list"
    assert "Jane" not in pages.text(staff("support_lead"), address), "this person, nobody else"
    with clock.at(clock.now() + timedelta(minutes=14)):
        assert "Jane Doe" in pages.text(support, address)
    with clock.at(clock.now() + timedelta(minutes=16)):
        assert "Jane" not in pages.text(support, address)


@pytest.mark.parametrize("role", ["engineer", "finance", "auditor", "admin"])
def test_who_does_not_talk_to_customers_is_not_even_offered_it(staff: Staff, order: str, role: str) -> None:
    browser, reveal = staff(role), pages.page_of("payments", "order", order, "reveal")
    assert "Names and addresses are hidden" not in pages.text(browser, pages.page_of("payments", "order", order))
    assert browser.get(reveal).status_code == 403
    assert browser.post(reveal, {"reason": "I am curious."}).status_code == 403
    assert not AuditEvent.objects.filter(action="personal_data.revealed").exists()


def test_it_takes_a_form_of_ours_and_somebody_who_is_there(staff: Staff, order: str) -> None:
    support, reveal = staff("support"), pages.page_of("payments", "order", order, "reveal")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = support.cookies
    assert strict.post(reveal, {"reason": "The customer is on the phone."}).status_code == 403

    with clock.at(clock.now() + timedelta(minutes=11)):
        for asked in (support.get(reveal), support.post(reveal, {"reason": "The customer is on the phone."})):
            assert asked["Location"].startswith("/admin/confirm/"), "they prove first that it is them"
    assert not AuditEvent.objects.filter(action="personal_data.revealed").exists()


def test_it_leads_back_to_pages_of_the_same_object_only(staff: Staff, order: str) -> None:
    support, reveal = staff("support"), pages.page_of("payments", "order", order, "reveal")
    for elsewhere in ("https://evil.example", "//evil.example", "/admin/", pages.list_of("payments", "customer")):
        asked = support.post(f"{reveal}?next={elsewhere}", {"reason": "The customer is on the phone."})
        assert asked["Location"] == pages.page_of("payments", "order", order)


def test_raw_data_of_a_payments_story_is_masked_and_shown_alike(staff: Staff, paid: dict[str, Any]) -> None:
    said = {"recipient": "Ada Byron", "note": "call ada@example.org"}
    PaymentIntent.objects.update(metadata=said)
    support = staff("support")
    masked = pages.text(support, pages.payment(paid["id"]))
    assert "Byron" not in masked
    assert "ada@" not in masked
    assert "Ada Byron" in pages.reveal(support, "payments", "paymentintent", paid["id"])
