"""How methods do is counted from the attempts of the last days, on the timetable, and orders what is offered."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments.intents import selectors
from payments.intents.services import measuring
from payments.kernel import clock, ids
from payments.kernel.jobs import REGISTRY
from payments.methods import eligibility
from payments.methods import selectors as methods
from payments.methods.models import MethodSuccess
from tests import factories
from tests.byhand import behind_the_guards, copy, key, sql


def measures() -> dict[tuple[str, str], tuple[int, int]]:
    """(method, country) -> tried, paid."""
    rows = MethodSuccess.objects.values_list("method", "country", "tried", "paid")
    return {(method, country): (tried, paid) for method, country, tried, paid in rows}


def attempt(paid: Mapping[str, Any]) -> str:
    return str(paid["latest_attempt"]["id"])


def test_paid_declined_and_walked_away_from_in_the_country_of_the_order(shop: factories.Shop) -> None:
    shop.paid()
    shop.confirm(shop.intent(capture_method="manual"))
    shop.confirm(shop.intent(), "pm_card_visa_chargeDeclined")
    shop.paid(1999, country="CA")
    shop.confirm(shop.intent(), "pm_card_threeDSecure2Required")
    measuring.measure_methods()
    assert measures() == {("card", "US"): (3, 2), ("card", "CA"): (1, 1), ("card", ""): (4, 3)}, "who acts still, waits"
    waiting = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required")
    shop.post(f"payment_intents/{waiting['id']}/cancel", {"reason": "abandoned"})
    factories.work()
    measuring.measure_methods()
    assert measures()["card", "US"] == (4, 2)


def test_without_an_order_the_customers_country_counts(shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "ana", "country": "PT"})["id"]
    for known in ({"customer": customer}, {}):
        shop.confirm(shop.post("payment_intents", {"amount": 1500, "currency": "USD", **known}))
    measuring.measure_methods()
    assert measures() == {("card", "PT"): (1, 1), ("card", ""): (2, 2)}, "of unknown countries there is no row"


@pytest.mark.parametrize(
    ("status", "facts", "counts"),
    [
        ("captured", {}, (1, 1)),
        ("authorized", {}, (1, 1)),
        ("voided", {"authorized_at": "2026-11-01T00:00:00Z"}, (1, 1)),
        ("voided", {"authorized_at": None}, (1, 0)),
        ("expired", {"authorized_at": "2026-11-01T00:00:00Z"}, (1, 1)),
        ("expired", {"authorized_at": None}, (1, 0)),
        ("declined", {}, (1, 0)),
        ("capture_failed", {}, (1, 0)),
        ("failed", {}, None),
        ("pending", {}, None),
        ("unknown", {}, None),
        ("captured", {"off_session": True}, None),
        ("captured", {"saved_method_id": "0197a0a0-0000-7000-8000-000000000000"}, None),
    ],
)
def test_what_counts(
    shop: factories.Shop, status: str, facts: Mapping[str, Any], counts: tuple[int, int] | None
) -> None:
    row = key(attempt(shop.paid()))
    with behind_the_guards():
        values = {"status": status, **facts}
        settings = ", ".join(f"{name} = %s" for name in values)
        sql(f"UPDATE payments_paymentattempt SET {settings} WHERE id = %s", *values.values(), row)
    measuring.measure_methods()
    assert measures().get(("card", "US")) == counts


def test_it_is_of_the_last_days_and_what_is_old_is_forgotten(shop: factories.Shop) -> None:
    shop.paid()
    measuring.measure_methods()
    with clock.at(timezone.now() + measuring.LOOKED_BACK - timedelta(minutes=1)):
        measuring.measure_methods()
        assert measures()["card", "US"] == (1, 1)
    with clock.at(timezone.now() + measuring.LOOKED_BACK + timedelta(minutes=1)):
        measuring.measure_methods()
        assert measures() == {("card", "US"): (0, 0), ("card", ""): (0, 0)}
    measuring.measure_methods()
    assert measures()["card", "US"] == (1, 1)


def test_what_is_offered_follows_what_was_measured(shop: factories.Shop) -> None:
    """In the Netherlands cards do badly and SEPA debits well; what leads there keeps its place until it is tried."""
    cards, debits = (
        key(attempt(shop.confirm(shop.intent(shop.order(1999, "EUR", country="NL")), account="stripe-eu")))
        for _ in range(2)
    )
    with behind_the_guards():
        for number in range(eligibility.LEAST_TRIED):
            status = "captured" if number % 2 else "declined"
            copy("payments_paymentattempt", cards, id=str(ids.uuid7()), status=status, provider_reference="")
            copy("payments_paymentattempt", debits, id=str(ids.uuid7()), method="sepa_debit", provider_reference="")
    measuring.measure_methods()
    told = shop.get("payment_methods/available?amount=1999&currency=EUR&country=NL")
    assert [row["type"] for row in told["data"]][:3] == ["ideal", "sepa_debit", "card"]


def test_counting_is_one_statement_and_offering_none(shop: factories.Shop) -> None:
    shop.paid()
    with CaptureQueriesContext(connection) as asked:
        selectors.successes(timezone.now() - measuring.LOOKED_BACK)
    assert len(asked) == 1
    measuring.measure_methods()
    facts = eligibility.Facts(amount=1999, currency="USD", country="US")
    methods.offered(facts)
    with CaptureQueriesContext(connection) as none:
        methods.offered(facts)
    assert not len(none)
    assert REGISTRY["measure_methods"].every == timedelta(hours=1)
