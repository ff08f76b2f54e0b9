"""Every page of finance, empty and filled, on a desk and on a phone: it fits, it is read by everybody, it has words."""

from pathlib import Path
from typing import Any

import pytest

from reporting.models import CloseCheck, ReportRun, SettlementFile, SettlementLine, TieOut
from tests import factories
from tests.browser import yesterday
from tests.browser.conftest import WIDTHS, Sit
from tests.browser.yesterday import Yesterday

pytestmark = pytest.mark.browser

LISTS = ("close", "tieout", "discrepancy", "reportrun", "reportschedule", "reportdownload", "settlementfile",
         "settlementline", "payout", "bankstatement", "bankline", "bankaccount", "pspbalance")  # fmt: skip
FORMS = ("reportrun/new", "reportschedule/new", "settlementfile/new", "bankaccount/new", "bankstatement/new")


@pytest.fixture
def day(shop: factories.Shop, settings: Any, tmp_path: Path) -> Yesterday:
    """A shop that traded yesterday."""
    settings.EVIDENCE_DIR = settings.RUN_DIR = tmp_path
    return yesterday.played(shop)


@pytest.mark.parametrize("width", WIDTHS)
def test_before_anything_has_happened(shop: factories.Shop, sit: Sit, width: int) -> None:
    desk = sit("finance", width=width)
    desk.look("home-empty")
    for name in LISTS:
        desk.go(f"/admin/reporting/{name}/")
        desk.look(f"{name}-empty")
    for name in FORMS:
        desk.go(f"/admin/reporting/{name}/")
        desk.look(name.replace("/", "-"))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_day_after(day: Yesterday, sit: Sit, width: int) -> None:
    desk = sit("finance", width=width)
    desk.look("home")
    for name in LISTS:
        desk.go(f"/admin/reporting/{name}/")
        desk.look(name)
    rows = [day.close, *CloseCheck.objects.filter(close=day.close)[:3], TieOut.objects.get(),
            day.difference("amount_differs"), SettlementFile.objects.get(), SettlementLine.objects.all()[0],
            day.payout, day.bank, *ReportRun.objects.all()[:1]]  # fmt: skip
    for number, row in enumerate(rows):
        name = str(row._meta.model_name)
        desk.go(f"/admin/reporting/{name}/{row.pk}/change/")
        desk.look(f"{name}-page-{number}")
