"""Django's PostgreSQL backend, whose errors say what was broken and never show the row that broke it."""

import select
from functools import cached_property
from types import TracebackType
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool


class Discreet(DatabaseErrorWrapper):
    """What stands between psycopg and everybody who sees a database error: rows, jobs, notes and logs.

    The server's DETAIL is the whole failing row or the taken key, CONTEXT and LINE quote what was sent: client
    secrets and e-mail addresses among them. The message names the constraint; the SQLSTATE is kept with it.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cut the error down before it is copied into Django's own, which keeps it as its cause."""
        if isinstance(error, psycopg.Error) and error.diag.message_primary:
            error.args = (f"{error.diag.message_primary} [{error.sqlstate}]",)
        super().__exit__(kind, error, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with discreet errors; everything of ours that talks to PostgreSQL goes through here.

    Whether a kept connection still lives, Django asks the server each time. A server that has ended it has said so:
    its socket is at its end, which the kernel knows without a round trip.
    """

    @cached_property
    def wrap_database_errors(self) -> Discreet:
        """The context in which every statement is executed and every answer fetched."""
        return Discreet(self)

    @property
    def pool(self) -> Any:
        """Django's pool of this alias, which looks at a connection before it lends it."""
        pool = super().pool
        if pool is not None and pool._check is not None:
            pool._check = refuse_ended
        return pool

    def is_usable(self) -> bool:
        """False when the server has ended the connection, or takes no statement until a rollback."""
        if self.connection is None or self.connection.info.transaction_status == TransactionStatus.INERROR:
            return False
        try:
            refuse_ended(self.connection)
        except psycopg.OperationalError:
            return False
        return True


def refuse_ended(connection: psycopg.Connection[Any]) -> None:
    """Raise `OperationalError` when the server has ended an idle connection; the pool then opens another.

    An idle connection has nothing to read but the server's farewell, or a notice, which is asked about.
    """
    if connection.closed:
        raise psycopg.OperationalError("the connection is closed")
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)
