"""The replay: weeks of minutes go through the same eyes as those of the job of every minute."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from reporting.uptime import detection, signals
from reporting.uptime.baselines import Baselines
from reporting.uptime.charts import Watch
from reporting.uptime.observed import Cell, Cells, Counts, Wrong
from reporting.uptime.seasons import Round

LATE: Final = timedelta(minutes=15)
"""So long after its end an hour is learned."""


def look(watch: Watch, webhooks: signals.Webhooks) -> list[Wrong]:
    """What is wrong as of the last minute of a watch: the job of every minute and a replay call this."""
    return detection.judge(watch) + signals.silences(watch, webhooks) if watch.minutes else []


def rounds(source: Iterable[Round], usual: Baselines) -> Iterator[tuple[datetime, list[Wrong]]]:
    """Look at minute after minute, learning each hour once it is over: what was wrong in each round."""
    watch, webhooks = Watch(usual), dict[datetime, Mapping[str, int]]()
    hour: dict[Cell, Counts] = {}
    came: dict[str, int] = {}
    began, waiting = None, list[tuple[datetime, Cells, Mapping[str, int]]]()
    for at, seen, told in source:
        if began is not None and at - began >= timedelta(hours=1):
            waiting.append((began, hour, came))
            hour, came, began = {}, {}, None
        began = began or at.replace(minute=0)
        for cells in (seen[moment] for moment in seen if moment == at):
            _count(hour, cells)
        for account, count in told.items():
            came[account] = came.get(account, 0) + count
        if waiting and at - waiting[0][0] >= timedelta(hours=1) + LATE:
            usual.learn(*waiting.pop(0))
        webhooks = {moment: count for moment, count in webhooks.items() if at - moment < timedelta(hours=1)}
        webhooks[at] = told
        watch.put(seen)
        yield at, look(watch, webhooks)


def _count(hour: dict[Cell, Counts], cells: Cells) -> None:
    for cell, counts in cells.items():
        known = hour.get(cell)
        hour[cell] = counts if known is None else added(known, counts)


def added(one: Counts, other: Counts) -> Counts:
    """The counts of both."""
    declined = tuple(map(sum, zip(one.declined, other.declined, strict=True)))
    return Counts(
        one.attempts + other.attempts,
        one.approved + other.approved,
        declined,  # type: ignore[arg-type]  # five of them
        one.unavailable + other.unavailable,
        one.unknown + other.unknown,
        one.waiting + other.waiting,
        one.asked_minor + other.asked_minor,
        one.not_approved_minor + other.not_approved_minor,
        [*one.answers, *other.answers],
    )
