"""Service levels are counted from what happened, once it is certain, and called for when they burn."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids
from payments.kernel.records import StateChange
from payments.rest import requestlog
from payments.rest.models import ApiRequest
from payments.webhooks.models import Delivery, DeliveryTry, Endpoint, Event, InboundEvent
from reporting.models import Alert, LevelCount, ServiceLevel, SettlementFile
from reporting.services import alert_rules, burning
from reporting.uptime import levels, slo
from tests import factories
from tests.backoffice import conftest as backoffice
from tests.backoffice import pages
from tests.services import conftest as services

sim, shop, staff = services.sim, services.shop, backoffice.staff
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def counted(until: datetime, *, since: datetime = NOON) -> dict[str, tuple[int, int]]:
    """What is counted by then, from a moment on: how many of how many, by promise."""
    ServiceLevel.objects.bulk_create(
        [ServiceLevel(name=name, counted_until=since) for name in slo.SLOS], ignore_conflicts=True
    )
    with clock.at(until):
        levels.count()
        return {one.slo.name: (one.count.good, one.count.total) for one in levels.levels() if one.count.total}


def asked(at: datetime, *, status: int = 200, ours: int = 10, psp: int = 0, times: int = 1) -> None:
    """Requests of the API, with the milliseconds that we and the PSP took."""
    ApiRequest.objects.bulk_create(
        ApiRequest(
            id=ids.uuid7(at), at=at, address="", method="GET", path="/v1/orders", operation="orders.list",
            status=status, code="", microseconds=(ours + psp) * 1000, outside_microseconds=psp * 1000, request_id="x",
            idempotency_key="", object_ids=[],
        ) for _ in range(times)
    )  # fmt: skip


def test_requests_are_good_when_we_answer_and_take_no_longer_than_we_may() -> None:
    asked(NOON, times=7)
    asked(NOON, psp=900, status=404)
    asked(NOON, ours=51)
    asked(NOON, ours=50, status=503)
    asked(NOON + timedelta(minutes=9, seconds=59))
    assert counted(NOON + timedelta(minutes=10)) == {"availability": (9, 10), "own_time": (9, 10)}
    assert counted(NOON + timedelta(minutes=11, seconds=1)) == {"availability": (10, 11), "own_time": (10, 11)}
    assert counted(NOON + timedelta(minutes=11, seconds=1)) == {"availability": (10, 11), "own_time": (10, 11)}

    by_grain = LevelCount.objects.filter(name="availability").order_by("grain", "at").values_list("grain", "total")
    assert list(by_grain) == [(0, 10), (0, 1), (1, 11), (2, 11)]


def test_a_clock_that_was_ahead_and_is_set_back_leaves_nothing_uncounted() -> None:
    asked(NOON, times=3)
    counted(NOON + timedelta(minutes=5))
    asked(NOON + timedelta(hours=3), times=2, status=500)
    move("att_1", NOON + timedelta(minutes=5), "sent", "unknown")
    ahead = counted(NOON + timedelta(hours=3, minutes=5))
    assert (ahead["availability"], ahead["unknown"]) == ((3, 5), (0, 1)), "and it was not known what became of one"

    move("att_1", NOON + timedelta(minutes=6), "unknown", "captured")
    asked(NOON + timedelta(minutes=7), times=4)
    back = counted(NOON + timedelta(minutes=10))
    assert (back["availability"], back["unknown"]) == ((7, 7), (1, 1)), "what is ahead is not told yet"
    asked(NOON + timedelta(minutes=12))
    assert counted(NOON + timedelta(minutes=14))["availability"] == (8, 8), "and it goes on"
    assert counted(NOON + timedelta(hours=3, minutes=6))["availability"] == (8, 10)


def test_the_clock_of_another_machine_is_a_little_ahead() -> None:
    asked(NOON, times=3)
    counted(NOON + timedelta(minutes=6))
    LevelCount.objects.all().delete()
    assert counted(NOON + timedelta(minutes=5, seconds=59)) == {}, "nothing is counted anew"


def test_a_payment_notes_how_long_its_psp_took(shop: factories.Shop) -> None:
    requestlog._waiting.notes.clear()
    shop.paid()
    requestlog.flush()
    paid, order = (ApiRequest.objects.get(operation=name) for name in ("payment_intents.confirm", "orders.create"))
    assert 0 < paid.outside_microseconds < paid.microseconds
    assert order.outside_microseconds == 0


def notified(at: datetime, *, after: float | None, state: str = "processed", **facts: Any) -> None:
    """A PSP's notification, and how many seconds later it was acted upon."""
    done = None if after is None else at + timedelta(seconds=after)
    InboundEvent.objects.create(
        id=ids.new("in", at), provider_account=ProviderAccount.objects.order_by("code")[0], event_key=ids.new("x"),
        type="x", kind="payment_updated", body=b"{}", state=state, received_at=at, processed_at=done, **facts,
    )  # fmt: skip


def test_notifications_are_good_when_they_are_acted_upon_soon(shop: factories.Shop) -> None:
    for after in (0.1, 4.9, 5.1, None):
        notified(NOON, after=after, state="received" if after is None else "processed")
    notified(NOON, after=None, state="waiting")
    notified(NOON, after=None, state="ignored")
    notified(NOON, after=9, came_by="sweep")
    assert counted(NOON + timedelta(minutes=5))["notifications"] == (2, 4)


