"""The proofs over settlement hold after everything that can happen, and name what somebody broke."""

from collections.abc import Iterator

import pytest

from payments.kernel import invariants
from payments.ledger import services as postings
from reporting.models import Discrepancy
from reporting.services import discrepancies
from tests import factories
from tests.byhand import behind_the_guards, sql
from tests.refunds.quarrel import Quarrel
from tests.reporting.settling import Account, line, of

PROOFS = (
    "settlement_fee_booked",
    "payout_booked",
    "psp_receivable_open_items",
    "suspense_owned",
    "fx_clearing_explained",
)


@pytest.fixture
def psp(transactional_db: None, sim: factories.Simulator) -> Iterator[Account]:
    """An account with a bit of everything settled, some of it said by people."""
    postings.forget_accounts()
    shop, psp = factories.shop(), Account()
    plain, euros = shop.paid(2000), shop.paid(3000, currency="EUR")
    refund = shop.post("refunds", {"payment_intent": euros["id"], "amount": 1000, "reason": "goodwill"})
    factories.work()
    quarrel = Quarrel(shop)
    quarrel.tell(quarrel.news(0, taken=2000, key="txn_taken", standing="needs_response"))
    psp.settle(
        of(plain, 1900, fee=88, tax=5),
        of(euros, settled=3300, into="USD", fee=90),
        line("refund", -1000, "EUR", settled=-1120, into="USD", our_reference=refund["id"]),
        line("dispute", -2000, key="txn_taken", fee=1500),
        line("unknown", 11, fee=1),
        line("correction", -40),
        line("fee", 0, fee=300),
        line("reserve", -500),
        line("payout", -900, payout_reference="po_1", movement_reference="po_1"),
        line("payout", -70, payout_reference="po_2", movement_reference="po_2"),
        line("payout_returned", 70, movement_reference="po_2"),
    )
    for row in Discrepancy.objects.exclude(kind="unknown_type"):
        discrepancies.settle(row.pk, discrepancies.counters(row)[0], because="it is so", by="staff ada")
    yield psp
    postings.forget_accounts()


def broken(name: str) -> list[tuple[str, str]]:
    [found] = list(invariants.verify(name))
    assert found.looked_at > 0
    return found.broken


def test_they_hold_after_everything(psp: Account) -> None:
    assert {name: broken(name) for name in PROOFS} == {name: [] for name in PROOFS}
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("settlement_fee_booked", "UPDATE reporting_settlementline SET fee_minor = fee_minor + 1 WHERE fee_minor = 88"),
        ("settlement_fee_booked", "DELETE FROM reporting_settlementline WHERE tax_minor = 5"),
        ("payout_booked", "UPDATE reporting_payout SET status = 'paid' WHERE status = 'failed'"),
        ("payout_booked", "UPDATE reporting_payout SET amount_minor = amount_minor + 1"),
        ("psp_receivable_open_items", "UPDATE payments_capture SET amount_minor = amount_minor + 1"),
        ("psp_receivable_open_items", "DELETE FROM reporting_settlementline WHERE type = 'reserve'"),
        ("fx_clearing_explained", "DELETE FROM reporting_settlementline WHERE gross_currency <> currency"),
        ("suspense_owned", "DELETE FROM reporting_discrepancy WHERE kind = 'unknown_type'"),
    ],
)
def test_they_name_what_somebody_broke(psp: Account, name: str, statement: str) -> None:
    with behind_the_guards():
        sql(statement)
    assert broken(name) != []
