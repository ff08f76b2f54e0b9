"""Thirty days at both PSPs in twelve currencies: all that is wrong is found, nothing else, and in the end explained."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import pytest

from payments.gateway import fees
from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from payments.ledger import selectors as ledger
from reporting.models import Discrepancy, Match, Payout, SettlementLine
from reporting.reports.base import Parameters
from reporting.services import discrepancies, exports, tieout
from reporting.states import DiscrepancyStatus
from tests import factories
from tests.stories import month as months
from tests.stories.month import Month

DAYS: Final = 30


def nothing(_: Month) -> None:
    """A day like any other."""


def refunds(month: Month) -> None:
    """Yesterday's rates are not today's: what goes back is converted at its own rate."""
    month.rates(eur="0.9", gbp="0.8")
    month.refunds(month.paid_at("stripe-eu", "GBP"), 500)
    month.refunds(month.paid_at("adyen-eu", "GBP"), 700)
    month.refunds(month.paid_at("stripe-us", "USD"), 300)


def disputes(month: Month) -> None:
    """Two customers ask their banks for their money."""
    month.pays("stripe-us", "USD", token="pm_card_createDispute")
    month.pays("adyen-eu", "EUR", holder="CHARGEBACK_LOST")


def parts(month: Month) -> None:
    """Of a reservation at Stripe only a part is captured: two rows of one movement."""
    month.captures("stripe-eu", "EUR", 3000, part=1800)


def reserves(month: Month) -> None:
    """Both PSPs hold something back."""
    month.cause("adyen-eu", "reserve_held", amount=1500)
    month.cause("stripe-eu", "reserve_held", amount=900)


def released(month: Month) -> None:
    """And let it go."""
    month.cause("adyen-eu", "reserve_released", amount=1500)
    month.cause("stripe-eu", "reserve_released", amount=900)


def returned(month: Month) -> None:
    """The bank has no such account any more, says the bank."""
    month.cause("stripe-eu", "payout_returned")


def below_nothing(month: Month) -> None:
    """More goes back than comes in: one PSP takes it from our bank, the other carries it into its next batch."""
    month.refunds(month.paid_at("stripe-us", "PLN"), 9000)
    month.refunds(month.paid_at("adyen-eu", "SEK"), 15000)


def lost_file(month: Month) -> None:
    """A batch of which nobody hears, and which cannot be had."""
    month.wrong("adyen-eu", "file_lost", times=1, event="settlement_detail_report")


def found_file(month: Month) -> None:
    """It is there after all."""
    month.file_is_there()


def overcharged(month: Month) -> None:
    """Half a dollar too much for one payment."""
    month.wrong("stripe-us", "overcharged_fee", minor=50, times=1, event="charge")
    month.pays("stripe-us", "USD")


def strange(month: Month) -> None:
    """A word that nobody knows, and a correction that nobody explains."""
    month.cause("stripe-eu", "adjustment", amount=-250, type="network_equalization")
    month.cause("adyen-eu", "deposit_correction", amount=400)


def wrong_amount(month: Month) -> None:
    """The PSP settles a payment with ten cents less than was taken."""
    month.wrong("adyen-eu", "line_wrong", delta=-10, times=1, event="Settled")
    month.pays("adyen-eu", "EUR")


def twice(month: Month) -> None:
    """A payment is settled twice."""
    month.wrong("stripe-eu", "line_doubled", times=1, event="charge")
    month.pays("stripe-eu", "EUR")


def never(month: Month) -> None:
    """A payment is never settled."""
    month.wrong("stripe-us", "line_lost", times=1, event="charge")
    month.pays("stripe-us", "USD", 4444)


def at_the_bank(month: Month) -> None:
    """The bank charges for itself."""
    month.cause("stripe-eu", "bank_fee", amount=350, text="Account fee")


def on_the_way(month: Month) -> None:
    """A bank between the PSP and ours keeps something of a payout."""
    month.cause("adyen-eu", "bank_charge", amount=15)


HAPPENS: Final[dict[int, Callable[[Month], None]]] = {
    2: refunds, 3: disputes, 4: parts, 5: reserves, 7: never, 9: returned, 11: below_nothing, 13: released,
    15: lost_file, 18: overcharged, 19: found_file, 20: strange, 22: wrong_amount, 24: twice, 26: at_the_bank,
    27: on_the_way,
}  # fmt: skip
QUIET: Final = (11, 15)
"""Days on which nobody pays: what goes back is more than what comes in."""

FOUND: Final = {
    "missing_at_psp": 1, "fee_differs": 1, "unknown_type": 1, "correction": 1, "amount_differs": 1, "duplicate": 1,
    "bank_unexplained": 2, "file_missing": 1, "missing_at_bank": 1,
}  # fmt: skip
"""What was put in, and nothing else: the payout of the lost batch is at the bank before we hear of it."""


@pytest.fixture
def month(shop: factories.Shop, sim: factories.Simulator) -> Iterator[Month]:
    """A shop on the noon before its first day."""
    begun = Month(shop, sim)
    begun.until(months.NOON)
    begun.bank()
    contract = fees.Draft(
        account="stripe-us",
        method="card",
        currency="USD",
        percent=Decimal("2.9"),
        fixed=30,
        valid_from=date(2026, 1, 1),
    )
    fees.write(contract, by="staff fay")
    yield begun
    begun.end()


def settle_all() -> None:
    """Finance says what each difference was; another person agrees."""
    for row in Discrepancy.objects.filter(status=DiscrepancyStatus.OPEN):
        counters = discrepancies.counters(row)
        if row.proposal and counters:
            discrepancies.settle(row.pk, counters[0], because="The PSP has been asked.", by="staff fay")
        else:
            discrepancies.accept(row.pk, because="The PSP has been asked.", by="staff fay")
    for row in Discrepancy.objects.filter(status=DiscrepancyStatus.PROPOSED):
        discrepancies.approve(row.pk, by="staff finn")


def unexplained() -> dict[tuple[str, str], int]:
    """What no account can explain, by account and currency."""
    found = {}
    for account in ProviderAccount.objects.filter(code__in=months.ACCOUNTS):
        tieout.observe(account)
        for row in tieout.tie_out_all(account.pk):
            found[account.code, row.currency] = row.unexplained_minor
    return {of: minor for of, minor in found.items() if minor}


def kinds() -> Counter[str]:
    """How many differences of each kind there ever were."""
    return Counter(Discrepancy.objects.values_list("kind", flat=True))


def told() -> str:
    """Every difference in words, for whoever reads why this test failed."""
    rows = Discrepancy.objects.order_by("pk").values_list("kind", "status", "subject_id", "amount_minor", "detail")
    return "\n".join(map(str, rows))


def exported(report: str) -> bytes:
    """A report about the month, byte by byte."""
    end = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = Parameters(interval_start=end - timedelta(days=40), interval_end=end - timedelta(days=5))
    run = exports.request(report, wanted, by="staff fay")
    exports.produce(run.pk)
    run.refresh_from_db()
    assert run.tied, run.manifest and run.manifest["differences"]
    with exports.file_of(run, untied=False).open() as file:
        return file.read()


def test_thirty_days_of_which_every_cent_is_explained(month: Month) -> None:
    for day in range(DAYS):
        month.trades(0 if day in QUIET else 3)
        HAPPENS.get(day, nothing)(month)
        month.settle_down()
        month.morning()
        month.until(months.NOON)
    for _ in range(6):  # what was taken last is settled and paid out
        month.morning()
        month.until(months.NOON)
    factories.assert_books_close()

    assert kinds() == FOUND, told()
    assert month.faults() == {"line_lost", "overcharged_fee", "line_doubled", "line_wrong", "file_lost"}
    assert Discrepancy.objects.get(kind="file_missing").status == DiscrepancyStatus.CLEARED
    lines = SettlementLine.objects.filter(account__code="stripe-eu", psp_type__contains="partial_capture_reversal")
    assert [line.match for line in lines] == [Match.MATCHED], "two rows are one capture"
    assert Payout.objects.filter(account__code="stripe-us", amount_minor__lt=0, status="arrived").exists()
    carried = SettlementLine.objects.filter(account__code="adyen-eu", type="carried").order_by("occurred_at", "key")[:2]
    assert sum(line.net_minor for line in carried) == 0, "out of one batch and into the next"
    assert {line.match for line in carried} == {Match.MATCHED}
    assert Payout.objects.filter(status="failed").count() == 1
    assert not Payout.objects.exclude(proven=True).exclude(status="failed").exists()

    before = {report: exported(report) for report in ("payments", "refunds", "fees", "payouts", "fx", "ledger")}
    settle_all()
    assert unexplained() == {}
    books = ledger.trial_balance()
    assert books["bank_charges/adyen-eu", "EUR"] == 15, "what a bank kept of a payout"
    assert not any(minor for (code, _), minor in books.items() if code.startswith("cash_in_transit/"))
    month.refunds(month.paid_at("stripe-eu", "GBP"), 100)
    month.pays("stripe-us", "USD")
    month.settle_down()
    assert {report: exported(report) for report in before} == before
    factories.assert_books_close()
