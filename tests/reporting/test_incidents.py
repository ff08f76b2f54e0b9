"""Incidents: opened once, followed, told as one, closed when they are over; whatever the clock and the workers do."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from django.db import DatabaseError, connections

from payments.kernel import drain
from payments.kernel.attention import Severity
from payments.kernel.jobs import Job, Queue
from payments.kernel.records import StateChange
from reporting.models import Incident, IncidentEntry, IncidentKind
from reporting.services import handling, incidents
from reporting.uptime import incidents as reading
from reporting.uptime.findings import Finding
from tests import byhand

pytestmark = pytest.mark.django_db(transaction=True)

K = IncidentKind
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def found(kind: K = K.APPROVAL_DROP, lost: int = 1000, severity: Severity = Severity.SOON, since: float = -3,
          **scope: str) -> Finding:  # fmt: skip
    return Finding(kind, scope, severity, minute(since), {"EUR": lost} if lost else {}, {"seen": 71.5}, f"{kind} found")


def rounds(first: int, until: int, *findings: Finding) -> None:
    """One round each minute."""
    for number in range(first, until):
        incidents.report(findings, at=minute(number))


def told(row: Incident) -> list[str]:
    return [entry.kind for entry in reading.timeline(row.pk)]


def announced() -> list[tuple[str, str]]:
    return [(job.arguments["incident_id"], job.arguments["happened"])
            for job in Job.objects.filter(name="tell_of_incident").order_by("pk")]  # fmt: skip


def test_an_incident_from_its_first_minute_to_its_last() -> None:
    rounds(0, 5, found(account="adyen-eu", method="ideal"))
    row = Incident.objects.get()

    assert (row.status, row.scope, row.since) == ("open", {"account": "adyen-eu", "method": "ideal"}, minute(-3))
    assert row.lost_minor == {"EUR": 7 * 1000}, "three minutes before it was found, and four since"
    assert row.per_minute_minor == {"EUR": 1000}

    rounds(5, 15)
    assert Incident.objects.get().status == "open", "it is quiet for nine minutes"
    assert Incident.objects.get().per_minute_minor == {}
    rounds(15, 16)
    row = Incident.objects.get()

    assert (row.status, row.closed_at, row.closed_by) == ("closed", minute(15), "")
    assert told(row) == ["opened", "closed"]
    assert "70.00 EUR was not approved" in reading.timeline(row.pk)[-1].words
    assert announced() == [(row.pk, "opened"), (row.pk, "closed")]
    assert StateChange.objects.get(object_id=row.pk).event == "recover"


def test_the_same_round_twice_changes_nothing() -> None:
    for _ in range(3):
        incidents.report([found(account="a")], at=minute(0))
    once = Incident.objects.get()
    assert once.lost_minor == {"EUR": 3000}
    assert told(once) == ["opened"]

    for _ in range(3):
        rounds(1, 2)
    assert Incident.objects.get().quiet_at == minute(1)
    assert len(announced()) == 1


def test_what_is_found_again_soon_was_not_over_and_later_is_another() -> None:
    rounds(0, 1, found(account="a"))
    rounds(1, 12)
    rounds(12, 13, found(account="a"))
    row = Incident.objects.get()
    assert (row.status, told(row)) == ("open", ["opened", "closed", "reopened"])

    rounds(13, 24)
    rounds(60, 61, found(account="a"))
    assert list(Incident.objects.order_by("opened_at").values_list("status", flat=True)) == ["closed", "open"]


@pytest.mark.parametrize("quiet", [4, 12])
def test_what_began_again_has_cost_something_before_it_was_found_again(quiet: int) -> None:
    rounds(0, 3, found(account="a"))
    rounds(3, 3 + quiet)
    again = 3 + quiet
    rounds(again, again + 2, found(account="a", since=again - 2))
    row = Incident.objects.get()
    assert row.status == "open"
    assert row.lost_minor == {"EUR": 5 * 1000 + 3 * 1000}, "two minutes until it was found again, and one since"
    assert (row.seen_at, row.quiet_at) == (minute(again + 1), None)


def test_it_becomes_worse_wider_and_narrower() -> None:
    rounds(0, 2, found(account="a", method="ideal"), found(account="a", method="card", country="DE"))
    rounds(2, 3, found(K.OUTAGE, 4000, Severity.URGENT, account="a"))
    row, other = Incident.objects.order_by("status").reverse()

    assert (row.kind, row.scope, row.severity, row.status) == ("outage", {"account": "a"}, "urgent", "open")
    assert (other.status, other.merged_into_id) == ("closed", row.pk)
    assert set(told(row)) == {"opened", "merged", "widened", "grew"}
    assert row.lost_minor == {"EUR": 2 * 4000 + 4000}, "what both have cost, and what it costs now"
    assert (row.pk, "changed") in announced()

    rounds(3, 9, found(account="a", method="card"))
    row.refresh_from_db()
    assert row.scope == {"account": "a", "method": "card"}
    assert told(row)[-1] == "narrowed"
    assert [one.pk for one in reading.of_days(36500)] == [row.pk], "what became part of another is not told twice"


def test_a_provider_that_is_down_is_one_incident_not_one_for_each_method_and_country() -> None:
    flood = [found(account="adyen-eu", method=m, country=c, lost=100)
             for m in ("card", "ideal", "klarna") for c in ("DE", "FR", "NL")]  # fmt: skip
    rounds(0, 3, *flood)
    row = Incident.objects.get()

    assert row.scope == {"account": "adyen-eu"}
    assert row.folded == 8
    assert row.per_minute_minor == {"EUR": 900}
    assert told(row) == ["opened"]


def test_a_round_that_comes_late_closes_nothing_and_opens_nothing_that_is_over() -> None:
    rounds(0, 5, found(account="a"))
    incidents.report([], at=minute(3.5))
    assert Incident.objects.get().quiet_at is None

    rounds(5, 16)
    incidents.report([found(account="a")], at=minute(14.5))
    assert Incident.objects.get().status == "closed"


def test_a_clock_that_is_set_back_or_forward_closes_nothing_that_goes_on() -> None:
    rounds(0, 5, found(account="a"))
    before = Incident.objects.get().lost_minor["EUR"]

    rounds(-60, -55, found(account="a"))
    row = Incident.objects.get()
    assert row.status == "open"
    assert row.seen_at == minute(-56)
    assert row.lost_minor["EUR"] == before + 4 * 1000

    rounds(-55, -45)
    assert Incident.objects.get().status == "open"
    rounds(-45, -44)
    assert Incident.objects.get().status == "closed", "what is over is over, also on a clock that was set back"


def test_while_nobody_looked_nothing_was_quiet() -> None:
    rounds(0, 5, found(account="a"))
    rounds(300, 301)
    assert Incident.objects.get().status == "open"

    rounds(301, 302, found(account="a"))
    assert Incident.objects.get().lost_minor["EUR"] == 7000 + 1000, "no more than a minute of what nobody looked at"


def test_people_look_after_it_say_what_they_know_and_close_it() -> None:
    rounds(0, 2, found(account="a"))
    row = Incident.objects.get()
    handling.take(row.pk, by="staff eva")
    handling.note(row.pk, words="Adyen says that a data centre is away.", by="staff eva")
    handling.close(row.pk, because="It was a test of ours.", by="staff eva")

    rounds(2, 60, found(account="a"))
    assert Incident.objects.get().status == "closed", "who knows better is not asked again every minute"
    with pytest.raises(handling.IncidentOver):
        handling.take(row.pk, by="staff tom")

    rounds(60, 61, found(account="a", severity=Severity.URGENT))
    assert Incident.objects.count() == 2, "graver than it was when it was closed: another one"
    with pytest.raises(handling.IncidentNotOver):
        handling.reopen(row.pk, because="No.", by="staff eva")
    assert told(row) == ["opened", "taken", "note", "closed"]


def test_what_was_closed_by_a_person_opens_anew_after_a_break() -> None:
    rounds(0, 2, found(account="a"))
    handling.close(Incident.objects.get().pk, because="Known.", by="staff eva")
    rounds(2, 20)
    rounds(20, 21, found(account="a"))

    assert Incident.objects.filter(status="open").count() == 1


def test_two_workers_open_one() -> None:
    go = threading.Barrier(4)

    def work() -> None:
        go.wait()
        incidents.report([found(account="a"), found(K.QUEUE_LAG, 0)], at=minute(0))
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Incident.objects.count() == 2
    assert IncidentEntry.objects.count() == 2


@pytest.fixture
def one() -> Incident:
    rounds(0, 1, found(account="a"))
    return Incident.objects.get()


@pytest.mark.parametrize("sql", [
    "UPDATE reporting_incidententry SET words = 'Nothing happened.'",
    "DELETE FROM reporting_incidententry",
    "DELETE FROM reporting_incident",
    "UPDATE reporting_incident SET opened_at = now()",
    "UPDATE reporting_incident SET status = 'closed'",
    "UPDATE reporting_incident SET kind = 'mood'",
    "INSERT INTO reporting_incident SELECT (jsonb_populate_record(i, jsonb_build_object('id', uuidv7()))).* "
    "FROM reporting_incident i",
])  # fmt: skip
def test_the_database_refuses(one: Incident, sql: str) -> None:
    with pytest.raises(DatabaseError):
        byhand.sql(sql)


def test_an_incident_is_told_in_the_log(one: Incident) -> None:
    with structlog.testing.capture_logs() as said:
        drain.drain(Queue.ALERTS)

    assert [(line["incident"], line["happened"]) for line in said if line["event"] == "incident"] == [
        (one.pk, "opened")
    ]
