"""A process that loads a settlement file dies anywhere: either nothing or everything is there, and the job goes on."""

import os
import signal
import subprocess
import sys
import urllib.parse
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from config import processes
from payments.gateway.models import ProviderAccount
from payments.kernel import crashpoints
from payments.kernel.jobs import Job, Queue
from reporting.models import SettlementFile
from reporting.models import SettlementLine as Row
from reporting.services import settlements
from tests import factories
from tests.byhand import locked, waits_for_lock
from tests.conftest import ROOT
from tests.reporting import sheet

WORKER = """
import django
django.setup()
from payments.kernel import drain, jobs
drain.drain(jobs.Queue.FINANCE)
"""

UPLOAD = """
import sys
import django
django.setup()
from reporting.services import settlements
with open(sys.argv[1], "rb") as content:
    settlements.upload("adyen-eu", "batch.csv", content, by="staff finance")
"""


def environment(directory: Path, armed: str = "") -> dict[str, str]:
    """Of a process of its own that works on this test's database."""
    address = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    here = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    more = {"COUNTINGHOUSE_CRASH_AT": armed} if armed else {}
    return os.environ | more | {
        "DATABASE_URL": here, "DJANGO_SETTINGS_MODULE": "config.settings", "RUN_DIR": str(directory.parent),
    }  # fmt: skip


def dies_at(point: str, directory: Path, *command: str) -> None:
    """Run a process that ends at this point as `kill -9` would end it."""
    ended = subprocess.run(
        [sys.executable, "-c", *command], cwd=ROOT, env=environment(directory, point), capture_output=True, timeout=60
    )
    assert ended.returncode == 137, ended.stderr[-2000:]


def worked() -> None:
    """The lease of the dead worker has ended, and another one goes on."""
    Job.objects.filter(name="load_settlement").update(due_at=timezone.now())
    factories.work(Queue.FINANCE)


def stored(tmp_path: Path) -> Path:
    """A batch as somebody brings it."""
    file = tmp_path / "batch.csv"
    file.write_bytes(sheet.batch())
    return file


def upload(file: Path) -> None:
    """Bring it, and leave it to a worker."""
    with file.open("rb") as content:
        settlements.upload("adyen-eu", file.name, content, by="staff finance")


@pytest.mark.parametrize("point", [one for one in crashpoints.POINTS if one.startswith("settlement.")])
def test_everything_or_nothing(account: ProviderAccount, directory: Path, tmp_path: Path, point: str) -> None:
    file = stored(tmp_path)
    if point == "settlement.kept":
        dies_at(point, directory, UPLOAD, str(file))
        assert not SettlementFile.objects.exists()
        upload(file)
    else:
        upload(file)
        dies_at(point, directory, WORKER)
    assert (SettlementFile.objects.get().status, Row.objects.count()) == ("stored", 0)
    assert factories.broken() == []

    worked()
    assert (SettlementFile.objects.get().status, Row.objects.count()) == ("loaded", 3)
    assert factories.broken() == []
    assert not Job.objects.filter(name="load_settlement").exists()


def nobody_can_write_lines() -> AbstractContextManager[None]:
    """Hold a lock that the INSERT has to wait for."""
    return locked("reporting_settlementline", "SHARE")


def inserting() -> bool:
    """True while an INSERT of lines waits for that lock."""
    return waits_for_lock("reporting_settlementline")


def test_a_worker_is_killed_while_it_inserts(account: ProviderAccount, directory: Path, tmp_path: Path) -> None:
    upload(stored(tmp_path))
    with nobody_can_write_lines(), (tmp_path / "worker.log").open("wb") as log:
        command = [sys.executable, "-c", WORKER]
        worker = processes.spawn(command, environment=environment(directory), log=log, directory=ROOT)
        try:
            factories.until(inserting)
        finally:
            processes.stop(worker, how=signal.SIGKILL, grace=5)
    assert (SettlementFile.objects.get().status, Row.objects.count()) == ("stored", 0)
    assert [path.name for path in directory.parent.glob("tmp*")] == [], "what was read is gone with its reader"

    worked()
    assert (SettlementFile.objects.get().status, Row.objects.count()) == ("loaded", 3)
