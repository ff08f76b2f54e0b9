"""What is wrong besides payments: notifications that do not come, and work that lies about for too long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reporting.uptime.charts import MINUTE, Watch
from reporting.uptime.observed import ATTEMPTS, BAD, TRIALS, Vector, Wrong

SILENT: Final = timedelta(minutes=3)
"""So long at least: notifications come in a bunch now and then."""
MISSED: Final = 12.0
"""Half of the notifications that should have come in the meantime (nats of a Poisson share: e^-12 by chance)."""

Webhooks = Mapping[datetime, Mapping[str, int]]
"""By minute: how many notifications came, by account."""


def silences(watch: Watch, came: Webhooks) -> list[Wrong]:
    """Accounts that send no notifications although payments are approved, of which they usually tell.

    Held against what was approved meanwhile, and not against the clock: nothing to tell is no silence. The newest
    minute is left out, of which they may still tell.
    """
    accounts = {cell[0] for minute in watch.minutes for cell in minute.cells}
    found = (_silence(watch, came, account) for account in sorted(accounts))
    return [wrong for wrong in found if wrong is not None]


def _silence(watch: Watch, came: Webhooks, account: str) -> Wrong | None:
    each = watch.usual.of_webhooks(account)
    if not each:
        return None
    missed, since, until = 0.0, None, watch.minutes[-1].at
    for minute in list(watch.minutes)[-2::-1]:
        told = came.get(minute.at)
        if told is None or told.get(account):
            break
        since = minute.at
        missed += each * sum(_approved(values) for cell, values in minute.cells.items() if cell[0] == account)
    if since is None or until - since < SILENT or missed / 2 < MISSED or came.get(until, {}).get(account):
        return None
    minutes = (until - since) / MINUTE
    words = f"No notification has come for {minutes:.0f} minutes, in which about {missed:.0f} should have."
    figures = {"expected": round(missed, 1), "seen": 0.0, "minutes": minutes}
    return Wrong("webhook_silence", {"account": account}, "urgent", since, words, {}, figures)


def _approved(values: Vector) -> float:
    return values[ATTEMPTS] * (1 - values[BAD] / values[TRIALS]) if values[TRIALS] else 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work of one name (a queue, an account) that is due: how much, and since when the oldest is."""

    name: str
    count: int
    oldest: datetime


QUEUES: Final[Mapping[str, timedelta]] = {
    "money": timedelta(minutes=1),
    "webhooks": timedelta(minutes=1),
    "deliveries": timedelta(minutes=2),
    "alerts": timedelta(minutes=2),
    "upkeep": timedelta(minutes=10),
    "bulk": timedelta(minutes=15),
    "finance": timedelta(minutes=30),
}
"""How long a job that is due may wait until somebody begins with it."""
STALLED: Final = timedelta(minutes=5)
"""After so long without a round, sums by minute are no longer counted."""
UNDELIVERED: Final = timedelta(minutes=2)
"""Longer than events may wait for their first try."""
UNRECOVERED: Final = timedelta(minutes=2)
"""How long a question to a PSP that is due may wait."""
UNRECOVERED_COUNT: Final = 10


def queues(waiting: Sequence[Waiting], now: datetime) -> list[Wrong]:
    """Queues in which jobs wait for too long: one finding, since it is one place that lacks workers."""
    late = [queue for queue in waiting if now - queue.oldest > QUEUES.get(queue.name, timedelta(minutes=15))]
    if not late:
        return []
    told = ", ".join(f"{queue.name} ({queue.count}, for {_for(now - queue.oldest)})" for queue in late)
    since = min(queue.oldest for queue in late)
    figures = {queue.name: float(queue.count) for queue in late}
    return [Wrong("queue_lag", {}, "urgent", since, f"Jobs wait for workers: {told}.", {}, figures)]


def stalled(counted_at: datetime | None, now: datetime) -> list[Wrong]:
    """Sums by minute are not counted any more: nothing would be found of payments."""
    if counted_at is None or now - counted_at <= STALLED:
        return []
    words = f"Payments have not been counted for {_for(now - counted_at)}: nothing is known of how they do."
    return [Wrong("queue_lag", {}, "urgent", counted_at, words, {}, {"seconds": (now - counted_at).total_seconds()})]


def undelivered(waiting: Sequence[Waiting], now: datetime) -> list[Wrong]:
    """Events for clients that nobody has tried to deliver yet. What a client's own endpoint refuses is not ours."""
    late = [kind for kind in waiting if now - kind.oldest > UNDELIVERED]
    if not late:
        return []
    since, count = min(kind.oldest for kind in late), sum(kind.count for kind in late)
    words = f"{count} events wait for their first delivery, the oldest for {_for(now - since)}."
    return [Wrong("delivery_lag", {}, "soon", since, words, {}, {"seen": float(count)})]


def unrecovered(waiting: Sequence[Waiting], now: datetime) -> list[Wrong]:
    """Accounts with payments of unknown outcome that nobody asks the PSP about, though it is time to."""
    return [
        Wrong(
            "recovery_backlog", {"account": account.name}, "soon", account.oldest,
            f"{account.count} requests whose outcome is not known wait to be asked about,"
            f" the oldest for {_for(now - account.oldest)}.",
            {}, {"seen": float(account.count)},
        )
        for account in waiting
        if account.count >= UNRECOVERED_COUNT and now - account.oldest > UNRECOVERED
    ]  # fmt: skip


def unsettled(missing: Sequence[Waiting], now: datetime) -> list[Wrong]:
    """Accounts of which settlement files did not come by the time at which they always do (see `services.missing`)."""
    return [
        Wrong(
            "settlement_late", {"account": account.name}, "soon", account.oldest,
            f"{account.count} settlement files did not come, the oldest is late by {_for(now - account.oldest)}.",
            {}, {"seen": float(account.count)},
        )
        for account in missing
    ]  # fmt: skip


def _for(long: timedelta) -> str:
    """How long, in the unit that people say."""
    minutes = long / MINUTE
    if minutes < 2:
        return f"{long.total_seconds():.0f} seconds"
    if minutes < 120:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.0f} hours" if long < timedelta(days=3) else f"{long / timedelta(days=1):.0f} days"
