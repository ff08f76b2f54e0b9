"""The database backend of a process that has no database: PostgreSQL's SQL, and a clear sentence on connecting."""

from typing import Any, NoReturn

from django.core.management import CommandError
from django.db.backends.postgresql import base
from django.db.utils import OperationalError


class NoDatabaseError(CommandError, OperationalError):
    """Nothing is configured to connect to; the command line shows the sentence alone."""


class DatabaseWrapper(base.DatabaseWrapper):
    """What needs no database (check, makemigrations, generated docs) works; what needs one is told."""

    def get_new_connection(self, *_arguments: Any, **_named: Any) -> NoReturn:
        """Refuse, saying what to do."""
        raise NoDatabaseError("no database: run `make up`, or set DATABASE_URL")
