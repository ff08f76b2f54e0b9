"""The look of every minute, on sums that were really counted: an outage is an incident within two rounds."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from payments.kernel import clock, drain
from payments.kernel.jobs import Job, Queue
from reporting.models import (
    Baseline,
    BaselineMark,
    Diversion,
    Incident,
    IssuerBaseline,
    IssuerMinute,
    RollupMark,
)
from reporting.models.rollups import DIMENSIONS
from reporting.services import detecting, replaying, shifting, usual
from reporting.uptime import rollups, status
from reporting.uptime.observed import hour_of_week
from tests import byhand, factories

BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
NOON = BEGAN + timedelta(days=14, hours=12)

HOURS = """
INSERT INTO reporting_attempts{} (at, account, method, country, currency, channel, attempts, approved, declined_hard,
       declined_soft, declined_customer, declined_fraud, declined_technical, unavailable, unknown, waiting, abandoned,
       asked_minor, approved_minor, not_approved_minor, buckets, counts)
SELECT at, 'stripe-us', 'card', 'US', 'USD', '', 200, 190, 0, 10, 0, 0, 0, 0, 0, 0, 0, 399800, 379810, 19990,
       ARRAY[40]::smallint[], ARRAY[200]
  FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 {}', interval '1 {}') AS at"""


ISSUERS = """
INSERT INTO reporting_issuerminute (at, account, method, country, currency, issuer, approved, declined, asked_minor,
       not_approved_minor)
SELECT at, 'stripe-us', 'card', 'US', 'USD', issuer, 9, 1, 19990, 1999
  FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 minute', interval '1 minute') AS at,
       unnest(ARRAY['CRYSTAL BANK', 'HARBOUR BANK', 'LINDEN SAVINGS BANK', 'other']) AS issuer"""

ONCE = """
INSERT INTO reporting_issuerminute (at, account, method, country, currency, issuer, approved, declined, asked_minor,
       not_approved_minor)
VALUES (%s, 'stripe-us', 'card', 'US', 'USD', 'SMALL BANK', 1, 0, 1999, 0)"""


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def filled(grain: str, since: datetime, until: datetime) -> None:
    """Sums of a shop of which 95 in 100 payments are approved."""
    byhand.sql(HOURS.format(grain, grain, grain), since, until)


def learned() -> None:
    """Two weeks are in the books, and known."""
    filled("hour", BEGAN, minute(0))
    RollupMark.objects.update_or_create(id=1, defaults={"until": minute(0), "counted_at": minute(0)})
    with clock.at(minute(0)):
        usual.learn_anew(BEGAN)


def pay(shop: factories.Shop) -> None:
    """Somebody tries to pay, whatever comes of it."""
    shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card())


def open_incidents() -> list[tuple[str, dict[str, str]]]:
    """Of payments: nobody works off the jobs of these tests."""
    rows = Incident.objects.filter(status="open").exclude(kind__in=("queue_lag", "delivery_lag"))
    return [(row.kind, row.scope) for row in rows.order_by("kind")]


