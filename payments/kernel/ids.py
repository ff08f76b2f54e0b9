"""Identifiers: a UUIDv7 in the database, `prefix_` and 32 hex digits everywhere else."""

import os
import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import Promise

from payments.kernel import clock

_HEX = re.compile(r"[0-9a-f]{32}")
_lock = threading.Lock()
_last = 0
_DIFFER = timedelta(days=1)
_SET_BACK = 10_000 << 12  # ten seconds, as stamps count them


def _free_lock() -> None:
    """In a forked child nobody is left who could release what another thread held at the fork."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_free_lock)


def uuid7(at: datetime | None = None) -> uuid.UUID:
    """A time-ordered UUID (RFC 9562, version 7), strictly increasing within this process.

    With `at`, or while the clock is set to a moment, it carries that one, in no order among its equals. When the
    machine's clock is set back by more than ten seconds, ids follow it: rows by time are found by their ids.
    """
    global _last
    at = at or clock.standing()
    if at is not None:
        return _build(int(at.timestamp() * 1000) << 12 | int.from_bytes(os.urandom(2), "big") >> 4)
    with _lock:
        stamp = time.time_ns() // 1_000_000 << 12 | time.time_ns() % 1_000_000 * 4096 // 1_000_000
        _last = stamp = stamp if _last - stamp > _SET_BACK else max(stamp, _last + 1)
    return _build(stamp)


def _build(stamp: int) -> uuid.UUID:
    """48 bits of milliseconds and 12 bits below them, then 62 random bits."""
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=(stamp >> 12) << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 2 << 62 | random)


def moment(value: uuid.UUID) -> datetime:
    """The millisecond that a UUIDv7 carries."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def first(at: datetime) -> uuid.UUID:
    """The smallest UUIDv7 of a moment: rows by time are rows by their keys."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def not_before(at: datetime) -> uuid.UUID:
    """No UUIDv7 that was made since then is smaller, though clocks differ: older partitions need not be read."""
    return first(at - _DIFFER)


def encode(prefix: str, value: uuid.UUID) -> str:
    """`pi` and a UUID -> `pi_0198…`."""
    return f"{prefix}_{value.hex}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """`pi_0198…` -> the UUID; ValueError when it is not an id of this kind."""
    head, _, digits = text.rpartition("_")
    if head != prefix or not _HEX.fullmatch(digits):
        raise ValueError(f"not an id of the kind {prefix}_…")
    return uuid.UUID(hex=digits)


def new(prefix: str, at: datetime | None = None) -> str:
    """A fresh public id of one kind."""
    return encode(prefix, uuid7(at))


if TYPE_CHECKING:
    _Field = models.Field[str, str]  # Python sees text
else:
    _Field = models.UUIDField


class IdField(_Field):
    """A primary key that Python sees as `prefix_<32 hex>` and PostgreSQL as `uuid`.

    SQL makes the same text by `'pi_' || replace(id::text, '-', '')`. A malformed or foreign id raises
    ValidationError in queries, which the doors answer with 404.
    """

    def __init__(self, prefix: str, **options: Any) -> None:
        self.prefix = prefix
        options.setdefault("primary_key", True)
        options["editable"] = False
        super().__init__(**options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.prefix, *args], {key: kwargs[key] for key in kwargs if key != "editable"}

    def get_default(self) -> str:
        return new(self.prefix)

    def from_db_value(self, value: uuid.UUID | None, *_: object) -> str | None:
        return None if value is None else encode(self.prefix, value)

    def to_python(self, value: Any) -> str | None:
        if value is None:
            return None
        return encode(self.prefix, self._uuid(value))

    def get_prep_value(self, value: Any) -> uuid.UUID | None:
        return None if value is None else self._uuid(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002, ARG002
        return self.get_prep_value(value)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))

    def _uuid(self, value: Any) -> uuid.UUID:
        if isinstance(value, uuid.UUID):
            return value
        try:
            return decode(self.prefix, value if not isinstance(value, Promise) else str(value))
        except (ValueError, AttributeError, TypeError) as error:
            raise ValidationError(
                "“%(value)s” is not an id of the kind %(kind)s_…",
                code="invalid",
                params={"value": value, "kind": self.prefix},
            ) from error
