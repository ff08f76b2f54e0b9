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
FX_CLEARING = "fx_clearing"
FX_RESULT = "fx_result"
ROUNDING = "rounding"

KINDS = {
    "psp_receivable": AccountKind.ASSET,
    "psp_reserve": AccountKind.ASSET,
    "cash_in_transit": AccountKind.ASSET,
    "disputes_held": AccountKind.ASSET,
    BANK: AccountKind.ASSET,
    "refunds_in_flight": AccountKind.LIABILITY,
    ORDER_CLEARING: AccountKind.LIABILITY,
    "psp_fees": AccountKind.EXPENSE,
    "fee_tax": AccountKind.EXPENSE,
    "dispute_fees": AccountKind.EXPENSE,
    DISPUTE_LOSSES: AccountKind.EXPENSE,
    "bank_charges": AccountKind.EXPENSE,
    FX_CLEARING: AccountKind.BOTH,
    FX_RESULT: AccountKind.BOTH,
    ROUNDING: AccountKind.BOTH,
    "suspense": AccountKind.BOTH,
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
    FEE_CHARGED = "fee_charged"
    FEE_TAXED = "fee_taxed"
    DISPUTE_FEE_CHARGED = "dispute_fee_charged"
    CONVERTED = "converted"
    RESERVE_HELD = "reserve_held"
    PAYOUT_ANNOUNCED = "payout_announced"
    PAYOUT_RETURNED = "payout_returned"
    PAYOUT_ARRIVED = "payout_arrived"
    PAYOUT_SENT_BACK = "payout_sent_back"
    SUSPENDED = "suspended"
    DIFFERENCE_SETTLED = "difference_settled"
    REVALUED = "revalued"


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


def reserve(provider_account: str) -> str:
    """What a PSP owes us and holds back for a while."""
    return f"psp_reserve/{provider_account}"


def in_transit(provider_account: str) -> str:
    """Payouts that the PSP has sent and our bank has not received."""
    return f"cash_in_transit/{provider_account}"


def suspense(provider_account: str) -> str:
    """What a PSP did with our money and nobody can explain yet; each item has an owner."""
    return f"suspense/{provider_account}"


def kind(account: str) -> AccountKind:
    """The kind of an account, by the part of its code before the slash."""
    return KINDS[account.partition("/")[0]]


def place(lines: Lines) -> str | None:
    """The provider account, or else the bank account, that a movement is about: its legal entity's books it is in.

    None where the accounts say none: nobody's books in particular.
    """
    said = [(name == BANK, where) for name, _, where in (line.account.partition("/") for line in lines) if where]
    return min(said)[1] if said else None


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


def fee_charged(provider_account: str, amount: Money) -> Lines:
    """The PSP has kept a fee of what it owes us, for one payment or by invoice; below zero: it gave one back."""
    return _balanced(_debit(f"psp_fees/{provider_account}", amount), _credit(receivable(provider_account), amount))


def fee_taxed(provider_account: str, amount: Money) -> Lines:
    """The tax on such a fee."""
    return _balanced(_debit(f"fee_tax/{provider_account}", amount), _credit(receivable(provider_account), amount))


def dispute_fee_charged(provider_account: str, amount: Money) -> Lines:
    """The PSP has kept a fee for a dispute."""
    return _balanced(_debit(f"dispute_fees/{provider_account}", amount), _credit(receivable(provider_account), amount))


def converted(provider_account: str, gross: Money, settled: Money) -> Lines:
    """What was paid in one currency is owed to us in another, at the settlement line's own rate; signed as the line."""
    owed = receivable(provider_account)
    return _balanced(
        _debit(FX_CLEARING, gross), _credit(owed, gross), _debit(owed, settled), _credit(FX_CLEARING, settled)
    )


def reserve_held(provider_account: str, amount: Money) -> Lines:
    """The PSP holds money back that it owes us; below zero: it releases it."""
    return _balanced(_debit(reserve(provider_account), amount), _credit(receivable(provider_account), amount))


def payout_announced(provider_account: str, amount: Money) -> Lines:
    """The PSP has sent money to our bank; below zero: it takes it from there."""
    return _balanced(_debit(in_transit(provider_account), amount), _credit(receivable(provider_account), amount))


def payout_returned(provider_account: str, amount: Money) -> Lines:
    """A payout has come back to the PSP, which owes it to us again."""
    return _balanced(_debit(receivable(provider_account), amount), _credit(in_transit(provider_account), amount))


def payout_arrived(provider_account: str, bank_account: str, amount: Money) -> Lines:
    """Our bank has received a payout; below zero: the PSP has taken it from there."""
    return _balanced(_debit(bank(bank_account), amount), _credit(in_transit(provider_account), amount))


def payout_sent_back(provider_account: str, bank_account: str, amount: Money) -> Lines:
    """Our bank has sent a payout back that had arrived: it is on its way to the PSP."""
    return _balanced(_debit(in_transit(provider_account), amount), _credit(bank(bank_account), amount))


def suspended(provider_account: str, amount: Money) -> Lines:
    """A PSP's balance of ours moved, plus when it rose, and nobody can say why."""
    return _balanced(_debit(receivable(provider_account), amount), _credit(suspense(provider_account), amount))


def difference_settled(debit: str, credit: str, amount: Money) -> Lines:
    """People have said what a difference was: it moves from where it stood to where it belongs."""
    return _balanced(_debit(debit, amount), _credit(credit, amount))


def revalued(amount: Money) -> Lines:
    """The open position in other currencies is worth more in the entity's own than it was; below zero: less."""
    return _balanced(_debit(FX_CLEARING, amount), _credit(FX_RESULT, amount))


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
