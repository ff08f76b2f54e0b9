"""Replays of detection: over weeks that are made up, with mishaps in them, or over minutes that were recorded."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db.models import Max, Min

from payments.kernel.errors import Refusal
from reporting.models import AttemptsMinute
from reporting.models.rollups import DIMENSIONS
from reporting.uptime import minutes, mishaps, replay, scoring, seasons
from reporting.uptime.baselines import Baselines
from reporting.uptime.charts import MINUTE
from reporting.uptime.observed import Cell, Cells, Counts, counts_of
from reporting.uptime.seasons import Round, Shop

LEARNED: Final = timedelta(weeks=3)
"""So much of a shop's past is learned before its replay begins."""
EVERY: Final = timedelta(hours=8)
"""One mishap in each such stretch."""
HOURS: Final = timedelta(weeks=6)
"""So far back recorded hours are learned."""
COLUMNS: Final = (
    "attempts", "approved", "declined_hard", "declined_soft", "declined_customer", "declined_fraud",
    "declined_technical", "unavailable", "unknown", "waiting", "asked_minor", "not_approved_minor",
)  # fmt: skip


class RecordingInvalid(Refusal):
    """There is nothing to replay, or it cannot be read."""

    code, status = "recording_invalid", 400


def made_up(
    weeks: float, seed: int, *, size: float = 1.5, every: timedelta = EVERY, learned: timedelta = LEARNED
) -> scoring.Score:
    """Replay weeks of a shop; the same seed makes the same ones. Nothing of the database is read or written."""
    shop, usual = Shop(seed, size), Baselines()
    begin = seasons.BEGIN + learned
    for hour in shop.hours(seasons.BEGIN, begin):
        usual.learn(hour.at, hour.cells, hour.webhooks)
        usual.learn_issuers(hour.at, hour.issued)
    until = begin + timedelta(weeks=weeks)
    wrong = mishaps.drawn(shop, begin, until, every)
    pages = scoring.Pages()
    for at, found in replay.rounds(shop.minutes(begin, until, wrong), usual):
        pages.see(at, found)
    return scoring.score(wrong.all, pages.all, shop.flows, weeks)


def of_database() -> list[scoring.Page]:
    """Replay the minutes that are kept, after learning the hours before them."""
    kept = AttemptsMinute.objects.aggregate(first=Min("at"), last=Max("at"))
    if kept["first"] is None:
        raise RecordingInvalid("No sums by minute are kept.")
    usual, first = Baselines(), kept["first"]
    for at, cells in sorted(minutes.by_hour(first - HOURS, first).items()):
        usual.learn(at, cells, _in_all(at, at + timedelta(hours=1)))
    return _pages(_days(first, kept["last"] + MINUTE), usual)


def of_file(path: Path) -> list[scoring.Page]:
    """Replay minutes of a CSV: `at` (ISO 8601 with its zone), the dimensions, and `COLUMNS`, one line a cell.

    What is usual is learned on the way: nothing is found in its first days.
    """
    seen: dict[datetime, dict[Cell, Counts]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                account, method, country, currency, channel = (row[name] for name in DIMENSIONS)
                counts = counts_of([*(int(row[name]) for name in COLUMNS), [], []])
                at = datetime.fromisoformat(row["at"]).replace(second=0, microsecond=0)
                seen.setdefault(at, {})[account, method, country, currency, channel] = counts
    except (KeyError, ValueError, OSError) as problem:
        raise RecordingInvalid(f"{path.name} cannot be read: {problem}") from problem
    if not seen or any(at.tzinfo is None for at in seen):
        raise RecordingInvalid(f"{path.name} holds no minutes, or does not say in which zone they are.")
    return _pages(_all_of(seen, min(seen), max(seen) + MINUTE, {}), Baselines())


def _pages(source: Iterator[Round], usual: Baselines) -> list[scoring.Page]:
    pages = scoring.Pages()
    for at, found in replay.rounds(source, usual):
        pages.see(at, found)
    return pages.all


def _days(since: datetime, until: datetime) -> Iterator[Round]:
    """Day by day, so that no more than one is in memory."""
    while since < until:
        end = min(until, since + timedelta(days=1))
        yield from _all_of(minutes.by_minute(since, end), since, end, minutes.notifications(since, end))
        since = end


def _all_of(
    seen: Mapping[datetime, Cells], since: datetime, until: datetime, came: Mapping[datetime, Mapping[str, int]]
) -> Iterator[Round]:
    """Also minutes in which nothing happened."""
    while since < until:
        yield Round(since, {since: seen.get(since, {})}, came.get(since, {}))
        since += MINUTE


def _in_all(since: datetime, until: datetime) -> dict[str, int]:
    found: dict[str, int] = {}
    for told in minutes.notifications(since, until).values():
        for account, count in told.items():
            found[account] = found.get(account, 0) + count
    return found
