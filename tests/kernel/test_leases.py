"""Many workers: each job is done once, and who has lost a lease can write nothing any more."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from payments.kernel import drain, jobs, unit
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.jobs import REGISTRY, Job, Queue
from tests.kernel.conftest import at_once, sql

pytestmark = pytest.mark.django_db(transaction=True)

Register = Callable[..., Callable[[Callable[..., None]], Callable[..., None]]]


def note(text: str) -> None:
    """One row, written with the lease's consent."""
    with unit.work() as work:
        work.add(AttentionItem(kind=AttentionKind.UNMATCHED_EVENT, object_id=text, detail=""))


def noted() -> list[str]:
    """What was written."""
    return sorted(AttentionItem.objects.values_list("object_id", flat=True))


@pytest.mark.parametrize("queue", [Queue.MONEY, Queue.WEBHOOKS])
def test_drains_side_by_side_do_each_job_once(register: Register, queue: Queue) -> None:
    register("note", queue)(note)
    with unit.work():
        for number in range(60):
            jobs.enqueue("note", text=f"{number:02}")
    done = at_once(drain.PARALLEL[queue], lambda _: drain.drain(queue))
    assert sum(done) == 60
    assert noted() == [f"{number:02}" for number in range(60)]


@pytest.mark.parametrize("counted", ["never", "empty", "full"])
def test_a_claim_takes_no_more_than_it_may_however_the_database_plans_it(register: Register, counted: str) -> None:
    """The table is mostly empty, and PostgreSQL plans for what it last counted."""
    register("note", Queue.MONEY)(note)
    if counted == "empty":
        sql("ANALYZE payments_job")
    with unit.work():
        for number in range(6):
            jobs.enqueue("note", text=f"{number}")
    if counted == "full":
        sql("ANALYZE payments_job")
    assert [len(drain._claim(Queue.MONEY)) for _ in range(7)] == [1] * 6 + [0]


def test_each_job_is_leased_for_what_its_own_kind_takes(register: Register) -> None:
    """A worker that dies over a short one is followed soon, however long others of its queue may take."""
    register("short", Queue.UPKEEP, lease=timedelta(minutes=1))(lambda: None)
    register("long", Queue.UPKEEP, lease=timedelta(minutes=30))(lambda: None)
    with unit.work():
        jobs.enqueue("short")
        jobs.enqueue("long")
    drain._claim(Queue.UPKEEP)
    left = sql("SELECT name, round(extract(epoch FROM due_at - now()) / 60)::int FROM payments_job ORDER BY due_at")
    assert left == [("short", 1), ("long", 30)]


def test_one_process_keeps_a_queue_from_taking_every_thread(register: Register) -> None:
    inside, leave = threading.Semaphore(0), threading.Event()

    @register("slow", Queue.MONEY)
    def slow() -> None:
        inside.release()
        assert leave.wait(120)

    with unit.work():
        for _ in range(6):
            jobs.enqueue("slow")

    def one() -> int:
        try:
            return drain.drain(Queue.MONEY)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        busy = [pool.submit(one) for _ in range(4)]
        try:
            begun = sum(inside.acquire(timeout=120) for _ in range(4))
            assert begun == 4, [drained.result() if drained.done() else "at work" for drained in busy]
            assert pool.submit(one).result(timeout=120) == 0, "a fifth drain returns at once"
        finally:
            leave.set()
        assert sum(drained.result(timeout=120) for drained in busy) == 6


def test_a_running_job_is_nobody_elses(register: Register) -> None:
    inside, leave = threading.Event(), threading.Event()

    @register("slow", Queue.MONEY)
    def slow() -> None:
        inside.set()
        assert leave.wait(120)

    with unit.work():
        jobs.enqueue("slow")
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(at_once, 1, lambda _: drain.drain(Queue.MONEY))
        assert inside.wait(120)
        assert drain.drain(Queue.MONEY) == 0
        leave.set()
        assert working.result(timeout=120) == [1]


class Interrupted:
    """A job whose first run is held up in the middle, as by SIGSTOP, until it is let go."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.runs = Counter[str]()
        self.lock = threading.Lock()

    def __call__(self) -> None:
        with self.lock:
            first = not self.runs
            self.runs["started"] += 1
        if first:
            self.inside.set()
            assert self.go_on.wait(120)
        note("by the first" if first else "by the second")
        self.runs["committed"] += 1


def held_up(job: Interrupted, meanwhile: Callable[[], None]) -> None:
    """Start a drain, hold its job up, let time pass beyond the lease, do something meanwhile, let it go on."""
    with unit.work():
        jobs.enqueue("interrupted")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(at_once, 1, lambda _: drain.drain(Queue.MONEY))
        assert job.inside.wait(120)
        sql("UPDATE payments_job SET due_at = now() - interval '1 second'")
        meanwhile()
        job.go_on.set()
        first.result(timeout=120)


def test_a_lease_that_ran_out_is_taken_over_and_the_stale_one_cannot_commit(register: Register) -> None:
    job = Interrupted()
    register("interrupted", Queue.MONEY, lease=timedelta(seconds=5))(job)

    held_up(job, lambda: at_once(1, lambda _: drain.drain(Queue.MONEY)).clear())
    assert noted() == ["by the second"]
    assert job.runs == {"started": 2, "committed": 1}
    assert not Job.objects.exists()


def test_a_stale_lease_cannot_put_off_or_bury_what_another_worker_is_doing(register: Register) -> None:
    """The second worker still has the job in hand when the first fails."""
    job = Interrupted()
    register("interrupted", Queue.MONEY, tries=1)(job)

    def take_over() -> None:
        sql("UPDATE payments_job SET fence = fence + 1, due_at = now() + interval '1 hour'")

    held_up(job, take_over)
    row = Job.objects.get()
    assert (row.state, row.fence, row.last_error) == ("running", 2, "")
    assert noted() == []


def test_who_comes_back_before_anybody_took_over_may_finish(register: Register) -> None:
    job = Interrupted()
    register("interrupted", Queue.MONEY)(job)
    held_up(job, lambda: None)
    assert noted() == ["by the first"]


def test_many_schedulers_make_one_timetable() -> None:
    at_once(6, lambda _: drain.keep_timetable())
    wanted = sorted(kind.name for kind in REGISTRY.values() if kind.every)
    assert wanted
    assert sorted(Job.objects.values_list("name", flat=True)) == wanted
    drain.keep_timetable()
    assert Job.objects.count() == len(wanted)


def test_a_drain_while_another_row_is_locked_passes_it_by(register: Register) -> None:
    register("note", Queue.MONEY)(note)
    with unit.work():
        jobs.enqueue("note", text="locked")
        jobs.enqueue("note", text="free")
    locked = Job.objects.get(arguments={"text": "locked"})
    with unit.work():
        Job.objects.select_for_update().get(pk=locked.pk)
        assert at_once(1, lambda _: drain.drain(Queue.MONEY)) == [1]
    assert noted() == ["free"]


def test_what_a_dead_worker_had_in_hand_is_taken_over_and_it_can_write_nothing_any_more(register: Register) -> None:
    register("note", Queue.MONEY)(note)
    with unit.work():
        jobs.enqueue("note", text="once")
    sql("UPDATE payments_job SET state = 'running', fence = 1, due_at = now() + interval '3 minutes'")
    thought_dead = drain.Lease(Job.objects.get())
    assert drain.drain(Queue.MONEY) == 0

    assert drain.take_over() == 1
    assert drain.drain(Queue.MONEY) == 1
    assert noted() == ["once"]
    with pytest.raises(unit.Stale), unit.joined_by(thought_dead):
        note("twice")
