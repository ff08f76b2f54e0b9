"""Doing the jobs: claims with a lease and a fence, retries, dead letters, and the sweeper that needs no doorbell."""

import threading
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import DatabaseError, IntegrityError, close_old_connections, connection

from payments.kernel import ids, meters, reads, redaction, tracing, unit
from payments.kernel.jobs import FEEDERS, REGISTRY, Job, JobRun, JobState, Kind, Queue, Retry, RunOutcome

log = structlog.get_logger(__name__)

CLAIM: Final[Mapping[Queue, int]] = {
    Queue.MONEY: 1,
    Queue.BULK: 1,
    Queue.WEBHOOKS: 20,
    Queue.DELIVERIES: 1,
    Queue.FINANCE: 1,
    Queue.UPKEEP: 5,
    Queue.ALERTS: 1,
}
"""Jobs claimed at once: one where a job waits for a network, so that a dying worker delays only that one."""

PARALLEL: Final[Mapping[Queue, int]] = {
    Queue.MONEY: 4,
    Queue.BULK: 3,
    Queue.WEBHOOKS: 2,
    Queue.DELIVERIES: 4,
    Queue.FINANCE: 1,
    Queue.UPKEEP: 1,
    Queue.ALERTS: 2,
}
"""Drains of one queue that run side by side in one process, so that no queue takes every thread."""

SWEEP_SECONDS: Final = 2.0
HAND_BACK_SECONDS: Final = 20.0
"""No claimed job begins later than this after its claim: its lease is longer than this and what it takes."""

_stopping = threading.Event()
_slots = {queue: threading.BoundedSemaphore(count) for queue, count in PARALLEL.items()}


@dataclass(frozen=True)
class Lease:
    """The right to run one claimed job; every unit that the job writes proves that it still holds."""

    job: Job

    def contribute(self, work: unit.Unit, result: object) -> None:  # noqa: ARG002  the protocol
        """Guard the unit: a lease that ran out and was taken over cannot commit."""
        work.guard("SELECT 1 FROM payments_job WHERE id = %s AND fence = %s FOR UPDATE", [self.job.pk, self.job.fence])


def drain(queue: Queue) -> int:
    """Run what is due in `queue` until nothing is left; the number of jobs run.

    Returns at once when enough drains of this queue are running in this process.
    """
    slot = _slots[queue]
    if not slot.acquire(blocking=False):
        return 0
    try:
        return _drain(queue)
    finally:
        slot.release()


def _drain(queue: Queue) -> int:
    done = 0
    _let_go_of_a_dead_connection()
    while not _stopping.is_set():
        more = _feed(queue)
        claimed = _claim(queue)
        done += _run_all(claimed)
        if not claimed and not more:
            break
    return done


def _let_go_of_a_dead_connection() -> None:
    """A worker's thread may hold one that the server has ended; the next statement opens another."""
    if not connection.in_atomic_block:
        close_old_connections()


def _feed(queue: Queue) -> bool:
    """Let the feeders write jobs; True when there may be more. One that fails does not stop the queue's jobs."""
    more = False
    for feed in FEEDERS[queue]:
        try:
            more |= feed()
        except Exception:
            log.exception("feeder_failed", queue=queue, feeder=feed.__qualname__)
            _let_go_of_a_dead_connection()
    return more


def _run_all(claimed: Sequence[Lease]) -> int:
    """Run claimed jobs one by one; those that would begin `HAND_BACK_SECONDS` after the claim are handed back."""
    began, finished = time.monotonic(), []
    for position, lease in enumerate(claimed):
        if _stopping.is_set() or time.monotonic() - began > HAND_BACK_SECONDS:
            _hand_back(claimed[position:])
            break
        if _run(lease):
            finished.append(lease)
    _forget(finished)
    return len(claimed)


def _hand_back(unbegun: Sequence[Lease]) -> None:
    """Somebody else may have these at once."""
    for lease in unbegun:
        _reschedule(lease, timedelta(0), lease.job.last_error, attempts=lease.job.attempts - 1)


def stop() -> None:
    """Take no more jobs in this process: what has begun is finished, the rest is handed back."""
    _stopping.set()


