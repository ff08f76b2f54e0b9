"""What one use case writes: one INSERT per table, one guarded UPDATE per row, all in one round trip.

A use case opens `work()`, changes its rows, and leaves; on leaving, everything that was added or changed goes to
PostgreSQL in one pipeline and is committed. Rows are guarded by their `version`: a row that somebody else
changed since it was read raises `Stale`, and nothing of the unit remains.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, Protocol

from django.db import DatabaseError, connection, models, transaction
from django.db.models.fields import NOT_PROVIDED

from payments.kernel.errors import Bug, invariant


class Stale(Exception):
    """A row was changed by somebody else since it was read; the unit was rolled back."""


class WouldAsk(Exception):
    """A rehearsal has come to where somebody outside would be asked: it goes no further."""


class Contributor(Protocol):
    """Somebody around the use case who writes with it: an idempotency key, a job's lease."""

    def contribute(self, work: "Unit", result: object) -> None:
        """Add to `work` just before it is written; `result` is what the use case said it `returns`, or None."""


class Unit:
    """The rows and statements of one transaction, until they are written together."""

    def __init__(self) -> None:
        self.result: object = None
        self._inserts: dict[tuple[type[models.Model], bool], list[models.Model]] = {}
        self._linked: dict[tuple[type[models.Model], type[models.Model]], tuple[list[Any], list[Any]]] = {}
        self._changes: dict[models.Model, dict[str, object]] = {}
        self._guarded: list[tuple[str, Sequence[object]]] = []
        self._statements: list[tuple[str, Sequence[object]]] = []

    def add(self, *rows: models.Model, once: bool = False) -> None:
        """INSERT these rows on leaving; with `once`, rows whose unique key is taken are passed over."""
        for row in rows:
            self._inserts.setdefault((type(row), once), []).append(row)

    def add_linked(self, parent: models.Model, children: Sequence[models.Model]) -> None:
        """INSERT a row together with the rows that refer to it: all such pairs of the unit are one statement."""
        parents, all_children = self._linked.setdefault((type(parent), type(children[0])), ([], []))
        parents.append(parent)
        all_children.extend(children)

    def change(self, row: models.Model, **values: object) -> None:
        """Set columns of a row now, and UPDATE it on leaving, guarded by the version that was read.

        With no columns nothing is written.
        """
        before = {name: getattr(row, name) for name in values}
        for name, value in values.items():
            setattr(row, name, value)
        if not values or any(row is added for added in self._inserts.get((type(row), False), ())):
            return
        self._changes[row] = before | self._changes.get(row, {})

    @property
    def added(self) -> Iterator[models.Model]:
        """The rows that will be there; of pairs only the parents."""
        for rows in self._inserts.values():
            yield from rows
        for parents, _ in self._linked.values():
            yield from parents

    @property
    def changed(self) -> Mapping[models.Model, Mapping[str, object]]:
        """The rows that will be different, each with the columns that were set and what they were before."""
        return self._changes

    def guard(self, sql: str, params: Sequence[object]) -> None:
        """Run a statement first that must touch exactly one row, or the unit is `Stale`."""
        self._guarded.append((sql, params))

    def run(self, sql: str, params: Sequence[object]) -> None:
        """Run a statement with the rest."""
        self._statements.append((sql, params))

    def returns(self, result: object) -> None:
        """Say what the use case answers with, so that the answer is stored in the commit that makes it true."""
        self.result = result

    def write(self) -> None:
        """Send everything in one pipeline; `Stale` when a guarded statement did not touch exactly one row."""
        guarded = [*self._guarded, *self._updates()]
        statements = [*guarded, *self._insert_statements(), *self._statements]
        if not statements:
            return
        _pipeline(statements, guarded=len(guarded))
        for row in self._changes:
            row.version += 1  # type: ignore[attr-defined]  # only versioned rows are changed
        for rows in self._inserts.values():
            for row in rows:
                row._state.adding, row._state.db = False, "default"

    def write_so_far(self) -> None:
        """Write what was added so far, for statements of this transaction that read it; the rest follows at the end.

        Nothing is committed before all of it is.
        """
        self.write()
        for written in (self._inserts, self._linked, self._changes, self._guarded, self._statements):
            written.clear()

    def _updates(self) -> Iterator[tuple[str, Sequence[object]]]:
        """One UPDATE per changed row, in the house's one lock order."""
        for row in sorted(self._changes, key=lambda r: (getattr(r, "LOCK_RANK", 99), str(r.pk))):
            meta, names = row._meta, sorted(self._changes[row])
            fields: list[Any] = [meta.get_field(name) for name in names]
            sets = ", ".join(f'"{field.column}" = %s' for field in fields)
            sql = f'UPDATE "{meta.db_table}" SET {sets}, version = version + 1 WHERE id = %s AND version = %s'  # noqa: S608
            values = [_prepared(field, row) for field in fields]
            yield sql, [*values, _prepared(meta.pk, row), row.version]  # type: ignore[attr-defined]

    def _insert_statements(self) -> Iterator[tuple[str, Sequence[object]]]:
        # what may be there already goes first: the others refer to it
        for (model, once), rows in sorted(self._inserts.items(), key=lambda item: not item[0][1]):
            sql, values = _values(model, rows)
            yield f"{sql} ON CONFLICT DO NOTHING" if once else sql, values
        for models_, (parents, children) in self._linked.items():
            (first, above), (second, below) = map(_values, models_, (parents, children))
            yield f"WITH parents AS ({first}) {second}", [*above, *below]


