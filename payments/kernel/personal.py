"""Columns of personal data: Python reads them as they are, the database has them encrypted."""

import json
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models.lookups import IsNull, Lookup

from payments.kernel import cipher

if TYPE_CHECKING:
    _Encrypted = models.Field[Any, Any]
    _Text = models.Field[str, str]
    _Lookup = Lookup[str]
else:
    _Encrypted = _Text = models.Field
    _Lookup = Lookup


class Column(_Encrypted):
    """A `bytea` that is encrypted for its table and column; empty is NULL. Nothing of it can be asked but whether."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "null": True, "blank": True, "editable": False})

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, _, kwargs = super().deconstruct()
        return name, path, [], {key: kwargs[key] for key in kwargs if key not in ("null", "blank", "editable")}

    def get_internal_type(self) -> str:
        return "BinaryField"

    @property
    def place(self) -> str:
        """For which table and column values are encrypted."""
        return f"{self.model._meta.db_table}.{self.column}"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002, ARG002
        return self.prefix(value) + cipher.encrypt(self.written(value), place=self.place) if value else None

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> Any:
        if value is None:
            return self.get_default()
        return self.read(cipher.decrypt(bytes(value)[len(self.prefix("")) :], place=self.place))

    def get_lookup(self, lookup_name: str) -> Any:
        return IsNull if lookup_name == "isnull" else None

    @property
    def key(self) -> models.Func:
        """The expression of which key has encrypted a value, as `cipher.newest` says it."""
        start, length = len(self.prefix("")) + 1, len(cipher.VERSION) + cipher.NUMBER
        template = f"substring(%(expressions)s, {start}, {length})"
        return models.Func(models.F(self.name), template=template, output_field=models.BinaryField())

    def prefix(self, value: Any) -> bytes:  # noqa: ARG002  for subclasses
        """What stands before the encrypted value, always of one length."""
        return b""

    def written(self, value: Any) -> bytes:
        """A value as bytes."""
        return bytes(value)

    def read(self, plain: bytes) -> Any:
        """The same back."""
        return plain


def prepared(model: type[models.Model], name: str, value: object) -> Any:
    """A value of such a column as SQL of our own writes it."""
    field: Any = model._meta.get_field(name)
    return field.get_db_prep_save(value, connection)


def prefer_plain(row: models.Model, *names: str) -> None:
    """Where `plain_<name>` says something, it is what a process of before encryption has written, and counts."""
    known = row.__dict__  # what was not read with the row is not asked for now
    for name in names:
        if plain := known.get(f"plain_{name}"):
            known[name] = plain


class Bytes(Column):
    """Bytes, or None."""


class Json(Column):
    """A JSON object; an empty one is NULL. With `default=dict`."""

    def written(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def read(self, plain: bytes) -> Any:
        return json.loads(plain)


class Text(Column, _Text):
    """Text that is found by exactly itself, whatever its capitals: `filter(email="Ada@example.com")`.

    The blind index stands in front of the encrypted text, so that neither is ever without the other; `BlindIndex` is
    the expression to index.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "default": ""})

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {key: kwargs[key] for key in kwargs if key != "default"}

    def get_lookup(self, lookup_name: str) -> Any:
        return Same if lookup_name == "exact" else super().get_lookup(lookup_name)

    def prefix(self, value: Any) -> bytes:
        return cipher.blind(value, place=self.place)

    def written(self, value: Any) -> bytes:
        return str(value).encode()

    def read(self, plain: bytes) -> str:
        return plain.decode()


class BlindIndex(models.Func):
    """The blind index in a column of `Text`."""

    template = f"substring(%(expressions)s, 1, {cipher.BLIND})"
    output_field = models.BinaryField()


class Same(_Lookup):
    """The rows whose text is the one that is asked for."""

    lookup_name = "exact"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """By the blind index; nobody is found by nothing."""
        column, params = self.process_lhs(compiler, connection)
        place = self.lhs.output_field.place
        return f"substring({column}, 1, {cipher.BLIND}) = %s", [*params, cipher.blind(str(self.rhs), place=place)]