CLAIM_DUE: Final = """
    WITH due AS MATERIALIZED (
        SELECT id FROM payments_job w
         WHERE queue = %s AND state <> 'dead' AND due_at <= statement_timestamp() AND name = ANY(%s)
           AND NOT (state = 'ready' AND EXISTS (
               SELECT FROM payments_job r WHERE r.unique_key = w.unique_key AND r.state = 'running'))
         ORDER BY due_at LIMIT %s FOR UPDATE OF w SKIP LOCKED)
    UPDATE payments_job j SET state = 'running', fence = fence + 1, attempts = attempts + 1,
           due_at = statement_timestamp() + kind.lease
      FROM due, unnest(%s::text[], %s::interval[]) AS kind (name, lease) WHERE j.id = due.id AND j.name = kind.name
    RETURNING j.id, j.name, queue, arguments, state, due_at, unique_key, fence, attempts, last_error, created_at,
              traceparent
"""
"""Materialized: as `id IN (SELECT … LIMIT …)` it may be run once per row, and then takes all that is due.

PostgreSQL chooses that plan once it has counted an empty table, which is what this one mostly is. A job whose
namesake by unique key runs is not begun; it could only be added once that one was seen to run.
"""


def _claim(queue: Queue) -> list[Lease]:
    """Take due jobs, and running ones whose lease ran out, each for the lease of its kind.

    A job of a name that this process does not know is left to those that do: during a deploy both run.
    """
    kinds = [kind for kind in REGISTRY.values() if kind.queue == queue]
    names = [kind.name for kind in kinds]
    with connection.cursor() as cursor:
        params: list[Any] = [queue, names, CLAIM[queue], names, [kind.lease for kind in kinds]]
        cursor.execute(CLAIM_DUE, params)
        claimed = cursor.fetchall()
    return [Lease(reads.built(Job, row)) for row in sorted(claimed)]


def _run(lease: Lease) -> bool:
    """Run one job, with what it is about in every line of the log; True when it is done for good."""
    about = {name: value for name, value in lease.job.arguments.items() if name.endswith("_id") and name != "job_id"}
    job = lease.job
    with (
        structlog.contextvars.bound_contextvars(job=job.name, job_id=str(job.pk), **about),
        tracing.span(f"job {job.name}", tracing.Kind.CONSUMER, {"queue": job.queue}, parent=job.traceparent),
    ):
        return _run_told(lease)


def _run_told(lease: Lease) -> bool:
    """True when it is done for good, else it is put off or dead. Nothing it raises stops the drain."""
    job, kind, began = lease.job, REGISTRY[lease.job.name], time.perf_counter()
    if job.attempts > kind.tries and kind.every is None:
        _settle_failure(lease, kind, job.last_error or "every worker that began it died")
        return False
    try:
        with unit.joined_by(lease):
            kind.function(**job.arguments)
    except Retry as later:
        _count(kind, "later", began)
        _reschedule(lease, later.after, str(later), attempts=job.attempts - 1)
    except unit.Stale:
        _count(kind, "later", began)
        _reschedule(lease, timedelta(seconds=0.2), "a row was changed by somebody else", attempts=job.attempts - 1)
    except Exception as error:
        _count(kind, "failed", began)
        tracing.broke(error)
        log.exception("job_failed", job=job.name, arguments=job.arguments, attempts=job.attempts)
        _let_go_of_a_dead_connection()
        _settle_failure(lease, kind, redaction.text(traceback.format_exc(limit=-8)))
    else:
        _count(kind, "done", began)
        if job.attempts > 1:
            _note(job, RunOutcome.SUCCEEDED)
        if kind.every is None:
            return True
        _reschedule(lease, kind.every, "", attempts=0)
    return False


def _count(kind: Kind, outcome: str, began: float) -> None:
    meters.JOBS.took(kind.queue, kind.name, outcome, seconds=time.perf_counter() - began)
    tracing.tell({"outcome": outcome})


def _note(job: Job, outcome: RunOutcome, error: str = "", **who: str) -> None:
    """Remember how a run ended; that it cannot be written stops nothing."""
    said = redaction.redact(job.arguments)
    try:
        JobRun.objects.create(
            job_id=job.pk, name=job.name, arguments=said, outcome=outcome, attempts=job.attempts, error=error,
            **who,
        )  # fmt: skip
    except DatabaseError:
        log.exception("run_not_noted", job=job.name, outcome=outcome)


def _forget(done: Sequence[Lease]) -> None:
    """Delete jobs that are done, together: one that is lost before this runs again, and finds nothing to do."""
    if done:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM payments_job j USING unnest(%s::uuid[], %s::bigint[]) AS done (id, fence)"
                " WHERE j.id = done.id AND j.fence = done.fence",
                [[lease.job.pk for lease in done], [lease.job.fence for lease in done]],
            )


