"""The doorbell: rings after the commit, once for many, and makes nobody wait when nobody hears it."""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings

from config import celery, embedded
from payments.kernel import clock, doorbell, drain, jobs, unit
from payments.kernel.jobs import Job, Queue
from tests import factories
from tests.conftest import ROOT
from tests.kernel.conftest import at_this_database, in_a_unit

pytestmark = pytest.mark.django_db(transaction=True)

Register = Callable[..., Callable[[Callable[..., None]], Callable[..., None]]]

ENQUEUE = """
import json, time
import config.wsgi
from payments.kernel import jobs, unit
jobs.job("quiet", jobs.Queue.WEBHOOKS)(print)
times, end = [], time.monotonic() + 1.5
while time.monotonic() < end or len(times) < 25:
    began = time.monotonic()
    with unit.work():
        jobs.enqueue("quiet")
    times.append(time.monotonic() - began)
print(json.dumps(times))
"""
"""A web process that enqueues for a second and a half at least, and says how long each time took it."""


def _rung(broker: redis.Redis, queue: str) -> bool:
    """Ring, and say whether a ring was heard: after one that was not, the bell is silent for a while."""
    doorbell.ring(queue)
    return bool(broker.llen(queue))


def _is_quiet(broker: redis.Redis) -> bool:
    """Empty the broker, and say whether it stays so for longer than the bell rests: no earlier ring is under way."""
    broker.flushdb()
    threading.Event().wait(3 * doorbell.REST_SECONDS)
    return not any(broker.llen(queue) for queue in Queue)


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """The broker; the bell is heard there, and no ring of another test is left in it."""
    celery.app.set_default()
    with closing(redis.Redis.from_url(settings.BROKER_URL)) as broker:
        for _ in range(2):  # a ring of an earlier test, that nobody hears, may silence the bell once more
            factories.until(lambda: _rung(broker, "upkeep"))
            factories.until(lambda: _is_quiet(broker))
        yield broker
        broker.flushdb()


@pytest.fixture
def quiet(register: Register) -> list[int]:
    """The job `quiet`; the list grows with every run."""
    runs: list[int] = []
    register("quiet", Queue.WEBHOOKS)(lambda: runs.append(1))
    register("quiet too", Queue.FINANCE)(lambda: runs.append(1))
    return runs


@contextmanager
def sweeping() -> Iterator[None]:
    """A worker's sweeper runs; it looks without being rung for."""
    sweeper = drain.Sweeper()
    sweeper.start()
    try:
        yield
    finally:
        sweeper.stop(timeout=120)


def test_a_ring_is_one_message_that_names_the_queue(valkey: redis.Redis, quiet: list[int]) -> None:
    with unit.work():
        jobs.enqueue("quiet")
    factories.until(lambda: valkey.llen("webhooks"))
    [message] = valkey.lrange("webhooks", 0, -1)
    headers = json.loads(message)["headers"]
    assert (headers["task"], headers["argsrepr"]) == (doorbell.DRAIN_TASK, "['webhooks']")


def test_many_jobs_are_one_ring(valkey: redis.Redis, quiet: list[int]) -> None:
    with unit.work():
        for _ in range(500):
            jobs.enqueue("quiet")
    with unit.work():
        jobs.enqueue("quiet too")
    factories.until(lambda: valkey.llen("finance"))
    assert Job.objects.count() == 501
    assert 1 <= int(valkey.llen("webhooks")) <= 3


def test_nobody_rings_for_what_was_rolled_back_or_is_not_due(valkey: redis.Redis, quiet: list[int]) -> None:
    def fail(_work: unit.Unit) -> None:
        jobs.enqueue("quiet")
        raise KeyError

    with pytest.raises(KeyError):
        in_a_unit(fail)
    with unit.work():
        jobs.enqueue("quiet", run_at=clock.now() + timedelta(minutes=1))
    with unit.work():
        jobs.enqueue("quiet too")
    factories.until(lambda: valkey.llen("finance"))  # whatever rang before was heard before
    assert valkey.llen("webhooks") == 0


@pytest.fixture
def hanging() -> Iterator[int]:
    """The port of a broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def enqueued_with_broker_at(port: int) -> list[float]:
    """How long each enqueueing took a process whose broker is there, or should be."""
    elsewhere = {"BROKER_URL": f"redis://127.0.0.1:{port}/0"}
    ended = subprocess.run(
        [sys.executable, "-c", ENQUEUE],
        cwd=ROOT,
        env=os.environ | at_this_database() | elsewhere,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert "doorbell_unheard" in ended.stderr + ended.stdout, "it did ring"
    times: list[float] = json.loads(ended.stdout.splitlines()[-1])
    return times


def enqueued_at_once(port: int) -> int:
    """How many jobs were enqueued without waiting for the broker: who waits for it does so each time, for seconds."""
    times = enqueued_with_broker_at(port)
    assert statistics.median(times) < 1
    return len(times)


def test_without_a_broker_nobody_waits_and_nothing_is_lost(quiet: list[int]) -> None:
    count = enqueued_at_once(embedded.free_port())
    assert Job.objects.count() == count > 20

    with sweeping():
        factories.until(lambda: not Job.objects.filter(name="quiet").exists())
    assert len(quiet) == count


def test_a_broker_that_hangs_makes_nobody_wait_either(hanging: int, quiet: list[int]) -> None:
    count = enqueued_at_once(hanging)
    assert Job.objects.count() == count > 20


def test_rings_that_are_lost_cost_a_moment_and_no_job(valkey: redis.Redis, quiet: list[int]) -> None:
    for _ in range(10):
        with unit.work():
            jobs.enqueue("quiet")
    factories.until(lambda: valkey.llen("webhooks"))
    valkey.flushdb()
    with sweeping():
        factories.until(lambda: len(quiet) == 10)
    assert not Job.objects.filter(name="quiet").exists()


def test_a_bell_works_in_a_forked_child(valkey: redis.Redis, quiet: list[int]) -> None:
    doorbell.ring("money")  # the parent's thread runs
    factories.until(lambda: valkey.llen("money"))
    child = os.fork()
    if child == 0:
        doorbell.ring("deliveries")
        factories.until(lambda: _heard("deliveries"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert valkey.llen("deliveries") == 1


def _heard(queue: str) -> Any:
    with closing(redis.Redis.from_url(settings.BROKER_URL)) as broker:
        return broker.llen(queue)
