"""Between tests: the database back to what the migrations put there, and none of its rows in this process's memory."""

import shutil
from typing import Any

from django import test
from django.conf import settings
from django.db import connection, transaction

SEEDS = "test_seeds"


def remember_seeds() -> None:
    """Copy what the migrations filled; call once, after they ran."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SEEDS} CASCADE; CREATE SCHEMA {SEEDS}")
        for table in _filled(_tables("public")):
            cursor.execute(f'CREATE TABLE {SEEDS}."{table}" AS TABLE public."{table}"')


def fixture_teardown(_case: test.TransactionTestCase) -> None:
    """What replaces Django's flush: it costs 90 ms and fails on the guards of the ledger."""
    connection.close_if_unusable_or_obsolete()
    seeded = _tables(SEEDS)
    changed = [*_filled(_tables("public") - seeded), *_changed(seeded)]
    if not changed:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger and no foreign key fires
        for table in changed:
            cursor.execute(f'DELETE FROM public."{table}"')
            if table in seeded:
                cursor.execute(f'INSERT INTO public."{table}" TABLE {SEEDS}."{table}"')


def forget_rows() -> None:
    """Let this process know no row any more: it keeps some for seconds, and another test's are gone by then.

    Here stands everything in which a process remembers rows, or how providers have behaved, and what it has written
    about rows outside of the database.
    """
    # Django is not configured yet when we are imported.
    from payments.gateway import circuits, limits  # noqa: PLC0415
    from payments.intents import rulebook  # noqa: PLC0415
    from payments.ledger import seal  # noqa: PLC0415
    from payments.ledger import services as ledger  # noqa: PLC0415
    from payments.methods import selectors as methods  # noqa: PLC0415
    from payments.rest import requestlog  # noqa: PLC0415

    rulebook.forget()  # rules, switches and accounts
    methods.forget()
    ledger.forget_accounts()
    requestlog.forget()
    shutil.rmtree(settings.RUN_DIR / seal.ANCHORS, ignore_errors=True)  # they name blocks that are gone
    if limits.forget():  # a provider was called
        circuits.forget()


def _tables(schema: str) -> set[str]:
    rows = _rows(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname <> 'django_migrations'",
        [schema],
    )
    return {row[0] for row in rows}


def _filled(tables: set[str]) -> list[str]:
    questions = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM public.\"{table}\")" for table in sorted(tables)]
    return [row[0] for row in _rows(" UNION ALL ".join(questions))] if questions else []


def _changed(tables: set[str]) -> list[str]:
    content = "(SELECT md5(string_agg(row::text, ',' ORDER BY row::text)) FROM {0}.\"{1}\" row)"
    questions = [
        f"SELECT '{table}' WHERE {content.format('public', table)} IS DISTINCT FROM {content.format(SEEDS, table)}"
        for table in sorted(tables)
    ]
    return [row[0] for row in _rows(" UNION ALL ".join(questions))] if questions else []


def _rows(query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
