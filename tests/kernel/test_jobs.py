"""Durable jobs: enqueued with the change that wants them, done once, tried again, and never lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from payments.kernel import attention, clock, drain, jobs, letters, unit
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.errors import Bug
from payments.kernel.jobs import Job, Queue
from tests.kernel.conftest import in_a_unit, in_another_connection, sql

Register = Callable[..., Callable[[Callable[..., None]], Callable[..., None]]]


def note(text: str) -> None:
    """What a job of these tests does: one row."""
    with unit.work() as work:
        work.add(AttentionItem(kind=AttentionKind.UNMATCHED_EVENT, object_id=text, detail=""))


def noted() -> list[str]:
    """What was done, in order."""
    return list(AttentionItem.objects.order_by("id").values_list("object_id", flat=True))


def enqueue(name: str, **arguments: Any) -> None:
    """Enqueue one job in a unit of its own."""
    with unit.work():
        jobs.enqueue(name, **arguments)


def pass_time(seconds: float) -> None:
    """Let everything that waits be due so much sooner."""
    sql("UPDATE payments_job SET due_at = due_at - make_interval(secs => %s)", seconds)


@pytest.fixture
def note_job(register: Register, db: None) -> None:
    """The job `note`, which writes one row."""
    register("note", Queue.UPKEEP, tries=3)(note)


def test_a_job_is_done_once_and_forgotten(note_job: None) -> None:
    enqueue("note", text="a")
    assert drain.drain(Queue.UPKEEP) == 1
    assert drain.drain(Queue.UPKEEP) == 0
    assert noted() == ["a"]
    assert not Job.objects.exists()


def test_the_oldest_comes_first(note_job: None) -> None:
    for text in "abcdefgh":
        enqueue("note", text=text)
    drain.drain(Queue.UPKEEP)
    assert "".join(noted()) == "abcdefgh"


def test_a_queue_is_drained_alone(note_job: None, register: Register) -> None:
    register("elsewhere", Queue.FINANCE)(note)
    enqueue("note", text="a")
    enqueue("elsewhere", text="b")
    assert drain.drain(Queue.FINANCE) == 1
    assert noted() == ["b"]
    assert drain.sweep() == 1


def test_a_job_of_a_change_that_was_rolled_back_never_was(note_job: None) -> None:
    def fail(_work: unit.Unit) -> None:
        jobs.enqueue("note", text="a")
        raise KeyError

    with pytest.raises(KeyError):
        in_a_unit(fail)
    assert not Job.objects.exists()


def test_enqueueing_outside_a_unit_is_a_bug(note_job: None) -> None:
    with pytest.raises(Bug, match="must run inside"):
        jobs.enqueue("note", text="a")


def test_a_name_that_nobody_registered_is_a_bug(db: None) -> None:
    with pytest.raises(Bug, match="no job is registered as 'nothing'"), unit.work():
        jobs.enqueue("nothing")


def test_a_name_is_registered_once(register: Register) -> None:
    register("mine", Queue.UPKEEP)(note)
    with pytest.raises(Bug, match="two jobs are called 'mine'"):
        register("mine", Queue.MONEY)(note)


@pytest.mark.django_db(transaction=True)
def test_a_job_and_the_change_that_wants_it_are_one_transaction(note_job: None) -> None:
    with unit.work() as work:
        work.add(AttentionItem(kind=AttentionKind.OVERPAYMENT, object_id="pi_1", detail=""))
        jobs.enqueue("note", text="a")
        assert in_another_connection(lambda: drain.drain(Queue.UPKEEP)) == 0
    assert sql("SELECT xmin FROM payments_job") == sql("SELECT xmin FROM payments_attentionitem")
    assert in_another_connection(lambda: drain.drain(Queue.UPKEEP)) == 1


def test_a_job_waits_for_its_time(note_job: None) -> None:
    enqueue("note", text="a", run_at=clock.now() + timedelta(minutes=5))
    assert drain.drain(Queue.UPKEEP) == 0
    pass_time(301)
    assert drain.drain(Queue.UPKEEP) == 1


def test_a_unique_job_is_there_once_until_it_is_done(note_job: None) -> None:
    enqueue("note", text="a", unique="k")
    enqueue("note", text="b", unique="k")
    enqueue("note", text="c", unique="other")
    drain.drain(Queue.UPKEEP)
    enqueue("note", text="d", unique="k")
    drain.drain(Queue.UPKEEP)
    assert noted() == ["a", "c", "d"]


def test_a_job_that_asks_for_more_time_comes_back_and_is_never_a_failure(register: Register, db: None) -> None:
    asked: list[str] = []

    @register("patient", Queue.UPKEEP, tries=2)
    def patient(text: str) -> None:
        asked.append(text)
        if len(asked) < 6:
            raise jobs.Retry(timedelta(minutes=10), "the file is not there yet")
        note(text)

    enqueue("patient", text="a")
    for times in range(1, 6):
        assert drain.drain(Queue.UPKEEP) == 1
        row = Job.objects.get()
        assert (row.state, row.attempts, row.last_error) == ("ready", 0, "the file is not there yet")
        pass_time(590)
        assert (drain.drain(Queue.UPKEEP), len(asked)) == (0, times)
        pass_time(11)
    drain.drain(Queue.UPKEEP)
    assert noted() == ["a"]


def test_a_job_that_fails_waits_ever_longer_then_is_dead_and_can_be_replayed(register: Register, db: None) -> None:
    healed: list[bool] = []

    @register("sick", Queue.UPKEEP, tries=3)
    def sick(text: str) -> None:
        if not healed:
            raise ValueError("a nasty surprise")
        note(text)

    enqueue("sick", text="a", unique="k")
    for pause in (2, 4):
        assert drain.drain(Queue.UPKEEP) == 1
        pass_time(pause - 1)
        assert drain.drain(Queue.UPKEEP) == 0, f"it waits {pause} seconds"
        pass_time(1.5)
    assert drain.drain(Queue.UPKEEP) == 1
    dead = Job.objects.get()
    assert (dead.state, dead.attempts) == ("dead", 3)
    assert "a nasty surprise" in dead.last_error
    pass_time(10**6)
    assert drain.drain(Queue.UPKEEP) == 0, "it waits for a person"

    healed.append(True)
    letters.replay(str(dead.pk))
    assert drain.drain(Queue.UPKEEP) == 1
    assert noted() == ["a"]


def test_a_dead_job_does_not_stand_in_the_way_of_a_new_one(register: Register, db: None) -> None:
    @register("sick", Queue.UPKEEP, tries=1)
    def sick(text: str) -> None:
        raise ValueError(text)

    enqueue("sick", text="a", unique="k")
    drain.drain(Queue.UPKEEP)
    enqueue("sick", text="b", unique="k")
    assert Job.objects.count() == 2


def test_a_living_job_is_not_replayed(note_job: None) -> None:
    enqueue("note", text="a", run_at=clock.now() + timedelta(hours=1))
    letters.replay(str(Job.objects.get().pk))
    assert drain.drain(Queue.UPKEEP) == 0


def test_a_job_that_fails_does_not_stop_the_others(note_job: None, register: Register) -> None:
    @register("sick", Queue.UPKEEP)
    def sick() -> None:
        raise ValueError("a nasty surprise")

    enqueue("note", text="a")
    enqueue("sick")
    enqueue("note", text="b")
    drain.drain(Queue.UPKEEP)
    assert noted() == ["a", "b"]


def test_what_a_failed_job_wrote_before_it_failed_stays_and_its_unit_does_not(register: Register, db: None) -> None:
    @register("half", Queue.UPKEEP)
    def half() -> None:
        note("first unit")
        with unit.work():
            attention.open_item(AttentionKind.OVERPAYMENT, "second unit", "")
            raise ValueError

    enqueue("half")
    drain.drain(Queue.UPKEEP)
    assert noted() == ["first unit"]


def test_a_row_that_somebody_else_changed_is_tried_again_soon_and_is_no_failure(register: Register, db: None) -> None:
    tried: list[int] = []

    @register("unlucky", Queue.UPKEEP, tries=1)
    def unlucky() -> None:
        tried.append(1)
        with unit.work() as work:
            work.guard("SELECT 1 WHERE %s::int > 1", [len(tried)])
        note("done")

    enqueue("unlucky")
    drain.drain(Queue.UPKEEP)
    assert (Job.objects.get().state, noted()) == ("ready", [])
    pass_time(1)
    drain.drain(Queue.UPKEEP)
    assert noted() == ["done"]


def test_a_job_of_a_name_that_is_not_known_here_is_left_to_those_who_know_it(note_job: None) -> None:
    enqueue("note", text="a")
    sql("UPDATE payments_job SET name = 'of_the_next_release'")
    assert drain.drain(Queue.UPKEEP) == 0
    row = Job.objects.get()
    assert (row.state, row.attempts) == ("ready", 0)


def test_a_job_that_kills_its_worker_each_time_is_not_begun_for_ever(note_job: None) -> None:
    enqueue("note", text="a")
    sql("UPDATE payments_job SET state = 'running', attempts = 3")  # three workers began it, and none of them ended it
    assert drain.drain(Queue.UPKEEP) == 1
    row = Job.objects.get()
    assert (row.state, row.last_error, noted()) == ("dead", "every worker that began it died", [])
    letters.replay(str(row.pk))
    drain.drain(Queue.UPKEEP)
    assert noted() == ["a"]


def test_a_job_that_this_process_does_not_know_is_left_to_those_that_do(note_job: None, register: Register) -> None:
    enqueue("note", text="of a newer release")
    enqueue("note", text="known")
    sql("UPDATE payments_job SET name = 'newer' WHERE arguments ->> 'text' = 'of a newer release'")
    assert drain.drain(Queue.UPKEEP) == 1
    assert noted() == ["known"]
    assert Job.objects.get().attempts == 0
    register("newer", Queue.UPKEEP)(note)
    drain.drain(Queue.UPKEEP)
    assert noted() == ["known", "of a newer release"]


@pytest.mark.parametrize("ending", ["well", "badly"])
def test_a_job_of_the_timetable_comes_back_for_ever(register: Register, db: None, ending: str) -> None:
    runs: list[int] = []

    @register("nightly", Queue.FINANCE, every=timedelta(hours=24), tries=2)
    def nightly() -> None:
        runs.append(1)
        if ending == "badly":
            raise ValueError("a nasty surprise")

    drain.keep_timetable()
    for day in range(1, 6):
        drain.drain(Queue.FINANCE)
        assert len(runs) == day
        assert drain.drain(Queue.FINANCE) == 0
        pass_time(24 * 3600 + 1)
    assert Job.objects.get(name="nightly").state == "ready"


def test_a_feeder_turns_wishes_into_jobs_before_they_are_claimed(note_job: None) -> None:
    wishes = ["a", "b", "c"]

    def feed() -> bool:
        if wishes:
            enqueue("note", text=wishes.pop(0))
        return bool(wishes)

    jobs.feeder(Queue.UPKEEP)(feed)
    try:
        assert drain.drain(Queue.UPKEEP) == 3
    finally:
        jobs.FEEDERS[Queue.UPKEEP].remove(feed)
    assert noted() == ["a", "b", "c"]


def test_a_feeder_that_fails_does_not_stop_the_jobs_of_its_queue(note_job: None) -> None:
    def feed() -> bool:
        raise ValueError("a nasty surprise")

    enqueue("note", text="a")
    jobs.feeder(Queue.UPKEEP)(feed)
    try:
        assert drain.drain(Queue.UPKEEP) == 1
    finally:
        jobs.FEEDERS[Queue.UPKEEP].remove(feed)
    assert noted() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_connection_breaks_is_put_off_at_once_and_not_when_its_lease_ends(register: Register) -> None:
    @register("cut_off", Queue.UPKEEP)
    def cut_off() -> None:
        sql("SELECT pg_terminate_backend(pg_backend_pid())")

    enqueue("cut_off")
    assert drain.drain(Queue.UPKEEP) == 1
    row = Job.objects.get()
    assert (row.state, row.attempts) == ("ready", 1)
    assert "terminating connection" in row.last_error


def test_the_database_knows_no_other_state(note_job: None) -> None:
    enqueue("note", text="a")
    with pytest.raises(Exception, match="job_state"), connection.cursor() as cursor:
        cursor.execute("UPDATE payments_job SET state = 'lost'")
