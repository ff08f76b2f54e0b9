"""The one box: whatever is known of a payment finds it and what belongs to it, exactly, by an index, masked."""

from collections.abc import Iterator
from datetime import timedelta
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
from reporting import finding, meanings, terms
from reporting.models import Payout
from tests import factories
from tests.backoffice import pages

MOST_QUERIES = 45
"""Of a search through every kind, whatever is found."""


def search(client: Client, question: str) -> Any:
    return client.get("/admin/search", {"q": question})


def text(client: Client, question: str) -> str:
    answer = search(client, question)
    assert answer.status_code == 200, (question, answer.status_code, answer.headers.get("location"))
    return pages.plain(answer.content.decode()).partition("Understood as")[2]


@pytest.fixture
def refunded(shop: factories.Shop, paid: dict[str, Any]) -> Refund:
    """Jane's payment, of which five dollars went back; and payments that must not be found."""
    shop.confirm(shop.intent(shop.order(2500, reference="B-1", metadata={"basket": "b-1"})), token="pm_card_mastercard")
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.later("send_refund")
    return Refund.objects.get()


UNDERSTOOD = {
    "4242 19.99 today": "Card, order or payment ending in 4242 · 19.99 in any currency · today (UTC)",
    "7731": "Card, order or payment ending in 7731",
    "•4242 19,99 $": "Card ending in 4242 · 19.99 of USD, CAD",
    "19.99 usd": "19.99 USD",
    "jane doe": "Customer called jane doe",
    "jane.doe@example.com today": "E-mail address jane.doe@example.com · today (UTC)",
    "C-77": "Reference C-77, or ending so",
}


def test_what_is_known_of_a_payment_finds_it(staff: Any, refunded: Refund) -> None:
    support = staff("support")
    for question, understood in UNDERSTOOD.items():
        shown = text(support, question)

        assert shown.strip().startswith(understood), shown[:200]
        for words in ("19.99 USD", "Partly refunded", "Order A-2026-7731"):
            assert words in shown, question
        assert "25.00 USD" not in shown


def test_what_does_not_hold_wholly_finds_nothing(staff: Any, refunded: Refund) -> None:
    support = staff("support")
    for question in ("4242 19.98", "4242 yesterday", "19.99 EUR", "5555 A-2026-7731", "john doe", "C-78", "basket:b-2"):
        assert "Nothing is found that is all of this." in text(support, question), question
    shown = text(support, "4242 19.99 yesterday")
    for words in ("Without 4242", "Without 19.99", "Without yesterday", "With a day more on either side"):
        assert words in shown


def test_a_refund_is_found_by_its_own_amount_and_the_payments_card(staff: Any, refunded: Refund) -> None:
    shown = text(staff("support"), "5.00 4242 today")

    assert "Refunds 1 5.00 USD Succeeded back to Visa •4242 Order A-2026-7731 Goodwill" in shown
    assert "Payments" not in shown


def test_metadata_finds_orders_and_payments(boss: Client, shop: factories.Shop, refunded: Refund) -> None:
    shop.intent(metadata={"tour": "north 7"})

    answer = search(boss, "basket:b-1")
    assert answer.headers["location"] == pages.page_of("payments", "order", Order.objects.get(reference="B-1").pk)
    answer = search(boss, 'tour:"north 7"')
    assert answer.headers["location"] == pages.payment(PaymentIntent.objects.get(metadata__tour="north 7").pk)


def test_one_hit_of_an_exact_id_leads_straight_there(boss: Client, refunded: Refund) -> None:
    attempt = PaymentAttempt.objects.get(intent=refunded.intent)
    there = pages.payment(refunded.intent_id)
    leads = {
        refunded.intent_id: there,
        refunded.pk: pages.page_of("refunds", "refund", refunded.pk),
        attempt.pk: pages.page_of("payments", "paymentattempt", attempt.pk),
        attempt.provider_reference: there,
        f"…{refunded.intent_id[-8:]}": there,
    }
    found = {question: search(boss, question).headers.get("location") for question in leads}
    del leads[attempt.provider_reference], found[attempt.provider_reference]  # its refund is called so too

    assert found == leads
    shown = text(boss, attempt.provider_reference)
    assert "Payments 1" in shown
    assert "Refunds 1" in shown


def test_payouts_are_found_by_who_may_see_them(staff: Any, shop: factories.Shop) -> None:
    account = ProviderAccount.objects.get(code="stripe-us")
    payout = Payout.objects.create(
        account=account, provider_reference="po_1Qabc", currency="USD", amount_minor=123_456, announced_at=clock.now()
    )
    assert search(staff("finance"), "po_1Qabc").headers["location"] == shown_at(payout)
    assert "Payouts 1 1,234.56 USD" in text(staff("auditor"), "1,234.56 usd today")
    assert "Nothing is found" in text(staff("support"), "po_1Qabc")


def shown_at(payout: Payout) -> str:
    return pages.page_of("reporting", "payout", payout.pk)


def test_people_are_found_and_shown_only_to_who_may_see_them(staff: Any, refunded: Refund) -> None:
    engineer = staff("engineer")
    shown = text(engineer, "jane.doe@example.com")

    assert "Your role may not search by e-mail." in shown
    assert "Nothing is found" in shown
    assert "Nothing is found" in text(engineer, "jane doe")
    assert "J•••" in text(engineer, "A-2026-7731")
    assert "Jane" not in text(engineer, "A-2026-7731").replace("jane.doe", "")


