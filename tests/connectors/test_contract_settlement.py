"""What every connector tells of settlement, held against the PSP's book of truth: each movement once, to the cent."""

import io
import itertools
import secrets
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from moneyed import Money

from payments.connectors import base, http
from payments.connectors.adyen import connector as adyen
from payments.connectors.answers import NothingToldYet
from payments.connectors.settlements import Announced, FileKind, FileRefused, LineType, SettlementLine, Settling
from tests.connectors import adyen_bench, benches
from tests.connectors.benches import authorize, capture_of, paid, refund_of, until

PSPS: Final = ("adyen", "stripe")
DAYS: Final = 6
"""Until everything is paid out: two days to settle, one to be reported, and a dispute that is lost on its way."""


@dataclass(frozen=True)
class Shop:
    """An account of its own, what it asks its PSP about settlement, and since when it is there."""

    bench: benches.Bench
    settling: Settling
    opened_at: datetime

    def days_go_by(self, days: int = DAYS) -> None:
        """One at a time, so that every midnight comes."""
        for _ in range(days):
            self.bench.simulator.advance(24 * 3600)

    def files(self, newest: str = "") -> list[Announced]:
        return list(self.settling.settlement_files(self.opened_at, self.bench.simulator.now(), newest=newest))

    def content(self, announced: Announced) -> bytes:
        """The file, however long the PSP works on it."""
        found: list[bytes] = []

        def came() -> bool:
            try:
                found.append(b"".join(self.settling.settlement_file(announced)))
            except NothingToldYet:
                self.bench.simulator.advance(1)
            return bool(found)

        assert until(came)
        return found[0]

    def read(self, announced: Announced) -> list[SettlementLine]:
        return list(self.settling.read_settlement(announced, io.BytesIO(self.content(announced))))

    def lines(self) -> dict[str, SettlementLine]:
        """What all files tell, each movement once."""
        told: dict[str, SettlementLine] = {}
        for announced in self.files():
            for line in self.read(announced):
                known = told.setdefault(line.key, line)
                assert essence(known) == essence(line), "two files say the same of one movement"
                told[line.key] = line if line.payout_reference else known
        return told

    def book(self, kind: str) -> list[dict[str, Any]]:
        return [n for n in self.bench.simulator.book(self.bench.account) if n["object"] == kind]


def essence(line: SettlementLine) -> tuple[object, ...]:
    """All but what one of two files may not tell."""
    apart = {"fee_minor": line.fee_minor + line.tax_minor, "tax_minor": 0, "rate": None, "payout_reference": ""}
    return tuple(line._replace(**apart))  # type: ignore[arg-type]


@pytest.fixture(params=PSPS)
def shop(request: pytest.FixtureRequest, simulator: str) -> Iterator[Shop]:
    control = benches.Simulator(simulator)
    control.calm()
    if request.param == "stripe":
        stripe = benches.StripeBench(control, account=f"stripe-{secrets.token_hex(4)}")
        yield Shop(stripe, settles(stripe.connector()), control.now())
    else:
        with adyen_bench.bench(control) as bench:
            yield adyen_shop(bench)
    control.calm()


def adyen_shop(bench: adyen_bench.AdyenBench) -> Shop:
    bench.merchant_account, user = bench.account.replace("-", "_"), "report@Company.Test:secret"
    settings = {"merchant_account": bench.merchant_account, "report_user": user}
    bench.simulator.ask("PUT", f"accounts/{bench.account}", {"settings": settings})
    known = bench.connector()
    assert isinstance(known, adyen.AdyenConnector)
    ours = adyen.AdyenConnector(replace(known._settings, report_user=user))
    return Shop(bench, settles(ours), bench.simulator.now())


def settles(connector: base.Connector) -> Settling:
    assert connector.settling
    return connector.settling


def minor(lines: list[SettlementLine], kind: LineType, payment: str) -> int:
    """What the lines say of a payment, in the customer's currency."""
    return sum(n.gross_minor for n in lines if n.type is kind and n.payment_reference == payment)


