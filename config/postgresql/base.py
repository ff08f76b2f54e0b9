"""Django's PostgreSQL backend, whose errors say what was broken and never show the row that broke it."""

from functools import cached_property
from types import TracebackType

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper


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
    """Django's, with discreet errors; everything of ours that talks to PostgreSQL goes through here."""

    @cached_property
    def wrap_database_errors(self) -> Discreet:
        """The context in which every statement is executed and every answer fetched."""
        return Discreet(self)
