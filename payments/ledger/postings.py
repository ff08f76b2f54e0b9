"""The recipes of the ledger: what each movement of money debits and credits. Pure, and one screen."""

from dataclasses import dataclass
from enum import StrEnum

from moneyed import Money

from payments.kernel import money
from payments.kernel.errors import invariant


class AccountKind(StrEnum):
    """Which side of the balance sheet an account stands on."""

    ASSET = "asset"
    LIABILITY = "liability"
    EXPENSE = "expense"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Line:
    """One signed entry to be: debit positive."""

    account: str
    amount: Money


Lines = tuple[Line, ...]

DISPUTE_LOSSES = "dispute_losses"
ORDER_CLEARING = "order_clearing"
BANK = "bank"
ROUNDING = "rounding"

KINDS = {
    "psp_receivable": AccountKind.ASSET,
    "disputes_held": AccountKind.ASSET,
    BANK: AccountKind.ASSET,
    "refunds_in_flight": AccountKind.LIABILITY,
    ORDER_CLEARING: AccountKind.LIABILITY,
    DISPUTE_LOSSES: AccountKind.EXPENSE,
    ROUNDING: AccountKind.BOTH,
}
"""The chart of accounts: the code before the slash, and its kind. The dimension follows after the slash."""


class Event(StrEnum):
    """The movements that are booked; together with its source each is booked once."""

    CAPTURED = "captured"
    CAPTURE_REVERSED = "capture_reversed"
    REFUND_SENT = "refund_sent"
    REFUND_SUCCEEDED = "refund_succeeded"
    REFUND_FAILED = "refund_failed"
    REFUND_BOUNCED = "refund_bounced"
    DISPUTE_WITHDRAWN = "dispute_withdrawn"
    DISPUTE_REINSTATED = "dispute_reinstated"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_RECOVERED = "dispute_recovered"
    REFUND_TRANSFERRED = "refund_transferred"
    TRANSFER_RETURNED = "transfer_returned"


def receivable(provider_account: str) -> str:
    """What a PSP still owes us."""
    return f"psp_receivable/{provider_account}"


def in_flight(provider_account: str) -> str:
    """Refunds that the PSP has been asked for and has not confirmed."""
    return f"refunds_in_flight/{provider_account}"


def held(provider_account: str) -> str:
    """What a PSP has taken for disputes of which nobody knows yet how they end."""
    return f"disputes_held/{provider_account}"


def bank(bank_account: str) -> str:
    """Money at a bank of ours."""
    return f"{BANK}/{bank_account}"


def kind(account: str) -> AccountKind:
    """The kind of an account, by the part of its code before the slash."""
    return KINDS[account.partition("/")[0]]


def captured(provider_account: str, amount: Money) -> Lines:
    """The PSP took the customer's money: it owes us, and we owe the commerce side."""
    return _balanced(_debit(receivable(provider_account), amount), _credit(ORDER_CLEARING, amount))


def capture_reversed(provider_account: str, amount: Money) -> Lines:
    """A capture failed after it had succeeded."""
    return _balanced(_debit(ORDER_CLEARING, amount), _credit(receivable(provider_account), amount))


def refund_sent(provider_account: str, amount: Money) -> Lines:
    """A refund has left for the PSP: the commerce side has given it up."""
    return _balanced(_debit(ORDER_CLEARING, amount), _credit(in_flight(provider_account), amount))


def refund_succeeded(provider_account: str, amount: Money) -> Lines:
    """The PSP has taken the refund out of what it owes us."""
    return _balanced(_debit(in_flight(provider_account), amount), _credit(receivable(provider_account), amount))


def refund_succeeded_after_all(provider_account: str, amount: Money) -> Lines:
    """A refund that was not in flight any more, because it was taken for failed, has succeeded."""
    return _balanced(_debit(ORDER_CLEARING, amount), _credit(receivable(provider_account), amount))


def refund_failed(provider_account: str, amount: Money) -> Lines:
    """A refund in flight came to nothing: what was posted when it was sent is reversed."""
    return _balanced(_debit(in_flight(provider_account), amount), _credit(ORDER_CLEARING, amount))


def refund_bounced(provider_account: str, amount: Money) -> Lines:
    """A refund came back after it had succeeded: what was posted for it is reversed."""
    return _balanced(_debit(receivable(provider_account), amount), _credit(ORDER_CLEARING, amount))


def dispute_withdrawn(provider_account: str, amount: Money) -> Lines:
    """The PSP has taken disputed money out of what it owes us: at the first chargeback, and at the second again."""
    return _balanced(_debit(held(provider_account), amount), _credit(receivable(provider_account), amount))


def dispute_reinstated(provider_account: str, amount: Money) -> Lines:
    """Disputed money, or some of it, has come back: the dispute was won for now."""
    return _balanced(_debit(receivable(provider_account), amount), _credit(held(provider_account), amount))


def dispute_lost(provider_account: str, amount: Money) -> Lines:
    """What was taken does not come back: the dispute was lost or accepted, or its deadline has passed."""
    return _balanced(_debit(DISPUTE_LOSSES, amount), _credit(held(provider_account), amount))


def dispute_recovered(provider_account: str, amount: Money) -> Lines:
    """A loss is none after all: the dispute goes on, or was won in the end."""
    return _balanced(_debit(held(provider_account), amount), _credit(DISPUTE_LOSSES, amount))


def refund_transferred(bank_account: str, amount: Money) -> Lines:
    """A refund has left a bank account of ours: no PSP had a part in it."""
    return _balanced(_debit(ORDER_CLEARING, amount), _credit(bank(bank_account), amount))


def transfer_returned(bank_account: str, amount: Money) -> Lines:
    """The customer's bank has sent such a transfer back."""
    return _balanced(_debit(bank(bank_account), amount), _credit(ORDER_CLEARING, amount))


def _debit(account: str, amount: Money) -> Line:
    return Line(account, amount)


def _credit(account: str, amount: Money) -> Line:
    return Line(account, -amount)


def _balanced(*lines: Line) -> Lines:
    """Refuse a recipe whose lines do not sum to zero per currency, or move nothing."""
    for currency in {line.amount.currency for line in lines}:
        of_currency = (line.amount for line in lines if line.amount.currency == currency)
        invariant(not sum(money.to_minor(amount) for amount in of_currency), f"entries in {currency} sum to zero")
    invariant(all(money.to_minor(line.amount) for line in lines), "no entry is zero")
    return lines