def test_nobody_searches_without_a_role_and_nothing_is_changed_by_it(
    staff: Any, paid: dict[str, Any], client: Client
) -> None:
    assert "Nothing is found" in text(staff("nobody"), "19.99")
    assert search(client, "19.99").status_code == 302
    assert staff("support").post("/admin/search", {"q": "19.99"}).status_code == 405


def test_every_page_has_the_box(boss: Client, paid: dict[str, Any]) -> None:
    for page in ("/admin/", "/admin/search?q=4242", pages.payment(paid["id"]), pages.list_of("payments", "order")):
        assert boss.get(page).content.decode().count("data-search") == 1, page


def test_an_empty_question_says_what_can_be_asked(boss: Client, db: None) -> None:
    assert "a card&#x27;s last four digits, an amount and a day together" in search(boss, " ").content.decode()


# --- how it is found


@pytest.fixture
def thousands(paid: dict[str, Any]) -> None:
    """So many rows that reading them all would be the wrong plan."""
    client_id = ApiClient.objects.get().pk
    customers = [Customer(client_id=client_id, reference=f"c{n}", email=f"c{n}@example.com") for n in range(3000)]
    orders = [
        Order(client_id=client_id, reference=f"ORDER-{n}", country="US", currency="USD", amount_total_minor=n + 1,
              expires_at=clock.now(), metadata={"basket": f"b-{n}"}) for n in range(3000)
    ]  # fmt: skip
    intents = [PaymentIntent(client_id=client_id, order=order, currency="USD", amount_minor=n + 1,
                             metadata={"basket": f"b-{n}"}) for n, order in enumerate(orders)]  # fmt: skip
    account = ProviderAccount.objects.get(code="stripe-us")
    attempts = [
        PaymentAttempt(intent=intent, order_id=intent.order_id, account=account, currency="USD", status="declined",
                       amount_minor=intent.amount_minor, method="card", provider_reference=f"pi_{n}",
                       card_last4="4242" if n % 3 else f"{n:04}") for n, intent in enumerate(intents)
    ]  # fmt: skip
    Customer.objects.bulk_create(customers)
    Order.objects.bulk_create(orders)
    PaymentIntent.objects.bulk_create(intents)
    PaymentAttempt.objects.bulk_create(attempts)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payments_order, payments_customer, payments_paymentintent, payments_paymentattempt")


def test_every_way_of_searching_has_its_index(thousands: None) -> None:
    used = {
        "4242": ("attempt_last4", "order_end", "intent_last_four"),
        "•4242 19.99 today": ("attempt_last4_amount",),
        "•4242 today": ("attempt_last4",),
        "19.99 EUR": ("intent_amount",),
        "19.99 EUR today": ("intent_amount",),
        "basket:b-77": ("intent_metadata",),
        "A-2026-7731": ("order_end", "attempt_provider_reference", "intent_order"),
        "jane.doe@example.com": ("customer_email",),
    }
    for question, indexes in used.items():
        plans = "\n".join(_plans(question))
        assert "Seq Scan on payments_payment" not in plans, plans
        assert "Seq Scan on payments_order" not in plans, plans
        assert [index for index in indexes if index not in plans] == [], plans


def _plans(question: str) -> Iterator[str]:
    """How PostgreSQL goes about every query of a search."""
    with CaptureQueriesContext(connection) as asked:
        meanings.payments(terms.asked(question, clock.now().date()), personal=True)
    for query in asked.captured_queries:
        if not query["sql"].lstrip(" (").startswith(("SELECT", "WITH")):
            continue  # asked for the plan itself, or says what a query may use
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
            yield from (line for (line,) in cursor.fetchall())


def test_an_entry_that_most_have_is_found_among_the_newest(thousands: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "RARE", 100)
    PaymentIntent.objects.filter(amount_minor__lte=2000).update(metadata={"channel": "app"})
    found = meanings.payments(terms.asked("channel:app", clock.now().date()), personal=False)

    expected = PaymentIntent.objects.filter(metadata__channel="app").order_by("-pk").values_list("pk", flat=True)
    assert found == list(expected[: finding.NEWEST])


def test_a_search_asks_no_more_for_many_than_for_one(boss: Client, shop: factories.Shop, refunded: Refund) -> None:
    with CaptureQueriesContext(connection) as one:
        search(boss, "4242 today")
    for amount in range(500, 512):
        shop.paid(amount)
    with CaptureQueriesContext(connection) as many:
        assert "the newest 10" in text(boss, "4242 today")

    assert len(many) <= len(one)
    with CaptureQueriesContext(connection) as most:
        search(boss, "4242")
    assert len(most) <= MOST_QUERIES, len(most)


def test_customers_mean_the_day_on_which_they_paid(shop: factories.Shop, sim: Any) -> None:
    with clock.at(clock.now() - timedelta(days=1)):
        intent = shop.intent(shop.order(4711))
    shop.confirm(intent)
    for question in ("47.11 yesterday", "•4242 47.11 today"):
        assert meanings.payments(terms.asked(question, clock.now().date()), personal=False) == [intent["id"]], question
