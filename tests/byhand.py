"""Rows written by hand, as a person at the database's own prompt would, and what the database says to that."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.types.json import Jsonb

from payments.kernel import ids


def sql(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What it answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)  # type: ignore[arg-type]  # whatever the adapters know
        return cursor.fetchall() if cursor.description else []


def key(public: str) -> uuid.UUID:
    """The row's key, of the id that everybody else sees."""
    return ids.decode(public.partition("_")[0], public)


def copy(table: str, row: uuid.UUID, **facts: object) -> uuid.UUID:
    """Write the row once more, under a new key and with other facts."""
    new = uuid.uuid4()
    given: Mapping[str, object] = {"id": str(new), **facts}
    sql(f"INSERT INTO {table} SELECT (jsonb_populate_record(t, %s)).* FROM {table} t WHERE id = %s", Jsonb(given), row)
    return new


@contextmanager
def taken() -> Iterator[None]:
    """What is done inside is taken by the database, also by the rules that wait for the commit."""
    with transaction.atomic():
        yield
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def refused(words: str) -> Iterator[None]:
    """What is done inside is refused in these words, and leaves nothing."""
    with pytest.raises(IntegrityError, match=words), transaction.atomic():  # noqa: PT012  the commit's rules too
        yield
        sql("SET CONSTRAINTS ALL IMMEDIATE")


@contextmanager
def behind_the_guards() -> Iterator[None]:
    """What only a superuser can do, and only when he means it: no trigger and no foreign key stands in the way."""
    with transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")
        yield
        sql("SET LOCAL session_replication_role = origin")


@contextmanager
def elsewhere() -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Somebody else at a prompt of their own; what they have not committed when they leave is lost."""
    other = connection.copy()

    def said(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with other.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    try:
        yield said
    finally:
        other.close()


@contextmanager
def locked(table: str, mode: str) -> Iterator[None]:
    """Somebody else holds a lock on a table, in PostgreSQL's words for the mode."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {table} IN {mode} MODE")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def waits_for_lock(query: str) -> bool:
    """True while a statement that this regular expression describes waits for a lock."""
    [(waiting,)] = sql(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ %s"
        " AND datname = current_database())",
        query,
    )
    return bool(waiting)
