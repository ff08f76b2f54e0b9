"""Reading rows on the payment path: SQL that is written once, for what the ORM would compile on every call."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connection, models

M = TypeVar("M", bound=models.Model)
N = TypeVar("N", bound=models.Model)

Build = Callable[[Sequence[Any]], Any]


def rows(model: type[M], tail: str, params: Sequence[object]) -> list[M]:
    """The rows of `SELECT <all columns of a> FROM <table> a <tail>`; the tail is a constant of ours."""
    columns, build = _read(model, "a")
    return [build(row) for row in _fetch(f'SELECT {columns} FROM "{model._meta.db_table}" a {tail}', params)]  # noqa: S608


def one(model: type[M], tail: str, params: Sequence[object]) -> M | None:
    """The first of these rows, or None."""
    return next(iter(rows(model, tail, params)), None)


def pair(first: type[M], second: type[N], tail: str, params: Sequence[object]) -> tuple[M, N] | None:
    """One row of each of two tables, called a and b in `tail`, which begins with how they are joined; or None."""
    (columns, build), (more, build_other) = _read(first, "a"), _read(second, "b")
    tables = f'"{first._meta.db_table}" a JOIN "{second._meta.db_table}" b'
    found = _fetch(f"SELECT {columns}, {more} FROM {tables} {tail}", params)  # noqa: S608  names from our own models
    if not found:
        return None
    width = len(first._meta.concrete_fields)
    return build(found[0][:width]), build_other(found[0][width:])


def built(model: type[M], row: Sequence[Any]) -> M:
    """The instance that a row with the values of all columns, in the order of the model's fields, stands for."""
    _, build = _read(model, "a")
    return cast(M, build(row))


def key(model: type[models.Model], public_id: str) -> object:
    """A public id as the database has it; ValidationError when it is not an id of this kind of object."""
    return model._meta.pk.get_db_prep_value(public_id, connection)


def _fetch(sql: str, params: Sequence[object]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)  # type: ignore[arg-type]  # whatever the adapters know
        return list(cursor.fetchall())


@cache
def _read(model: type[models.Model], alias: str) -> tuple[str, Build]:
    """The columns to select, and what makes an instance of their values as the ORM would."""
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    converters = [(index, convert) for index, field in enumerate(fields) if (convert := _converter(field)) is not None]

    def build(row: Sequence[Any]) -> models.Model:
        values = list(row)
        for index, convert in converters:
            values[index] = convert(values[index], None, connection)
        return model.from_db("default", names, values)

    return ", ".join(f'{alias}."{field.column}"' for field in fields), build


def _converter(field: Any) -> Any:
    """How a column becomes what Python sees: ids are text, JSON is parsed; most need nothing."""
    return getattr(field.target_field if field.is_relation else field, "from_db_value", None)
