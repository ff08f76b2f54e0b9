"""Give the database's roles what they need and no more: `manage.py grants --app ROLE --reports ROLE`.

Run by the owner of the tables, again after every `migrate`. The roles are made by who keeps their passwords:
`CREATE ROLE countinghouse_app LOGIN PASSWORD '…'`. Web and workers connect as the app, migrations as the owner.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from psycopg import sql

USUAL: Final = ("SELECT", "INSERT", "UPDATE")
KEEPING: Final = (*USUAL, "DELETE")
READING: Final = ("SELECT",)
ADDING: Final = ("SELECT", "INSERT")

APP: Final[Mapping[str, Sequence[str]]] = {
    # the books, and what happened: added to, never changed
    "payments_account": ADDING,
    "payments_transfer": ADDING,
    "payments_entry": ADDING,
    "payments_statechange": ADDING,
    "payments_auditevent": ADDING,
    "payments_audithead": READING,
    "payments_seal": READING,
    "payments_rowchange": READING,
    "payments_feecontract": ADDING,
    "refunds_disputemovement": ADDING,
    "reporting_tieout": ADDING,
    "reporting_pspbalance": ADDING,
    "reporting_bankstatement": ADDING,
    "payments_event": (*ADDING, "UPDATE (dispatched_at)"),
    # what ends
    "payments_job": KEEPING,
    # sums, which are counted anew
    "reporting_attemptsminute": KEEPING,
    "reporting_attemptshour": KEEPING,
    "reporting_attemptsday": KEEPING,
    "reporting_tallyminute": KEEPING,
    "reporting_tallyhour": KEEPING,
    "reporting_tallyday": KEEPING,
    "reporting_atrest": KEEPING,
    "payments_jobrun": KEEPING,
    "payments_idempotencykey": KEEPING,
    "django_session": KEEPING,
    "payments_staffsession": KEEPING,
    "payments_secondfactor": KEEPING,
    "payments_knownbrowser": KEEPING,
    "payments_signinguess": KEEPING,
    # staff and their groups, as the superuser of the back office keeps them
    "django_admin_log": KEEPING,
    "auth_user": KEEPING,
    "auth_group": KEEPING,
    "auth_user_groups": KEEPING,
    "auth_user_user_permissions": KEEPING,
    "auth_group_permissions": KEEPING,
    # written by migrations
    "auth_permission": READING,
    "django_content_type": READING,
    "django_migrations": READING,
}
"""What the application may do to a table, where that is not the usual."""

MONTHS: Final = ("payments_ensure_partition(text, date)", "payments_detach_partition(text, text)",
          "payments_keep_days(text, integer, integer)", "payments_forget_events(text[])")  # fmt: skip
"""What the application may ask the owner's functions for."""

SECRET: Final = (
    "auth_", "django_", "payments_apikey", "payments_apirequest", "payments_audit", "payments_rowchange",
    "payments_endpoint",
    "payments_idempotencykey", "payments_knownbrowser", "payments_secondfactor", "payments_signinguess",
    "payments_staffsession",
)  # fmt: skip
"""Beginnings of the tables that are no report's business: passwords, sessions, keys, secrets, stored answers, and what
staff did."""


class Command(BaseCommand):
    """Takes everything from the named roles that they have on our tables, and grants what they need."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--app", metavar="ROLE", help="The role that web and workers connect as.")
        parser.add_argument("--reports", metavar="ROLE", help="The role that only reads.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do both in one transaction, so that nobody is without his rights in between."""
        if not (options["app"] or options["reports"]):
            raise CommandError("Name a role: --app, --reports, or both.")
        with transaction.atomic():
            for role, grants in ((options["app"], _for_app), (options["reports"], _for_reports)):
                if role:
                    _refuse_unless_plain(role)
                    _grant(role, grants())
                    if options["verbosity"]:
                        self.stdout.write(f"{role}: granted")


def _for_app() -> Iterator[str]:
    for table in _tables():
        yield f"{', '.join(APP.get(table, USUAL))} ON {table}"
    for function in MONTHS:
        yield f"EXECUTE ON FUNCTION {function}"


def _for_reports() -> Iterator[str]:
    for table in _tables():
        if not table.startswith(SECRET):
            yield f"SELECT ON {table}"


def _tables() -> list[str]:
    """All of ours; rows of a partition are reached by its table alone."""
    return [name for (name,) in _rows("""
        SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
           AND NOT relispartition ORDER BY 1""")]  # fmt: skip


def _refuse_unless_plain(role: str) -> None:
    found = _rows(
        "SELECT rolsuper OR EXISTS (SELECT FROM pg_class c WHERE relnamespace = current_schema()::regnamespace"
        " AND pg_has_role(r.oid, relowner, 'MEMBER')) FROM pg_roles r WHERE rolname = %s",
        role,
    )
    if not found:
        raise CommandError(f"There is no role {role}: create it first.")
    if found[0][0]:
        raise CommandError(f"{role} is a superuser or owns the tables: nothing can be kept from it.")


def _grant(role: str, grants: Iterator[str]) -> None:
    """`grants` are texts of our own; the role's name is a person's."""
    [(schema,)] = _rows("SELECT current_schema()")
    to, inside = sql.Identifier(role), sql.Identifier(schema)
    with connection.cursor() as cursor:
        for kind in ("TABLES", "FUNCTIONS"):
            revoke = sql.SQL("REVOKE ALL ON ALL {} IN SCHEMA {} FROM {}")
            cursor.execute(revoke.format(sql.SQL(kind), inside, to))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(inside, to))
        for grant in grants:
            cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(grant), to))


def _rows(query: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
