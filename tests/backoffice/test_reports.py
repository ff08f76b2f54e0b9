"""Finance: a report is asked for, watched, and downloaded with the manifest that proves it."""

import csv
import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from payments.kernel import clock
from reporting.models import ReportRun
from tests import factories
from tests.backoffice import pages

NEW = "/admin/reporting/reportrun/new/"


@pytest.fixture
def finance(staff: Any) -> Client:
    """The browser of somebody who counts."""
    browser: Client = staff("finance")
    return browser


def form(**fields: str) -> dict[str, str]:
    """What the form sends for today's payments."""
    today = clock.now().date().isoformat()
    return {"report": "payments", "first_day": today, "last_day": today, "timezone": "UTC", "currency": "",
            "format": "csv", **fields}  # fmt: skip


def written_anew(finance: Client) -> ReportRun:
    """The same report once more: rows wait for transactions that were open on the server when they were written."""
    finance.post(NEW, form())
    factories.work()
    return ReportRun.objects.latest("created_at")


@pytest.mark.django_db(transaction=True)
def test_a_report_is_asked_for_watched_and_downloaded(finance: Client, paid: dict[str, Any]) -> None:
    answer = finance.post(NEW, form(), follow=True)
    run = ReportRun.objects.get()
    assert "The report is being written" in pages.plain(answer.content.decode())
    assert run.requested_by == "staff finance"
    progress = pages.page_of("reporting", "reportrun", run.pk, "progress")
    assert finance.get(progress).json()["status"] == "requested"
    assert finance.get(pages.page_of("reporting", "reportrun", run.pk, "download")).status_code == 302, "not ready yet"

    factories.work()
    assert finance.get(progress).json()["status"] == "ready"
    factories.until(lambda: written_anew(finance).rows == 1)
    run = ReportRun.objects.latest("created_at")
    shown = pages.text(finance, pages.page_of("reporting", "reportrun", run.pk))
    assert "Tied to the ledger" in shown
    assert shown.startswith("Report: Payments |"), "a browser's tab says which it is"
    assert "Download Manifest" in shown
    assert "Not final: what was there at" in shown, "today is not over"
    assert "Ready Not final" in pages.text(finance, pages.list_of("reporting", "reportrun"))
    assert "Captured 1 19.99 USD 19.99 USD" in shown, "the file's total beside the ledger's"

    file = finance.get(pages.page_of("reporting", "reportrun", run.pk, "download"))
    content = b"".join(file.streaming_content)  # type: ignore[attr-defined]  # streamed
    manifest = finance.get(pages.page_of("reporting", "reportrun", run.pk, "manifest")).json()
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [(row["movement"], row["amount"], row["currency"]) for row in rows] == [("captured", "19.99", "USD")]
    assert hashlib.sha256(content).hexdigest() == manifest["sha256"]
    assert file.headers["content-disposition"].startswith(
        f'attachment; filename="payments_{clock.now().date()}_{clock.now().date()}_'
    ), "the file says its days as the page does"


def test_the_days_are_those_of_the_time_zone(finance: Client, paid: dict[str, Any]) -> None:
    finance.post(NEW, form(first_day="2026-11-01", last_day="2026-11-01", timezone="America/New_York"))

    parameters = ReportRun.objects.get().parameters
    assert parameters["interval_start"] == "2026-11-01T04:00:00Z"
    assert parameters["interval_end"] == "2026-11-02T05:00:00Z", "the night when the clocks went back has 25 hours"
    assert "2026-11-01, America/New_York" in pages.text(finance, pages.list_of("reporting", "reportrun"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"first_day": "2026-11-02", "last_day": "2026-11-01"}, "The last day is before the first."),
        ({"first_day": "0001-01-01"}, "Years from 2000"),
        ({"last_day": "9999-12-31"}, "too far away"),
        ({"first_day": "yesterday"}, "Enter a valid date."),
        ({"timezone": "Mars/Olympus"}, "There is no such time zone."),
        ({"currency": "XXZ"}, "is not an ISO 4217 currency"),
        ({"report": "everything"}, "is not one of the available choices"),
    ],
)
def test_what_cannot_be_reported_is_said_beside_its_field(
    finance: Client, db: None, fields: dict[str, str], words: str
) -> None:
    answer = finance.post(NEW, form(**fields))

    assert answer.status_code == 200
    assert words in pages.plain(answer.content.decode())
    assert not ReportRun.objects.exists()


def test_the_list_is_narrowed_and_the_usual_days_are_one_click_away(finance: Client, db: None) -> None:
    finance.post(NEW, form(currency="EUR"))
    address = pages.list_of("reporting", "reportrun")
    assert "1 report" in pages.text(finance, address, report="payments", currency="one")
    assert "Nothing matches with these filters" in pages.text(finance, address, report="refunds")
    assert "Nothing matches with these filters" in pages.text(finance, address, currency="every")

    yesterday = clock.now().date() - timedelta(days=1)
    opened = finance.get(NEW, {"preset": "yesterday"}).content.decode()
    assert opened.count(f'value="{yesterday}"') == 2
    assert 'href="?preset=last-month"' in opened


def test_a_report_that_nobody_wants_is_canceled(finance: Client, paid: dict[str, Any]) -> None:
    finance.post(NEW, form())
    run = ReportRun.objects.get()
    cancel = pages.page_of("reporting", "reportrun", run.pk, "cancel")
    assert "No file will be made" in pages.text(finance, cancel)

    assert "The report is canceled." in pages.plain(finance.post(cancel, follow=True).content.decode())
    factories.work()
    run.refresh_from_db()
    assert (run.status, run.file) == ("canceled", "")
