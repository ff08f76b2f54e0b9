"""One PostgreSQL and one Valkey for the run, a database for each worker, and the PSP simulator for who asks."""

import functools
import os
import shutil
import signal
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django import test
from pytest_django.plugin import DjangoDbBlocker

from config import accounts, embedded, processes, programs
from tests import reset

ROOT = Path(__file__).resolve().parent.parent
CONTROLLER = "PYTEST_XDIST_WORKER" not in os.environ
SERVERS: list[embedded.Postgres | embedded.Valkey] = []


def _address_everything() -> None:
    """Say in the environment where everything will be, before Django reads it; nothing is started here."""
    platform = f"127.0.0.1:{embedded.free_port()}"
    if CONTROLLER:
        directory = Path(tempfile.gettempdir()) / f"countinghouse-test-{os.getpid()}"
        SERVERS.extend(
            [embedded.Postgres(directory / "postgres", durable=False), embedded.Valkey(directory / "valkey")]
        )
        os.environ |= {
            "COUNTINGHOUSE_ENV": "test",
            "COUNTINGHOUSE_ROLE": "shell",
            "DATABASE_URL": SERVERS[0].url,
            "RUN_DIR": str(directory),
            **accounts.new_secrets(),
        }
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw"))
    redis_url = SERVERS[1].url if CONTROLLER else os.environ["REDIS_URL"]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "REDIS_URL": redis_url.rpartition("/")[0] + f"/{worker + 1}",
        "SIMULATOR_URL": f"http://127.0.0.1:{embedded.free_port()}",
        "DJANGO_LIVE_TEST_SERVER_ADDRESS": platform,
        "PUBLIC_URL": f"http://{platform}",
    }


_address_everything()
django.setup()
if CONTROLLER:
    del os.environ["DJANGO_SETTINGS_MODULE"]  # a worker that inherited it would read the settings before its addresses


def pytest_configure() -> None:
    """Start the servers: in the controller, so that all workers share them."""
    if SERVERS:
        SERVERS[0].directory.parent.mkdir(mode=0o711)  # PostgreSQL runs as nobody where the tests run as root
    for server in SERVERS:
        server.start()


def pytest_unconfigure() -> None:
    """Stop the servers and forget their data."""
    for server in SERVERS:
        server.stop()
    if SERVERS:
        shutil.rmtree(SERVERS[0].directory.parent)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The worker's database, which transactional tests empty our way instead of Django's."""
    with django_db_blocker.unblock():
        reset.remember_seeds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test.TransactionTestCase, "_fixture_teardown", reset.fixture_teardown)
        yield


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PSP simulator with the accounts stripe-us and stripe-eu; its webhooks go to `live_server`."""
    url = os.environ["SIMULATOR_URL"]
    address = urllib.parse.urlsplit(url)
    log = tmp_path_factory.mktemp("simulator") / "simulator.log"
    command = programs.simulator_command(host="127.0.0.1", port=address.port or 80, journal=log.with_suffix(".jsonl"))
    known = accounts.for_simulator(dict(os.environ), platform=os.environ["PUBLIC_URL"])
    with log.open("ab") as output:
        process = processes.spawn(
            [sys.executable, *command],
            environment=os.environ | {"SIMULATOR_ACCOUNTS": known},
            log=output,
            directory=ROOT,
        )
    answering = functools.partial(programs.answers, address.port or 80, "/", below=500)
    try:
        if not processes.wait_until(answering, timeout=20, process=process):
            pytest.fail(f"the simulator did not start:\n{processes.tail(log)}")
        yield url
    finally:
        processes.stop(process, how=signal.SIGTERM, grace=5)
