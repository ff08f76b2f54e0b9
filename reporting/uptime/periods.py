"""Periods that figures are read for, in UTC, and the periods that they are compared with."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from payments.kernel.errors import Refusal

DAY: Final = timedelta(days=1)
LONGEST: Final = 731
"""Days. Two years and their comparison are read within a third of a second."""
HOURLY: Final = 2
"""Days that are shown hour by hour."""

CHOICES: Final = ("today", "yesterday", "7", "30", "90", "custom")
COMPARISONS: Final = ("previous", "week", "year", "none")


class PeriodInvalid(Refusal):
    """A period that nobody can read: no days, the end before the beginning, or too long."""

    code, status = "period_invalid", 400


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days from `since` until `until`, which is the first moment after them; `over` once all of it has passed."""

    since: datetime
    until: datetime
    over: bool = True

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.until - self.since).days

    @property
    def whole(self) -> bool:
        """Whether it ends with a day."""
        return self.until == self.since + self.days * DAY

    @property
    def grain(self) -> str:
        """By what it is shown: `hour` or `day`."""
        return "hour" if self.days <= HOURLY else "day"

    @property
    def steps(self) -> list[datetime]:
        """The first moment of each of its hours or days."""
        step = timedelta(hours=1) if self.grain == "hour" else DAY
        return [self.since + step * number for number in range(int((self.until - self.since) / step))]


def chosen(name: str, since: date | None, until: date | None, now: datetime) -> Period:
    """The period of a name; of `custom`, the days from `since` to `until`, both included.

    `7`, `30` and `90` are days that are over: a day that runs is not compared with whole ones. Refuses what is no
    period.
    """
    today = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
    match name:
        case "today":
            return Period(today, today + DAY, over=False)
        case "yesterday":
            return Period(today - DAY, today)
        case "7" | "30" | "90":
            return Period(today - int(name) * DAY, today)
        case "custom" if since is not None and until is not None:
            return _between(since, until, today)
    raise PeriodInvalid("Choose a period, or give both days of one.")


def _between(since: date, until: date, today: datetime) -> Period:
    if until < since:
        raise PeriodInvalid("The last day lies before the first.")
    if (until - since).days >= LONGEST:
        raise PeriodInvalid(f"At most {LONGEST} days can be shown at once.")
    first, end = (datetime.combine(day, time.min, UTC) for day in (since, until))
    return Period(first, end + DAY, over=end < today)


def compared(period: Period, how: str, now: datetime) -> Period | None:
    """What a period is compared with: the one before it, the same days a week or a year (52 weeks) earlier, or nothing.

    Of a period that is not over only as much is compared as has passed, by hours that have begun.
    """
    if how == "none":
        return None
    back = {"week": 7 * DAY, "year": 364 * DAY}.get(how, period.until - period.since)
    until = period.until
    if not period.over and period.grain == "hour":
        until = min(until, now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
    return Period(period.since - back, until - back)
