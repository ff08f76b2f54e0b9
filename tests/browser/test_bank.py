"""Finance in a browser: a statement is uploaded, and what nothing explains by itself is said by a person."""

from pathlib import Path
from typing import Any

import pytest

from reporting.models import BankLine, BankMatch, BankStatement
from tests import factories
from tests.browser.conftest import WIDTHS, Sit
from tests.reporting.bank.world import World, opened

pytestmark = pytest.mark.browser


@pytest.fixture
def world(shop: factories.Shop, settings: Any, tmp_path: Path) -> World:
    """A company with three payouts on their way to its bank, two of one amount."""
    settings.EVIDENCE_DIR = tmp_path
    found = World(*opened("main-eur"))
    for amount, name in ((5_000, "po_first"), (5_000, "po_second"), (123_456, "po_named123")):
        found.payout(amount, name)
    return found


DAY = ((123_456, "STRIPE PAYOUT PO_NAMED123"), (5_000, "INCOMING TRANSFER"), (-490, "FEE"))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_statement_is_uploaded(world: World, sit: Sit, width: int, tmp_path: Path) -> None:
    statement, content = tmp_path / "november 3.xml", world.file(3, *DAY)
    statement.write_bytes(content[: len(content) // 2])
    desk = sit("finance", width=width)
    desk.go("/admin/reporting/bankaccount/")
    desk.look("accounts")
    desk.go(f"/admin/reporting/bankaccount/{world.bank.pk}/edit/")
    desk.look("account-form")
    desk.go(f"/admin/reporting/bankaccount/{world.bank.pk}/change/")
    desk.press("Upload a statement")
    desk.page.set_input_files("input[type=file]", statement)
    desk.press("Upload")
    assert desk.says("the file is cut off")
    desk.look("refused")
    statement.write_bytes(content)
    desk.page.set_input_files("input[type=file]", statement)
    desk.press("Upload")
    factories.until(lambda: BankStatement.objects.count() == 1)
    factories.work()
    desk.page.reload()
    assert desk.says("1,234.56 EUR")
    desk.look("statement")
    factories.assert_books_close()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_line_that_could_be_two_payouts_is_chosen(world: World, sit: Sit, width: int) -> None:
    world.statement(3, *DAY)
    line = BankLine.objects.get(amount_minor=5_000)
    desk = sit("finance", width=width)
    desk.go("/admin/reporting/bankline/")
    desk.look("lines")
    desk.go(f"/admin/reporting/bankline/{line.pk}/change/")
    desk.look("line")
    with desk.page.expect_navigation():
        desk.page.get_by_role("link", name="It is this one").first.click()
    desk.page.get_by_label("Reason").fill("The PSP's advice has its date.")
    desk.look("choose")
    desk.press("It is this payout")
    assert desk.says("Booked.")
    desk.look("line-known")
    desk.go("/admin/reporting/payout/")
    desk.look("payouts")
    desk.go(f"/admin/reporting/payout/{BankMatch.objects.order_by('-pk')[0].payout_id}/change/")
    desk.look("payout")
    factories.assert_books_close()
