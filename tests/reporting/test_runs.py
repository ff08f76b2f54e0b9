"""The life of a run: canceled, failed and tried again, and taken over from a worker that died."""

import dataclasses
import os
import signal
import sys
import threading
import urllib.parse
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django.fixtures import Settings

from config import processes
from payments.kernel import drain, unit
from payments.kernel.jobs import Job, Queue
from payments.kernel.records import StateChange
from payments.webhooks.models import Event
from reporting.models import ReportRun
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS
from reporting.services import exports, extraction
from tests import factories
from tests.byhand import locked, waits_for_lock
from tests.conftest import ROOT
from tests.reporting import bulk
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

WORKER = """
import django
django.setup()
from payments.kernel import drain, jobs
drain.drain(jobs.Queue.FINANCE)
"""


def nobody_can_read_the_accounts() -> AbstractContextManager[None]:
    """Hold a lock that every COPY of a report has to wait for."""
    return locked("payments_provideraccount", "ACCESS EXCLUSIVE")


def copying() -> bool:
    """True while a report waits for that lock, before its first row."""
    return waits_for_lock(r"^\s*(COPY|EXPLAIN|SELECT payments_uuid_floor)")


def moves(run_id: str) -> list[str]:
    """The states that a run went through."""
    return list(StateChange.objects.filter(object_id=run_id).order_by("id").values_list("to_state", flat=True))


def drain_elsewhere() -> threading.Thread:
    """A worker's thread that does what is due in finance."""

    def work() -> None:
        try:
            drain.drain(Queue.FINANCE)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_report_is_ready_and_its_client_is_told(desk: Desk, shop: factories.Shop) -> None:
    desk.paid(desks.moment(3), 1999)
    asked = desk.ask(**desks.OCTOBER)
    assert (asked["status"], asked["rows"], asked["sha256"], asked["tied"]) == ("requested", 0, None, None)
    factories.work(Queue.FINANCE)

    run = shop.get(f"reports/{asked['id']}")
    assert (run["status"], run["rows"], run["tied"]) == ("ready", 1, True)
    assert moves(asked["id"]) == ["running", "ready"]
    [event] = Event.objects.filter(object_id=asked["id"])
    assert (event.type, event.sequence, event.data["sha256"]) == ("report.ready", 1, run["sha256"])
    assert not Job.objects.filter(name="produce_report").exists()


def test_a_report_that_nobody_waits_for_any_more_is_not_made(desk: Desk, shop: factories.Shop, directory: Path) -> None:
    asked = desk.ask()
    assert shop.post(f"reports/{asked['id']}/cancel", {})["status"] == "canceled"
    factories.work(Queue.FINANCE)

    assert shop.get(f"reports/{asked['id']}")["status"] == "canceled"
    assert not directory.exists()
    refused = shop.call("GET", f"reports/{asked['id']}/download")
    assert (refused.status_code, refused.json()["code"]) == (409, "report_not_ready")
    again = shop.call("POST", f"reports/{asked['id']}/cancel", {})
    assert (again.status_code, again.json()["code"]) == (409, "report_unexpected_state")


def test_a_report_is_canceled_while_it_is_written(desk: Desk, shop: factories.Shop, directory: Path) -> None:
    desk.paid(desks.moment(3))
    asked = desk.ask()
    with nobody_can_read_the_accounts():
        worker = drain_elsewhere()
        factories.until(copying)
        assert shop.get(f"reports/{asked['id']}")["status"] == "running"
        assert shop.post(f"reports/{asked['id']}/cancel", {})["status"] == "canceled"
    worker.join(timeout=120)

    assert moves(asked["id"]) == ["running", "canceled"]
    assert list(directory.iterdir()) == []
    assert not Job.objects.filter(name="produce_report").exists()


