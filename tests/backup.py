"""A backup of the database, and its restore: everything is as it was, whatever the PSPs have done since."""

from django.db import connection

from payments.ledger import services as ledger
from tests.byhand import behind_the_guards, sql

SCHEMA = "test_backup"


def take() -> None:
    """Remember every row."""
    sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    sql(f"CREATE SCHEMA {SCHEMA}")
    for table in _tables():
        sql(f'CREATE TABLE {SCHEMA}."{table}" AS TABLE public."{table}"')


def restore() -> None:
    """Bring every table back to what it was, and forget the backup."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    with behind_the_guards():
        for table in _tables():
            sql(f'DELETE FROM public."{table}"')
            columns = ", ".join(f'"{column}"' for column in _columns(table))
            sql(f'INSERT INTO public."{table}" ({columns}) SELECT {columns} FROM {SCHEMA}."{table}"')
    sql(f"DROP SCHEMA {SCHEMA} CASCADE")
    ledger.forget_accounts()


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND relname NOT LIKE 'django%' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def _columns(table: str) -> list[str]:
    """All but those that the database makes from others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            [f'public."{table}"'],
        )
        return [name for (name,) in cursor.fetchall()]
