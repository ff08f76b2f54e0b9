"""What a payment costs at a provider account, by the contracts that were written down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from moneyed import Money

from payments.gateway import accounts
from payments.gateway.models import FeeContract
from payments.kernel import audit, ids, money, unit
from payments.kernel.errors import Refusal

MOST_PERCENT: Final = Decimal(100)


class FeeContractInvalid(Refusal):
    """The fee contract does not say clearly what it wants."""

    code, status = "fee_contract_invalid", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A line of a contract as somebody writes it down; `FeeContract` says what each word means."""

    account: str
    percent: Decimal
    valid_from: date
    method: str = ""
    currency: str = ""
    fixed: int = 0


class Tariff:
    """The contracts of all accounts, to be asked many times."""

    def __init__(self, rows: Iterable[FeeContract]) -> None:
        self._lines: dict[tuple[str, str, str], list[FeeContract]] = {}
        for row in sorted(rows, key=lambda row: (row.valid_from, row.pk), reverse=True):
            key = (accounts.account(row.account_id).code, row.method, row.currency)
            self._lines.setdefault(key, []).append(row)

    def fee(self, account: str, method: str, amount: Money, *, on: date) -> Money | None:
        """What a successful payment of that day costs, to the minor unit; None when no contract says so.

        The line of the method goes before that of the currency, and either before what holds for all.
        """
        currency = str(amount.currency)
        for wanted in ((method, currency), (method, ""), ("", currency), ("", "")):
            lines = self._lines.get((account, *wanted), ())
            valid = next((line for line in lines if line.valid_from <= on), None)
            if valid is not None:
                share = money.to_minor(amount) * valid.percent / 100
                minor = int(share.quantize(Decimal(1), rounding=ROUND_HALF_UP)) + valid.fixed_minor
                return money.from_minor(minor, currency)
        return None


def tariff() -> Tariff:
    """The contracts as they are now."""
    return Tariff(FeeContract.objects.all())


def terms(account_id: str) -> list[FeeContract]:
    """The lines of one account's contracts; of two that both hold the first counts."""
    return list(FeeContract.objects.filter(account_id=account_id).order_by("-valid_from", "-id"))


def write(draft: Draft, *, by: str) -> FeeContract:
    """Write a line of a contract down; it holds from its day on."""
    _refuse_unless_clear(draft)
    with unit.work() as work:
        row = FeeContract(
            id=ids.new("fc"),
            account_id=accounts.account(draft.account).pk,
            method=draft.method,
            currency=draft.currency,
            percent=draft.percent,
            fixed_minor=draft.fixed,
            valid_from=draft.valid_from,
            written_by=by,
        )
        work.add(row)
        audit.did("fee_contract.written", row.pk)
    return row


def _refuse_unless_clear(draft: Draft) -> None:
    if draft.account not in accounts.codes():
        raise FeeContractInvalid(f"There is no provider account {draft.account}.", param="account")
    if not 0 <= draft.percent < MOST_PERCENT or draft.percent != round(draft.percent, 4):
        raise FeeContractInvalid("A share is 0 or more, below 100, with at most 4 decimals.", param="percent")
    if draft.fixed < 0:
        raise FeeContractInvalid("A fixed amount is not below zero.", param="fixed")
    if draft.currency:
        money.exponent(draft.currency)
    elif draft.fixed:
        raise FeeContractInvalid("A fixed amount needs its currency.", param="currency")
