"""The books of a legal entity: who closes or reopens them waits for whoever is writing, and only for a moment."""

from datetime import datetime
from typing import Final

import psycopg
from django.db import OperationalError, connection

from payments.gateway.models import LegalEntity
from payments.kernel.errors import invariant

LOCK: Final = 1651470187
"""Of whoever writes into books, shared, and of whoever closes them, alone: the database's trigger takes it too."""

NOBODYS: Final = 0
"""The second number of what belongs to no entity in particular; an entity's own is the hash of its id."""

PATIENCE: Final = "100ms"
"""Whoever waits for the books makes those behind him wait, and they are payments."""

HOLD: Final = "SELECT pg_advisory_xact_lock(%s, hashtext(id::text)) FROM payments_legalentity WHERE id = %s"


class Busy(Exception):
    """Somebody is writing into the books for longer than we want to wait: try again in a while."""


def hold(entity_id: str) -> LegalEntity:
    """Stop the books of an entity until the end of the transaction: nothing is being written, and nothing begins to.

    Everything that was written before can be read now. Raises `Busy` when that would take longer than a moment; the
    transaction is lost then. Hold books shortly: payments wait.
    """
    invariant(connection.in_atomic_block, "books are held until the end of a transaction")
    key = LegalEntity._meta.pk.get_db_prep_value(entity_id, connection)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
            cursor.execute(HOLD, [LOCK, key])
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, NOBODYS])
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise Busy(entity_id) from error
        raise
    return LegalEntity.objects.select_for_update().get(pk=entity_id)


def close(entity: LegalEntity, until: datetime | None) -> None:
    """Books that are held are closed up to `until`, which may be less than before; None: they are open, with the unit.

    Whatever is booked from now on into what is closed stands in the open period and keeps its date as the original.
    """
    entity.change(closed_until=until)
