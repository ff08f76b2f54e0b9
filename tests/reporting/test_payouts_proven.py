"""A payout is proven by its lines, a carried batch by the next one, a fee by its contract."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from payments.connectors.settlements import FileKind
from payments.gateway import fees
from payments.ledger import services as postings
from reporting.models import Discrepancy, Payout
from tests import factories
from tests.reporting.settling import Account, differences, line, of

BATCH, PAYOUT = FileKind.BATCH, FileKind.PAYOUT


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    postings.forget_accounts()
    yield factories.shop()
    postings.forget_accounts()


@pytest.fixture
def psp(shop: factories.Shop) -> Account:
    return Account()


def part(of_payout: str, *lines: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines as part of a payout."""
    return [{**one, "payout_reference": of_payout} for one in lines]


def paid_out(minor: int, reference: str = "42", **facts: Any) -> dict[str, Any]:
    return line("payout", -minor, payout_reference=reference, movement_reference="TX1", **facts)


@pytest.mark.parametrize("minor", [1900, -300])
def test_lines_that_sum_to_a_payout_prove_it(shop: factories.Shop, psp: Account, minor: int) -> None:
    rest = line("reserve", minor - 1900)
    psp.settle(*part("42", of(shop.paid(2000), fee=100), rest), paid_out(minor), kind=BATCH, reference="42")
    assert Payout.objects.get().proven is True
    assert differences() == []


def test_one_whose_lines_do_not_is_a_difference_until_they_are_here(shop: factories.Shop, psp: Account) -> None:
    psp.settle(*part("42", of(shop.paid(2000), fee=100)), paid_out(2400), kind=BATCH, reference="42")
    assert Payout.objects.get().proven is False
    assert differences() == [("payout_differs", 500, "USD")]
    psp.settle(*part("42", of(shop.paid(500))), kind=BATCH, reference="42-again")
    assert Payout.objects.get().proven is True
    assert differences() == []


def test_nothing_is_claimed_of_a_payout_without_its_file(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000)), paid_out(1500))
    assert Payout.objects.get().proven is None
    assert differences() == []


def test_what_is_carried_arrives_in_the_next_batch(shop: factories.Shop, psp: Account) -> None:
    out = line("carried", -700, payout_reference="42", movement_reference="43")
    psp.settle(*part("42", of(shop.paid(700))), out, kind=BATCH, reference="42")
    arrived = line("carried", 690, payout_reference="43", movement_reference="42")
    psp.settle(arrived, kind=BATCH, reference="43")
    assert differences() == [("payout_differs", -10, "USD")]
    assert psp.balance("psp_receivable") == 700


# --- fees


def contract(percent: str, fixed: int = 0, **facts: Any) -> None:
    terms = {"account": "stripe-us", "valid_from": date(2026, 1, 1), "currency": "USD" if fixed else "", **facts}
    fees.write(fees.Draft(percent=Decimal(percent), fixed=fixed, **terms), by="staff finance")


def test_a_fee_beyond_its_contract_is_found_and_booked_all_the_same(shop: factories.Shop, psp: Account) -> None:
    contract("2.9", 30)
    psp.settle(of(shop.paid(2000), fee=88), of(shop.paid(2000), fee=89), of(shop.paid(2000), fee=108))
    assert differences("kind", "amount_minor", "proposal") == [("fee_differs", 20, {})]
    assert Discrepancy.objects.get().evidence["agreed_minor"] == 88
    assert psp.balance("psp_fees") == 88 + 89 + 108


def test_a_partial_capture_is_charged_in_two_lines(shop: factories.Shop, psp: Account) -> None:
    contract("2", 30)
    intent = shop.confirm(shop.intent(shop.order(5000), capture_method="manual"))
    shop.post(f"payment_intents/{intent['id']}/capture", {"amount": 3000})
    psp.settle(of(intent, 5000, fee=130))
    psp.settle(of(intent, -2000, fee=-40))
    assert differences() == []


def test_the_contract_of_the_day_and_method_counts_also_where_it_was_converted(
    shop: factories.Shop, psp: Account
) -> None:
    contract("9")
    contract("1", method="card", valid_from=date(2026, 9, 1))
    contract("3", method="card", valid_from=date(2026, 11, 1))
    euros = shop.paid(10000, currency="EUR")
    psp.settle(of(euros, settled=11000, into="USD", fee=110))
    assert differences() == []
    dollars = of(shop.paid(10000, currency="EUR"), settled=11000, into="USD", fee=90)
    psp.settle(dollars)
    assert differences() == [("fee_differs", -20, "USD")]


def test_where_no_contract_says_anything_nothing_is_found(shop: factories.Shop, psp: Account) -> None:
    contract("2", method="oxxo")
    psp.settle(of(shop.paid(2000), fee=1999))
    assert differences() == []
