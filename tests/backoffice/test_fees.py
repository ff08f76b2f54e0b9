"""Finance writes down what provider accounts charge; engineers read it where they try routing rules."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from payments.gateway.models import FeeContract
from tests import factories
from tests.backoffice import pages

NEW = "/admin/payments/feecontract/new/"
LIST = pages.list_of("payments", "feecontract")
FORM = {"account": "stripe-us", "method": "card", "currency": "USD", "percent": "2.9", "fixed": "30",
        "valid_from": "2026-01-01"}  # fmt: skip


@pytest.fixture
def finance(shop: factories.Shop, staff: Any) -> Client:
    """Finance's browser."""
    browser: Client = staff("finance")
    return browser


def test_a_line_is_written_down_and_read(finance: Client) -> None:
    assert "No contract is written down" in pages.text(finance, LIST)
    assert finance.post(NEW, FORM).status_code == 302
    row = FeeContract.objects.get()
    assert (row.percent, row.fixed_minor, row.valid_from, row.written_by) == (
        Decimal("2.9"),
        30,
        date(2026, 1, 1),
        "staff finance",
    )
    for page in (LIST, pages.page_of("payments", "feecontract", row.pk)):
        shown = pages.text(finance, page)
        for words in ("stripe-us", "card", "2.9 %", "0.30", "2026-01-01", "staff finance"):
            assert words in shown


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"account": "stripe-mars"}, "There is no provider account stripe-mars."),
        ({"method": "cheque"}, "There is no payment method cheque."),
        ({"currency": "XQQ"}, "XQQ"),
        ({"currency": ""}, "A fixed amount needs its currency."),
        ({"percent": "100"}, "no more than 2 digits before the decimal point"),
        ({"percent": "one"}, "Enter a number."),
        ({"fixed": "-1"}, "greater than or equal to 0"),
        ({"valid_from": "soon"}, "Enter a valid date."),
    ],
)
def test_what_is_not_clear_is_said_beside_its_field(finance: Client, facts: dict[str, str], words: str) -> None:
    answer = finance.post(NEW, {**FORM, **facts})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not FeeContract.objects.exists()


@pytest.mark.parametrize(("role", "reading"), [("engineer", 200), ("support", 403), ("support_lead", 403)])
def test_nobody_else_writes_one(shop: factories.Shop, staff: Any, role: str, reading: int) -> None:
    browser = staff(role)
    assert browser.post(NEW, FORM).status_code == 403
    assert browser.get(LIST).status_code == reading
