"""Which settlement files should be here by now and are not, and from where on a PSP is asked for them again."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from reporting import selectors

LOOK_BACK: Final = timedelta(days=14)
"""Each look goes over so much again: a file that came late, or was refused, is found by the next one."""
OVERLAP: Final = timedelta(days=3)
"""And begins so much before the last day that is in, after an outage of any length."""
DAY: Final = timedelta(days=1)
OVERDUE: Final = timedelta(hours=36)
"""A day's data is complete at noon of the next one (docs.stripe.com/reports); then it has half a day more."""
GAP: Final = timedelta(hours=12)
"""A batch with a higher number has been here for so long: the one before it is missed."""
LOST: Final = timedelta(days=90)
"""What has not come for so long is asked about no more; the difference that it left stays until somebody settles it."""

Missing = dict[str, tuple[datetime, str]]
"""Reference -> since when it should be there, and why."""


def since(account: ProviderAccount) -> datetime:
    """From where on a PSP is asked for files: everything of before is here, or was missed."""
    found = clock.now() - LOOK_BACK
    last = selectors.last_settled_day(account.pk)
    if last is not None:
        found = min(found, _midnight(last) - OVERLAP)
    return max(found, _midnight(_begins(account)))


def before_gaps(account: ProviderAccount) -> list[str]:
    """The batches after which more may be asked for: the one before the first gap, and the last; "" for none."""
    came = selectors.settled_batches(account.pk)
    gap = [before for before, after in _pairs(came) if after - before > 1][:1]
    return [str(number) for number in (*gap, max(came))] if came else [""]


def gaps(account: ProviderAccount) -> Missing:
    """Days and batches that are not here while others show that they should be."""
    return {**_days(account), **_batches(account)}


def over(day: date) -> datetime:
    """The end of a day, in UTC."""
    return _midnight(day) + DAY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _begins(account: ProviderAccount) -> date:
    return account.settles_from or account.created_at.astimezone(UTC).date()


def _days(account: ProviderAccount) -> Missing:
    """Where days have files, every day has one."""
    found: Missing = {}
    known = selectors.settled_days(account.pk, clock.now().date() - LOST)
    day = max(min(known), _begins(account)) if known else clock.now().date()
    while clock.now() - over(day) >= OVERDUE:
        if day not in known:
            found[day.isoformat()] = (over(day), f"There is no settlement of {day}.")
        day += DAY
    return found


def _batches(account: ProviderAccount) -> Missing:
    """Batches are numbered without gaps."""
    came = selectors.settled_batches(account.pk)
    return {
        str(number): (came[after], f"Batch {after} is here, and batch {number} is not.")
        for before, after in _pairs(came)
        for number in range(before + 1, after)
        if clock.now() - came[after] >= GAP
    }


def _pairs(came: dict[int, datetime]) -> list[tuple[int, int]]:
    """Neighbours of which the later one came within the time in which a lost one is asked about."""
    return [(one, two) for one, two in pairwise(sorted(came)) if clock.now() - came[two] < LOST]
