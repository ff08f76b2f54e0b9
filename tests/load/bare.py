"""A payment's bare SQL: a pgbench script made of the statements that two real payments sent."""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from psycopg import Binary
from psycopg.types.json import Json, Jsonb

Value = list[Any]
"""A parameter as JSON can carry it: its kind, and what it says."""

LOCKS: Final = ("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "pg_advisory")
WRITES: Final = ("INSERT ", "UPDATE ", "DELETE ")
PLACEHOLDER: Final = re.compile(r"%s|%\((\w+)\)s|%%")
LITERAL: Final = re.compile(r"'([^']*)'")
SHORTEST_UNIQUE: Final = 15  # characters: below that a random end could come twice
HEX: Final = 32
FIXED: Final = {
    "null": "NULL",
    "moment": "statement_timestamp()",
    "interval": "interval '{} seconds'",
    "number": "{}",
}
"""What is written into the script as it is."""


class Unlike(RuntimeError):
    """The two payments did not send the same statements, or say something that no script can; the message says what."""


def written(params: Any) -> dict[str, Value]:
    """The parameters of a statement by name, or by position."""
    named = params if isinstance(params, Mapping) else {str(at): value for at, value in enumerate(params or ())}
    return {name: _value(value) for name, value in named.items()}


def _value(value: Any) -> Value:
    for types, kind, say in KINDS:
        if isinstance(value, types):
            return [kind, say(value)]
    raise Unlike(f"a parameter of type {type(value).__name__}")


def _text(value: Json | Jsonb) -> str:
    dumped = (value.dumps or json.dumps)(value.obj)
    return dumped if isinstance(dumped, str) else dumped.decode()


KINDS: Final[list[tuple[Any, str, Callable[[Any], Any]]]] = [
    (type(None), "null", lambda _: ""),
    (uuid.UUID, "uuid", lambda value: value.hex),
    (datetime, "moment", lambda _: ""),
    (timedelta, "interval", timedelta.total_seconds),
    ((Json, Jsonb), "json", _text),
    (Binary, "bytes", lambda value: bytes(value.obj).hex()),
    ((bytes, memoryview), "bytes", lambda value: bytes(value).hex()),
    ((bool, int, float), "number", str),
    ((list, tuple), "list", lambda value: [_value(item) for item in value]),
    (str, "text", str),
]


def matters(statement: Mapping[str, Any]) -> bool:
    """Whether a statement writes or locks; a claim that found nothing does neither."""
    sql = statement["sql"].lstrip()
    if statement["found"] is not None:
        return bool(statement["found"])
    writes = sql.startswith(WRITES) or (sql.startswith("WITH ") and any(word in sql for word in WRITES))
    return writes or any(lock in sql for lock in LOCKS)


@dataclass
class Script:
    """What is new with every payment becomes a variable that the first statement makes; the rest stays as it was."""

    fresh: dict[str, int] = field(default_factory=dict)  # hex digits of the first payment's ids
    twins: dict[str, str] = field(default_factory=dict)  # the second payment's ids, by the first's
    opaque: dict[str, int] = field(default_factory=dict)  # other texts that differ, by the first payment's
    texts: dict[str, str] = field(default_factory=dict)  # expressions of the head, by variable
    constants: dict[str, str] = field(default_factory=dict)

    def of(self, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> str:
        """The script; `constants` go to pgbench beside it. Raises Unlike."""
        ours, theirs = list(filter(matters, first)), list(filter(matters, second))
        if [statement["sql"] for statement in ours] != [statement["sql"] for statement in theirs]:
            raise Unlike("the two payments sent different statements")
        pairs = list(zip(ours, theirs, strict=True))
        for one, other in pairs:
            for name, value in one["params"].items():
                self._learn(value, other["params"][name])
        lines = [line for _, group in groupby(pairs, key=_unit) for line in self._transaction(list(group))]
        return "\n".join([self._head(), *lines, ""])

    def _learn(self, one: Value, other: Value) -> None:
        """Note the ids that differ."""
        if one[0] == "list":
            for mine, its in zip(one[1], other[1], strict=True):
                self._learn(mine, its)
        elif one[0] == "uuid" and one != other:
            self.fresh.setdefault(one[1], len(self.fresh))
            if self.twins.setdefault(one[1], other[1]) != other[1]:
                raise Unlike("an id of one payment is two in the other")

    def _transaction(self, pairs: list[tuple[Any, Any]]) -> Iterator[str]:
        """Frames and pipelines as the code has them: psycopg sends BEGIN along with the first statement."""
        frame = ["BEGIN;"] if pairs[0][0]["transaction"] is not None else []
        for pipelined, group in groupby(pairs, key=lambda pair: pair[0]["pipelined"]):
            lines = [*frame, *(self._statement(one, other) for one, other in group)]
            yield from ["\\startpipeline", *lines, "\\endpipeline"] if pipelined else lines
            frame = []
        if pairs[0][0]["transaction"] is not None:
            yield "COMMIT;"

    def _statement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
        places = iter(range(len(one["params"])))

        def put(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%"
            name = match[1] or str(next(places))
            return self._put(one["params"][name], other["params"][name])

        sql = LITERAL.sub(lambda found: self._literal(found[1]) if ":" in found[1] else found[0], one["sql"].strip())
        return f"{self._claim(PLACEHOLDER.sub(put, sql), one['found'])};"

    def _claim(self, sql: str, found: Sequence[str] | None) -> str:
        """A claim takes its own payment's rows: in a drain each row is taken once too, by whoever comes first."""
        if found is None:
            return sql
        at = sql.rindex("WHERE ", 0, sql.index("SKIP LOCKED")) + len("WHERE ")
        rows = ", ".join(self._put(["uuid", row.replace("-", "")], None) for row in found)
        return f"{sql[:at]}id = ANY(ARRAY[{rows}]) AND {sql[at:]}"

    def _put(self, one: Value, other: Value | None) -> str:
        kind, said = one
        if kind == "text":
            return f":{self._of_text(said, other[1] if other else said)}" if said else "''"
        if kind == "list":
            return self._list(said, other)
        if kind == "uuid":
            return f":u{self.fresh[said]}::uuid" if said in self.fresh else f"'{said}'::uuid"
        if kind in ("json", "bytes"):
            constant = self._constant(f"\\x{said}" if kind == "bytes" else said)
            return f":{constant}::{'bytea' if kind == 'bytes' else 'jsonb'}"
        return FIXED[kind].format(said)

    def _list(self, items: list[Value], other: Value | None) -> str:
        others = other[1] if other else items
        if not items:
            return "'{}'"
        return f"ARRAY[{', '.join(self._put(mine, its) for mine, its in zip(items, others, strict=True))}]"

    def _of_text(self, one: str, other: str) -> str:
        """The variable of a text: the same every time, or made of the payment's ids, or unique in its own way."""
        if one == other:
            return self._constant(one)
        pieces = re.split("(" + "|".join(self.fresh) + ")", one)
        if "".join(self.twins.get(piece, piece) for piece in pieces) == other:
            parts = [self._hex(f"u{self.fresh[piece]}") if piece in self.fresh else self._literal(piece)
                     for piece in pieces if piece]  # fmt: skip
            return self._made(" || ".join(parts))
        if len(one) < SHORTEST_UNIQUE:
            raise Unlike(f"{one!r} and {other!r} are too short to be told apart a million times")
        number = self.opaque.setdefault(one, len(self.opaque))
        kept = max(3, len(one) - HEX)
        return self._made(f"{self._literal(one[:kept])} || right({self._hex(f'o{number}')}, {len(one) - kept})")

    def _literal(self, text: str) -> str:
        """A text that pgbench does not look into: it would take `:a` for a variable."""
        return f":{self._constant(text)}::text"

    @staticmethod
    def _hex(name: str) -> str:
        return f"replace({name}::text, '-', '')"

    def _made(self, expression: str) -> str:
        return self.texts.setdefault(expression, f"t{len(self.texts)}")

    def _constant(self, text: str) -> str:
        return self.constants.setdefault(text, f"c{len(self.constants)}")

    def _head(self) -> str:
        """What Python makes for a payment, made by one SELECT instead."""
        names = [f"u{number}" for number in range(len(self.fresh))]
        names += [f"o{number}" for number in range(len(self.opaque))]
        made = ", ".join([*names, *(f"{expression} AS {name}" for expression, name in self.texts.items())])
        return f"SELECT {made} FROM (SELECT {', '.join(f'uuidv7() AS {name}' for name in names)}) AS fresh \\gset"


def _unit(pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[str, int]:
    """What is committed together: a transaction, or one statement on its own."""
    number = pair[0]["transaction"]
    return ("transaction", number) if number is not None else ("statement", id(pair[0]))
