"""A PostgreSQL and a Valkey for each process that runs tests, and the PSP simulator for who asks."""

import functools
import os
import shutil
import signal
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import django
import pytest
from django import test
from django.conf import settings as django_settings
from hypothesis import settings
from pytest_django.plugin import DjangoDbBlocker

from config import accounts, embedded, processes, programs
from reporting import translations
from tests import migrated, reset

ROOT = Path(__file__).resolve().parent.parent
CONTROLLER = "PYTEST_XDIST_WORKER" not in os.environ
DIRECTORY = Path(tempfile.gettempdir()) / f"countinghouse-test-{os.getpid()}"
SERVERS = (embedded.Postgres(DIRECTORY / "postgres", durable=False), embedded.Valkey(DIRECTORY / "valkey"))
"""Of this process alone: snapshots of one PostgreSQL span its databases, so that a transaction which a test holds open
would hide another test's rows from reports."""


def _address_everything() -> None:
    """Say in the environment where everything will be, before Django reads it; nothing is started here."""
    platform = f"127.0.0.1:{embedded.free_port()}"
    os.environ |= {
        "COUNTINGHOUSE_ENV": "test",
        "COUNTINGHOUSE_ROLE": "shell",
        "DATABASE_URL": SERVERS[0].url,
        "REDIS_URL": SERVERS[1].url,
        "RUN_DIR": str(DIRECTORY),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SIMULATOR_URL": f"http://127.0.0.1:{embedded.free_port()}",
        "DJANGO_LIVE_TEST_SERVER_ADDRESS": platform,
        "PUBLIC_URL": f"http://{platform}",
        **accounts.new_secrets(),
    }


_address_everything()
django.setup()
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a quarter of a second each
django_settings.WHITENOISE_AUTOREFRESH = True  # else each of a test's browsers lists all files first: 65 ms
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.register_profile("chaos", deadline=None, max_examples=200)
settings.load_profile("steady")  # the same examples on every machine; --hypothesis-profile=chaos looks for new ones
if CONTROLLER:
    del os.environ["DJANGO_SETTINGS_MODULE"]  # a worker that inherited it would read the settings before its addresses


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, unless this process only hands the tests out."""
    if CONTROLLER and config.getoption("numprocesses", default=None):
        return
    shutil.rmtree(DIRECTORY, ignore_errors=True)  # of a run that was killed, whose process id is ours now
    for catalogue in translations.catalogues(ROOT / "config" / "locale").values():
        translations.compiled(catalogue)
    DIRECTORY.mkdir(mode=0o711)  # PostgreSQL runs as nobody where the tests run as root
    migrated.copy_to(SERVERS[0])
    for server in SERVERS:
        server.start(timeout=300)


def pytest_unconfigure() -> None:
    """Stop the servers and forget their data."""
    if DIRECTORY.exists():
        for server in SERVERS:
            server.stop()
        shutil.rmtree(DIRECTORY)


LONG: Final = (
    "stories/test_thirty_days.py", "config/test_demo.py", "backoffice/test_routes.py", "stories/test_outage.py",
    "backoffice/test_staff_actions.py", "backoffice/test_roles.py", "stories/test_any_order.py", "config/test_stack.py",
    "refunds/test_machine.py", "kernel/test_worker.py", "refunds/test_bulk_crashes.py", "config/test_asgi.py",
    "reporting/test_settlement_crashes.py", "reporting/test_settlement_bad_files.py", "kernel/test_doorbell.py",
    "reporting/test_rollups.py", "backoffice/test_audit_log.py", "reporting/test_any_order.py",
)  # fmt: skip
"""Files that take a worker half a minute and more; browsers take about as long."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: a worker that began one last would be alone with it. Within a file the order stands."""
    place = {str(ROOT / "tests" / name): number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: (place.get(str(item.path), len(LONG)), item.path.parent.name != "browser"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """One name in every process: each has a server of its own."""


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The database is there already, and leaves with its server."""
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The worker's database, which transactional tests empty our way instead of Django's."""
    with django_db_blocker.unblock():
        reset.remember_seeds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test.TransactionTestCase, "_fixture_teardown", reset.fixture_teardown)
        yield


@pytest.fixture(autouse=True)
def _no_rows_in_mind() -> None:
    """Each test begins without what earlier ones have left in this process's memory."""
    reset.forget_rows()


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PSP simulator with the accounts stripe-us and stripe-eu; its webhooks go nowhere.

    A test that wants them asks for `notifications`: else they would reach the server that an earlier test started.
    """
    url = os.environ["SIMULATOR_URL"]
    address = urllib.parse.urlsplit(url)
    log = tmp_path_factory.mktemp("simulator") / "simulator.log"
    command = programs.simulator_command(host="127.0.0.1", port=address.port or 80, journal=log.with_suffix(".jsonl"))
    known = accounts.for_simulator(dict(os.environ), platform="")
    with log.open("ab") as output:
        process = processes.spawn(
            [sys.executable, *command],
            environment=os.environ | {"SIMULATOR_ACCOUNTS": known},
            log=output,
            directory=ROOT,
        )
    answering = functools.partial(programs.answers, address.port or 80, "/", below=500)
    try:
        if not processes.wait_until(answering, timeout=120, process=process):
            pytest.fail(f"the simulator did not start:\n{processes.tail(log)}")
        yield url
    finally:
        processes.stop(process, how=signal.SIGTERM, grace=5)
