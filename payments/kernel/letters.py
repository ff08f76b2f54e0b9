"""What people do about jobs: bring dead ones back, cancel what nobody waits for, and see how far behind queues are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from payments.kernel import audit, unit
from payments.kernel.errors import Refusal
from payments.kernel.jobs import REGISTRY, Job, JobRun, JobState, Queue, RunOutcome


class JobNeeded(Refusal):
    """A job that something waits for is not canceled: mend the cause, and replay it."""

    code, status = "job_needed", 409


def replay(job_id: str, *, because: str = "", by: str = "") -> None:
    """Bring a dead job back to life, to run at once with its count of failures forgotten.

    Where one with the same key waits, that one runs at once in its place.
    """
    sql = """
        WITH mine AS (SELECT id, unique_key FROM payments_job WHERE id = %s AND state = 'dead' FOR UPDATE),
             heir AS (UPDATE payments_job h SET due_at = now(), attempts = 0
                        FROM mine WHERE h.unique_key = mine.unique_key AND h.state = 'ready' RETURNING h.id),
             gone AS (DELETE FROM payments_job USING mine
                       WHERE payments_job.id = mine.id AND EXISTS (SELECT FROM heir))
        UPDATE payments_job j SET state = 'ready', attempts = 0, due_at = now()
          FROM mine WHERE j.id = mine.id AND NOT EXISTS (SELECT FROM heir)
    """
    row = Job.objects.filter(pk=job_id, state=JobState.DEAD).first()
    if row is None:
        return
    with unit.work() as work:
        work.run(sql, [job_id])
        _note(row, RunOutcome.REPLAYED, because, by)


def replay_all(job_ids: Sequence[str], *, because: str, by: str) -> int:
    """Bring the dead ones among these back; how many."""
    dead = list(Job.objects.filter(pk__in=job_ids, state=JobState.DEAD).values_list("pk", flat=True))
    for pk in dead:
        replay(str(pk), because=because, by=by)
    return len(dead)


def dropped(job: Job) -> str:
    """What is lost when this job is canceled, in words; "" when it may not be: it runs, or something waits for it."""
    kind = REGISTRY.get(job.name)
    return kind.dropped if kind is not None and kind.every is None and job.state != JobState.RUNNING else ""


def cancel(job_id: str, *, because: str, by: str) -> None:
    """Delete a job that nobody waits for, with the reason; refuses the others (`JobNeeded`)."""
    with unit.work() as work:
        row = Job.objects.select_for_update().filter(pk=job_id).first()
        if row is None or not dropped(row):
            raise JobNeeded("It has run in the meantime, it runs at this moment, or something waits for it.")
        work.run("DELETE FROM payments_job WHERE id = %s", [row.pk])
        _note(row, RunOutcome.CANCELED, because, by)


def _note(row: Job, outcome: RunOutcome, because: str, by: str) -> None:
    """Who did it and why, with the open unit."""
    run = JobRun(
        job_id=row.pk, name=row.name, arguments=row.arguments, outcome=outcome, attempts=row.attempts,
        error=row.last_error, because=because, by=by,
    )  # fmt: skip
    unit.current().add(run)
    audit.record(f"job.{outcome}", str(row.pk), because=because, after={"name": row.name})


@dataclass(frozen=True, slots=True)
class Line:
    """How a queue stands: what is due and waits, what comes later, what runs, what is dead, and since when."""

    queue: str
    due: int
    later: int
    running: int
    dead: int
    oldest_due: datetime | None


_LINES: Final = """
    SELECT queue, count(*) FILTER (WHERE state = 'ready' AND due_at <= now()),
           count(*) FILTER (WHERE state = 'ready' AND due_at > now()), count(*) FILTER (WHERE state = 'running'),
           count(*) FILTER (WHERE state = 'dead'), min(due_at) FILTER (WHERE state = 'ready' AND due_at <= now())
      FROM payments_job GROUP BY queue
"""


def lines() -> list[Line]:
    """Every queue; the table holds only what is not done yet, and is counted whole."""
    with connection.cursor() as cursor:
        cursor.execute(_LINES)
        found = {row[0]: Line(*row) for row in cursor.fetchall()}
    return [found.get(queue.value, Line(queue.value, 0, 0, 0, 0, None)) for queue in Queue]
