"""How many disputes the card schemes put up with: their monitoring programmes, as numbers. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """How near an account is to a programme."""

    FINE = "fine"
    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Programme:
    """One scheme's limit: both numbers have to be reached within a month.

    `ratio` is disputes per payment; `with_frauds` counts reports of fraud beside them; `of_last_month` compares with
    the payments of the month before.
    """

    name: str
    brand: str
    ratio: float
    count: int
    with_frauds: bool = False
    of_last_month: bool = False


PROGRAMMES: Final = (
    # Visa Acquirer Monitoring Program, "merchant excessive": (fraud reports + disputes) / settled payments of the same
    # month >= 1.5 %, and at least 1,500 of them, everywhere but the Middle East and North Africa, from 2026-04-01
    # (support.checkout.com, "thresholds for disputes and fraud under VAMP"; docs.antom.com/ac/dispute/monitor).
    Programme("Visa VAMP", "visa", 0.015, 1_500, with_frauds=True),
    # Mastercard Excessive Chargeback Merchant and its higher tier: chargebacks / payments of the month before
    # (docs.antom.com/ac/dispute/monitor; paymentsandrisk.com/docs/chargebacks/reference/network-programs).
    Programme("Mastercard ECM", "mastercard", 0.015, 100, of_last_month=True),
    Programme("Mastercard HECM", "mastercard", 0.03, 300, of_last_month=True),
)

NEAR: Final = 0.6
"""From this part of a limit on somebody should look."""

BRANDS: Final = {"visa": ("visa",), "mastercard": ("mastercard", "mc")}
"""What PSPs call a scheme."""


def ratio(disputes: int, payments: int) -> float:
    """Disputes per payment; 0 where nothing was paid."""
    return disputes / payments if payments else 0.0


def level(programme: Programme, disputes: int, payments: int) -> Level:
    """How near a month is to a programme's limit. A high ratio of few disputes is near, and no more."""
    reached = ratio(disputes, payments) / programme.ratio
    if reached >= 1 and disputes >= programme.count:
        return Level.OVER
    counted = disputes / programme.count
    return Level.NEAR if reached >= NEAR and counted >= NEAR else Level.FINE
