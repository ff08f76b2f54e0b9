"""Adyen's settlement detail report of a payable batch, read as neutral lines and proven to sum to nothing.

Source: docs.adyen.com/reporting/settlement-reconciliation/transaction-level/settlement-details-report.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import repeat
from operator import add
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from payments.connectors import sheets
from payments.connectors.adyen import mapping, reports
from payments.connectors.settlements import Announced, FileRefused, LineType, SettlementLine
from payments.connectors.sheets import Wrong
from payments.kernel import money

WHAT: Final = "settlement detail report of Adyen"

AMOUNTS: Final = (
    *("Gross Debit (GC)", "Gross Credit (GC)", "Net Debit (NC)", "Net Credit (NC)"),
    *("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"),
)
COLUMNS: Final = (
    *("Merchant Account", "Batch Number", "Type", "Psp Reference", "Merchant Reference", "Payment Method"),
    *("Modification Reference", "Gross Currency", "Exchange Rate", "Net Currency", *AMOUNTS),
)
"""What no file may lack. Names of today, and older ones, of what it may lack:"""
OPTIONAL: Final = (
    *("Modification Merchant Reference", "Booking Date", "Booking Date TimeZone", "Creation Date", "TimeZone"),
)

_TYPES: Final = {
    LineType.CAPTURE: "Settled SettledReversed SettledInstallment SettledInInstallments SettledBulk CaptureFailed",
    LineType.REFUND: "Refunded RefundedReversed RefundedInstallment RefundedBulk RefundFailed RefundNotCleared",
    LineType.DISPUTE: "Chargeback SecondChargeback ChargebackReversed",
    LineType.FEE: "Fee MiscCosts PaymentCost InvoiceDeduction",
    LineType.RESERVE: "ReserveAdjustment",
    LineType.PAYOUT: "MerchantPayout MerchantPayin",
    LineType.PAYOUT_RETURNED: "BankInstructionReturned",
    LineType.CARRIED: "Balancetransfer",
    LineType.CORRECTION: "DepositCorrection ManualCorrected MatchedStatement",
}
TYPES: Final = {word: kind for kind, words in _TYPES.items() for word in words.split()}
"""What each type is about; any other is unknown. Which way the money went is said by Debit and Credit alone."""

CAPTURE, REFUND = LineType.CAPTURE, LineType.REFUND
"""What we ask for under an id of our own."""
PLAIN: Final = frozenset(word for word, kind in TYPES.items() if kind in (CAPTURE, REFUND))
"""What nearly all lines are."""

_OFFSETS: Final = """
UTC+00:00 GMT+00:00 WET+00:00 WEST+01:00 BST+01:00 CET+01:00 CEST+02:00 EET+02:00 EEST+03:00 MSK+03:00 GST+04:00
SGT+08:00 HKT+08:00 AWST+08:00 JST+09:00 KST+09:00 AEST+10:00 AEDT+11:00 NZST+12:00 NZDT+13:00 BRT-03:00
EST-05:00 EDT-04:00 CDT-05:00 MST-07:00 MDT-06:00 PST-08:00 PDT-07:00
"""
OFFSETS: Final = {said[:-6]: said[-6:] for said in _OFFSETS.split()}
"""Adyen writes a zone by the letters that hold on the day: CET in winter, CEST in summer. CST and IST are many."""

RATE: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,20}))?", re.ASCII)
RATE_PLACES: Final = 4
"""Decimals of a rate that are taken as told, though they are not written: 0.9 is 0.9000."""

_PAID: Final = re.compile(r"(\S{1,80}) batch \d")
WORDS: Final = {
    LineType.PAYOUT: _PAID,
    LineType.PAYOUT_RETURNED: _PAID,
    LineType.CARRIED: re.compile(r"(?:from|to) batch (\d{1,18})"),
}
"""Where a line's words name a payout (TX1234XT batch 42, Merchant) or the batch before or after."""


def read(content: BinaryIO, batch: str, merchant_account: str) -> Iterator[SettlementLine]:
    """The lines of a batch, which are of this merchant account and sum to nothing in each currency.

    On every line with a principal gross x rate - fees must be net: to the minor unit in one currency. Between two it
    may differ by one minor unit, and by what half a unit of the last decimal of the rate makes of the gross.
    Raises `FileRefused`, which may be after the last line.
    """
    sheet, book = sheets.Sheet(content, WHAT), _Book(batch, merchant_account)
    sheet.require(COLUMNS)
    if not sheet.has("Booking Date") and not sheet.has("Creation Date"):
        raise FileRefused(f"There is no column Booking Date or Creation Date: this is no {WHAT}.")
    amounts = ("Gross Currency", "Net Currency", *AMOUNTS)
    yield from sheet.lines(COLUMNS, OPTIONAL, amounts, book.line, book.lines)
    book.close()