def test_an_outage_is_an_incident_within_two_rounds_and_over_when_it_is(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    learned()
    for number in range(2):
        with clock.at(minute(number)):
            for _ in range(5):
                shop.paid()
        with clock.at(minute(number + 0.9)):
            detecting.look()
    assert open_incidents() == []

    sim.scenario("payment_intents.create", "reset_before")
    for number in (2, 3):
        with clock.at(minute(number)):
            for _ in range(12):
                pay(shop)
        with clock.at(minute(number + 0.9)):
            detecting.look()
    [row] = Incident.objects.exclude(kind__in=("queue_lag", "delivery_lag"))
    assert (row.kind, row.scope.get("account", "stripe-us")) == ("outage", "stripe-us")
    assert row.opened_at <= minute(4)
    assert 15_000 < row.per_minute_minor["USD"] < 30_000, "twelve payments of 19.99 a minute"

    sim.forgive()
    for number in range(4, 14):
        with clock.at(minute(number)):
            for _ in range(6 if number < 7 else 0):
                pay(shop)
        with clock.at(minute(number + 0.9)):
            detecting.look()
    assert open_incidents() == []


def test_one_issuer_that_is_out_is_an_incident_of_its_own_and_moves_nothing(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    """Told from attempts that were made at the PSP, of issuers that it has named."""
    byhand.sql(ISSUERS, minute(-120), minute(-60))
    learned()
    for number in range(4):
        with clock.at(minute(number)):
            tokens = ("pm_card_visa", "pm_card_amex") * 2 + ("pm_card_chargeDeclined",) * (10 if number else 0)
            for token in tokens:
                shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card(token))
        with clock.at(minute(number + 0.9)):
            detecting.look()
    rows = IssuerMinute.objects.filter(at=minute(3)).order_by("issuer")
    assert [(row.issuer, row.approved, row.declined, row.not_approved_minor) for row in rows] == [
        ("CRYSTAL BANK", 0, 10, 19_990), ("HARBOUR BANK", 2, 0, 0), ("LINDEN SAVINGS BANK", 2, 0, 0),
    ]  # fmt: skip
    [row] = Incident.objects.exclude(kind__in=("queue_lag", "delivery_lag"))
    assert (row.kind, row.scope) == ("outage", {"issuer": "CRYSTAL BANK"})
    assert "every provider sees it" in row.words
    with clock.at(minute(4)):
        shifting.run()
        status.forget()
        told = [trouble.words for trouble in status.now().open]
        assert not [words for words in told if "payments" in words.lower() and "learn" not in words], (
            "whose cards it was"
        )
    status.forget()
    assert not Diversion.objects.exists()


def test_an_issuer_whose_cards_are_not_seen_any_more_fades_to_nothing(db: None) -> None:
    byhand.sql(ISSUERS, minute(-120), minute(-60))
    byhand.sql("UPDATE reporting_issuerminute SET issuer = 'CLOSED BANK' WHERE issuer = 'HARBOUR BANK'")
    learned()
    known = IssuerBaseline.objects.filter(issuer__endswith="BANK").order_by("issuer")
    assert [row.issuer for row in known] == ["CLOSED BANK", "CRYSTAL BANK", "LINDEN SAVINGS BANK"]

    byhand.sql(ISSUERS, minute(60 * 24 * 120 - 120), minute(60 * 24 * 120 - 60))
    byhand.sql(ONCE, minute(60 * 24 * 120 - 120))
    filled("hour", minute(60 * 24 * 119), minute(60 * 24 * 120))
    RollupMark.objects.update(until=minute(60 * 24 * 120))
    BaselineMark.objects.update(until=minute(60 * 24 * 119))
    with clock.at(minute(60 * 24 * 120)):
        while usual.learn():
            pass
    seen = ["CRYSTAL BANK", "HARBOUR BANK", "LINDEN SAVINGS BANK", "SMALL BANK"]
    assert [row.issuer for row in known.all()] == seen, "one card is remembered as well"


def test_a_place_where_nobody_pays_any_more_fades_to_nothing(db: None) -> None:
    learned()
    cells = Baseline.objects.filter(kind="cell")
    byhand.sql("UPDATE reporting_baseline SET country = 'NL' WHERE kind = 'cell'")
    later = minute(60 * 24 * 200)
    filled("hour", later - timedelta(hours=3), later)
    RollupMark.objects.update(until=later)
    BaselineMark.objects.update(until=later - timedelta(hours=3))
    with clock.at(later):
        usual.learn()
    assert [row.country for row in cells.all()] == ["US"]


def test_a_clock_that_was_days_ahead_and_is_set_back_learns_on(db: None) -> None:
    learned()
    BaselineMark.objects.update(until=minute(60 * 24 * 9))
    filled("hour", minute(0), minute(180))
    RollupMark.objects.update(until=minute(200))
    with clock.at(minute(80)):
        assert usual.learn() is False
    assert BaselineMark.objects.get().until == minute(60)
    hour = hour_of_week(minute(60))
    before = usual.read(hour).hours["stripe-us", "card", hour].sums[0]
    with clock.at(minute(200)):
        usual.learn()
    assert usual.read(hour).hours["stripe-us", "card", hour].sums[0] > before
    assert BaselineMark.objects.get().until == minute(180)


def test_who_does_not_come_back_and_who_does_not_come_are_incidents_with_what_they_cost(db: None) -> None:
    learned()
    filled("minute", minute(-60), minute(0))
    byhand.sql("UPDATE reporting_attemptsminute SET approved = 90, waiting = 100 WHERE at >= %s", minute(-15))
    with clock.at(minute(0)):
        detecting.look()
    [row] = Incident.objects.filter(kind="unfinished")
    assert (row.since, row.per_minute_minor) == (minute(-15), {"USD": 199_900})
    assert row.words == "50 of 100 payments are begun and not finished: they still wait after minutes."

    byhand.sql("DELETE FROM reporting_attemptsminute WHERE at >= %s", minute(-30))
    with clock.at(minute(0.5)):
        detecting.look()
    [row] = Incident.objects.filter(kind="volume_drop")
    assert (row.scope, row.words[:41]) == ({}, "0 payments were begun in 30 minutes, in w")
    assert row.per_minute_minor["USD"] == pytest.approx(200 / 60 * 0.95 * 1999, rel=0.02)


def test_what_is_usual_is_learned_each_hour_once_and_anew_on_demand(db: None) -> None:
    learned()
    found = usual.read(hour_of_week(minute(0)))
    expected = found.expect(("stripe-us", "card", "US", "USD", ""), hour_of_week(minute(0)))
    assert expected.known
    assert expected.bad == pytest.approx(0.05, abs=0.002)
    assert expected.per_minute == pytest.approx(200 / 60, rel=0.01)
    rows = {row.pk: row.sums for row in Baseline.objects.all()}

    with clock.at(minute(0)):
        assert usual.learn() is False
    assert {row.pk: row.sums for row in Baseline.objects.all()} == rows, "no hour twice"
    mark = BaselineMark.objects.get().until
    assert mark == NOON - timedelta(hours=1), "the last hour is over for a quarter of an hour first"
    with clock.at(minute(0)):
        call_command("uptime", "learn", f"--since={BEGAN:%Y-%m-%d}")
    again = {row.pk: row.sums for row in Baseline.objects.all()}
    assert again.keys() == rows.keys()
    assert all(again[key] == pytest.approx(rows[key]) for key in rows)
    with clock.at(minute(-300)):
        assert usual.learn() is False, "the clock was set back"


def test_a_past_that_is_being_counted_raises_no_alarm_and_nobody_who_counts_does(db: None) -> None:
    learned()
    filled("minute", minute(-600), minute(-540))
    byhand.sql("UPDATE reporting_attemptsminute SET approved = 0, unavailable = 190")
    RollupMark.objects.update(until=minute(-540), counted_at=minute(0))
    assert detecting.payments(minute(0)) == [], "hours ago; by now it may be well"
    assert [wrong.kind for wrong in detecting.payments(minute(-539))] == ["outage"]
    assert detecting.work(minute(1)) == []

    [stalled] = detecting.work(minute(7))
    assert (stalled.kind, stalled.since) == ("queue_lag", minute(0))


def test_what_is_lost_in_a_minute_is_not_divided_by_one_that_has_only_begun(db: None) -> None:
    learned()
    filled("minute", minute(-60), minute(0))
    byhand.sql("UPDATE reporting_attemptsminute SET approved = 0, unavailable = 190 WHERE at >= %s", minute(-1))
    RollupMark.objects.update(until=minute(0.05), counted_at=minute(0.05))
    [outage] = detecting.payments(minute(0.05))
    assert outage.per_minute == {"USD": pytest.approx(190 * 1999 / 1.05, rel=0.001)}, "in three seconds nobody came"


def test_a_clock_that_is_set_back_and_some_minutes_that_nobody_pays_in_are_no_matter(db: None) -> None:
    learned()
    filled("minute", minute(-60), minute(-8))
    assert detecting.payments(minute(0)) == []
    byhand.sql("DELETE FROM reporting_attemptsminute WHERE at >= %s", minute(-30))
    assert [(wrong.kind, wrong.scope) for wrong in detecting.payments(minute(0))] == [("volume_drop", {})]
    assert detecting.payments(minute(-90)) == [], "what is counted is ahead of the clock"


def test_one_round_asks_the_same_few_questions_however_much_there_is(
    db: None, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    learned()
    filled("minute", minute(-60), minute(0))
    with django_assert_num_queries(6):  # type: ignore[operator]
        detecting.payments(minute(0))
    with django_assert_num_queries(5):  # type: ignore[operator]
        detecting.work(minute(0))


def test_work_that_waits_is_found_where_it_waits(shop: factories.Shop) -> None:
    shop.paid()
    now = clock.now()
    Job.objects.filter(queue=Queue.WEBHOOKS).delete()
    Job.objects.create(name="deliver", queue=Queue.DELIVERIES, due_at=now - timedelta(minutes=5))
    found = {wrong.kind: wrong for wrong in detecting.work(now + timedelta(minutes=10))}
    assert found["queue_lag"].figures["deliveries"] >= 1
    assert found["delivery_lag"].words.endswith("minutes.")


def test_the_timetable_looks_and_learns(shop: factories.Shop) -> None:
    shop.paid()
    drain.keep_timetable()
    factories.work(Queue.ALERTS, Queue.UPKEEP)
    assert rollups.counted_until() is not None
    assert BaselineMark.objects.exists()
    assert not Incident.objects.filter(kind__in=("outage", "approval_drop", "unavailable")).exists()


def test_recorded_minutes_are_replayed_from_a_file_or_from_the_database(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "minutes.csv"
    with path.open("w", newline="") as lines:
        out = csv.writer(lines)
        out.writerow(["at", *DIMENSIONS, *replaying.COLUMNS])
        for number in range(60 * 24):
            approved = 0 if number >= 60 * 24 - 20 else 19
            told = [20, approved, 0, 20 - approved, 0, 0, 0, 0, 0, 0, 40_000, 2000 * (20 - approved)]
            out.writerow([(BEGAN + timedelta(minutes=number)).isoformat(), "one", "card", "US", "USD", "web", *told])
    call_command("uptime", "replay", "--recorded", str(path))
    [line] = [line for line in capsys.readouterr().out.splitlines() if "outage" in line]
    assert line.startswith("| 2026-11-02 23:41 | 23:59 | outage | everywhere | USD 380 |")

    with pytest.raises(CommandError, match="No sums by minute"):
        call_command("uptime", "replay", "--recorded", "database")
    learned()
    filled("minute", minute(0), minute(30))
    byhand.sql(
        "UPDATE reporting_attemptsminute SET approved = 20, declined_soft = 180, not_approved_minor = 359820"
        " WHERE at >= %s",
        minute(25),
    )
    call_command("uptime", "replay", "--recorded", "database")
    assert "| 2026-11-16 12:25 | 12:29 | outage | everywhere |" in capsys.readouterr().out
    path.write_text("at,account\n2026-11-02,one\n")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("uptime", "replay", "--recorded", str(path))
