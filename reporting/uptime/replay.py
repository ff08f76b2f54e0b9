"""The replay: weeks of minutes go through the same eyes as those of the job of every minute."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from reporting.uptime import detection, hanging, scoping, signals, volume
from reporting.uptime.baselines import Baselines
from reporting.uptime.charts import ISSUERS, ISSUERS_PAGES, Watch
from reporting.uptime.observed import Cell, Cells, Counts, Wrong
from reporting.uptime.seasons import Round

EXPLAINS: Final = frozenset({"outage", "unavailable", "webhook_silence"})
LATE: Final = timedelta(minutes=15)
"""So long after its end an hour is learned."""


def look(watch: Watch, webhooks: signals.Webhooks, issuers: Watch | None = None) -> list[Wrong]:
    """What is wrong as of the last minute of a watch: the job of every minute and a replay call this."""
    if not watch.minutes:
        return []
    found = [*detection.judge(watch, issuers), *signals.silences(watch, webhooks), *volume.stopped(watch)]
    return [*found, *(wrong for wrong in hanging.unfinished(watch) if not _explained(wrong, found))]


def _explained(wrong: Wrong, found: Iterable[Wrong]) -> bool:
    """Payments wait as well where a PSP is away, or tells nothing."""
    return any(scoping.agree(wrong.scope, one.scope) for one in found if one.kind in EXPLAINS)


def watches(usual: Baselines) -> tuple[Watch, Watch]:
    """The watch of everything, and that of issuers."""
    return Watch(usual), Watch(usual.issuers, ISSUERS, ISSUERS_PAGES)


@dataclass
class Hour:
    """The sums of an hour that is not learned yet; nothing of it may have been seen."""

    began: datetime | None
    cells: dict[Cell, Counts] = field(default_factory=dict)
    webhooks: dict[str, int] = field(default_factory=dict)
    issued: dict[Cell, Counts] = field(default_factory=dict)


def rounds(source: Iterable[Round], usual: Baselines) -> Iterator[tuple[datetime, list[Wrong]]]:
    """Look at minute after minute, learning each hour once it is over: what was wrong in each round."""
    (watch, issuers), webhooks = watches(usual), dict[datetime, Mapping[str, int]]()
    hour = Hour(None)
    waiting: list[tuple[datetime, Hour]] = []
    for at, seen, told, issued in source:
        if hour.began is not None and at - hour.began >= timedelta(hours=1):
            waiting.append((hour.began, hour))
            hour = Hour(None)
        hour.began = hour.began or at.replace(minute=0)
        _count(hour.cells, seen.get(at, {}))
        _count(hour.issued, issued)
        for account, count in told.items():
            hour.webhooks[account] = hour.webhooks.get(account, 0) + count
        if waiting and at - waiting[0][0] >= timedelta(hours=1) + LATE:
            began, whole = waiting.pop(0)
            usual.learn(began, whole.cells, whole.webhooks)
            usual.learn_issuers(began, whole.issued)
        webhooks = {moment: count for moment, count in webhooks.items() if at - moment < timedelta(hours=1)}
        webhooks[at] = told
        watch.put(seen)
        issuers.put({at: issued})
        yield at, look(watch, webhooks, issuers)


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
