"""A payment is found by whatever a customer can say on the phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.gateway.models import ProviderAccount
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.kernel import clock
from payments.orders.models import Customer, Order
from payments.rest.models import ApiClient
from refunds.models import Refund
from reporting.admin import search
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
        assert "Jane Doe" in pages.text(boss, pages.list_of("payments", "customer"), q=term)


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


@pytest.fixture
def thousands(paid: dict[str, Any]) -> None:
    """So many rows that reading them all would be the wrong plan."""
    client_id = ApiClient.objects.get().pk
    customers = [Customer(client_id=client_id, reference=f"c{n}", email=f"c{n}@example.com") for n in range(3000)]
    orders = [
        Order(client_id=client_id, reference=f"ORDER-{n}", country="US", currency="USD", amount_total_minor=n + 1,
              expires_at=clock.now()) for n in range(3000)
    ]  # fmt: skip
    intents = [PaymentIntent(client_id=client_id, order=order, currency="USD", amount_minor=1) for order in orders]
    account = ProviderAccount.objects.get(code="stripe-us")
    attempts = [
        PaymentAttempt(intent=intent, order_id=intent.order_id, account=account, currency="USD", amount_minor=1,
                       status="declined", method="card", provider_reference=f"pi_{n}", card_last4=f"{n % 10000:04}")
        for n, intent in enumerate(intents)
    ]  # fmt: skip
    Customer.objects.bulk_create(customers)
    Order.objects.bulk_create(orders)
    PaymentIntent.objects.bulk_create(intents)
    PaymentAttempt.objects.bulk_create(attempts)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payments_order, payments_customer, payments_paymentintent, payments_paymentattempt")


def test_every_way_of_searching_has_its_index(thousands: None) -> None:
    used = {
        "4242": ("attempt_card_last4", "order_reference_end", "intent_last_four"),
        "A-2026-7731": ("order_reference_end", "attempt_provider_reference", "intent_order"),
        "jane.doe@example.com": ("customer_email",),
    }
    for term, indexes in used.items():
        plans = "\n".join(_plans(term))
        assert "Seq Scan on payments_payment" not in plans, plans
        assert "Seq Scan on payments_order" not in plans, plans
        assert [index for index in indexes if index not in plans] == [], plans


def _plans(term: str) -> Iterator[str]:
    """How PostgreSQL goes about every query of a search."""
    with CaptureQueriesContext(connection) as asked:
        list(PaymentIntent.objects.filter(search.payments(term, personal=True)))
    for query in asked.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
            yield from (line for (line,) in cursor.fetchall())
