"""Reports that come by themselves: each in its rhythm, once, when its days are over."""

import zoneinfo
from datetime import date, datetime, time, timedelta
from typing import Final

from django.db.models import QuerySet

from payments.kernel import audit, clock, ids, jobs, rounds, unit
from payments.kernel.errors import Refusal
from reporting.models import FileFormat, ReportSchedule, Rhythm
from reporting.reports.base import Parameters
from reporting.services import exports

DAY: Final = timedelta(days=1)


class ScheduleChanged(Refusal):
    """Somebody has paused this schedule, or let it go on, before."""

    code, status = "schedule_changed", 409


def make(  # noqa: PLR0913  a schedule has as many properties
    report: str,
    rhythm: str,
    *,
    hour: int,
    timezone: str,
    by: str,
    currency: str = "",
    file_format: str = FileFormat.CSV,
    notify: str = "",
) -> ReportSchedule:
    """Let a report (a name in `REPORTS`) come by itself from now on; refuses what the report itself would refuse."""
    row = ReportSchedule(
        id=ids.new("rs"),
        report=report,
        rhythm=rhythm,
        hour=hour,
        timezone=timezone,
        currency=currency,
        format=file_format,
        notify=notify,
        made_by=by,
    )
    about(row, clock.now())
    row.due_at = next_due(row, clock.now())
    with unit.work() as work:
        work.add(row)
        audit.did("report_schedule.made", row.pk)
    return row


def pause(schedule_id: str, *, by: str) -> None:
    """No file comes until it goes on."""
    with unit.work():
        row = _held(schedule_id)
        if row.due_at is None:
            raise ScheduleChanged(f"{row.paused_by} has paused it already.")
        row.change(due_at=None, paused_by=by)
        audit.did("report_schedule.paused", row.pk)


def go_on(schedule_id: str) -> None:
    """Let the files come again, from the next days on."""
    with unit.work():
        row = _held(schedule_id)
        if row.due_at is not None:
            raise ScheduleChanged("It is not paused.")
        row.change(due_at=next_due(row, clock.now()), paused_by="")
        audit.did("report_schedule.resumed", row.pk)


def request_due() -> None:
    """Ask for every report whose time has come; after an outage each comes once, about the last days that are over."""
    rounds.each(_due(), "due_at", _request)


def _due() -> QuerySet[ReportSchedule]:
    return ReportSchedule.objects.filter(due_at__lte=clock.now())


def _request(schedule_id: str) -> None:
    with unit.work():
        row = _held(schedule_id)
        if row.due_at is None or row.due_at > clock.now():
            return
        parameters = about(row, clock.now())
        run = exports.draw_up(row.report, parameters, by="schedule", file_format=row.format, schedule=row)
        jobs.enqueue("produce_report", run_id=run.pk)
        row.change(due_at=next_due(row, clock.now()))


def _held(schedule_id: str) -> ReportSchedule:
    return ReportSchedule.objects.select_for_update().get(pk=schedule_id)


def next_due(row: ReportSchedule, after: datetime) -> datetime:
    """When it comes next: the first time of its rhythm after a moment. An hour that a clock change leaves out is the
    one behind it."""
    zone = zoneinfo.ZoneInfo(row.timezone)
    day = after.astimezone(zone).date()
    while True:
        due = datetime.combine(day, time(row.hour), zone)
        if due > after and _begins(row.rhythm, day) == day:
            return due
        day += DAY


def about(row: ReportSchedule, moment: datetime) -> Parameters:
    """The last days of its rhythm that are over at a moment."""
    zone = zoneinfo.ZoneInfo(row.timezone)
    end = _begins(row.rhythm, moment.astimezone(zone).date())
    start = _begins(row.rhythm, end - DAY)
    return Parameters(
        interval_start=datetime.combine(start, time.min, zone),
        interval_end=datetime.combine(end, time.min, zone),
        timezone=row.timezone,
        currency=row.currency or None,
    )


def _begins(rhythm: str, day: date) -> date:
    """The first day of the day, week or month that a day is in."""
    if rhythm == Rhythm.WEEKLY:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if rhythm == Rhythm.MONTHLY else day
