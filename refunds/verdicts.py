"""What can be given back of what the rows of a batch ask for, each given the rows before it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from payments.kernel import money
from refunds import policy


class Verdict(StrEnum):
    """What the check says to a row that can be read. Only what `fits` is refunded."""

    FITS = "fits"
    DUPLICATE = "duplicate"
    REFUNDED_BEFORE = "refunded_before"
    UNKNOWN = "unknown"
    NOTHING_TAKEN = "nothing_taken"
    DISPUTED = "disputed"
    NOTHING_LEFT = "nothing_left"
    TOO_MUCH = "too_much"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_PLACES = "wrong_places"
    NOT_SUPPORTED = "not_supported"
    PART_NOT_SUPPORTED = "part_not_supported"
    WINDOW_OVER = "window_over"
    AMOUNT_NOT_SUPPORTED = "amount_not_supported"


TWICE: Final = (Verdict.DUPLICATE, Verdict.REFUNDED_BEFORE)
"""Looks like the same refund once more: left out, unless somebody says that it is meant."""

Unsayable = Callable[[str, int, str], str]
"""(account, minor units, currency) -> why its PSP has no way to say this amount, or ""."""


@dataclass(slots=True)
class Source:
    """Captured money of one attempt, of which `available` minor units are left.

    `disputed` is what of its payment is in dispute, or was lost to one; `over_at` ends its refund window.
    """

    intent: str
    account: str
    method: str
    available: int
    captured_at: datetime
    given_back: bool
    disputed: int = 0
    refund: bool = True
    partial: bool = True
    several: bool = True
    window_days: int | None = None

    @property
    def over_at(self) -> datetime | None:
        """When the method stops taking refunds."""
        return self.captured_at + timedelta(days=self.window_days) if self.window_days else None


@dataclass(slots=True)
class Home:
    """An order with all of its payments, or a payment without one; rows that fit take from it.

    `before` are refunds that live, by payment and amount: the id and day of the newest.
    """

    currency: str
    sources: list[Source]
    before: dict[tuple[str, int], tuple[str, datetime]] = field(default_factory=dict)
    asked: dict[tuple[str, Decimal | None], int] = field(default_factory=dict)
    taken: dict[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a row asks for; no amount means all that is left."""

    number: int
    object_id: str
    amount: Decimal | None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict with its words, and what would go back; `twice` when it looks like another one and is meant."""

    verdict: Verdict
    words: str
    currency: str = ""
    amount_minor: int | None = None
    twice: bool = False


class _No(Exception):
    def __init__(self, verdict: Verdict, words: str) -> None:
        super().__init__(words)
        self.verdict, self.words = verdict, words


def judge(row: Asked, home: Home | None, *, now: datetime, twice: bool, unsayable: Unsayable) -> Judged:
    """Say whether a row fits, after the rows before it; if it does, take its amount from `home`.

    With `twice`, what looks like the same refund once more is meant.
    """
    try:
        if home is None:
            kind = "order" if row.object_id.startswith("ord_") else "payment"
            raise _No(Verdict.UNKNOWN, f"There is no {kind} with this id.")
        sources = _able(row, home, now)
        alike = _same_row(row, home)
        if alike and not twice:
            raise _No(Verdict.DUPLICATE, f"Row {alike} asks for the same. Not refunded twice, unless you say so.")
        parts = _parts(row, home, sources)
        why = _not_by(parts, home, unsayable)
        if why is not None:
            raise why
        again = _again(parts, home)
        if again is not None and not twice:
            raise again
    except _No as no:
        return Judged(no.verdict, no.words, home.currency if home else "")
    for source, amount in parts:
        source.available -= amount
        source.given_back = True
        home.taken.setdefault((source.intent, amount), row.number)
    home.asked.setdefault((row.object_id, row.amount), row.number)
    meant = bool(alike or again is not None)
    words = f"Meant once more: {again.words if again else f'row {alike} asks for the same.'}" if meant else ""
    return Judged(Verdict.FITS, words, home.currency, sum(amount for _, amount in parts), twice=meant)


def _able(row: Asked, home: Home, now: datetime) -> list[Source]:
    """The money that the row is about and that can go back at all, newest first, as refunds take it."""
    sources = [one for one in home.sources if row.object_id.startswith("ord_") or one.intent == row.object_id]
    if not sources:
        raise _No(Verdict.NOTHING_TAKEN, "No money was taken, or none that stayed.")
    able = [one for one in sources if one.refund]
    if not able:
        raise _No(Verdict.NOT_SUPPORTED, f"{sources[0].method} cannot give money back: refund it by bank transfer.")
    in_time = [one for one in able if one.over_at is None or now <= one.over_at]
    if not in_time:
        words = (
            f"{able[0].method} took refunds until {able[0].over_at:%Y-%m-%d}. Finance can pay it back by bank transfer."
        )
        raise _No(Verdict.WINDOW_OVER, words)
    return sorted(in_time, key=lambda one: one.captured_at, reverse=True)


def _same_row(row: Asked, home: Home) -> int:
    return home.asked.get((row.object_id, row.amount), 0)


def _parts(row: Asked, home: Home, sources: Sequence[Source]) -> list[tuple[Source, int]]:
    """Which money goes back: in total what the row asks for."""
    if row.currency and row.currency != home.currency:
        raise _No(Verdict.WRONG_CURRENCY, f"It was paid in {home.currency}, not in {row.currency}.")
    left = sum(one.available for one in sources)
    wanted = left if row.amount is None else _minor(row, home.currency)
    if wanted > left or left <= 0:
        _refuse_disputed(sources, left, home.currency)
    if left <= 0:
        before = " by the rows above" if home.taken else ""
        raise _No(Verdict.NOTHING_LEFT, f"All of it has been refunded already, or is about to be{before}.")
    if wanted > left:
        text = money.text(money.from_minor(left, home.currency))
        after = " after the rows above" if home.taken else ""
        raise _No(Verdict.TOO_MUCH, f"Only {text} can be refunded{after}.")
    amounts = policy.spread(wanted, [one.available for one in sources])
    return [(source, amount) for source, amount in zip(sources, amounts, strict=True) if amount]


def _refuse_disputed(sources: Sequence[Source], left: int, currency: str) -> None:
    disputed = sum({one.intent: one.disputed for one in sources}.values())
    if disputed:
        text, rest = (money.text(money.from_minor(minor, currency)) for minor in (disputed, left))
        words = f"{text} is in dispute, or was lost to one: the bank gives it back. {rest} can be refunded."
        raise _No(Verdict.DISPUTED, words)


def _minor(row: Asked, currency: str) -> int:
    places = money.exponent(currency)
    scaled = (row.amount or Decimal(0)).scaleb(places)
    if scaled != scaled.to_integral_value():
        few = f"{places} decimals" if places else "no decimals"
        raise _No(Verdict.WRONG_PLACES, f"{currency} has {few}.")
    return int(scaled)


def _not_by(parts: Sequence[tuple[Source, int]], home: Home, unsayable: Unsayable) -> _No | None:
    """Why the method or the PSP would say no."""
    for source, amount in parts:
        if amount < source.available and not source.partial:
            text = money.text(money.from_minor(source.available, home.currency))
            return _No(Verdict.PART_NOT_SUPPORTED, f"{source.method} gives back all of it only: {text}.")
        if source.given_back and not source.several:
            return _No(Verdict.PART_NOT_SUPPORTED, f"{source.method} gives back once only.")
        if why := unsayable(source.account, amount, home.currency):
            return _No(Verdict.AMOUNT_NOT_SUPPORTED, why)
    return None


def _again(parts: Sequence[tuple[Source, int]], home: Home) -> _No | None:
    """Whether the same amount of the same payment goes back by another row, or went back lately."""
    for source, amount in parts:
        key = (source.intent, amount)
        if key in home.taken:
            words = f"Row {home.taken[key]} gives the same amount of the same payment back."
            return _No(Verdict.DUPLICATE, words)
        if key in home.before:
            refund, at = home.before[key]
            words = f"{refund} of {at:%Y-%m-%d %H:%M} UTC gives the same amount of this payment back."
            return _No(Verdict.REFUNDED_BEFORE, words)
    return None