def test_what_was_paid_is_what_the_lines_say(shop: Shop) -> None:
    bench, ours = shop.bench, shop.bench.connector()
    bench.final(ours.refund(refund_of(paid(bench)[1], "4.00")))
    bench.final(ours.capture(capture_of(paid(bench, capture=False)[1], "12.34")))
    ours.authorize(authorize(bench, amount=Money("20.00", "USD")))
    ours.authorize(authorize(bench, bench.disputed["chargeback"]))
    shop.days_go_by()
    lines = list(shop.lines().values())

    payments = shop.book("payment")
    assert len(payments) == 4
    for payment in payments:
        assert minor(lines, LineType.CAPTURE, payment["id"]) == payment["amount_captured"]
        assert minor(lines, LineType.REFUND, payment["id"]) == -payment["amount_refunded"]
    [refunded] = [n for n in lines if n.type is LineType.REFUND]
    [refund] = shop.book("refund")
    assert refunded.movement_reference == refund["id"]
    assert refunded.our_reference.startswith("re_")
    captured = [n for n in lines if n.type is LineType.CAPTURE]
    assert all(n.our_reference.startswith(("att_", "cap_")) for n in captured)
    assert {n.method for n in captured} <= {"card", "visa", "mc"}
    disputed = [n for n in lines if n.type is LineType.DISPUTE]
    [dispute] = shop.book("dispute")
    assert {n.movement_reference for n in disputed} == {dispute["id"]}
    assert disputed[0].gross_minor == -dispute["amount"]
    assert disputed[0].fee_minor > 0
    [dollars] = [n for n in captured if n.gross_currency == "USD"]
    assert (dollars.gross_minor, dollars.currency) == (2000, "EUR")
    assert dollars.rate is not None
    assert abs(int(2000 * dollars.rate) - dollars.settled_minor) <= 1
    assert not [n for n in lines if n.type is LineType.UNKNOWN]


def test_a_payout_is_what_its_lines_sum_to(shop: Shop) -> None:
    paid(shop.bench)
    paid(shop.bench)
    shop.days_go_by()
    sums: defaultdict[str, int] = defaultdict(int)
    lines = shop.lines().values()
    for line in lines:
        sums[line.payout_reference] += line.net_minor

    payouts = {n.payout_reference: -n.net_minor for n in lines if n.type is LineType.PAYOUT}
    assert sorted(payouts.values()) == sorted(n["amount"] for n in shop.book("payout"))
    assert payouts
    assert all(sums[reference] == 0 for reference in payouts), "with its own line a payout sums to nothing"


def test_a_file_says_what_it_covers_when_somebody_brings_it(shop: Shop) -> None:
    paid(shop.bench)
    shop.days_go_by()
    announced = [n for n in shop.files() if n.kind is not FileKind.ACTIVITY]
    assert announced
    for one in announced:
        content = shop.content(one)
        assert shop.settling.identify("download (1).csv", io.BytesIO(content)) == one
        assert shop.content(one) == content, "asked again it is the same"
    with pytest.raises(FileRefused, match="There is no column"):
        shop.settling.identify("photo.csv", io.BytesIO(b"name,price\nshell,3\n"))


def test_what_is_lost_of_a_file_is_missed(shop: Shop) -> None:
    paid(shop.bench)
    paid(shop.bench)
    shop.days_go_by()
    for announced in shop.files():
        whole = shop.content(announced).splitlines(keepends=True)
        if len(whole) < 3:
            continue
        for lost in (whole[:-1], [whole[0], *whole[2:]], [*whole[:2], *whole[1:]], [*whole[:-1], whole[-1][:-1]]):
            with pytest.raises(FileRefused):
                list(shop.settling.read_settlement(announced, io.BytesIO(b"".join(lost))))


@pytest.mark.parametrize("fault", ["row_lost", "row_doubled", "row_wrong"])
def test_a_file_that_the_psp_has_written_wrongly_is_refused(shop: Shop, fault: str) -> None:
    """Only the files that prove something: a day's movements are Stripe's list itself."""
    shop.bench.simulator.ask("POST", "scenarios", {"fault": fault, "account": shop.bench.account, "times": 1})
    paid(shop.bench)
    paid(shop.bench)
    shop.days_go_by()
    refused = []
    for announced in shop.files():
        try:
            shop.read(announced)
        except FileRefused as reason:
            refused.append((announced.kind, str(reason)))
    [(kind, why)] = refused
    assert kind is not FileKind.ACTIVITY
    assert "a line is missing, there twice, or changed" in why or "gross" in why


@pytest.mark.parametrize("fault", ["truncated_200", "corrupted_200"])
def test_a_download_that_only_looks_whole_is_refused_and_comes_whole_when_asked_again(shop: Shop, fault: str) -> None:
    paid(shop.bench)
    shop.days_go_by()
    announced = next(n for n in shop.files() if n.kind is not FileKind.ACTIVITY)
    whole = shop.read(announced)
    operation = {"adyen": "reports.download", "stripe": "files.download"}[shop.bench.psp]
    shop.bench.simulator.fault(operation, fault, shop.bench.account)
    with pytest.raises(FileRefused):
        shop.read(announced)
    assert shop.read(announced) == whole