def test_progress_is_told_as_rows_leave_and_ends_the_run_when_it_must(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk.copy_payment(desk.paid(desks.moment(3))["id"], 3500)
    monkeypatch.setattr(extraction, "PROGRESS_SECONDS", 0.0)
    parameters = Parameters.from_json(ReportRun.objects.get(pk=desk.ask()["id"]).parameters)
    seen: list[tuple[int, int]] = []
    found = extraction.extract(REPORTS["payments"], parameters, BytesIO(), lambda *said: seen.append(said))
    assert ([rows for rows, _ in seen], found.rows) == ([1000, 2000, 3000], 3501)
    assert all(expected > 0 for _, expected in seen)

    def stop(rows: int, expected: int) -> None:
        raise exports.Canceled

    with pytest.raises(exports.Canceled):
        extraction.extract(REPORTS["payments"], parameters, BytesIO(), stop)
    factories.work(Queue.FINANCE)
    assert ReportRun.objects.get().rows == 3501


def test_a_report_that_fails_is_tried_again(desk: Desk, shop: factories.Shop, directory: Path) -> None:
    desk.paid(desks.moment(3))
    directory.write_text("a file where the directory should be")
    asked = desk.ask()
    factories.work(Queue.FINANCE)
    run = ReportRun.objects.get()
    assert run.status == "failed"
    assert run.error.startswith("FileExistsError")
    assert shop.get(f"reports/{asked['id']}")["status"] == "failed"

    directory.unlink()
    Job.objects.update(due_at=timezone.now())
    factories.work(Queue.FINANCE)
    run.refresh_from_db()
    assert (run.status, run.error) == ("ready", "")
    assert moves(asked["id"]) == ["running", "failed", "running", "ready"]


def test_a_worker_is_killed_and_the_run_starts_over(
    desk: Desk, shop: factories.Shop, directory: Path, tmp_path: Path
) -> None:
    desk.paid(desks.moment(3))
    asked = desk.ask()
    address = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    here = {
        "DATABASE_URL": address._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "RUN_DIR": str(tmp_path),
    }
    with nobody_can_read_the_accounts(), (tmp_path / "worker.log").open("wb") as log:
        worker = processes.spawn(
            [sys.executable, "-c", WORKER],
            environment=os.environ | here,
            log=log,
            directory=ROOT,
        )
        try:
            factories.until(copying)
            assert [path.suffix for path in directory.iterdir()] == [".part"]
        finally:
            processes.stop(worker, how=signal.SIGKILL, grace=5)
    factories.work(Queue.FINANCE)
    assert shop.get(f"reports/{asked['id']}")["status"] == "running", "its lease still runs"

    Job.objects.update(due_at=timezone.now())
    factories.work(Queue.FINANCE)
    assert desk.read(shop.get(f"reports/{asked['id']}")).control() == [("captured", "USD", 1, 1999)]
    assert moves(asked["id"]) == ["running", "running", "ready"]
    assert [path.name for path in directory.iterdir()] == [ReportRun.objects.get().file]


def test_a_worker_that_was_taken_for_dead_finishes_nothing(desk: Desk, directory: Path) -> None:
    desk.paid(desks.moment(3))
    asked = desk.ask()
    job = Job.objects.get(name="produce_report")
    Job.objects.filter(pk=job.pk).update(fence=job.fence + 1)
    with unit.joined_by(drain.Lease(job)), pytest.raises(unit.Stale):
        exports.produce(asked["id"])
    assert ReportRun.objects.get().status == "requested"

    factories.work(Queue.FINANCE)
    assert ReportRun.objects.get().status == "ready"


def test_a_stale_lease_does_not_commit_the_file_it_wrote(desk: Desk, directory: Path) -> None:
    """Overtaken in the middle of the COPY: the run is left to the worker that took it over."""
    desk.paid(desks.moment(3))
    asked = desk.ask()
    with nobody_can_read_the_accounts():
        worker = drain_elsewhere()
        factories.until(copying)
        job = Job.objects.get(name="produce_report")
        Job.objects.filter(pk=job.pk).update(fence=job.fence + 1)
    worker.join(timeout=120)
    assert (ReportRun.objects.get().status, moves(asked["id"])) == ("running", ["running"])

    Job.objects.update(due_at=timezone.now())
    factories.work(Queue.FINANCE)
    run = ReportRun.objects.get()
    assert run.status == "ready"
    assert [path.name for path in directory.iterdir()] == [run.file]


def test_a_client_that_asks_can_have_only_its_own_rows(shop: factories.Shop, settings: Settings) -> None:
    given = Parameters(interval_start=desks.moment(1), interval_end=desks.moment(2), client_id=None)
    run = exports.request("payments", given, by="test", client_id=shop.client.pk)
    assert run.parameters["client"] == shop.client.pk
    wide = dataclasses.replace(given, client_id="cli_" + "0" * 32)
    assert exports.request("payments", wide, by="x", client_id=shop.client.pk).parameters["client"] == shop.client.pk