def test_unknown_outcomes_are_good_when_they_are_known_within_two_minutes() -> None:
    for number, seconds in enumerate((5, 119, 121, None)):
        name = f"att_{number:032x}"
        move(name, NOON, "sent", "unknown")
        if seconds is not None:
            move(name, NOON + timedelta(seconds=seconds), "unknown", "captured")
    assert counted(NOON + timedelta(minutes=5))["unknown"] == (2, 4)


def move(object_id: str, at: datetime, before: str, after: str) -> None:
    """A state change."""
    StateChange.objects.create(
        id=ids.uuid7(at), object_id=object_id, from_state=before, to_state=after, event="x", because="x", by="x", at=at
    )


def test_events_are_good_when_they_are_sent_soon_to_endpoints_that_take_them(shop: factories.Shop) -> None:
    works = Endpoint.objects.create(client=shop.client, url="https://a.example/", event_types=["*"])
    fails = Endpoint.objects.create(client=shop.client, url="https://b.example/", event_types=["*"], failing_since=NOON)
    for number, (endpoint, seconds) in enumerate([(works, 1), (works, 11), (works, None), (fails, None)]):
        event = happened(shop, number, dispatched=NOON)
        delivery = Delivery.objects.create(
            id=ids.new("wd", NOON), endpoint=endpoint, event=event, object_id=event.object_id, sequence=1,
            created_at=NOON,
        )  # fmt: skip
        if seconds is not None:
            DeliveryTry.objects.create(
                id=ids.uuid7(NOON), delivery_id=ids.decode("wd", delivery.pk), at=NOON + timedelta(seconds=seconds)
            )
    happened(shop, 8, dispatched=NOON)
    happened(shop, 9, dispatched=None)
    assert counted(NOON + timedelta(minutes=5))["deliveries"] == (1, 4), "nobody listens to one, one was never planned"


def happened(shop: factories.Shop, number: int, *, dispatched: datetime | None) -> Event:
    """An event of an object of its own."""
    return Event.objects.create(
        id=ids.new("evt", NOON), client=shop.client, type="order.paid", object_id=f"ord_{number}", sequence=1, data={},
        created_at=NOON, dispatched_at=dispatched,
    )  # fmt: skip


def test_a_day_is_settled_by_noon_of_the_next_or_late(shop: factories.Shop) -> None:
    first, second = ProviderAccount.objects.order_by("code")[:2]
    for account, day, loaded in (
        (first, 1, NOON - timedelta(days=1, hours=2)),
        (first, 2, NOON - timedelta(minutes=1)),
        (second, 1, NOON - timedelta(days=1, hours=1)),
        (second, 2, NOON + timedelta(minutes=1)),
    ):
        SettlementFile.objects.create(
            account=account, kind="activity", reference=f"2026-11-0{day}", name="x", day=NOON.replace(day=day).date(),
            source="fetched", file="x", size=1, sha256="x", status="loaded", loaded_at=loaded,
        )  # fmt: skip
    found = counted(NOON + timedelta(minutes=5), since=NOON - timedelta(hours=1))
    assert found["settlement"] == (1, 2)


def test_what_burns_is_told_once_and_is_over_when_it_has_ended() -> None:
    way = alert_rules.Way(kind="email", to=["ops@example.com"])
    channel = alert_rules.make_channel("ops", way, by="staff engineer")
    alert_rules.make_rule(alert_rules.Draft(name="slo", source="slo", channels=[channel.pk]), by="staff engineer")
    asked(NOON, times=900)
    asked(NOON + timedelta(minutes=50), times=80, ours=5)
    asked(NOON + timedelta(minutes=57), times=20, status=500)
    ServiceLevel.objects.create(name="availability", counted_until=NOON)
    with clock.at(NOON + timedelta(minutes=59)):
        burning.watch()
        burning.watch()
        [alert] = Alert.objects.all()
        assert alert.words == "The API answers: for 1 h the error budget has been burning 14.4 times too fast"
        assert (alert.severity, alert.more["target"], alert.more["30 days"]) == ("urgent", "99.99%", "98.000%")
        assert ServiceLevel.objects.get(name="availability").burns
    with clock.at(NOON + timedelta(minutes=70)):
        burning.watch()
    assert Alert.objects.get().closed_at is None, "over six hours it still does"
    with clock.at(NOON + timedelta(minutes=95)):
        burning.watch()
    assert Alert.objects.get().closed_at is None, "slower, and for people of the day"
    with clock.at(NOON + timedelta(hours=8)):
        burning.watch()
    assert Alert.objects.get().closed_at is not None


def test_everybody_who_may_reads_how_promises_stand(staff: Any) -> None:
    asked(clock.now() - timedelta(minutes=5), times=19)
    asked(clock.now() - timedelta(minutes=5), status=500)
    ServiceLevel.objects.create(name="availability", counted_until=clock.now() - timedelta(hours=1))
    burning.watch()
    engineer: Client = staff("engineer")
    shown = pages.text(engineer, pages.list_of("reporting", "servicelevel"))
    assert "The API answers" in shown
    assert "95.000%" in shown
    assert "95.000%" in pages.text(engineer, pages.page_of("reporting", "servicelevel", "availability"))
    assert staff("support").get(pages.list_of("reporting", "servicelevel")).status_code == 403
