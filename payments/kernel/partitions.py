"""Monthly partitions of the large append-only tables: made ahead of time, old deliveries detached."""

from datetime import timedelta
from typing import Final

from django.db import DatabaseError, connection

from payments.kernel import clock
from payments.kernel.jobs import Queue, job

PARTITIONED: Final = ("payments_entry", "payments_statechange", "payments_delivery", "payments_deliverytry")
MONTHS_AHEAD: Final = 12
KEPT_MONTHS: Final = {"payments_delivery": 13, "payments_deliverytry": 13}
"""Tables whose old months leave; what proves money stays for ever."""


@job("keep_partitions", Queue.UPKEEP, every=timedelta(hours=12))
def keep() -> None:
    """Make the months to come, and detach those past keeping; a detached month is archived and dropped by hand.

    A table that is locked for too long does not stop the others; the job fails at the end, and comes back soon.
    """
    failures: list[Exception] = []
    for table in PARTITIONED:
        for act in (_make_months, _detach_old):
            try:
                act(table)
            except DatabaseError as error:
                failures.append(error)
    if failures:
        raise ExceptionGroup("not every partition is kept", failures)


def _make_months(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT payments_ensure_months(%s, 0, %s)", [table, MONTHS_AHEAD])


def _detach_old(table: str) -> None:
    if table in KEPT_MONTHS:
        for part in _older_than(table, KEPT_MONTHS[table]):
            with connection.cursor() as cursor:
                cursor.execute("SELECT payments_detach_partition(%s, %s)", [table, part])


def _older_than(table: str, months: int) -> list[str]:
    """Partitions of a table whose month ended before it need be kept, oldest first."""
    first = clock.now().replace(day=1)
    year, month = divmod(first.year * 12 + first.month - 1 - months, 12)
    limit = f"{table}_{year:04d}{month + 1:02d}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s) AND c.relname < %s AND c.relname ~ '_[0-9]{6}$' ORDER BY 1",
            [table, limit],
        )
        return [row[0] for row in cursor.fetchall()]
