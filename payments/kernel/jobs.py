"""Durable jobs: PostgreSQL remembers what is to be done, Redis is only a doorbell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, ParamSpec

from django.db import models

from payments.kernel import clock, doorbell, ids, tracing, unit
from payments.kernel.errors import Bug

P = ParamSpec("P")


class Queue(StrEnum):
    """One slow queue never starves another."""

    MONEY = "money"
    BULK = "bulk"
    WEBHOOKS = "webhooks"
    DELIVERIES = "deliveries"
    FINANCE = "finance"
    UPKEEP = "upkeep"
    ALERTS = "alerts"


LEASES: Final[Mapping[Queue, timedelta]] = {
    **dict.fromkeys(Queue, timedelta(seconds=60)),
    **dict.fromkeys((Queue.MONEY, Queue.BULK), timedelta(seconds=85)),
}
"""How long a job of each queue may take when it does not say: of money, longer than one question to a PSP.

While a lease ends under a living worker, another one begins the same job; what a dead one leaves is begun no sooner.
"""


class JobState(models.TextChoices):
    """`ready` waits for its time, `running` is leased to a worker, `dead` waits for a person."""

    READY = "ready"
    RUNNING = "running"
    DEAD = "dead"


class Job(models.Model):
    """One thing to do, by name, with ids as arguments. Deleted when done; dead ones stay for a person."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=60)
    queue = models.CharField(max_length=12, choices=[(queue.value, queue.value) for queue in Queue])
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=JobState, default=JobState.READY)
    due_at = models.DateTimeField(default=clock.now)  # when ready: not before; when running: the lease's end
    unique_key = models.CharField(max_length=120, null=True)
    fence = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(default=clock.now)
    traceparent = models.CharField(max_length=55, default="", db_default="", blank=True)  # of whoever wished for it

    class Meta:
        app_label = "payments"
        indexes = (
            models.Index(fields=["queue", "due_at"], name="job_due", condition=~models.Q(state="dead")),
            models.Index(fields=["unique_key"], name="job_running_key", condition=models.Q(state="running")),
        )
        constraints = (
            # One that runs may have read the world before the next was wished for, and stands in nobody's way.
            models.UniqueConstraint(fields=["unique_key"], name="job_ready_key", condition=models.Q(state="ready")),
            models.CheckConstraint(name="job_state", condition=models.Q(state__in=JobState.values)),
        )

    def __str__(self) -> str:
        about = ", ".join(f"{name} {value}" for name, value in self.arguments.items())
        return f"{self.name}: {about}" if about else self.name


class Retry(Exception):
    """Raised by a job function: not yet, try again `after` this long; it does not count as a failure."""

    def __init__(self, after: timedelta, why: str = "") -> None:
        super().__init__(why or "not yet")
        self.after = after


class RunOutcome(models.TextChoices):
    """How a run that is worth remembering ended, or what a person did about the job."""

    FAILED = "failed", "Failed, and comes back"
    DEAD = "dead", "Failed for the last time"
    SUCCEEDED = "succeeded", "Succeeded after it had failed"
    REPLAYED = "replayed", "Brought back by a person"
    CANCELED = "canceled", "Canceled by a person"


class JobRun(models.Model):
    """What became of a job that failed: its failures, and how it ended, or who did what about it. Kept for 30 days.

    Jobs that succeed at once leave nothing here: they are deleted, and what they have done says it.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    job_id = models.UUIDField(help_text="The job may be gone.")
    name = models.CharField(max_length=60)
    arguments = models.JSONField(default=dict)
    outcome = models.CharField(max_length=10, choices=RunOutcome)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    because = models.CharField(max_length=200, blank=True, default="")
    by = models.CharField(max_length=120, blank=True, default="")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "payments"
        verbose_name = "run of a job"
        verbose_name_plural = "runs of jobs"
        indexes = (
            models.Index(fields=["job_id", "id"], name="job_run_job"),
            models.Index(fields=["name", "id"], name="job_run_name"),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.get_outcome_display()}"


@dataclass(frozen=True)
class Kind:
    """A registered job function: where it runs, how long it may take, how often it is tried.

    `dropped` says what is lost where a person cancels it; "" where nobody may, because something waits for it.
    """

    name: str
    queue: Queue
    function: Callable[..., None]
    lease: timedelta
    tries: int
    every: timedelta | None
    dropped: str = ""


REGISTRY: Final[dict[str, Kind]] = {}
"""Every job by name; a test compares it with the names that are enqueued."""

FEEDERS: Final[dict[Queue, list[Callable[[], bool]]]] = {queue: [] for queue in Queue}
"""Per queue, functions that turn rows which are their own wish into jobs; True when there may be more."""


def job(
    name: str,
    queue: Queue,
    *,
    lease: timedelta | None = None,
    tries: int = 12,
    every: timedelta | None = None,
    dropped: str = "",
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Register a function as the job `name`.

    It takes ids, is idempotent, and makes one service call. `lease` is longer than it can take (its queue's
    when not given); after `tries` failures the job is dead. With `every` it is on the timetable: one row that
    comes back for ever. `dropped` says, in words for people, what is lost when it is canceled; without it nobody may.
    """

    def register(function: Callable[P, None]) -> Callable[P, None]:
        if name in REGISTRY:
            raise Bug(f"two jobs are called {name!r}")
        REGISTRY[name] = Kind(name, queue, function, lease or LEASES[queue], tries, every, dropped)
        return function

    return register


def feeder(queue: Queue) -> Callable[[Callable[[], bool]], Callable[[], bool]]:
    """Register a function that drains call before they claim: it writes jobs for rows that are due."""

    def register(function: Callable[[], bool]) -> Callable[[], bool]:
        FEEDERS[queue].append(function)
        return function

    return register


def enqueue(name: str, *, run_at: datetime | None = None, unique: str | None = None, **arguments: str) -> None:
    """Put a job into the open unit of work, and ring its queue's doorbell once that is committed.

    With `unique`, nothing happens while a job with the same key waits. One that is running already is followed by
    this one, once it has ended: they are never at work side by side.
    """
    kind = REGISTRY.get(name)
    if kind is None:
        raise Bug(f"no job is registered as {name!r}")
    row = Job(
        name=name, queue=kind.queue, arguments=arguments, due_at=run_at or clock.now(), unique_key=unique,
        traceparent=tracing.here(),
    )  # fmt: skip
    unit.current().add(row, once=unique is not None)
    if run_at is None:
        unit.after_commit(lambda: doorbell.ring(kind.queue))


def hasten(name: str, unique: str) -> None:
    """Let the job that waits under this key run at once, with the open unit of work; nothing when none waits."""
    unit.current().run(
        "UPDATE payments_job SET due_at = %s WHERE unique_key = %s AND state = 'ready' AND due_at > %s",
        [clock.now(), unique, clock.now()],
    )
    unit.after_commit(lambda: doorbell.ring(REGISTRY[name].queue))
