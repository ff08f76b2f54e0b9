"""One account at the simulated Stripe: its tables, its events, what its journal rows mean."""

from dataclasses import dataclass, field
from typing import TypeVar

from payments.simulator.order import Order
from payments.simulator.stripe import errors, objects
from payments.simulator.tables import Tables

PSP = "stripe"
API_VERSION = "2026-10-28.endive"

R = TypeVar("R", bound=objects.Record)


@dataclass(slots=True)
class Request:
    """Who asked: stands in the events that the request causes."""

    id: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class Shop(Tables):
    """All that one Stripe account has. Records change in place; `save` makes the change last."""

    psp = PSP
    kinds = objects.KINDS

    request: Request = field(default_factory=Request)
    by_intent: dict[str, list[str]] = field(default_factory=dict)
    by_charge: dict[str, list[str]] = field(default_factory=dict)
    unpaid: dict[str, None] = field(default_factory=dict)
    # What is not yet available, and the sum of all that ever moved.
    pending: dict[str, None] = field(default_factory=dict)
    total: int = 0
    orders: dict[str, Order] = field(default_factory=lambda: {"balance_transaction": Order(), "payout": Order()})
    by_payout: dict[str, Order] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """acct_..."""
        digits = self.account.code.encode().hex()[:16].rjust(16, "1")
        return f"acct_{digits}"

    def owed(self) -> int:
        """The balance."""
        return self.total

    def new_id(self, prefix: str) -> str:
        """A fresh object id."""
        return self.world.ids.next(prefix)

    def index(self, record: objects.Record) -> None:
        """Also by intent, by charge, and what has not been paid out."""
        table = self.tables[record.kind]
        known = record.id in table
        table[record.id] = record
        if not known and record.kind in self.orders:
            self.orders[record.kind].add(record.id, record.created)
        if isinstance(record, objects.BalanceTransaction):
            self._index_row(record, known=known)
        elif known:
            return
        elif isinstance(record, objects.Charge | objects.Capture):
            self.by_intent.setdefault(record.payment_intent, []).append(record.id)
        elif isinstance(record, objects.Refund | objects.Dispute):
            self.by_charge.setdefault(record.charge, []).append(record.id)

    def _index_row(self, row: objects.BalanceTransaction, *, known: bool) -> None:
        if not known:
            self.total += row.amount - row.fee
            if row.available_on > self.now():
                self.pending[row.id] = None
        if row.payout is None and row.type != "payout":
            self.unpaid[row.id] = None
            return
        self.unpaid.pop(row.id, None)
        if row.payout is not None:
            order = self.by_payout.setdefault(row.payout, Order())
            if order.place(row.id, row.created) is None:
                order.add(row.id, row.created)

    def forget(self) -> None:
        """Forget every object but the configured webhook endpoint."""
        endpoints = [e for e in self.tables["webhook_endpoint"].values() if e.configured]
        for table in self.tables.values():
            table.clear()
        for index in (self.by_intent, self.by_charge, self.unpaid, self.pending, self.by_payout):
            index.clear()
        for order in self.orders.values():
            order.clear()
        self.total = 0
        self.tables["webhook_endpoint"].update({endpoint.id: endpoint for endpoint in endpoints})

    def get(self, cls: type[R], object_id: str, param: str | None = None) -> R:
        """The record of this id. Raises MissingError: 404, or 400 when a parameter named it."""
        found: R | None = self.tables[cls.kind].get(object_id)
        if found is None:
            noun = _NOUNS.get(cls.kind, cls.kind)
            if param is None:
                raise errors.MissingError(noun, object_id, _PATH_PARAMS.get(cls.kind, "id"))
            raise errors.MissingError(noun, object_id, param, status=400)
        return found

    def refunds_of(self, charge: objects.Charge) -> list[objects.Refund]:
        """The charge's refunds, oldest first."""
        table = self.tables["refund"]
        return [table[key] for key in self.by_charge.get(charge.id, ()) if key in table]

    def charges_of(self, intent_id: str) -> list[objects.Charge]:
        """The intent's charges, oldest first: the failed ones too."""
        table = self.tables["charge"]
        return [table[key] for key in self.by_intent.get(intent_id, ()) if key in table]

    def disputes_of(self, charge: objects.Charge) -> list[objects.Dispute]:
        """The charge's disputes, oldest first."""
        table = self.tables["dispute"]
        return [table[key] for key in self.by_charge.get(charge.id, ()) if key in table]

    def captures_of(self, intent_id: str) -> list[objects.Capture]:
        """The intent's captures, oldest first."""
        table = self.tables["capture"]
        return [table[key] for key in self.by_intent.get(intent_id, ()) if key in table]


_NOUNS = {"report_run": "report_run", "payment_method": "PaymentMethod"}
_PATH_PARAMS = {"payment_intent": "intent", "payment_method": "payment_method"}
