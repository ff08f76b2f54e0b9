"""A company with a PSP and a bank: payouts that the PSP tells of, and statements that finance uploads."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from payments.connectors.settlements import PayoutNews
from payments.gateway import accounts
from payments.gateway.models import LegalEntity, ProviderAccount
from payments.ledger import selectors as ledger
from reporting.models import BankAccount, BankLine, BankStatement, Discrepancy, Payout
from reporting.services import payouts, statements
from tests import factories
from tests.reporting.bank import files

FAY, FINN = "staff fay", "staff finn"


@dataclass
class World:
    """What stories are told with. Days are of November 2026, amounts minor units of euros."""

    psp: ProviderAccount
    bank: BankAccount
    balance: int = 0

    def payout(self, amount: int, name: str, *, day: int = 2, due: int | None = 3, **more: Any) -> Payout:
        """The PSP tells of a payout, or something new of one."""
        status = more.pop("status", "paid")
        news = PayoutNews(
            reference=name,
            status=status,
            currency="EUR",
            amount_minor=amount,
            automatic=True,
            created_at=datetime(2026, 11, day, 9, tzinfo=UTC),
            arrives_on=date(2026, 11, due) if due else None,
            **more,
        )
        return payouts.learn(ProviderAccount.objects.get(pk=self.psp.pk), news)

    def statement(self, day: int, *lines: tuple[int, str], by: str = FAY, work: bool = True) -> BankStatement:
        """The bank's camt.053 of one day; each line is an amount and a text."""
        [row] = self.upload(self.file(day, *lines), by=by)
        if work:
            factories.work()
        return row

    def file(self, day: int, *lines: tuple[int, str]) -> bytes:
        """The same as a file that nobody has uploaded; it goes on where the last one ended."""
        opening, self.balance = self.balance, self.balance + sum(amount for amount, _ in lines)
        entries = [
            files.entry(decimal(abs(amount)), way="CRDT" if amount > 0 else "DBIT", day=f"2026-11-{day:02}", text=text)
            for amount, text in lines
        ]
        dates = f"2026-11-{day - 1:02}", f"2026-11-{day:02}"
        balances = [
            files.balance(code, decimal(abs(minor)), at, way="CRDT" if minor >= 0 else "DBIT")
            for code, minor, at in (("OPBD", opening, dates[0]), ("CLBD", self.balance, dates[1]))
        ]
        return files.document(
            files.statement(*entries, opening=balances[0], closing=balances[1], number=str(200 + day))
        )

    def upload(self, content: bytes, *, by: str = FAY, name: str = "statement.xml", **said: str) -> list[BankStatement]:
        """Finance uploads a file."""
        return statements.upload(statements.Upload(file=io.BytesIO(content), name=name, **said), by=by)

    def lines(self) -> Sequence[tuple[int, str]]:
        """Every line with what it is, in order."""
        return list(BankLine.objects.order_by("day", "number").values_list("amount_minor", "status"))

    def line(self, amount: int) -> BankLine:
        """The line of an amount."""
        return BankLine.objects.get(amount_minor=amount)

    def in_ledger(self) -> dict[str, int]:
        """What the ledger has on the bank account and on its way to it."""
        found = ledger.trial_balance()
        codes = {"bank": f"bank/{self.bank.code}", "transit": f"cash_in_transit/{self.psp.code}"}
        return {name: found.get((code, "EUR"), 0) for name, code in codes.items()}

    def differences(self) -> list[tuple[str, int, str]]:
        """Every difference: its kind, amount and state."""
        return list(Discrepancy.objects.order_by("pk").values_list("kind", "amount_minor", "status"))


def decimal(minor: int) -> str:
    """1999 -> 19.99"""
    return f"{minor // 100}.{minor % 100:02}"


def at(day: int) -> datetime:
    """Noon of a day of November 2026."""
    return datetime.combine(date(2026, 11, day), time(12), UTC)


def opened(code: str) -> tuple[ProviderAccount, BankAccount]:
    """A company's account at a PSP, and one at a bank."""
    entity = LegalEntity.objects.create(name="Shop Europe B.V.", functional_currency="EUR", time_zone="UTC")
    psp = ProviderAccount.objects.create(code="stripe-test", psp="stripe", legal_entity=entity, enabled=False)
    accounts.forget()
    draft = statements.Draft(code=code, legal_entity=entity.pk, currency="EUR", iban=files.IBAN, dialect={})
    return psp, statements.open_account(draft, by=FAY)
