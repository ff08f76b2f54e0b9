"""Lines of settlement as a PSP might tell them, put into the tables by hand, and the movements that they tell of."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from payments.connectors.settlements import FileKind, LineType
from payments.gateway import accounts
from payments.ledger import selectors as ledger
from reporting.models import Discrepancy, SettlementFile, SettlementLine
from reporting.services import reconciliation

BEGAN: Final = datetime(2026, 10, 1, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def line(kind: LineType | str, gross: int, currency: str = "USD", **facts: Any) -> dict[str, Any]:
    """A line of a file; amounts are minor units, and settled as they were paid unless `settled` and `into` say else."""
    number = next(_numbers)
    settled, into = facts.pop("settled", gross), facts.pop("into", currency)
    fee, tax = facts.pop("fee", 0), facts.pop("tax", 0)
    return {
        "type": LineType(kind),
        "key": f"txn_{number}",
        "psp_type": str(kind),
        "occurred_at": BEGAN + timedelta(minutes=number),
        "gross_minor": gross,
        "gross_currency": currency,
        "settled_minor": settled,
        "currency": into,
        "fee_minor": fee,
        "tax_minor": tax,
        "rate": None if into == currency else Decimal(settled) / Decimal(gross),
        **facts,
    }


def of(intent: Mapping[str, Any], gross: int | None = None, **facts: Any) -> dict[str, Any]:
    """The line of a payment's capture."""
    attempt = intent["latest_attempt"]
    known = {"payment_reference": attempt["provider_reference"], "our_reference": attempt["id"]}
    return line("capture", intent["amount"] if gross is None else gross, intent["currency"], **{**known, **facts})


@dataclass
class Account:
    """One provider account and what its files say."""

    code: str = "stripe-us"
    files: list[str] = field(default_factory=list)

    @property
    def pk(self) -> str:
        """Its id."""
        return accounts.account(self.code).pk

    def load(
        self,
        *lines: Mapping[str, Any],
        kind: FileKind = FileKind.ACTIVITY,
        reference: str = "",
        day: date | None = None,
    ) -> str:
        """Put a file with these lines into the tables, as loading leaves it; its id. Its day is the next of October."""
        number = next(_numbers)
        file = SettlementFile.objects.create(
            account_id=self.pk,
            kind=kind,
            reference=reference or f"file-{number}",
            name=f"file-{number}.csv",
            source="fetched",
            file="",
            size=1,
            sha256=f"{number:064}",
            status="loaded",
            lines=len(lines),
            day=(day or (BEGAN + timedelta(days=len(self.files))).date()) if kind == FileKind.ACTIVITY else None,
        )
        rows = [
            SettlementLine(account_id=self.pk, file=file, number=place, **one) for place, one in enumerate(lines, 1)
        ]
        SettlementLine.objects.bulk_create(rows)
        self.files.append(file.pk)
        return file.pk

    def settle(self, *lines: Mapping[str, Any], **facts: Any) -> str:
        """The same, compared with what we know."""
        file = self.load(*lines, **facts)
        reconciliation.compare(self.pk)
        return file

    def balance(self, head: str, currency: str = "USD") -> int:
        """Minor units on one of its accounts, debit positive."""
        return ledger.trial_balance().get((f"{head}/{self.code}", currency), 0)


def classes() -> list[str]:
    """What became of all lines, in the order of the files."""
    return list(SettlementLine.objects.order_by("file", "number").values_list("match", flat=True))


def differences(*fields: str) -> list[Any]:
    """What is open."""
    found = Discrepancy.objects.filter(status__in=["open", "proposed"]).order_by("kind", "amount_minor")
    return list(found.values_list(*(fields or ("kind", "amount_minor", "currency"))))
