"""A voucher paid late, after a card: nobody can give that money back but finance, by bank transfer, and two do."""

import pytest
from django.utils import timezone

from payments.kernel.attention import AttentionItem
from payments.ledger import selectors as ledger
from refunds.services import transfers
from tests import factories
from tests.stories import methods

PSPS = ("stripe", "adyen")


@pytest.mark.parametrize("psp", PSPS)
def test_an_oxxo_voucher_paid_after_a_card_goes_back_by_bank(
    shop: factories.Shop, sim: factories.Simulator, psp: str
) -> None:
    methods.everywhere()
    late = methods.paid_late(shop, sim, "oxxo", psp)
    assert (late["amount_captured"], shop.get(f"orders/{late['order']}")["amount_paid"]) == (60_000, 60_000)
    assert ledger.trial_balance()["order_clearing", "MXN"] == -60_000, "twice what the shop is owed"
    item = AttentionItem.objects.get(closed_at=None)
    assert item.kind == "overpayment"

    draft = transfers.TransferDraft(
        item=item.pk,
        amount=30_000,
        bank_account="main-mxn",
        bank_reference="SPEI 4711",
        value_date=timezone.now().date(),
        because="Paid twice: by OXXO after the card.",
    )
    row = transfers.propose(draft, by="staff fay")
    transfers.confirm(row.pk, by="staff finn")
    item.refresh_from_db()
    assert item.closed_by == "staff finn"
    order = shop.get(f"orders/{late['order']}")
    assert (order["status"], order["amount_refunded"]) == ("paid", 30_000), "what was paid twice is no return of goods"
    balances = ledger.trial_balance()
    assert balances["order_clearing", "MXN"] == -30_000
    assert balances["bank/main-mxn", "MXN"] == -30_000
    factories.assert_books_agree(sim)
    factories.assert_books_close()

    refund = shop.post("refunds", {"order": late["order"], "reason": "damaged", "confirm_duplicate": True})
    assert refund["amount"] == 30_000, "and what the card paid can still go back"
    factories.work()
    assert ledger.trial_balance()["order_clearing", "MXN"] == 0
    factories.assert_books_agree(sim)
    factories.assert_books_close()
