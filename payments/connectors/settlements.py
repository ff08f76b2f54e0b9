"""What a PSP says it did with the money: the lines of its settlement, and what it still owes. Neutral values."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import BinaryIO, NamedTuple, Protocol


class LineType(StrEnum):
    """What a line of a settlement is about; its amounts are signed, so no type says which way money went."""

    CAPTURE = "capture"
    """Money of a capture; also what is taken back of one: an uncaptured rest, a capture that failed."""
    REFUND = "refund"
    """Money of a refund; also what comes back of one that failed."""
    DISPUTE = "dispute"
    """Money taken for a dispute, or given back; the fee of such a line is a dispute fee."""
    FEE = "fee"
    """Costs and their tax without a principal: an invoice, or a cost told apart from its payment."""
    RESERVE = "reserve"
    """Held back by the PSP, or released."""
    PAYOUT = "payout"
    """Sent to our bank (below zero), or taken from it: a negative payout, a top-up."""
    PAYOUT_RETURNED = "payout_returned"
    """A payout that did not arrive."""
    CARRIED = "carried"
    """From one batch into the next: over both it is nothing."""
    CORRECTION = "correction"
    """The PSP corrected its own books: deposits, deductions of invoices, by hand."""
    UNKNOWN = "unknown"
    """A word that nobody here knows: kept, counted, shown."""


class SettlementLine(NamedTuple):
    """One movement of our balance at a PSP, plus when it rises. A tuple, because there are millions.

    `key` is unique for ever per provider account; a source that tells the same movement again uses the same key.
    Amounts are in minor units (ISO 4217): `gross_minor` in `gross_currency`, which the customer paid in, and
    `settled_minor` the same in the balance's `currency`, at `rate` (None where they are one currency). `fee_minor`
    and `tax_minor` (tax on fees) are plus when charged, minus when given back: the balance moves by
    settled - fee - tax. `payment_reference` is the PSP's id of the payment as attempts keep it,
    `movement_reference` its id of the capture, refund or dispute, `our_reference` our id of it where the PSP repeats
    it, else "". `payout_reference` is its id of the payout or batch that the line is part of, "" while there is none
    (on a PAYOUT or PAYOUT_RETURNED line: of that payout). `occurred_at` is UTC.
    """

    key: str
    type: LineType
    psp_type: str
    occurred_at: datetime
    gross_minor: int
    gross_currency: str
    settled_minor: int
    currency: str
    fee_minor: int
    tax_minor: int
    rate: Decimal | None
    payment_reference: str
    movement_reference: str
    our_reference: str
    payout_reference: str
    method: str
    detail: str

    @property
    def net_minor(self) -> int:
        """By how much the balance moves."""
        return self.settled_minor - self.fee_minor - self.tax_minor


class FileRefused(Exception):
    """A settlement file is not what it should be: truncated, binary, another account's, sums that do not hold.

    The message is for people of finance: which line and column, what stands there, what was expected.
    """


class FileKind(StrEnum):
    """What a settlement file covers, and so how it is proven."""

    PAYOUT = "payout"
    """All lines of one payout, the payout included: they sum to nothing."""
    BATCH = "batch"
    """A payable batch: paid out, or carried into the next; either way it sums to nothing."""
    ACTIVITY = "activity"
    """What moved the balance on a day; nothing says what its lines sum to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A settlement file that the PSP has ready. `reference` names what it covers, unique per account for ever."""

    reference: str
    kind: FileKind
    name: str
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the PSP says it owes us in one currency (minor units), available or not yet."""

    currency: str
    amount_minor: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutNews:
    """How a payout stands. `amount_minor` is above zero when money goes to our bank, below zero when it comes from it.

    `status` is `announced`, `paid`, `failed` (it came back) or `canceled`. A payout that was `paid` may still fail.
    """

    reference: str
    status: str
    currency: str
    amount_minor: int
    automatic: bool
    created_at: datetime
    arrives_on: date | None = None
    trace: str = ""
    detail: str = ""


class Settling(Protocol):
    """The part of a connector that tells of settlement: questions only, none moves money.

    Every question fails as a request does (`http.FailedError`), or with `answers.NothingToldYet`.
    """

    def settlement_files(self, since: datetime, until: datetime) -> Iterator[Announced]:
        """The files the PSP has ready for what became final from `since` on and before `until`, oldest first."""

    def settlement_file(self, announced: Announced) -> Iterator[bytes]:
        """The bytes of one file as the PSP gives them, in pieces."""

    def read_settlement(self, announced: Announced, content: BinaryIO) -> Iterator[SettlementLine]:
        """The lines of a file, in its order, read by the names of its columns; `FileRefused` when it is none."""

    def balances(self) -> list[Balance]:
        """What the PSP owes us now; empty where it cannot be asked, and the carry of its batches says it."""

    def payouts(self, since: datetime) -> Iterator[PayoutNews]:
        """Payouts that were made or have changed since then; none where only files tell of them."""
