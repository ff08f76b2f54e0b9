"""What was booked and no line tells of: a matter of time first, then missing at the PSP, cleared by its line."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents.models import Capture, PaymentAttempt
from payments.kernel import clock, unit
from payments.ledger import services as postings
from payments.ledger.postings import Event, capture_reversed
from reporting.models import Discrepancy
from reporting.services import discrepancies, overdue
from tests import factories
from tests.reporting.settling import BEGAN, Account, differences, of


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    postings.forget_accounts()
    with clock.at(BEGAN):
        yield factories.shop()
    postings.forget_accounts()


@pytest.fixture
def psp(shop: factories.Shop) -> Account:
    return Account()


def looked(psp: Account, days: int) -> list[Any]:
    """What is open when somebody looks so many days later."""
    with clock.at(BEGAN + timedelta(days=days)):
        overdue.find(psp.pk)
    return differences()


def test_it_is_missing_after_the_days_of_its_account_and_method(
    shop: factories.Shop, psp: Account, settings: Any
) -> None:
    settings.SETTLES_WITHIN = {"": 10, "stripe-us": 4, "stripe-us/oxxo": 7, "/sepa_debit": 20}
    card, voucher = shop.paid(2000), shop.paid(500)
    PaymentAttempt.objects.filter(pk=voucher["latest_attempt"]["id"]).update(method="oxxo")
    assert looked(psp, 3) == []
    assert looked(psp, 5) == [("missing_at_psp", -2000, "USD")]
    assert looked(psp, 8) == [("missing_at_psp", -2000, "USD"), ("missing_at_psp", -500, "USD")]

    psp.settle(of(card))
    assert differences() == [("missing_at_psp", -500, "USD")]
    assert Discrepancy.objects.get(amount_minor=-2000).status == "cleared"
    assert looked(psp, 9) == [("missing_at_psp", -500, "USD")]
    psp.settle(of(voucher, 450))
    assert differences() == [("amount_differs", -50, "USD")]


def test_what_was_given_up_and_comes_after_all_is_a_difference_again(shop: factories.Shop, psp: Account) -> None:
    intent = shop.paid(2000)
    looked(psp, 11)
    row = Discrepancy.objects.get()
    assert row.subject_id == Capture.objects.get().pk
    discrepancies.settle(row.pk, "order_clearing", because="it never came", by="staff ada")
    assert psp.balance("psp_receivable") == 0
    assert looked(psp, 12) == []

    psp.settle(of(intent))
    assert differences() == [("amount_differs", 2000, "USD")]


def test_what_was_booked_before_the_account_settled_here_is_not_missed(shop: factories.Shop, psp: Account) -> None:
    shop.paid(2000)
    ProviderAccount.objects.filter(code="stripe-us").update(settles_from=(BEGAN + timedelta(days=1)).date())
    accounts.forget()
    assert looked(psp, 11) == []


def test_what_was_missing_and_is_taken_back_is_no_difference_any_more(shop: factories.Shop, psp: Account) -> None:
    """The capture failed after all, and no line will ever come: nobody shall book it out a second time."""
    shop.paid(2000)
    assert looked(psp, 11) == [("missing_at_psp", -2000, "USD")]
    [capture] = Capture.objects.all()
    with clock.at(BEGAN + timedelta(days=11)), unit.work():
        capture.advance("reverse", because="the bank took it back", by="a test")
        postings.post(
            Event.CAPTURE_REVERSED,
            capture.pk,
            capture_reversed(psp.code, capture.amount),
            narrative="taken back",
            refs={},
        )
    assert looked(psp, 12) == []
    assert Discrepancy.objects.get().status == "cleared"
