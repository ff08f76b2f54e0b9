"""What the kernel's tests share: many at once, jobs of the tests' own, and rows to write."""

import os
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any, TypeVar

import pytest
from django.db import connection

from config import processes, programs
from payments.kernel import jobs, unit
from payments.orders.models import Customer
from payments.rest.models import ApiClient
from tests.conftest import ROOT

T = TypeVar("T")


def in_another_connection(act: Callable[[], T]) -> T:
    """Run in a thread with a connection of its own, as another process would, and wait for it."""

    def run() -> T:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=120)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """What each of `count` threads, which start together, comes to; each has a connection of its own."""
    barrier = threading.Barrier(count, timeout=120)

    def run(number: int) -> T:
        try:
            barrier.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count), timeout=300))


def in_a_unit(act: Callable[[unit.Unit], object]) -> None:
    """One unit of work around `act`, which gets it."""
    with unit.work() as work:
        act(work)


def sql(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a person at the database's own prompt would do."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)  # type: ignore[arg-type]  # whatever the adapters know
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def client_row(db: None) -> ApiClient:
    """A client to whom rows can belong."""
    return ApiClient.objects.create(name="kernel")


@pytest.fixture
def register() -> Iterator[Callable[..., Any]]:
    """Register jobs as any module does; they are gone after the test."""
    before = dict(jobs.REGISTRY)
    yield jobs.job
    jobs.REGISTRY.clear()
    jobs.REGISTRY.update(before)


def customer(client: ApiClient, reference: str = "ada", **facts: Any) -> Customer:
    """A customer that is not written yet."""
    return Customer(client=client, reference=reference, **facts)


def at_this_database() -> dict[str, str]:
    """The environment of a program of ours that works on this test's database."""
    address = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    database = address._replace(path=f"/{connection.settings_dict['NAME']}")
    return {"DATABASE_URL": database.geturl(), "DJANGO_SETTINGS_MODULE": "config.settings"}


@contextmanager
def worker(log: Path) -> Iterator[Popen[bytes]]:
    """A worker on this test's database, as the stack starts it."""
    with log.open("ab") as output:
        process = processes.spawn(
            [sys.executable, *programs.worker_command(threads="4")],
            environment=os.environ | at_this_database() | {"COUNTINGHOUSE_ROLE": "worker"},
            log=output,
            directory=ROOT,
        )
        try:
            yield process
        except AssertionError as failed:
            failed.add_note(processes.tail(log, 60))
            raise
        finally:
            processes.stop(process, grace=15)
