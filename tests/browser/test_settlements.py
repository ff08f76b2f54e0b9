"""Finance in a browser: a settlement file is uploaded, refused with its reason, put right, loaded and proven."""

from pathlib import Path
from typing import Any

import pytest

from payments.kernel.jobs import Queue
from reporting.models import SettlementFile
from tests import factories
from tests.browser.conftest import WIDTHS, Desk, Sit
from tests.reporting import sheet

pytestmark = pytest.mark.browser


def upload(desk: Desk, content: bytes) -> None:
    """Choose an account and a file, and send them."""
    desk.go("/admin/reporting/settlementfile/new/")
    desk.page.select_option("select[name=account]", "adyen-eu")
    desk.page.set_input_files("input[type=file]", {"name": "batch.csv", "mimeType": "text/csv", "buffer": content})


def short(told: list[sheet.Row]) -> None:
    """A cent of the payout is missing."""
    told[2]["Net Debit (NC)"] = "14.39"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_file_is_uploaded_refused_put_right_and_proven(
    shop: factories.Shop, sit: Sit, width: int, tmp_path: Path, settings: Any
) -> None:
    settings.RUN_DIR = tmp_path
    desk = sit("finance", width=width)
    desk.go("/admin/reporting/settlementfile/")
    desk.look("settlement-none")
    upload(desk, sheet.batch(change=short))
    desk.look("settlement-upload")
    desk.press("Upload")
    assert desk.says("The file is being read.")
    desk.look("settlement-reading")
    factories.work(Queue.FINANCE)
    desk.page.get_by_text("Refused: nothing of it was loaded.").wait_for()
    assert desk.says("0.01")
    desk.look("settlement-refused")

    upload(desk, sheet.batch())
    desk.press("Upload")
    factories.work(Queue.FINANCE)
    desk.page.get_by_text("Loaded with 3 lines.").wait_for()
    assert desk.says("Fees and tax")
    desk.look("settlement-loaded")
    desk.go("/admin/reporting/settlementfile/")
    desk.look("settlement-list")
    loaded = SettlementFile.objects.get(status="loaded")
    desk.go(f"/admin/reporting/settlementline/?q={loaded.pk}&match__exact=missing_here")
    assert desk.says("2 settlement lines")
    desk.look("settlement-lines")
    desk.page.get_by_role("link", name="Capture", exact=True).last.click()
    desk.page.get_by_text("What the PSP says").first.wait_for()
    desk.look("settlement-line")