def identify(content: BinaryIO, merchant_account: str) -> Announced:
    """Which batch a file is of, by its first line. `FileRefused` when it is none of this merchant account."""
    sheet = sheets.Sheet(content, WHAT)
    for ours, batch in sheet.rows(COLUMNS[:2]):
        if ours != merchant_account:
            raise FileRefused(f"The file is of the merchant account {ours!a}; this one is {merchant_account}.")
        return reports.announced(batch)
    raise FileRefused("The file has no lines below its header.")


class _Book:
    """What is known of the file while its lines pass by."""

    def __init__(self, batch: str, merchant_account: str) -> None:
        self._batch, self._ours = batch, merchant_account
        self._plain = sheets.Currencies(mapping.exponent, signed=False)
        self._signed = sheets.Currencies(mapping.exponent)
        self._moments = _Moments()
        self._sums: defaultdict[str, int] = defaultdict(int)

    def line(self, number: int, cells: tuple[str, ...]) -> SettlementLine:
        """One line. Raises `sheets.Wrong`."""
        ours, batch, word, psp, reference, method, change, gc, rate, nc, gd, gcr, nd, ncr = cells[:14]
        commission, markup, scheme, interchange, named, booked, booked_zone, created, zone = cells[14:]
        if ours != self._ours or batch != self._batch or (nd and ncr) or (gd and gcr):
            self._refuse_unless_clear(cells)
        plain, fees = self._plain[nc], self._signed[nc]
        net = plain[ncr] - plain[nd]
        fee = fees[commission] + fees[markup] + fees[scheme] + fees[interchange]
        self._sums[nc] += net
        kind = TYPES.get(word, LineType.UNKNOWN)
        gross = settled = net + fee
        currency, told = nc, None
        if kind is LineType.FEE:
            gross, settled, fee = 0, 0, -net
        elif gd or gcr:
            principal = self._plain[gc][gcr] - self._plain[gc][gd]
            if gc != nc:
                gross, currency, told = principal, gc, _rate(rate, (gc, principal), (nc, settled), kind)
            elif principal != settled and kind is not LineType.UNKNOWN:
                raise Wrong(_unequal((gc, principal), (nc, settled), rate))
        about, detail = change, ""
        if kind is CAPTURE:
            named = named or reference
        elif kind is not REFUND:
            named, (about, detail) = "", _named(kind, psp, change)
        moment = self._moments[(booked, booked_zone or zone) if booked else (created, zone)]
        return SettlementLine(
            f"{batch}:{number}", kind, word[:60], moment, gross, currency, settled, nc, fee, 0, told,
            psp, about, named, batch, method[:40], detail,
        )  # fmt: skip

    def lines(self, first: int, columns: Sequence[tuple[str, ...]]) -> list[SettlementLine] | None:
        """What `line` makes of each row of these columns; None unless all are captures and refunds, none converted."""
        ours, batches, words, psp, references, methods, changes, gcs, _, ncs, gd, gcr, nd, ncr = columns[:14]
        commission, markup, scheme, interchange, named, *moments = columns[14:]
        if gcs != ncs or set(ours) != {self._ours} or set(batches) != {self._batch} or not PLAIN.issuperset(words):
            return None
        try:
            plain, signed = [self._plain[code] for code in ncs], [self._signed[code] for code in ncs]
            net = [of[came] - of[went] for of, came, went in zip(plain, ncr, nd, strict=True)]
            gross = [of[came] - of[went] for of, came, went in zip(plain, gcr, gd, strict=True)]
            parts = zip(signed, commission, markup, scheme, interchange, strict=True)
            fees = [of[a] + of[b] + of[c] + of[d] for of, a, b, c, d in parts]
            times = [
                self._moments[(said, at or zone) if said else (created, zone)]
                for said, at, created, zone in zip(*moments, strict=True)
            ]
        except Wrong:
            return None
        if gross != list(map(add, net, fees)) or _both(nd, ncr) or _both(gd, gcr):
            return None
        for code, minor in zip(ncs, net, strict=True):
            self._sums[code] += minor
        kinds = [TYPES[word] for word in words]
        about = [
            own or ref if kind is CAPTURE else own for kind, own, ref in zip(kinds, named, references, strict=True)
        ]
        keys = [f"{self._batch}:{number}" for number in range(first, first + len(words))]
        return list(map(
            SettlementLine, keys, kinds, words, times, gross, ncs, gross, ncs, fees, repeat(0), repeat(None), psp,
            changes, about, batches, [method[:40] for method in methods], repeat(""),
        ))  # fmt: skip

    def close(self) -> None:
        """All lines have passed: they sum to nothing, the payout or what is carried included."""
        if not self._sums:
            raise FileRefused("The file has no lines below its header.")
        for currency, minor in self._sums.items():
            if minor:
                total = money.text(money.from_minor(minor, currency))
                raise FileRefused(
                    f"The lines of batch {self._batch} sum to {total}. With its payout, or with what is carried into"
                    " the next batch, they sum to nothing: a line is missing, there twice, or changed."
                )

    def _refuse_unless_clear(self, cells: tuple[str, ...]) -> None:
        """A line of ours, whose money went one way: a zero on the other side says nothing."""
        ours, batch = cells[:2]
        if ours != self._ours:
            raise Wrong(f"it is of the merchant account {ours!a}; this one is {self._ours}")
        if batch != self._batch:
            raise Wrong(f"it is of batch {batch!a}; the file is of batch {self._batch}")
        gross, net = (self._plain[cells[place]] for place in (7, 9))
        if (net[cells[12]] and net[cells[13]]) or (gross[cells[10]] and gross[cells[11]]):
            raise Wrong("it has a debit and a credit, so that nobody can tell which way the money went")