@pytest.mark.parametrize("shop", ["stripe"], indirect=True)
def test_a_report_run_that_failed_is_followed_by_another(shop: Shop) -> None:
    paid(shop.bench)
    shop.days_go_by()
    [announced] = [n for n in shop.files() if n.kind is FileKind.PAYOUT]
    lost = {"fault": "file_lost", "account": shop.bench.account}
    shop.bench.simulator.ask("POST", "scenarios", lost | {"times": 1})
    assert sum(n.net_minor for n in shop.read(announced)) == announced.total_minor
    assert len(shop.book("difference")) == 1, "the first run has failed"


@pytest.mark.parametrize("shop", ["stripe"], indirect=True)
def test_a_report_that_fails_again_and_again_is_left_alone_for_a_day(shop: Shop) -> None:
    paid(shop.bench)
    shop.days_go_by()
    [announced] = [n for n in shop.files() if n.kind is FileKind.PAYOUT]
    shop.bench.simulator.ask("POST", "scenarios", {"fault": "file_lost", "account": shop.bench.account, "times": 3})
    for _ in range(2):
        with pytest.raises(http.FailedError, match="Stripe has failed 3 times to make payout_reconciliation_po_"):
            shop.content(announced)
    assert len(shop.book("difference")) == 3, "no more runs than that"
    shop.days_go_by(2)
    assert sum(n.net_minor for n in shop.read(announced)) == announced.total_minor


def test_what_is_not_there_yet_is_told_apart_from_what_fails(shop: Shop) -> None:
    """A file is asked for again while it is not there, and a person hears of what fails."""
    paid(shop.bench)
    shop.days_go_by()
    announced = [n for n in shop.files() if n.kind is not FileKind.ACTIVITY][-1]
    operation = {"adyen": "reports.download", "stripe": "files.download"}[shop.bench.psp]
    shop.content(announced)
    shop.bench.simulator.fault(operation, "error_503_before", shop.bench.account)
    with pytest.raises(http.FailedError, match="HTTP 503"):
        list(shop.settling.settlement_file(announced))
    shop.bench.simulator.fault(operation, "reset_after", shop.bench.account)
    with pytest.raises(http.FailedError, match="no whole answer"):
        list(shop.settling.settlement_file(announced))
    assert shop.content(announced)


@pytest.mark.parametrize("shop", ["stripe"], indirect=True)
def test_stripes_balance_is_what_its_movements_sum_to(shop: Shop) -> None:
    bench = shop.bench
    bench.connector().authorize(authorize(bench, amount=Money("20.00", "USD")))
    bench.connector().refund(refund_of(paid(bench)[1], "4.00"))
    shop.days_go_by(1)
    lines = shop.lines().values()

    [balance] = shop.settling.balances()
    assert (balance.currency, balance.amount_minor) == ("EUR", sum(n.net_minor for n in lines))
    assert balance.amount_minor != 0


@pytest.mark.parametrize("shop", ["stripe"], indirect=True)
def test_stripe_tells_how_payouts_stand(shop: Shop) -> None:
    paid(shop.bench)
    shop.days_go_by()
    [news] = shop.settling.payouts(shop.opened_at)
    [payout] = shop.book("payout")
    assert (news.reference, news.amount_minor, news.currency) == (payout["id"], payout["amount"], "EUR")
    assert (news.status, news.automatic) == ("paid", True)
    assert news.trace


@pytest.mark.parametrize("shop", ["stripe"], indirect=True)
def test_days_are_told_once_when_they_have_ended(shop: Shop) -> None:
    midnight = shop.opened_at.replace(hour=0, minute=0, second=0, microsecond=0)

    def days(since: datetime, before: datetime) -> list[str]:
        told = shop.settling.settlement_files(since, before)
        return [n.reference for n in told if n.kind is FileKind.ACTIVITY]

    hour = timedelta(hours=1)
    looks = [midnight + n * hour for n in range(-60, 3)]
    told = [day for since, before in itertools.pairwise(looks) for day in days(since, before)]
    assert told == [(midnight - timedelta(days=n)).date().isoformat() for n in (3, 2, 1)]
    assert days(midnight, midnight + timedelta(minutes=15)) == [], "what was made in its last second may still come"


@pytest.mark.parametrize("shop", ["adyen"], indirect=True)
def test_adyens_batches_are_found_by_their_numbers(shop: Shop) -> None:
    for _ in range(2):
        paid(shop.bench)
        shop.days_go_by(3)
    assert [n.reference for n in shop.files()] == ["1", "2"]
    assert [n.reference for n in shop.files(newest="1")] == ["2"]
    assert shop.files(newest="2") == []
    shop.bench.simulator.fault("reports.download", "rate_limit_429", shop.bench.account)
    with pytest.raises(http.FailedError, match="HTTP 429"):
        shop.files()
