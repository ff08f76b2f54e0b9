"""Finance looks at what PSPs said: uploads a file that did not come, reads why one was refused, follows its lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from payments.kernel.jobs import Queue
from reporting.models import SettlementFile, SettlementLine
from tests import factories
from tests.backoffice import pages
from tests.reporting import sheet

FILES, LINES = "/admin/reporting/settlementfile/", "/admin/reporting/settlementline/"
NEW = f"{FILES}new/"


@pytest.fixture(autouse=True)
def files(shop: factories.Shop, tmp_path: Path, settings: Any) -> Path:
    """Where files are kept."""
    settings.RUN_DIR = tmp_path
    return tmp_path


@pytest.fixture
def finance(staff: Any) -> Client:
    """The browser of somebody of finance."""
    browser: Client = staff("finance")
    return browser


def upload(browser: Client, content: bytes, account: str = "adyen-eu") -> str:
    """What is read after a file was uploaded."""
    file = SimpleUploadedFile("from the PSP.csv", content, "text/csv")
    answer = browser.post(NEW, {"account": account, "file": file}, follow=True)
    assert answer.status_code == 200
    return pages.plain(answer.content.decode())


def page(name: str = "change") -> str:
    """The address of a page of the latest file."""
    return pages.page_of("reporting", "settlementfile", SettlementFile.objects.latest("created_at").pk, name)


def refused_sum(told: list[sheet.Row]) -> None:
    """A cent of the payout is missing."""
    told[2]["Net Debit (NC)"] = "14.39"


def test_a_file_is_uploaded_watched_and_proven(finance: Client) -> None:
    assert "Upload a file" in pages.text(finance, FILES)
    read = upload(finance, sheet.batch())
    assert "Batch 42 Stored" in read
    assert "The file is being read. This page changes when it is loaded. 0 lines so far." in read
    said = json.loads(finance.get(page("progress")).content)
    assert said == {"status": "stored", "said": "0 lines so far.", "done": 0}

    factories.work(Queue.FINANCE)
    read = pages.text(finance, page())
    assert "Loaded with 3 lines." in read
    assert "Settled Fees and tax Paid out Carried Comes to EUR 15.00 EUR −0.60 EUR −14.40 EUR 0.00 EUR 0.00 EUR" in read
    assert "We know of no such movement 2" in read
    assert "Booked from this line: a fee, a payout, a reserve 1" in read
    assert "Uploaded by staff finance" in read
    assert "Batch 42 Loaded adyen-eu – 3 15.00 EUR 14.40 EUR Uploaded" in pages.text(finance, FILES)
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Uploaded"]


def test_the_same_file_again_is_nothing_new(finance: Client) -> None:
    upload(finance, sheet.batch())
    assert "This very file is here already. Nothing was changed." in upload(finance, sheet.batch())
    assert SettlementFile.objects.count() == 1


def test_what_is_no_settlement_file_is_said_at_the_field(finance: Client) -> None:
    read = upload(finance, b"dear finance team,\nhere it is\n")
    assert "column" in read
    assert "Upload a settlement file" in read
    assert "Select a valid choice" in upload(finance, sheet.batch(), "nobody")
    assert "Choose a file." in pages.plain(finance.post(NEW, {"account": "adyen-eu"}).content.decode())
    assert not SettlementFile.objects.exists()


def test_a_refused_file_says_why_and_can_be_read_again(finance: Client) -> None:
    upload(finance, sheet.batch(change=refused_sum))
    factories.work(Queue.FINANCE)
    read = pages.text(finance, page())
    assert "Refused: nothing of it was loaded." in read
    assert "0.01" in read
    assert "Refused" in pages.text(finance, FILES, status__exact="refused")

    assert "The same bytes are read once more." in pages.text(finance, page("read_again"))
    assert "is being read" in pages.plain(finance.post(page("read_again"), follow=True).content.decode())
    factories.work(Queue.FINANCE)
    assert "Refused: nothing of it was loaded." in pages.text(finance, page())
    assert "The file is refused" not in pages.text(finance, page())


def test_the_file_is_downloaded_as_it_came(finance: Client, files: Path) -> None:
    upload(finance, sheet.batch())
    answer: Any = finance.get(page("original"))
    assert b"".join(answer.streaming_content) == sheet.batch()
    assert answer["content-disposition"] == 'attachment; filename="settlement_detail_report_batch_42.csv"'
    assert LogEntry.objects.filter(change_message="Downloaded the file").count() == 1

    row = SettlementFile.objects.get()
    (files / row.file).unlink()
    gone = finance.get(page("original"), follow=True)
    assert "no longer kept here" in pages.plain(gone.content.decode())


def test_lines_are_found_by_payment_payout_file_and_match(finance: Client, paid: dict[str, Any]) -> None:
    upload(finance, sheet.batch())
    factories.work(Queue.FINANCE)
    row = SettlementFile.objects.get()

    assert "2 settlement lines" in pages.text(finance, LINES, q="PSP0000000000001")
    assert "3 settlement lines" in pages.text(finance, LINES, q="42")
    assert "2 settlement lines" in pages.text(finance, LINES, q=row.pk, match__exact="missing_here")
    assert "Nothing matches" in pages.text(finance, LINES, q=paid["id"])
    assert "Nothing matches" in pages.text(finance, LINES, q="po_" + "0" * 32)
    assert "1 settlement line" in pages.text(finance, LINES, type__exact="refund")
    line = SettlementLine.objects.get(type="capture")
    read = pages.text(finance, pages.page_of("reporting", "settlementline", line.pk))
    assert "Capture 19.40 EUR We know of no such movement" in read
    assert "Fee 0.60 EUR" in read


def test_who_only_reads_uploads_and_downloads_nothing(staff: Any, finance: Client) -> None:
    upload(finance, sheet.batch(change=refused_sum))
    factories.work(Queue.FINANCE)
    for role in ("engineer", "admin"):
        browser: Client = staff(role)
        assert "Batch 42" in pages.text(browser, page())
        assert "Download as it came" not in pages.text(browser, page())
        assert "Upload a file" not in pages.text(browser, FILES)
        for address in (NEW, page("original"), page("read_again")):
            assert browser.get(address).status_code == 403
            assert browser.post(address).status_code == 403
    assert staff("support").get(FILES).status_code == 403


def test_personal_data_in_a_line_is_masked(staff: Any, finance: Client) -> None:
    def named(told: list[sheet.Row]) -> None:
        told[1] |= {"Type": "ManualCorrected", "Psp Reference": "", "Modification Reference": "to jane.doe@example.com"}

    upload(finance, sheet.batch(change=named))
    factories.work(Queue.FINANCE)
    line = SettlementLine.objects.get(type="correction")
    for browser in (finance, staff("engineer")):
        assert "jane.doe@example.com" not in pages.text(browser, pages.page_of("reporting", "settlementline", line.pk))