def _both(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a line has both; perhaps it does not, for one may be a zero."""
    return any(map(all, zip(one, other, strict=True)))


# --- what a line is ------------------------------------------------------------------------------------------------


def _named(kind: LineType, psp: str, change: str) -> tuple[str, str]:
    """Adyen's reference of a movement that we did not ask for, and its words where they stand in place of one."""
    if psp:
        return change, ""
    found = WORDS[kind].match(change) if kind in WORDS else None
    return (found[1] if found else ""), change[:300]


class _Moments(dict[tuple[str, str], datetime]):
    """What is said of moments, each worked out once: lines are told in about their order, many of one second."""

    def __missing__(self, told: tuple[str, str]) -> datetime:
        if len(self) >= sheets.REMEMBERED:
            self.clear()
        self[told] = moment = _moment(*told)
        return moment


def _moment(said: str, zone: str) -> datetime:
    """When it was booked, by the clock of a zone; older files say when it was created."""
    offset = OFFSETS.get(zone)
    try:
        if offset is not None:
            return datetime.fromisoformat(said + offset).astimezone(UTC)
        return datetime.fromisoformat(said).replace(tzinfo=_zone(zone)).astimezone(UTC)
    except ValueError:
        raise Wrong(f"{said!a} is no date and time such as 2026-11-02 10:00:00") from None


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise Wrong(f"{name!a} is no time zone that is known here") from None


# --- gross and net -------------------------------------------------------------------------------------------------

Side = tuple[str, int]
"""A currency, and minor units of it."""


def _rate(told: str, gross: Side, net: Side, kind: LineType) -> Decimal | None:
    """The rate, by which the gross of a line makes its net and its fees."""
    if kind is LineType.UNKNOWN:
        return Decimal(told) if RATE.fullmatch(told) else None
    rate, by, per = _worked_out(told, gross[0], net[0])
    if 2 * abs(net[1] * per - gross[1] * by) > 2 * per + abs(gross[1]) * 10 ** money.EXPONENTS[net[0]]:
        raise Wrong(_unequal(gross, net, told))
    return rate


@cache
def _worked_out(told: str, gross: str, net: str) -> tuple[Decimal, int, int]:
    """A rate between major units; and as a fraction between minor units, with the decimals that are taken as told.

    In that fraction half a unit of the last decimal is 10^(decimals of net) / 2.
    """
    written = RATE.fullmatch(told)
    if not written or not Decimal(told):
        raise Wrong(f"it goes from {gross} to {net}, and its Exchange Rate {told!a} is no rate such as 1.0842")
    decimals = (written[2] or "").ljust(RATE_PLACES, "0")
    by = int(written[1] + decimals) * 10 ** money.EXPONENTS[net]
    return Decimal(told), by, 10 ** (len(decimals) + money.EXPONENTS[gross])


def _unequal(gross: Side, net: Side, rate: str) -> str:
    said, made = (money.text(money.from_minor(minor, currency)) for currency, minor in (gross, net))
    at = f" at {rate}" if gross[0] != net[0] else ""
    return f"its gross is {said}{at}, but its net with fees is {made}"
