"""The timetable's rounds: oldest first, nobody twice, and one bad row neither stops nor starves the others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.services import lifecycle
from payments.kernel import clock, rounds
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.orders.models import Order
from tests import byhand, factories

DAYS = timedelta(days=1)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few rows are many."""
    monkeypatch.setattr(rounds, "PAGE", 2)


def reserved(shop: factories.Shop, days: int) -> str:
    """The attempt of a payment that was reserved so many days ago."""
    attempt = shop.confirm(shop.intent(capture_method="manual"))["latest_attempt"]["id"]
    PaymentAttempt.objects.filter(pk=attempt).update(authorized_at=timezone.now() - days * DAYS)
    return str(attempt)


def warned() -> list[str]:
    """Whom a person was asked about, in that order."""
    return list(AttentionItem.objects.order_by("id").values_list("object_id", flat=True))


def break_next_event(rows: type[PaymentIntent] | type[Order], row_id: str) -> None:
    """Its next event has the number of one that exists: the database refuses it each time."""
    rows.objects.filter(pk=row_id).update(event_sequence=0)


def test_the_oldest_reservation_is_warned_of_first_and_nobody_twice(shop: factories.Shop) -> None:
    younger, oldest, fresh, old = (reserved(shop, days) for days in (7, 9, 1, 8))
    lifecycle.warn_of_expiring_reservations()
    assert warned() == [oldest, old, younger]
    lifecycle.warn_of_expiring_reservations()
    assert len(warned()) == 3
    assert fresh not in warned()


def test_a_reservation_that_cannot_be_told_stops_no_warning(
    shop: factories.Shop, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [reserved(shop, days) for days in (12, 11, 10)]
    good = [reserved(shop, days) for days in (9, 8)]
    with byhand.behind_the_guards():
        PaymentAttempt.objects.filter(pk__in=bad).update(currency="ZZZ")
    lifecycle.warn_of_expiring_reservations()
    assert warned() == good
    assert all(attempt in caplog.text for attempt in bad)
    with byhand.behind_the_guards():
        PaymentAttempt.objects.filter(pk=bad[0]).update(currency="USD")
    lifecycle.warn_of_expiring_reservations()
    assert warned() == [*good, bad[0]], "it comes back, and so do those that are still bad"


def test_an_intent_and_an_order_that_cannot_expire_stop_no_other(
    shop: factories.Shop, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = [shop.intent() for _ in range(3)], [shop.intent() for _ in range(3)]
    for intent in bad:
        break_next_event(PaymentIntent, intent["id"])
    break_next_event(Order, good[0]["order"])
    with clock.at(timezone.now() + 31 * DAYS):
        lifecycle.expire_due()
    assert {shop.get(f"payment_intents/{intent['id']}")["status"] for intent in good} == {"expired"}
    assert {shop.get(f"payment_intents/{intent['id']}")["status"] for intent in bad} == {"requires_payment_method"}
    assert [shop.get(f"orders/{intent['order']}")["status"] for intent in good] == ["open", "expired", "expired"]
    for failed in (*(intent["id"] for intent in bad), good[0]["order"]):
        assert failed in caplog.text


def test_what_waits_for_its_customer_is_stopped_once(shop: factories.Shop) -> None:
    for _ in range(3):
        shop.confirm(shop.intent(), "pm_card_threeDSecure2Required")
    with clock.at(timezone.now() + 31 * DAYS):
        lifecycle.expire_due()
        lifecycle.expire_due()
    assert Job.objects.filter(name="cancel_attempt").count() == 3


def test_a_round_ends_in_time_and_the_next_goes_on(shop: factories.Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved(shop, 9)
    monkeypatch.setattr(rounds, "SECONDS", -1)
    lifecycle.warn_of_expiring_reservations()
    assert warned() == []
    monkeypatch.setattr(rounds, "SECONDS", 15)
    lifecycle.warn_of_expiring_reservations()
    assert len(warned()) == 1
