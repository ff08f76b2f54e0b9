"""Finance's morning in a browser: what is unexplained, what differs, the bank, the close, a report, all explained."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from payments.kernel.jobs import Queue
from reporting.models import Close, Discrepancy, ReportRun
from tests import factories
from tests.browser import yesterday
from tests.browser.conftest import WIDTHS, Desk, Sit
from tests.browser.yesterday import NET, PAID_OUT, Yesterday

pytestmark = pytest.mark.browser


@pytest.fixture
def day(shop: factories.Shop, settings: Any, tmp_path: Path) -> Yesterday:
    """A shop that traded yesterday; one person settles sixty cents alone."""
    settings.EVIDENCE_DIR = settings.RUN_DIR = tmp_path
    settings.SETTLE_ALONE = {"USD": 60}
    return yesterday.played(shop)


@pytest.mark.parametrize("width", WIDTHS)
def test_finance_has_its_morning(day: Yesterday, sit: Sit, width: int, tmp_path: Path) -> None:
    fay, finn = (sit("finance", width=width, name=name) for name in ("fay", "finn"))
    _reads_what_is_open(fay, day)
    _settles_a_difference(fay, finn, day.difference("amount_differs"))
    _uploads_what_the_bank_says(fay, day, tmp_path)
    _closes_the_day(fay, day)
    _takes_the_payments(fay, day, tmp_path)
    _has_nothing_unexplained(fay, day)
    _opens_it_again(fay, finn, day.close)
    factories.assert_books_close()


def _reads_what_is_open(desk: Desk, day: Yesterday) -> None:
    words = f"{day.entity}, {day.close.words}"
    assert desk.says(f"{words} Something is missing"), "yesterday's close"
    assert desk.says("stripe-us · USD \N{MINUS SIGN}0.50 USD"), "what is unexplained"
    assert desk.says("Open differences Since yesterday 2"), "by age"
    assert desk.says("Settlement files No file is missing, waits, or was refused.")
    desk.look("morning-home")
    desk.press("stripe-us · USD")
    assert desk.says("Unexplained amount \N{MINUS SIGN}0.50 USD at stripe-us")
    assert desk.says("Settled with another amount")
    desk.look("morning-unexplained")


def _settles_a_difference(fay: Desk, finn: Desk, row: Discrepancy) -> None:
    """A dollar is above the limit of one: another person agrees."""
    fay.go("/admin/reporting/discrepancy/?state=nobody")
    fay.look("morning-differences")
    with fay.page.expect_navigation():
        fay.page.locator(f"a[href*='{row.pk}']").first.click()
    assert fay.says("The PSP settled another amount than we booked: \N{MINUS SIGN}1.00 USD")
    assert fay.says("We have booked 20.00 USD The PSP has settled 19.00 USD"), "the evidence"
    assert fay.says("What would settle it")
    fay.look("morning-difference")
    fay.press("I look after it")
    fay.press("I look after it")
    assert fay.says("You look after it.")
    fay.press("Book it")
    fay.page.get_by_label("Where it belongs").select_option("psp_fees/stripe-us")
    fay.page.get_by_label("Reason").fill("The fee was taken off, says their advice.")
    fay.look("morning-book-it")
    fay.press("Book it")
    assert fay.says("Another person has to agree; then it is booked.")
    fay.look("morning-proposed")

    finn.go(f"/admin/reporting/discrepancy/{row.pk}/change/")
    finn.press("Agree")
    finn.look("morning-agree")
    finn.press("Agree")
    assert finn.says("Agreed, and done.")
    finn.look("morning-settled")


def _uploads_what_the_bank_says(desk: Desk, day: Yesterday, tmp_path: Path) -> None:
    wrong, right = tmp_path / "holidays.csv", tmp_path / "statement.xml"
    wrong.write_text("dear bank,\nplease send us the statement\n")
    right.write_bytes(day.statement((PAID_OUT, "STRIPE PAYOUT PO_YESTERDAY1")))
    desk.go("/admin/reporting/bankstatement/")
    desk.press("Upload")
    desk.page.set_input_files("input[type=file]", wrong)
    desk.press("Upload")
    assert desk.page.get_by_role("alert").inner_text(), "what is wrong is said at the field"
    desk.look("morning-wrong-file")
    desk.page.set_input_files("input[type=file]", right)
    desk.press("Upload")
    factories.work()
    desk.page.reload()
    assert desk.says("50.00 USD")
    desk.look("morning-statement")
    desk.go(f"/admin/reporting/payout/{day.payout.pk}/change/")
    assert desk.says("Arrived")
    desk.look("morning-payout")


def _closes_the_day(desk: Desk, day: Yesterday) -> None:
    desk.go("/admin/")
    desk.press(f"{day.entity}, {day.close.words}")
    assert desk.says("Missing: stripe-us: -0.50 USD unexplained.")
    desk.look("morning-close")
    desk.press("Nothing is unexplained")
    desk.look("morning-item")
    desk.press("Accept with a reason")
    desk.page.get_by_label("Reason").fill("Stripe corrects it today, ticket 4711.")
    desk.press("Accept with a reason")
    assert desk.says("Accepted.")
    desk.go(f"/admin/reporting/close/{day.close.pk}/change/")
    desk.press("Look again")
    desk.press("Look again")
    factories.work(Queue.FINANCE)
    desk.page.reload()
    desk.press("Look again")
    desk.press("Look again")
    assert desk.says("Nothing is missing: it is locked by itself within minutes, or by you now.")
    desk.look("morning-ready")
    desk.press("Lock now")
    desk.look("morning-lock")
    desk.press("Lock now")
    assert desk.says("Locked.")
    factories.work()
    desk.page.reload()
    desk.look("morning-locked")


def _takes_the_payments(desk: Desk, day: Yesterday, tmp_path: Path) -> None:
    """A report over the day: asked for, watched, taken, and proven by its manifest without a database."""
    desk.go("/admin/reporting/reportrun/")
    desk.press("New report")
    desk.page.get_by_role("radio", name=re.compile("^Trial balance")).check()
    desk.page.get_by_role("radio", name=re.compile("^Payments")).check()
    desk.look("morning-new-report")
    desk.page.get_by_role("link", name="Yesterday", exact=True).click()
    assert desk.page.get_by_role("radio", name=re.compile("^Payments")).is_checked(), "what was chosen stays chosen"
    desk.press("Ask for the report")
    assert desk.says("The report is being written")
    assert desk.page.get_by_role("progressbar").count() == 1
    desk.look("morning-progress")
    factories.work(Queue.FINANCE)
    desk.page.get_by_role("link", name="Download", exact=True).wait_for()
    assert desk.says("Tied to the ledger")
    assert desk.says("Captured 3 79.99 USD 79.99 USD")
    desk.look("morning-report")
    file, manifest = (_download(desk, name, tmp_path) for name in ("Download", "Manifest"))
    call_command("verify_report", file, manifest=manifest)
    assert ReportRun.objects.latest("created_at").downloads.get().by == "staff fay"
    assert f"{day.noon:%Y-%m-%d}" in file.name


def _download(desk: Desk, words: str, directory: Path) -> Path:
    with desk.page.expect_download() as found:
        desk.page.get_by_role("link", name=words, exact=True).click()
    kept = directory / found.value.suggested_filename
    found.value.save_as(kept)
    return kept


def _has_nothing_unexplained(desk: Desk, day: Yesterday) -> None:
    day.owed(NET - PAID_OUT, minute=30)
    desk.go("/admin/")
    assert desk.says("stripe-us · USD 0.00 USD")
    assert desk.says("Nothing differs: books, PSPs and bank agree.")
    desk.look("morning-home-after")
    desk.press("stripe-us · USD")
    assert desk.says("Unexplained amount 0.00 USD at stripe-us")
    desk.look("morning-explained")


def _opens_it_again(fay: Desk, finn: Desk, close: Close) -> None:
    page = f"/admin/reporting/close/{close.pk}/change/"
    fay.go(page)
    fay.press("Ask to open again")
    fay.page.get_by_label("Reason").fill("A refund was forgotten.")
    fay.look("morning-ask")
    fay.press("Ask to open again")
    assert not fay.page.get_by_role("link", name="Agree to open again").count(), "nobody agrees with themselves"
    fay.look("morning-asked")
    finn.go(page)
    finn.press("Agree to open again")
    finn.press("Agree to open again")
    assert finn.says("It is open again.")
    finn.look("morning-open-again")
