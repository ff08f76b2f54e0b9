"""The tie-out: books less what is a matter of time are what the PSP says; what is not has a name, or is unexplained."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from payments.connectors.settlements import FileKind, PayoutNews
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from payments.kernel.jobs import Queue
from payments.ledger import services as postings
from refunds.models import Refund
from reporting import selectors
from reporting.models import Discrepancy, Payout, PspBalance, SettlementFile, TieOut
from reporting.services import discrepancies, overdue, payouts, reconciliation, retention, tieout
from tests import factories
from tests.reporting.settling import BEGAN, Account, differences, line, of

MIDNIGHT = datetime(2026, 10, 2, tzinfo=UTC)
_moments = itertools.count(1)


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    postings.forget_accounts()
    with clock.at(BEGAN):
        yield factories.shop()
    postings.forget_accounts()


@pytest.fixture
def psp(shop: factories.Shop) -> Account:
    return Account()


def says(psp: Account, at: datetime = MIDNIGHT, **amounts: int) -> None:
    """The PSP is asked for its balance."""
    PspBalance.objects.create(account_id=psp.pk, as_of=at, amounts=amounts)


def tied(psp: Account, currency: str = "USD") -> TieOut:
    """The tie-out of one currency now."""
    with clock.at(clock.now() + timedelta(seconds=next(_moments))):
        row = tieout.tie_out(psp.pk, currency)
    assert row is not None
    return row


def figures(row: TieOut) -> tuple[int, int, int, int, int]:
    return row.ledger_minor, row.timing_minor, row.psp_minor, row.open_minor, row.unexplained_minor


def test_nothing_is_said_before_the_psp_has_said_anything(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000)))
    assert tieout.tie_out_all(psp.pk) == []
    says(psp, MIDNIGHT + timedelta(hours=1), USD=2000)
    assert tieout.tie_out_all(psp.pk) == []


def test_books_less_timing_are_the_balance(shop: factories.Shop, psp: Account) -> None:
    shop.paid(700)
    psp.settle(of(shop.paid(2000), fee=59), line("reserve", -500), line("payout", -1000, payout_reference="po_1"))
    says(psp, USD=2000 - 59 - 500 - 1000)

    row = tied(psp)
    assert figures(row) == (1141, 700, 441, 0, 0)
    assert row.parts["ledger"] == {
        "captured": 2700, "fee_charged": -59, "payout_announced": -1000, "reserve_held": -500,
    }  # fmt: skip
    assert selectors.unexplained()["stripe-us", "USD"].pk == row.pk


def test_what_came_since_the_psp_was_asked_is_added_to_what_it_said(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000), fee=59))
    psp.settle(of(shop.paid(900), fee=29, occurred_at=MIDNIGHT + timedelta(hours=9)))
    says(psp, USD=1941)
    assert figures(tied(psp)) == (2812, 0, 2812, 0, 0)


def test_what_differs_has_a_name_and_the_rest_is_unexplained_until_it_is_settled(
    shop: factories.Shop, psp: Account
) -> None:
    psp.settle(of(shop.paid(2000), 1900), of(shop.paid(50), 350, payment_reference="pi_unheard", our_reference=""))
    says(psp, USD=1900 + 350 - 33)
    assert figures(tied(psp)) == (2050, 50, 2217, 250, -33)
    assert differences("kind", "amount_minor") == [
        ("amount_differs", -100),
        ("balance_differs", -33),
        ("missing_here", 350),
    ]
    for row in Discrepancy.objects.filter(status="open"):
        if row.kind == "missing_here":
            discrepancies.accept(row.pk, because="of another shop", by="staff ada")
        if row.status == "proposed":
            discrepancies.approve(row.pk, by="staff bob")
        elif row.kind != "missing_here":
            discrepancies.settle(row.pk, "order_clearing", because="it is so", by="staff ada")
    assert figures(tied(psp))[4] == 0
    says(psp, MIDNIGHT - timedelta(minutes=1), USD=0)
    assert figures(tied(psp))[4] == 0
    assert differences() == []


def test_what_was_unexplained_is_cleared_when_it_is_explained(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000)))
    says(psp, USD=2100)
    tied(psp)
    assert differences() == [("balance_differs", 100, "USD")]
    psp.settle(line("reserve", 100, occurred_at=BEGAN))
    assert tied(psp).unexplained_minor == 0
    assert differences() == []


def test_refunds_on_their_way_and_their_ends_are_a_matter_of_time(shop: factories.Shop, psp: Account) -> None:
    intent = shop.confirm(shop.intent(shop.order(2000)), "pm_card_pendingRefund")
    asked = shop.post("refunds", {"payment_intent": intent["id"], "amount": 700, "reason": "goodwill"})
    factories.work()
    row = Refund.objects.get(pk=asked["id"])
    assert row.status == "pending"
    psp.settle(of(intent), line("refund", -700, movement_reference=row.provider_reference))
    says(psp, USD=1300)
    assert differences() == []
    assert figures(tied(psp)) == (2000, 700, 1300, 0, 0)


def test_what_is_late_is_no_matter_of_time_any_more(shop: factories.Shop, psp: Account) -> None:
    shop.paid(700)
    psp.settle(of(shop.paid(2000)))
    says(psp, USD=2000)
    with clock.at(BEGAN + timedelta(days=11)):
        overdue.find(psp.pk)
        assert figures(tied(psp)) == (2700, 0, 2000, -700, 0)
        discrepancies.settle(Discrepancy.objects.get().pk, "order_clearing", because="void", by="staff ada")
    with clock.at(BEGAN + timedelta(days=12)):
        assert figures(tied(psp)) == (2000, 0, 2000, 0, 0)


def test_converted_money_ties_out_in_both_currencies(shop: factories.Shop, psp: Account) -> None:
    psp.settle(of(shop.paid(2000, currency="EUR"), settled=2200, into="USD", fee=60))
    shop.paid(300, currency="EUR")
    says(psp, USD=2140)
    assert figures(tied(psp, "EUR")) == (300, 300, 0, 0, 0)
    assert figures(tied(psp, "USD")) == (2140, 0, 2140, 0, 0)


def test_without_a_balance_the_newest_batch_says_what_is_carried(shop: factories.Shop, psp: Account) -> None:
    one = {**of(shop.paid(700)), "payout_reference": "9"}
    out = line("carried", -700, payout_reference="9", movement_reference="10")
    psp.settle(one, out, kind=FileKind.BATCH, reference="9")
    assert figures(tied(psp)) == (700, 0, 700, 0, 0)
    arrived = line("carried", 700, payout_reference="10", movement_reference="9")
    paid_out = line("payout", -700, payout_reference="10", movement_reference="TX1")
    psp.settle(arrived, paid_out, kind=FileKind.BATCH, reference="10")
    assert figures(tied(psp)) == (0, 0, 0, 0, 0)


def test_what_was_set_aside_is_no_difference(shop: factories.Shop, psp: Account) -> None:
    old = {**line("capture", 4000), "match": "set_aside"}
    file = psp.load(old, of(shop.paid(700)))
    SettlementFile.objects.filter(pk=file).update(set_aside=1)
    reconciliation.compare(psp.pk)
    says(psp, USD=4700)
    assert figures(tied(psp)) == (700, 0, 4700, 4000, 0)


def test_a_payout_of_before_the_cut_over_was_booked_elsewhere(shop: factories.Shop, psp: Account) -> None:
    """Its money was never owed to us here: booked, it would be taken for a matter of time for ever."""
    ProviderAccount.objects.filter(code=psp.code).update(settles_from=BEGAN.date())
    accounts.forget()
    account = accounts.account(psp.code)
    before = BEGAN - timedelta(days=3)
    old, new = (
        PayoutNews(reference=name, status="paid", currency="USD", amount_minor=500, automatic=True, created_at=at)
        for name, at in (("po_old", before), ("po_new", BEGAN))
    )
    payouts.learn_all(account, [old, new])
    assert list(Payout.objects.values_list("provider_reference", flat=True)) == ["po_new"]
    assert psp.balance("psp_receivable") == -500


def test_the_timetable_ties_out_every_account_that_settles(shop: factories.Shop) -> None:
    adyen = Account("adyen-eu")
    out = line("carried", -700, "EUR", payout_reference="9", movement_reference="10")
    adyen.settle(line("reserve", 700, "EUR", payout_reference="9"), out, kind=FileKind.BATCH, reference="9")
    tieout.request_all()
    factories.work(Queue.FINANCE)
    row = TieOut.objects.get(account_id=adyen.pk)
    assert (row.currency, row.psp_minor, row.unexplained_minor) == ("EUR", 700, 0)
    assert row.parts["how"] == "carry of batch 9"


def test_of_days_long_over_the_last_tie_out_stays_and_what_a_difference_refers_to(
    shop: factories.Shop, psp: Account
) -> None:
    psp.settle(of(shop.paid(2000)))
    says(psp, USD=1900)
    first = tied(psp)
    assert first.unexplained_minor == -100
    says(psp, MIDNIGHT - timedelta(hours=2), USD=1700)
    says(psp, MIDNIGHT - timedelta(hours=3), USD=1500)
    kept, gone = MIDNIGHT + timedelta(hours=20), MIDNIGHT + timedelta(hours=19)
    for at in (gone, kept):
        TieOut.objects.create(account_id=psp.pk, currency="USD", as_of=at, ledger_minor=0, timing_minor=0,
                              psp_minor=0, open_minor=0, unexplained_minor=0)  # fmt: skip
    retention.thin_tie_outs()
    assert TieOut.objects.count() == 3
    assert PspBalance.objects.count() == 3, "a month is not over"

    with clock.at(kept + retention.HOURLY + timedelta(days=1)):
        retention.thin_tie_outs()
        retention.thin_tie_outs()
    assert set(TieOut.objects.values_list("as_of", flat=True)) == {first.as_of, kept}
    assert sorted(PspBalance.objects.values_list("as_of", flat=True)) == [MIDNIGHT - timedelta(hours=2), MIDNIGHT]