def _settle_failure(lease: Lease, kind: Kind, error: str) -> None:
    if lease.job.attempts >= kind.tries and kind.every is None:
        log.error("job_dead", job=lease.job.name, arguments=lease.job.arguments)
        _write(lease, "state = 'dead', last_error = %s", [error])
        _note(lease.job, RunOutcome.DEAD, error)
        return
    _note(lease.job, RunOutcome.FAILED, error)
    after = min(timedelta(seconds=2 ** min(lease.job.attempts, 12)), timedelta(hours=1))
    _reschedule(lease, after, error, attempts=lease.job.attempts)


PUT_OFF: Final = """
    WITH mine AS (SELECT id, statement_timestamp() + %s AS due_at, %s AS last_error, %s::int AS attempts
                    FROM payments_job WHERE id = %s AND fence = %s FOR UPDATE),
         heir AS (UPDATE payments_job h SET due_at = least(h.due_at, mine.due_at), last_error = mine.last_error,
                         attempts = greatest(h.attempts, mine.attempts)
                    FROM mine WHERE h.unique_key = %s AND h.state = 'ready' AND h.id <> mine.id RETURNING h.id),
         gone AS (DELETE FROM payments_job USING mine WHERE payments_job.id = mine.id AND EXISTS (SELECT FROM heir))
    UPDATE payments_job j SET state = 'ready', due_at = mine.due_at, last_error = mine.last_error,
           attempts = mine.attempts
      FROM mine WHERE j.id = mine.id AND NOT EXISTS (SELECT FROM heir)
"""
"""Back to the waiting ones; where one with the same key waits already, that one goes on with what has happened."""


def _reschedule(lease: Lease, after: timedelta, why: str, *, attempts: int) -> None:
    job = lease.job
    params: list[Any] = [after, redaction.text(why), attempts, job.pk, job.fence, job.unique_key]
    for last in (False, True):
        try:
            with connection.cursor() as cursor:
                cursor.execute(PUT_OFF, params)
        except IntegrityError:  # one with the same key was added in this very moment, and is seen the next time
            if last:
                raise
        else:
            return


def _write(lease: Lease, sets: str, params: Iterable[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE payments_job SET {sets} WHERE id = %s AND fence = %s",  # noqa: S608  our own constants
            [*params, lease.job.pk, lease.job.fence],
        )


def take_over() -> int:
    """End all leases; how many. For the start of a database's only worker: whose were they but a dead one's?

    A predecessor that lives after all can write nothing more for these: the fence will have moved.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_job SET due_at = statement_timestamp() WHERE state = 'running'")
        return int(cursor.rowcount)


def keep_timetable() -> None:
    """Make sure that every job of the timetable has its one row; two callers do no harm.

    Should a row be added in the moment in which another begins to run, that one ends in it (`PUT_OFF`).
    """
    rows: list[Any] = [
        {
            "id": ids.uuid7(),
            "name": kind.name,
            "queue": kind.queue,
            "key": f"timetable:{kind.name}",
            "running": JobState.RUNNING,
        }
        for kind in REGISTRY.values()
        if kind.every
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO payments_job (id, name, queue, arguments, state, due_at, unique_key, fence, attempts,"
            " last_error, created_at)"
            " SELECT %(id)s, %(name)s, %(queue)s, '{}', 'ready', now(), %(key)s::varchar, 0, 0, '', now()"
            "  WHERE NOT EXISTS (SELECT FROM payments_job WHERE unique_key = %(key)s::varchar AND state = %(running)s)"
            " ON CONFLICT DO NOTHING",
            rows,
        )


def sweep() -> int:
    """Drain every queue once, one after the other; the number of jobs run."""
    return sum(drain(queue) for queue in Queue)


class Sweeper:
    """Threads, one per queue, that look for due, missed and expired jobs whether or not the doorbell rings."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(queue,), name=f"sweeper-{queue}", daemon=True) for queue in Queue
        ]

    def start(self) -> None:
        """Begin to sweep every few seconds."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 5) -> None:
        """Finish the jobs at hand and end."""
        self._stop.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))

    def _serve(self, queue: Queue) -> None:
        while not self._stop.wait(SWEEP_SECONDS):
            try:
                if queue is Queue.UPKEEP:
                    keep_timetable()
                drain(queue)
            except Exception:
                log.exception("sweep_failed", queue=queue)  # PostgreSQL may be away for a while: try again soon
            finally:
                close_old_connections()
        connection.close()
