"""A real worker: what waits survives an empty Valkey and a worker that is killed, and is done once."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest
import redis
from django.conf import settings

from config import celery, processes
from payments.intents.models import PaymentIntent
from payments.kernel import drain, jobs, unit
from payments.kernel.jobs import Job
from tests import factories
from tests.kernel.conftest import sql, worker

pytestmark = pytest.mark.django_db(transaction=True)

COUNT, RINGS = 16, 20


@pytest.fixture
def sim(simulator: str) -> Iterator[factories.Simulator]:
    """The simulator without faults and without a past."""
    control = factories.Simulator(simulator)
    control.calm()
    yield control
    control.calm()


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API."""
    return factories.shop()


def open_intents() -> int:
    """Payments whose reservation is still to be released."""
    return PaymentIntent.objects.filter(status="requires_capture").count()


def wish_all_were_canceled() -> None:
    """Reservations that nobody wants any more, and a job for each."""
    with unit.work():
        for intent in PaymentIntent.objects.all():
            intent.change(cancel_reason="abandoned")
            jobs.enqueue("cancel_attempt", attempt_id=intent.latest_attempt_id)


def waiting() -> list[str]:
    """The states of the jobs of this test."""
    return list(Job.objects.filter(name="cancel_attempt").values_list("state", flat=True))


def caught_in_the_middle(process: Popen[bytes]) -> bool:
    """Hold a worker still; True, and it stays so, when it has a job in hand and others are done and to be done."""
    process.send_signal(signal.SIGSTOP)
    if 2 <= open_intents() <= COUNT - 2 and "running" in waiting():
        return True
    process.send_signal(signal.SIGCONT)
    return False


def test_an_empty_valkey_and_a_killed_worker_lose_nothing(
    shop: factories.Shop, sim: factories.Simulator, tmp_path: Path
) -> None:
    celery.app.set_default()
    for _ in range(COUNT):
        shop.confirm(shop.intent(shop.order(), capture_method="manual"))
    assert open_intents() == COUNT
    wish_all_were_canceled()
    with closing(redis.Redis.from_url(settings.BROKER_URL)) as valkey:
        valkey.flushall()
    sim.scenario("payment_intents.cancel", "slow", rate=1, ms=250)

    log = tmp_path / "worker.log"
    with worker(log) as killed:
        factories.until(lambda: caught_in_the_middle(killed))
        processes.stop(killed, how=signal.SIGKILL)
    assert 0 < open_intents() <= COUNT - 2, "it died in the middle"
    assert "running" in waiting(), "with a job in hand"

    with worker(log):
        factories.until(lambda: "ready" not in waiting())
        assert "running" in waiting(), "the dead worker's jobs are still leased to it"
        sql("UPDATE payments_job SET due_at = now() WHERE state = 'running'")  # a minute goes by
        factories.until(lambda: not waiting())
    assert set(PaymentIntent.objects.values_list("status", flat=True)) == {"canceled"}
    ours = [line for line in sim.book() if line["object"] == "payment" and "canary" not in line["reference"]]
    assert {line["status"] for line in ours} == {"canceled"}
    factories.assert_books_close()
    factories.assert_books_agree(sim)


def test_a_worker_hears_the_bell_and_keeps_the_timetable(shop: factories.Shop, tmp_path: Path) -> None:
    celery.app.set_default()
    with worker(tmp_path / "worker.log"):
        factories.until(lambda: Job.objects.filter(unique_key__startswith="timetable:").count() > 2)
        began = time.monotonic()
        for number in range(RINGS):  # one after the other: a sweeper that nobody rings for sees one each time it looks
            with unit.work():
                jobs.enqueue("process_inbound", inbound_id=f"in_{number:032}")
            factories.until(lambda: not Job.objects.filter(name="process_inbound", attempts=0).exists())
        assert time.monotonic() - began < RINGS * drain.SWEEP_SECONDS / 2


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_in_hand(
    shop: factories.Shop, sim: factories.Simulator, tmp_path: Path
) -> None:
    """The bell rang before it was there, and nobody remembers: its sweeper finds the job."""
    shop.confirm(shop.intent(shop.order(), capture_method="manual"))
    sim.scenario("payment_intents.cancel", "slow", rate=1, ms=1500)
    wish_all_were_canceled()
    with closing(redis.Redis.from_url(settings.BROKER_URL)) as valkey:
        valkey.flushdb()
    with worker(tmp_path / "worker.log") as process:
        factories.until(lambda: waiting() == ["running"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    assert (open_intents(), waiting()) == (0, [])
    factories.assert_books_close()
