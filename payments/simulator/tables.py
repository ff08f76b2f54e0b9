"""The records of one merchant account at a simulated PSP: in memory, and in the journal when there is one."""

import base64
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import orjson

from payments.simulator.accounts import Account
from payments.simulator.clock import DAY
from payments.simulator.world import World

DAY_END = "day_end"
_WINDOW = 13


class Record(Protocol):
    """A small dataclass; `kind` names its table."""

    kind: ClassVar[str]
    id: str


R = TypeVar("R", bound=Record)


def packed(data: bytes) -> bytes:
    """Bytes as they are kept: a simulator holds very many of them."""
    # A small window: setting up the usual one costs six times as much as the work.
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW, 5)
    return squeeze.compress(data) + squeeze.flush()


def unpacked(data: bytes) -> bytes:
    """The bytes that were packed."""
    return zlib.decompress(data, -_WINDOW)


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)


@dataclass(slots=True)
class Tables:
    """All that one account has. Records change in place; `save` makes the change last."""

    psp: ClassVar[str]
    kinds: ClassVar[Mapping[str, type[Any]]]

    world: World
    account: Account
    tables: dict[str, dict[str, Any]] = field(init=False)
    # Idempotency keys whose first request still runs.
    executing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tables = {kind: {} for kind in self.kinds}

    def owed(self) -> int:
        """What the PSP owes the merchant, in the smallest unit of its currency: available or not yet."""
        raise NotImplementedError

    def now(self) -> int:
        """Simulator time in seconds."""
        return self.world.clock.now()

    def save(self, record: Record) -> None:
        """Keep a new or changed record."""
        self.index(record)
        self.world.journal.note(self.account.code, f"{self.psp}.{record.kind}", record.id, _row(record, self.world))

    def index(self, record: Any) -> None:
        """Put the record where it is found; a PSP adds what else it looks up by."""
        self.tables[record.kind][record.id] = record

    def drop(self, record: Record) -> None:
        """Forget a record."""
        self.tables[record.kind].pop(record.id, None)
        self.world.journal.note(
            self.account.code, f"{self.psp}.{record.kind}", record.id, {"id": record.id, "dropped": True}
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
            self.index(self.kinds[kind](**row))

    def forget(self) -> None:
        """Forget every record."""
        for table in self.tables.values():
            table.clear()

    def find(self, cls: type[R], record_id: str | None) -> R | None:
        """The record of this id."""
        found: R | None = self.tables[cls.kind].get(record_id or "")
        return found

    def known(self, cls: type[R], record_id: str) -> R:
        """A record that our own references promise."""
        found: R = self.tables[cls.kind][record_id]
        return found

    def newest(self, cls: type[R]) -> Iterator[R]:
        """All records of a kind, newest first."""
        return reversed(self.tables[cls.kind].values())

    def later(self, seconds: float, action: str, target: str) -> None:
        """Let something happen to a record after so many seconds of simulator time."""
        clock = self.world.clock
        clock.schedule(clock.time() + seconds, self.psp, self.account.code, action, target)

    def have_days(self) -> None:
        """Have a timer for the next midnight UTC."""
        clock = self.world.clock
        if not clock.has(self.psp, self.account.code, DAY_END):
            clock.schedule((self.now() // DAY + 1) * DAY, self.psp, self.account.code, DAY_END, DAY_END)


def _row(record: Record, world: World) -> Any:
    """What the journal writes: the record itself, read when the request ends."""
    body = getattr(record, "body", None)
    if world.journal.active and isinstance(body, bytes):
        row = {name: getattr(record, name) for name in record.__dataclass_fields__ if name != "kind"}  # type: ignore[attr-defined]
        row["body"] = base64.b64encode(body).decode()
        return row
    return record
