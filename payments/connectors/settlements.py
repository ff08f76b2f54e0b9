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

    `key` is unique for ever per provider account; a source that tells the same movement again uses the same key, and
    says the same of it, but that it may not tell tax from fee, nor the rate that the PSP used.

    Amounts are in minor units (ISO 4217): `gross_minor` in `gross_currency`, which the customer paid in, and
    `settled_minor` the same in the balance's `currency`, at `rate` (None where they are one currency). `fee_minor`
    and `tax_minor` (tax on fees) are plus when charged, minus when given back: the balance moves by
    settled - fee - tax. A FEE line has no principal: what it costs is its fee or tax, whatever the PSP calls it.

    `payment_reference` is the PSP's id of the payment as attempts keep it. `movement_reference` is its id of the
    capture, refund or dispute; of a payout or one that came back; or of the batch that was carried from or into.
    `our_reference` is our id of it where the PSP repeats that, else ""; of a capture at least the attempt's.
    `payout_reference` is its id of the payout or batch that the line is part of, "" while there is none; on a PAYOUT
    line that of the payout itself, and in its file `Announced.reference`. `occurred_at` is UTC.
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
    """A settlement file that the PSP has ready. `reference` names what it covers, unique per account for ever.

    `currency` and `total_minor` are of the payout, where the PSP says them beside the file: they are kept
    with it, for reading it takes them.
    """

    reference: str
    kind: FileKind
    name: str
    day: date | None = None
    currency: str = ""
    total_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the PSP says it owes us in one currency (minor units), available or not yet."""

    currency: str
    amount_minor: int


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

    def settlement_files(self, since: datetime, until: datetime, *, newest: str = "") -> Iterator[Announced]:
        """The files the PSP has ready for what became final from `since` on and before `until`, oldest first.

        Some may have been told before. `newest` is the reference of the last batch that is known ("": none), for a PSP
        that numbers its batches and has no list of them.
        """

    def settlement_file(self, announced: Announced) -> Iterator[bytes]:
        """The bytes of one file as the PSP gives them, in pieces."""

    def read_settlement(self, announced: Announced, content: BinaryIO) -> Iterator[SettlementLine]:
        """The lines of a file, in its order, read by the names of its columns, without asking anybody.

        `FileRefused` when it is none, also after the last line: what was read counts only when the end is reached. Then
        a PAYOUT or BATCH sums to nothing in each currency. Only where it is not known what a payout came to
        (`Announced.total_minor`) its own line is left out, and the sum is the reader's to prove.
        """

    def identify(self, name: str, content: BinaryIO) -> Announced:
        """What a file covers that somebody brings, by what stands in it; `FileRefused` when it is none of ours."""

    def balances(self) -> list[Balance]:
        """What the PSP owes us now; empty where it cannot be asked, and the carry of its batches says it."""

    def payouts(self, since: datetime) -> Iterator[PayoutNews]:
        """Payouts that were made or have changed since then; none where only files tell of them."""
