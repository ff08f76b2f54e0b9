"""However the lines of settlement are split into files, and in whatever order these come: the books are the same."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.ledger import selectors as ledger
from payments.ledger import services as postings
from payments.ledger.models import Transfer
from reporting.models import Discrepancy, Payout, SettlementFile, SettlementLine
from tests import factories
from tests.byhand import behind_the_guards, sql
from tests.refunds.quarrel import Quarrel
from tests.reporting.settling import Account, differences, line, of


@pytest.fixture
def told(transactional_db: None, sim: factories.Simulator) -> Iterator[list[dict[str, Any]]]:
    """What happened, and its lines: partial capture, refund, dispute, conversion, duplicate, and what nobody knows."""
    postings.forget_accounts()
    shop = factories.shop()
    plain, euros = shop.paid(2000), shop.paid(3000, currency="EUR")
    reserved = shop.confirm(shop.intent(shop.order(5000), capture_method="manual"))
    shop.post(f"payment_intents/{reserved['id']}/capture", {"amount": 3500})
    refund = shop.post("refunds", {"payment_intent": euros["id"], "amount": 1000, "reason": "goodwill"})
    factories.work()
    quarrel = Quarrel(shop)
    quarrel.tell(quarrel.news(0, taken=2000, key="txn_taken", standing="needs_response"))
    yield [
        of(plain, fee=88),
        of(plain),
        of(euros, settled=3300, into="USD", fee=90),
        of(reserved, 5000, fee=150),
        of(reserved, -1500, fee=-45),
        line("refund", -1000, "EUR", settled=-1120, into="USD", our_reference=refund["id"]),
        of(quarrel.intent),
        line("dispute", -2000, key="txn_taken", fee=1500),
        of(plain, 700, payment_reference="pi_unheard", our_reference=""),
        line("unknown", 11),
        line("reserve", -500),
        line("payout", -900, payout_reference="po_1", movement_reference="po_1"),
    ]
    postings.forget_accounts()


def books() -> Any:
    """What it comes to."""
    events = Transfer.objects.values_list("event", flat=True)
    return (
        {key: minor for key, minor in ledger.trial_balance().items() if minor},
        sorted(events),
        sorted(differences("kind", "amount_minor", "currency", "detail")),
        dict(SettlementLine.objects.values_list("key", "match")),
    )


def forget() -> None:
    """Take away what settlement has left."""
    with behind_the_guards():
        made = (
            "event IN ('fee_charged','dispute_fee_charged','converted','reserve_held','suspended','payout_announced')"
        )
        sql(f"DELETE FROM payments_entry WHERE transfer_id IN (SELECT id FROM payments_transfer WHERE {made})")
        sql(f"DELETE FROM payments_transfer WHERE {made}")
        for model in (SettlementLine, SettlementFile, Discrepancy, Payout):
            sql(f"DELETE FROM {model._meta.db_table}")


def test_any_split_and_order_gives_the_same_books(told: list[dict[str, Any]]) -> None:
    Account().settle(*told)
    once = books()
    assert len(once[2]) == 3

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.permutations(told), st.lists(st.integers(1, 11), max_size=5))
    def same(shuffled: list[dict[str, Any]], cuts: list[int]) -> None:
        forget()
        account, places = Account(), sorted({0, *cuts, len(shuffled)})
        for begin, end in itertools.pairwise(places):
            account.settle(*shuffled[begin:end])
        assert books() == once

    same()
