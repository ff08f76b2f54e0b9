"""How the files of reports reach people: by a link for a while, by themselves in a rhythm, out of a bucket, by mail."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings

from payments.kernel import clock
from payments.kernel.jobs import Job, Queue
from payments.rest.models import ApiClient
from reporting.admin.schedules import ScheduleForm
from reporting.models import ReportDownload, ReportRun, ReportSchedule, Rhythm
from reporting.reports.base import Parameters
from reporting.services import exports, files, retention, schedules, storing
from tests import factories
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

OCTOBER = Parameters(interval_start=datetime(2026, 10, 1, tzinfo=UTC), interval_end=datetime(2026, 11, 1, tzinfo=UTC))
LATER = datetime(2026, 12, 1, 12, tzinfo=UTC)


def produced(desk: Desk, file_format: str = "csv") -> dict[str, Any]:
    """A client's report, asked for and written."""
    asked = desk.ask(file_format=file_format, **desks.OCTOBER)
    factories.work(Queue.FINANCE)
    return asked


def at_once() -> None:
    """Do what is due at a moment to which only the clock of a test was set."""
    Job.objects.update(due_at=clock.now())
    factories.work(Queue.FINANCE)


def path_of(shop: factories.Shop, asked: dict[str, Any]) -> str:
    """Where a link to the file leads on our own site."""
    return str(urlsplit(shop.get(f"reports/{asked['id']}/link")["url"]).path)


def ready(desk: Desk, **more: Any) -> ReportRun:
    """October's payments, written."""
    desk.paid(desks.moment(3), 1999)
    run = exports.request("payments", OCTOBER, by="staff finance", **more)
    factories.work(Queue.FINANCE)
    run.refresh_from_db()
    assert run.status == "ready", run.error
    return run


# --- links


def test_a_link_opens_the_file_without_a_key_and_says_who_made_it(desk: Desk, shop: factories.Shop) -> None:
    desk.paid(desks.moment(3), 1999)
    asked = produced(desk)
    link = shop.get(f"reports/{asked['id']}/link")
    assert link["object"] == "report_link"
    address = urlsplit(link["url"]).path

    answer = Client().get(address)
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content).count(b"\r\n") == 2  # type: ignore[attr-defined]
    assert "no-store" in answer.headers["cache-control"]
    taken = ReportDownload.objects.get()
    assert (taken.way, taken.by, taken.run_id) == ("link", "api shop", asked["id"])


def test_a_link_that_is_old_or_forged_opens_nothing(desk: Desk, shop: factories.Shop, settings: Settings) -> None:
    desk.paid(desks.moment(3), 1999)
    address = path_of(shop, produced(desk))
    forged = Client().get(address[:-1] + ("A" if address[-1] != "A" else "B"))
    settings.REPORT_LINK = timedelta(seconds=-1)
    old = Client().get(address)

    assert (forged.status_code, old.status_code) == (404, 404)
    assert "no longer valid" in old.content.decode()
    assert "no-store" in old.headers["cache-control"]
    assert not ReportDownload.objects.exists()


