"""manage.py report: the same file in the foreground."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from payments.kernel.jobs import Job, Queue
from reporting.models import ReportRun
from reporting.reports import describe
from reporting.reports.catalogue import REPORTS
from reporting.services import manifests
from tests import factories
from tests.conftest import ROOT
from tests.reporting import desk as desks
from tests.reporting.desk import Desk
from tests.reporting.test_proof import tamper

OCTOBER = ("payments", "--from", "2026-10-01", "--to", "2026-11-01", "--timezone", "Europe/Amsterdam")


def test_it_prints_where_everything_is_and_what_it_comes_to(
    desk: Desk, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.paid(desks.moment(3), 1999)
    desk.paid(desks.moment(31, 23, 30), 700)
    call_command("report", *OCTOBER)

    said = capsys.readouterr().out
    run = ReportRun.objects.get()
    path = directory / run.file
    assert str(path) in said
    assert str(manifests.beside(path)) in said
    assert run.sha256 in said
    assert "19.99 USD" in said
    assert (run.status, run.tied, run.rows, run.client) == ("ready", True, 1, None)
    assert run.parameters["interval_start"] == "2026-09-30T22:00:00Z"
    call_command("verify_report", str(path))


def test_it_writes_where_it_is_told(desk: Desk, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    desk.paid(desks.moment(3), 1999)
    output = tmp_path / "october.csv"
    call_command("report", *OCTOBER, "--output", str(output))
    call_command("verify_report", str(output))
    moved = manifests.beside(output).rename(tmp_path / "proof.json")
    command = [sys.executable, "manage.py", "verify-report", str(output), "--manifest", str(moved)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0, "as people write it"

    capsysbinary.readouterr()
    call_command("report", *OCTOBER, "--output", "-")
    said = capsysbinary.readouterr()
    assert said.out == output.read_bytes()
    assert b"19.99 USD" in said.err


def test_it_gives_staff_the_rows_of_everybody(desk: Desk, tmp_path: Path) -> None:
    desk.paid(desks.moment(3), 1999)
    Desk(factories.shop("other")).paid(desks.moment(4), 2500, "JPY")
    call_command("report", *OCTOBER, "--output", str(tmp_path / "all.csv"))
    call_command("report", *OCTOBER, "--output", str(tmp_path / "yen.csv"), "--currency", "JPY")

    assert (tmp_path / "all.csv").read_bytes().count(b"\r\n") == 3
    assert (tmp_path / "yen.csv").read_bytes().count(b"\r\n") == 2


def test_it_fails_when_the_file_does_not_tie(desk: Desk, directory: Path) -> None:
    desk.paid(desks.moment(3), 1999)
    tamper("UPDATE payments_entry SET amount_minor = amount_minor + 1 WHERE amount_minor > 0")

    with pytest.raises(CommandError, match="NOT TIED") as failed:
        call_command("report", *OCTOBER)
    assert failed.value.returncode == 1
    run = ReportRun.objects.get()
    assert (run.status, run.tied) == ("ready", False)
    with pytest.raises(CommandError, match="not proven"):
        call_command("verify_report", str(directory / run.file))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("salaries", "--from", "2026-10-01", "--to", "2026-11-01"), "invalid choice"),
        (("payments", "--from", "yesterday", "--to", "2026-11-01"), "is not a day"),
        (("payments", "--from", "2026-11-01", "--to", "2026-10-01"), "ends before it begins"),
        (("payments", "--from", "2026-10-01", "--to", "2026-11-01", "--timezone", "Mars/Olympus"), "not a time zone"),
        (("payments", "--from", "2026-10-01", "--to", "2026-11-01", "--currency", "QQQ"), "not an ISO 4217 currency"),
    ],
)
@pytest.mark.django_db
def test_it_says_what_it_does_not_understand(arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("report", *arguments)
    assert not ReportRun.objects.exists()


def test_a_worker_has_nothing_left_to_do(desk: Desk, directory: Path) -> None:
    """The job that stands behind a foreground run finds it ready."""
    desk.paid(desks.moment(3), 1999)
    call_command("report", *OCTOBER, verbosity=0)
    before = ReportRun.objects.values().get()
    Job.objects.update(due_at=before["created_at"])
    factories.work(Queue.FINANCE)

    assert ReportRun.objects.values().get() == before
    assert not Job.objects.exists()


def test_the_document_lists_every_column() -> None:
    text = describe.markdown()
    for report in REPORTS.values():
        section = text.partition(f"## `{report.name}`")[2].partition("## `")[0]
        assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == report.header
