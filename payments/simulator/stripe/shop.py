"""One account at the simulated Stripe: its tables, its events, what its journal rows mean."""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from payments.simulator.accounts import Account
from payments.simulator.stripe import errors, objects
from payments.simulator.world import World

PSP = "stripe"
API_VERSION = "2026-10-28.endive"

_WINDOW = 13

R = TypeVar("R", bound=objects.Record)


@dataclass(slots=True)
class Request:
    """Who asked: stands in the events that the request causes."""

    id: str | None = None
    idempotency_key: str | None = None


def packed(data: bytes) -> bytes:
    """Bytes as they are kept: a simulator holds very many of them."""
    # A small window: setting up the usual one costs six times as much as the work.
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW, 5)
    return squeeze.compress(data) + squeeze.flush()


def unpacked(data: bytes) -> bytes:
    """The bytes that were packed."""
    return zlib.decompress(data, -_WINDOW)


@dataclass(slots=True)
class Shop:
    """All that one Stripe account has. Records change in place; `save` makes the change last."""

    world: World
    account: Account
    request: Request = field(default_factory=Request)
    tables: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in objects.KINDS})
    by_intent: dict[str, list[str]] = field(default_factory=dict)
    by_charge: dict[str, list[str]] = field(default_factory=dict)
    unpaid: dict[str, None] = field(default_factory=dict)
    executing: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """acct_..."""
        digits = self.account.code.encode().hex()[:16].rjust(16, "1")
        return f"acct_{digits}"

    def now(self) -> int:
        """Simulator time in seconds."""
        return self.world.clock.now()

    def new_id(self, prefix: str) -> str:
        """A fresh object id."""
        return self.world.ids.next(prefix)

    def save(self, record: objects.Record) -> None:
        """Keep a new or changed record."""
        self._index(record)
        self.world.journal.note(self.account.code, f"{PSP}.{record.kind}", record.id, _row(record, self.world))

    def _index(self, record: objects.Record) -> None:
        table = self.tables[record.kind]
        known = record.id in table
        table[record.id] = record
        if isinstance(record, objects.BalanceTransaction):
            if record.payout is None and record.type != "payout":
                self.unpaid[record.id] = None
            else:
                self.unpaid.pop(record.id, None)
        elif known:
            return
        elif isinstance(record, objects.Charge | objects.Capture):
            self.by_intent.setdefault(record.payment_intent, []).append(record.id)
        elif isinstance(record, objects.Refund | objects.Dispute):
            self.by_charge.setdefault(record.charge, []).append(record.id)

    def drop(self, record: objects.Record) -> None:
        """Forget a record."""
        self.tables[record.kind].pop(record.id, None)
        self.world.journal.note(
            self.account.code, f"{PSP}.{record.kind}", record.id, {"id": record.id, "dropped": True}
        )

    def restore(self, kind: str, row: dict[str, Any]) -> None:
        """Take back a row from the journal."""
        if kind == "clear":
            self.forget()
        elif "dropped" in row:
            self.tables[kind].pop(row["id"], None)
        else:
            if isinstance(row.get("body"), str):
                row["body"] = base64.b64decode(row["body"])
            self._index(objects.KINDS[kind](**row))

    def forget(self) -> None:
        """Forget every object but the configured webhook endpoint."""
        endpoints = [e for e in self.tables["webhook_endpoint"].values() if e.configured]
        for table in self.tables.values():
            table.clear()
        for index in (self.by_intent, self.by_charge, self.unpaid):
            index.clear()
        self.tables["webhook_endpoint"].update({endpoint.id: endpoint for endpoint in endpoints})

    def find(self, cls: type[R], object_id: str | None) -> R | None:
        """The record of this id."""
        found: R | None = self.tables[cls.kind].get(object_id or "")
        return found

    def get(self, cls: type[R], object_id: str, param: str | None = None) -> R:
        """The record of this id. Raises MissingError: 404, or 400 when a parameter named it."""
        found: R | None = self.tables[cls.kind].get(object_id)
        if found is None:
            noun = _NOUNS.get(cls.kind, cls.kind)
            if param is None:
                raise errors.MissingError(noun, object_id, _PATH_PARAMS.get(cls.kind, "id"))
            raise errors.MissingError(noun, object_id, param, status=400)
        return found

    def known(self, cls: type[R], object_id: str) -> R:
        """A record that our own references promise."""
        found: R = self.tables[cls.kind][object_id]
        return found

    def newest(self, cls: type[R]) -> Iterator[R]:
        """All records of a kind, newest first."""
        return reversed(self.tables[cls.kind].values())

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

    def later(self, seconds: float, action: str, target: str) -> None:
        """Let something happen to an object after so many seconds of simulator time."""
        clock = self.world.clock
        clock.schedule(clock.time() + seconds, PSP, self.account.code, action, target)


_NOUNS = {"report_run": "report_run", "payment_method": "PaymentMethod"}
_PATH_PARAMS = {"payment_intent": "intent", "payment_method": "payment_method"}


def _row(record: objects.Record, world: World) -> Any:
    """What the journal writes: the record itself, read when the request ends."""
    if isinstance(record, objects.Event | objects.Answer) and world.journal.active:
        row = {name: getattr(record, name) for name in record.__dataclass_fields__ if name != "kind"}
        row["body"] = base64.b64encode(record.body).decode()
        return row
    return record


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)