@pytest.mark.parametrize("junk", ["x", ":::", "%00", "%F0%9F%92%B6", ".eJ:1tHk2a:x", "a" * 5000, "%2e%2e%2fetc"])
def test_junk_opens_nothing(client: Client, db: None, junk: str) -> None:
    answer = client.get(f"/reports/{junk}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("zone", ["Factory", "localtime", "Mars/Olympus", "../../etc/passwd"])
def test_no_rhythm_begins_in_a_zone_that_no_report_can_be_written_in(zone: str) -> None:
    form = ScheduleForm({"report": "payments", "rhythm": "daily", "hour": 3, "timezone": zone, "file_format": "csv"})

    assert list(form.errors) == ["timezone"]


def test_there_is_no_link_to_what_is_not_ready(shop: factories.Shop) -> None:
    run = exports.request("payments", OCTOBER, by="a test", client_id=ApiClient.objects.get().pk)
    refused = shop.call("GET", f"reports/{run.pk}/link")
    assert (refused.status_code, refused.json()["code"]) == (409, "report_not_ready")


# --- for Excel


def test_excel_gets_a_byte_order_mark_and_the_manifest_proves_it(desk: Desk, directory: Path) -> None:
    run = ready(desk, file_format="excel.csv")
    written = (directory / run.file).read_bytes()
    plain = ready(desk)

    assert written.startswith(b"\xef\xbb\xbfreport_version,")
    assert (directory / plain.file).read_bytes().startswith(b"report_version,")
    assert exports.filename(run).endswith(".excel.csv")
    october = ("--from", "2026-10-01", "--to", "2026-11-01")
    call_command("report", "payments", *october, "--format", "excel.csv", "--output", str(directory / "x.csv"))
    call_command("verify_report", str(directory / "x.csv"))


# --- by themselves


@pytest.mark.parametrize(
    ("rhythm", "now", "due", "first", "end"),
    [
        ("daily", "2026-11-25T12:00", "2026-11-26T02:00", "2026-11-24T23:00", "2026-11-25T23:00"),
        ("weekly", "2026-11-25T12:00", "2026-11-30T02:00", "2026-11-22T23:00", "2026-11-29T23:00"),
        ("monthly", "2026-11-25T12:00", "2026-12-01T02:00", "2026-10-31T23:00", "2026-11-30T23:00"),
        ("daily", "2026-03-28T12:00", "2026-03-29T01:00", "2026-03-27T23:00", "2026-03-28T23:00"),
    ],
)
def test_a_rhythm_has_its_time_and_its_days(rhythm: str, now: str, due: str, first: str, end: str) -> None:
    """Madrid is an hour before UTC in winter; on the 29th of March there is no half past two."""
    row = ReportSchedule(report="payments", rhythm=rhythm, hour=3, timezone="Europe/Madrid")
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    comes = schedules.next_due(row, moment)
    days = schedules.about(row, comes)

    assert comes == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert days.interval_start == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert days.interval_end == datetime.fromisoformat(end).replace(tzinfo=UTC)


def make(**more: Any) -> ReportSchedule:
    """Payments of every day, in the small hours."""
    wanted = {"report": "payments", "rhythm": Rhythm.DAILY, "hour": 3, "timezone": "UTC", "by": "staff finance"}
    return schedules.make(**{**wanted, **more})


def test_it_comes_once_when_its_days_are_over(desk: Desk) -> None:
    row = make()
    schedules.request_due()
    assert not ReportRun.objects.exists(), "not due yet"

    due = ReportSchedule.objects.get().due_at
    assert due is not None
    with clock.at(due):
        schedules.request_due()
        schedules.request_due()
    run = ReportRun.objects.get()
    assert (run.schedule_id, run.requested_by) == (row.pk, "schedule")
    assert run.parameters["interval_end"] == due.replace(hour=0).isoformat().replace("+00:00", "Z")
    assert ReportSchedule.objects.get().due_at == due + timedelta(days=1)
    at_once()
    assert ReportRun.objects.get().status == "ready"


def test_the_database_refuses_the_same_days_of_a_schedule_twice(shop: factories.Shop) -> None:
    row = make()
    run = {"report": "payments", "report_version": 1, "parameters": {}, "requested_by": "x", "schedule": row}
    ReportRun.objects.create(**run)
    with pytest.raises(IntegrityError, match="report_run_scheduled_once"):
        ReportRun.objects.create(**run)


def test_what_is_paused_does_not_come_and_goes_on_with_the_next_days(shop: factories.Shop) -> None:
    row = make()
    schedules.pause(row.pk, by="staff finance")
    with pytest.raises(schedules.ScheduleChanged):
        schedules.pause(row.pk, by="staff finance")
    with clock.at(clock.now() + timedelta(days=3)):
        schedules.request_due()
        assert not ReportRun.objects.exists()
        schedules.go_on(row.pk)
        schedules.request_due()
        assert not ReportRun.objects.exists(), "it does not catch up"


# --- told of


def test_who_waits_is_written_to(desk: Desk, settings: Settings) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    desk.paid(desks.moment(3), 1999)
    make(notify="ann@example.com")
    with clock.at(clock.now() + timedelta(days=1)):
        schedules.request_due()
    at_once()

    [sent] = mail.outbox
    assert sent.to == ["ann@example.com"]
    assert sent.subject.startswith("Payments, ")
    assert ReportRun.objects.get().pk in sent.body


def test_nobody_is_written_to_where_no_mail_is_sent(desk: Desk) -> None:
    ready(desk)
    assert mail.outbox == []


# --- failed, and kept


def test_a_report_that_failed_is_tried_again_on_request(desk: Desk) -> None:
    run = ready(desk)
    ReportRun.objects.update(status="failed", error="disk full", number=None)
    Job.objects.all().delete()
    exports.try_again(run.pk, by="staff finance")
    factories.work(Queue.FINANCE)

    run.refresh_from_db()
    assert (run.status, run.error) == ("ready", "")
    with pytest.raises(exports.ReportUnexpectedState):
        exports.try_again(run.pk, by="staff finance")


def test_old_files_go_and_their_runs_stay(desk: Desk, directory: Path, settings: Settings) -> None:
    run = ready(desk)
    retention.forget_files()
    assert (directory / run.file).exists()

    with clock.at(LATER + settings.REPORTS_KEPT):
        retention.forget_files()
        retention.forget_files()
    assert not (directory / run.file).exists()
    with pytest.raises(exports.ReportFileGone):
        exports.file_of(ReportRun.objects.get(), untied=False)


# --- in a bucket


@pytest.fixture
def bucket(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket on this machine, by the protocol of S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    endpoint = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="countinghouse")
    options = {"bucket_name": "countinghouse", "endpoint_url": endpoint, "region_name": "us-east-1",
               "file_overwrite": True, "signature_version": "s3v4", "querystring_expire": 900}  # fmt: skip
    settings.FILES_BUCKET = "countinghouse"
    settings.STORAGES = {
        **settings.STORAGES,
        "files": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    yield client
    server.stop()


def test_files_are_kept_in_a_bucket_and_a_link_leads_there(
    desk: Desk, shop: factories.Shop, directory: Path, bucket: Any
) -> None:
    desk.paid(desks.moment(3), 1999)
    asked = produced(desk, "csv.gz")
    run = ReportRun.objects.get()
    [kept] = bucket.list_objects_v2(Bucket="countinghouse")["Contents"]
    assert kept["Key"] == f"reports/{run.file}"
    assert list(directory.iterdir()) == [], "nothing of it stays on our disk"

    streamed = shop.call("GET", f"reports/{asked['id']}/download")
    assert gzip.decompress(b"".join(streamed.streaming_content)).count(b"\r\n") == 2
    address = path_of(shop, asked)
    there = Client().get(address)
    assert there.status_code == 302
    assert there.headers["location"].startswith(bucket.meta.endpoint_url)
    assert "X-Amz-Signature" in there.headers["location"]

    storing.forget(files.kept_as(run.file))
    refused = shop.call("GET", f"reports/{asked['id']}/download")
    assert (refused.status_code, refused.json()["code"]) == (410, "report_file_gone")
