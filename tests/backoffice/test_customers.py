"""A customer's page: who it is, all that they paid and got back, what is open; and erasing them."""

from typing import Any

from payments.kernel.audit import AuditEvent
from payments.orders.models import Customer
from tests import factories
from tests.backoffice import pages
from tests.backoffice.conftest import Staff

REASON = {"reason": "Asked for it by letter"}


def page(customer: dict[str, Any], name: str = "change") -> str:
    """The address of a customer's page."""
    return pages.page_of("payments", "customer", customer["id"], name)


def test_a_customer_with_all_that_they_paid(
    staff: Staff, shop: factories.Shop, customer: dict[str, Any], paid: dict[str, Any]
) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "damaged"})
    shop.confirm(shop.intent(shop.order(700, "EUR", reference="B-2", customer=customer["id"])))
    factories.work()
    support = staff("support")
    shown = pages.text(support, page(customer))

    assert "J•••" in shown
    assert "Jane" not in shown
    assert "USD 1 19.99 USD 5.00 USD 0.00 USD 14.99 USD" in shown, "paid, given back, disputed, kept"
    assert "EUR 1 7.00 EUR 0.00 EUR 0.00 EUR 7.00 EUR" in shown
    assert "A-2026-7731" in shown
    assert "B-2" in shown
    assert "Nothing is open." in shown
    assert "Jane Doe" in pages.reveal(support, "payments", "customer", customer["id"])
    assert "personal_data.revealed" in pages.text(support, page(customer))
    for term in ("C-77", "JANE.DOE@example.com", "jane doe", customer["id"]):
        assert "C-77" in pages.text(support, pages.list_of("payments", "customer"), q=term), term


def test_a_lead_erases_with_a_reason_and_everything_else_stays(
    staff: Staff, customer: dict[str, Any], paid: dict[str, Any]
) -> None:
    lead = staff("support_lead")
    asked = pages.text(lead, page(customer, "erase"))
    assert "1 orders and 1 payments" in asked
    assert "Amounts, ids, states and the books stay" in asked
    assert lead.post(page(customer, "erase"), {"reason": "no"}).status_code == 200
    assert Customer.objects.get().erased_at is None

    done = lead.post(page(customer, "erase"), REASON, follow=True).content.decode()
    assert "They are erased." in done
    factories.work()
    row = Customer.objects.get()
    assert (row.email, row.name, row.reference) == ("", "", f"erased-{customer['id']}")
    event = AuditEvent.objects.get(action="customer.erased")
    assert (event.by, event.because) == ("staff support_lead", REASON["reason"])
    assert "ane" not in str(event.before)
    assert "erased already" in lead.post(page(customer, "erase"), REASON, follow=True).content.decode()
    assert "19.99 USD" in pages.text(lead, page(customer))
    factories.assert_books_close()


def test_who_may_erase(staff: Staff, customer: dict[str, Any]) -> None:
    for role in ("support", "finance", "engineer", "auditor", "admin"):
        assert staff(role).post(page(customer, "erase"), REASON).status_code == 403, role
    assert Customer.objects.get().erased_at is None
