"""One account at the simulated Adyen: its tables and what is looked up by something else than an id."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from payments.simulator.adyen import objects
from payments.simulator.tables import Tables

PSP = "adyen"


@dataclass(slots=True)
class Shop(Tables):
    """All that one merchant account has."""

    psp = PSP
    kinds = objects.KINDS

    # Where the merchant last found this: it may not know the address that the process listens on.
    base_url: str = ""
    by_reference: dict[str, list[str]] = field(default_factory=dict)
    by_payment: dict[str, list[str]] = field(default_factory=dict)
    by_shopper: dict[str, list[str]] = field(default_factory=dict)
    unbatched: dict[str, None] = field(default_factory=dict)
    unreported: dict[str, None] = field(default_factory=dict)

    @property
    def merchant(self) -> str:
        """The merchant account."""
        return str(self.setting("merchant_account", self.account.code))

    @property
    def company(self) -> str:
        """The company account above it."""
        return str(self.setting("company_account", f"{self.merchant}Company"))

    @property
    def currency(self) -> str:
        """The settlement currency."""
        return self.account.currency.upper()

    def setting(self, name: str, default: Any = None) -> Any:
        """What whoever made the account wants."""
        return self.account.settings.get(name, default)

    def owed(self) -> int:
        """What no batch has, with what the last one carried on."""
        table = self.tables["movement"]
        return sum(table[key].net for key in self.unbatched)

    def new_psp(self) -> str:
        """A fresh pspReference."""
        return self.world.ids.reference()

    def index(self, record: objects.Record) -> None:
        """Also by reference, by payment, by shopper, and what no batch or report has."""
        table = self.tables[record.kind]
        known = record.id in table
        table[record.id] = record
        if isinstance(record, objects.Movement):
            _keep_in(self.unbatched, record.id, wanted=record.batch is None)
        elif isinstance(record, objects.Entry):
            _keep_in(self.unreported, record.id, wanted=not record.reported)
        elif known:
            return
        elif isinstance(record, objects.Payment):
            self.by_reference.setdefault(record.reference, []).append(record.id)
        elif isinstance(record, objects.Token):
            self.by_shopper.setdefault(record.shopper, []).append(record.id)
        elif isinstance(record, objects.Modification) and record.payment:
            self.by_payment.setdefault(record.payment, []).append(record.id)

    def forget(self) -> None:
        """Forget every record."""
        indexes = (self.by_reference, self.by_payment, self.by_shopper, self.unbatched, self.unreported)
        for table in (*self.tables.values(), *indexes):
            table.clear()

    def modifications(self, payment: objects.Payment, kind: str) -> Iterator[objects.Modification]:
        """The payment's captures, refunds ..., oldest first."""
        table = self.tables["modification"]
        found = (table[key] for key in self.by_payment.get(payment.id, ()))
        return (record for record in found if record.type == kind)

    def tokens(self, shopper: str) -> list[objects.Token]:
        """What the shopper has stored and not removed, oldest first."""
        table = self.tables["token"]
        return [table[key] for key in self.by_shopper.get(shopper, ()) if key in table]


def _keep_in(index: dict[str, None], record_id: str, *, wanted: bool) -> None:
    if wanted:
        index[record_id] = None
    else:
        index.pop(record_id, None)