def _values(model: type[models.Model], rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    fields, head, group = _insert_head(model)
    return head + ", ".join([group] * len(rows)), [_prepared(field, row) for row in rows for field in fields]


@cache
def _insert_head(model: type[models.Model]) -> tuple[list[Any], str, str]:
    """The columns that Python writes (not those with a database default alone), and the SQL around them."""
    meta = model._meta
    fields = [f for f in meta.concrete_fields if (f.db_default is NOT_PROVIDED or f.has_default()) and not f.generated]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    head = f'INSERT INTO "{meta.db_table}" ({columns}) VALUES '  # noqa: S608  names from our own models
    return fields, head, f"({', '.join(['%s'] * len(fields))})"


AS_THEY_ARE: Final = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.BooleanField,
    models.DateTimeField,
)
"""Fields whose values psycopg understands without Django's help, which would cost a tenth of a payment."""


def _prepared(field: Any, row: models.Model) -> Any:
    value = getattr(row, field.attname)
    return value if isinstance(field, AS_THEY_ARE) else field.get_db_prep_save(value, connection)


def _pipeline(statements: Iterable[tuple[str, Sequence[object]]], *, guarded: int) -> None:
    """Execute without waiting in between; `Stale` unless each of the first `guarded` ones touched exactly one row.

    A row that somebody changed may also break a constraint further down: what counts is that it is stale.
    """
    connection.ensure_connection()
    raw = connection.connection
    invariant(raw is not None, "a connection is open inside a transaction")
    cursors: list[Any] = []
    try:
        with connection.wrap_database_errors, raw.pipeline():
            for number, (sql, params) in enumerate(statements):
                if number <= guarded:  # whose effect is looked at has a cursor of its own; the rest share one
                    cursors.append(connection.cursor())
                cursors[-1].execute(sql, params)
    except DatabaseError as error:
        if any(cursor.rowcount == 0 for cursor in cursors[:guarded]):
            raise Stale("a row was changed by somebody else") from error
        raise
    if any(cursor.rowcount != 1 for cursor in cursors[:guarded]):
        raise Stale("a row was changed by somebody else")


_current: ContextVar[Unit | None] = ContextVar("unit", default=None)
_contributors: ContextVar[tuple[Contributor, ...]] = ContextVar("contributors", default=())
_rehearses: ContextVar[bool] = ContextVar("rehearses", default=False)


def current() -> Unit:
    """The unit that the running use case writes into."""
    unit = _current.get()
    if unit is None:
        raise Bug("this changes money and must run inside unit.work()")
    return unit


def running() -> Unit | None:
    """The open unit, or None: for what is written with it where there is one."""
    return _current.get()


@contextmanager
def work() -> Iterator[Unit]:
    """One transaction, one unit; never inside another, and never around a network call."""
    if _current.get() is not None:
        raise Bug("a unit of work is open already")
    unit = Unit()
    token = _current.set(unit)
    try:
        with transaction.atomic(durable=not _rehearses.get()):
            yield unit
            for contributor in _contributors.get():
                contributor.contribute(unit, unit.result)
            unit.write()
    finally:
        _current.reset(token)


@contextmanager
def rehearsal(*, seconds: float = 5) -> Iterator[None]:
    """Let everything inside happen in one transaction that is rolled back; nobody outside can be asked (`WouldAsk`).

    Units become savepoints, so that one sees what an earlier one wrote. Locks are waited for a second at most, and no
    statement takes longer than `seconds`; what is still deferred is checked at the end, as a commit would.
    """
    token = _rehearses.set(True)
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('lock_timeout', '1s', true), set_config('statement_timeout', %s, true)",
                    [f"{seconds * 1000:.0f}"],
                )
            yield
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            transaction.set_rollback(True)
    finally:
        _rehearses.reset(token)


@contextmanager
def joined_by(contributor: Contributor) -> Iterator[None]:
    """Let `contributor` write with every unit that is opened in this context."""
    token = _contributors.set((*_contributors.get(), contributor))
    try:
        yield
    finally:
        _contributors.reset(token)


def refuse_open_transaction(what: str) -> None:
    """Raise `Bug` when a transaction is open: nobody waits for a network while holding locks.

    The wrapper that a test case puts around each test does not count. In a rehearsal that is no mistake: `WouldAsk`.
    """
    if _rehearses.get():
        raise WouldAsk(what)
    blocks = connection.atomic_blocks
    if blocks and not getattr(blocks[-1], "_from_testcase", False):
        raise Bug(f"{what} inside a database transaction")


def after_commit(then: Callable[[], None]) -> None:
    """Call `then` once the open transaction is committed, at once when none is open."""
    transaction.on_commit(then)
