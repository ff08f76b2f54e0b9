"""Unique keys: one job waits at a time, one runs at a time, and what is wished for meanwhile is not lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from payments.kernel import clock, drain, jobs, letters, unit
from payments.kernel.jobs import REGISTRY, Job, Queue
from tests.kernel.conftest import at_once, in_another_connection, sql

pytestmark = pytest.mark.django_db(transaction=True)

Register = Callable[..., Callable[[Callable[..., None]], Callable[..., None]]]


def enqueue(name: str, **how: object) -> None:
    """Enqueue one under the key `k`, in a unit of its own."""
    with unit.work():
        jobs.enqueue(name, unique="k", **how)  # type: ignore[arg-type]  # run_at only


def make_due() -> None:
    """Let everything that waits be due."""
    sql("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")


class Held:
    """A job that is held up in the middle of its first run; it counts its runs, and how many were at work at once."""

    def __init__(self, ending: Exception | None = None) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.runs = self.at_work = self.most = 0
        self._ending = ending

    def __call__(self) -> None:
        self.runs += 1
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        first = self.runs == 1
        self.inside.set()
        if first:
            assert self.go_on.wait(120)
        self.at_work -= 1
        if first and self._ending is not None:
            raise self._ending


def meanwhile(job: Held, act: Callable[[], None]) -> None:
    """Do something while the job is at work."""
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(in_another_connection, lambda: drain.drain(Queue.MONEY))
        try:
            assert job.inside.wait(120)
            act()
        finally:
            job.go_on.set()
        working.result(timeout=120)


def test_a_job_that_enqueues_its_own_key_is_done_again(register: Register) -> None:
    runs: list[int] = []

    @register("again", Queue.MONEY)
    def again() -> None:
        runs.append(1)
        if len(runs) < 3:
            enqueue("again")

    enqueue("again")
    assert drain.drain(Queue.MONEY) == 3
    assert len(runs) == 3
    assert not Job.objects.exists()


def test_what_is_wished_for_while_it_runs_is_done_afterwards_once_and_never_beside_it(register: Register) -> None:
    job = Held()
    register("held", Queue.MONEY)(job)
    enqueue("held")

    def wish() -> None:
        enqueue("held")
        enqueue("held")
        assert Job.objects.count() == 2
        assert in_another_connection(lambda: drain.drain(Queue.MONEY)) == 0

    meanwhile(job, wish)
    assert (job.runs, job.most) == (2, 1)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("ending", "attempts", "why"),
    [
        (ValueError("a nasty surprise"), 1, "a nasty surprise"),
        (jobs.Retry(timedelta(hours=1), "not yet"), 0, "not yet"),
    ],
)
def test_one_that_is_put_off_while_the_next_waits_is_one_again(
    register: Register, ending: Exception, attempts: int, why: str
) -> None:
    job = Held(ending)
    register("held", Queue.MONEY)(job)
    enqueue("held")
    sooner = clock.now() + timedelta(minutes=1)
    meanwhile(job, lambda: enqueue("held", run_at=sooner))
    row = Job.objects.get()
    assert (row.state, row.attempts, row.fence) == ("ready", attempts, 0)
    assert why in row.last_error
    assert row.due_at <= sooner
    make_due()
    assert drain.drain(Queue.MONEY) == 1
    assert not Job.objects.exists()


def test_the_next_waits_also_for_one_whose_worker_died(register: Register) -> None:
    job = Held()
    job.go_on.set()
    register("held", Queue.MONEY)(job)
    enqueue("held")
    sql("UPDATE payments_job SET state = 'running', attempts = 1, due_at = now() + interval '1 minute'")
    enqueue("held")
    assert drain.drain(Queue.MONEY) == 0
    sql("UPDATE payments_job SET due_at = now() WHERE state = 'running'")  # its lease has run out
    assert drain.drain(Queue.MONEY) == 2
    assert job.runs == 2


def test_one_that_dies_leaves_the_next_and_its_replay_does_not_double_it(register: Register) -> None:
    job = Held(ValueError("a nasty surprise"))
    register("held", Queue.MONEY, tries=1)(job)
    enqueue("held")
    later = clock.now() + timedelta(hours=1)
    meanwhile(job, lambda: enqueue("held", run_at=later))
    assert sorted(Job.objects.values_list("state", flat=True)) == ["dead", "ready"]
    letters.replay(str(Job.objects.get(state="dead").pk))
    assert Job.objects.get().state == "ready"
    assert drain.drain(Queue.MONEY) == 1, "at once"


def test_of_many_wishes_at_once_one_waits(register: Register) -> None:
    register("held", Queue.MONEY)(Held())
    at_once(8, lambda _: enqueue("held"))
    assert Job.objects.count() == 1


def test_a_schedule_is_not_doubled_while_one_of_its_jobs_runs(register: Register) -> None:
    job = Held()
    register("nightly", Queue.MONEY, every=timedelta(hours=24))(job)
    drain.keep_timetable()
    rows = Job.objects.count()
    meanwhile(job, lambda: at_once(4, lambda _: drain.keep_timetable()).clear())
    assert job.runs == 1
    assert Job.objects.count() == rows == len([kind for kind in REGISTRY.values() if kind.every])
    assert Job.objects.get(name="nightly").due_at > clock.now() + timedelta(hours=23)


def test_a_schedule_that_was_doubled_all_the_same_is_one_again_after_its_run(register: Register) -> None:
    job = Held()
    register("nightly", Queue.MONEY, every=timedelta(hours=24))(job)
    drain.keep_timetable()

    def double() -> None:
        with unit.work():
            jobs.enqueue("nightly", unique="timetable:nightly")

    meanwhile(job, double)
    assert Job.objects.filter(name="nightly").count() == 1
