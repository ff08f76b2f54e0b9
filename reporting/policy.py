"""Rules about differences: where the money of each may be booked, and what one person settles alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Proposal = dict[str, Any]

OF_THE_PSP: Final = (
    "order_clearing", "psp_fees", "dispute_fees", "dispute_losses", "fx_result", "rounding", "suspense",
)  # fmt: skip
"""Where money may belong that a PSP's balance has and our books have not, or the other way round."""

COUNTERS: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("amount_differs", "missing_at_psp", "missing_here", "duplicate", "balance_differs"), OF_THE_PSP),
    **dict.fromkeys(
        ("unknown_type", "correction"),
        ("psp_fees", "fee_tax", "dispute_fees", "dispute_losses", "order_clearing", "psp_reserve", "rounding"),
    ),
    "fx": ("fx_result",),
    "missing_at_bank": ("psp_receivable", "bank_charges", "psp_fees", "suspense", "rounding"),
    "bank_unexplained": ("suspense", "bank_charges", "psp_fees", "order_clearing", "rounding"),
}
"""Kind of difference -> the accounts that may take it, the likeliest first. What is not here is only accepted.
Lines of banks are booked against cash_in_transit only as the payout that they are: so each cent of it is booked once,
whatever is settled first."""

SHIFTS_BALANCE: Final = ("amount_differs", "missing_at_psp", "missing_here", "duplicate")
"""Kinds that stand between what a PSP's lines come to and what our books say it owes us."""

SHARED: Final = frozenset(("order_clearing", "dispute_losses", "fx_clearing", "fx_result", "rounding"))
"""Accounts without a provider account behind the slash."""


def code(head: str, provider_account: str) -> str:
    """psp_fees, stripe-us -> psp_fees/stripe-us; rounding stays what it is."""
    return head if head in SHARED else f"{head}/{provider_account}"


def counters(kind: str, provider_account: str) -> list[str]:
    """The accounts that may take a difference of this kind, the likeliest first; none when it is only accepted."""
    return [code(head, provider_account) for head in COUNTERS.get(kind, ())]


def transfer(at: str, counter: str, amount_minor: int, currency: str) -> Proposal:
    """The balanced transfer that moves a difference from `counter` to the account `at` where it stands.

    Above zero `at` has too little, below zero too much; zero is no transfer.
    """
    if not amount_minor:
        return {}
    debit, credit = (at, counter) if amount_minor > 0 else (counter, at)
    return {"at": at, "debit": debit, "credit": credit, "amount_minor": abs(amount_minor), "currency": currency}


def countered(proposal: Mapping[str, Any], counter: str) -> Proposal:
    """The same transfer with another counter account."""
    at = proposal["at"]
    minor = proposal["amount_minor"] if proposal["debit"] == at else -proposal["amount_minor"]
    return transfer(at, counter, minor, proposal["currency"])


def alone(amount_minor: int, currency: str, limits: Mapping[str, int]) -> bool:
    """Whether one person settles so much: no more than the currency's limit, without one nothing."""
    return abs(amount_minor) <= limits.get(currency, -1)
