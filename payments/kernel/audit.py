"""The audit log: what staff did and saw, append-only, each event chained to the one before it as it is committed."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, models

from payments.kernel import clock, ids, invariants, jobs, records, redaction, unit
from payments.kernel.errors import invariant

log = structlog.get_logger(__name__)

SYSTEM: Final = "system"
"""Who did what no request of staff asked for."""
LONGEST: Final = 2_000
"""Characters that are kept of one value."""
_ACTION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class AuditEvent(models.Model):
    """Something that a person did or saw: who, from where, what with which object, why, and what it changed.

    `before` and `after` hold what changed, without secrets and card numbers. The database numbers events without
    gaps in the order in which they are committed: `hash` is SHA-256 over the event, its number and the hash before.
    """

    id = ids.IdField("aud")
    sequence = models.BigIntegerField(null=True, editable=False, help_text="Its place in the chain, from 1.")
    at = models.DateTimeField(default=clock.now)
    by = models.CharField(max_length=120)
    address = models.CharField(max_length=45, blank=True, default="", help_text="Whose request it was, by its IP.")
    request_id = models.CharField(max_length=64, blank=True, default="")
    action = models.CharField(max_length=60, help_text="A verb in the past: refund.requested.")
    object_id = models.CharField(max_length=80, blank=True, default="")
    because = models.TextField(blank=True, default="")
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    previous = models.CharField(max_length=64, blank=True, default="", help_text="The hash of the event before it.")
    hash = models.CharField(max_length=64, blank=True, default="")
    xid = records.TransactionId()

    class Meta:
        app_label = "payments"
        constraints = (models.UniqueConstraint(fields=["sequence"], name="audit_sequence"),)
        indexes = (
            models.Index(fields=["object_id", "id"], name="audit_object"),
            models.Index(fields=["by", "id"], name="audit_by"),
            models.Index(fields=["action", "id"], name="audit_action"),
            models.Index(fields=["request_id"], name="audit_request", condition=~models.Q(request_id="")),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}".rstrip()


@dataclass(frozen=True)
class Asker:
    """Whose request is being served: `who` is asked when something is recorded, for people sign in meanwhile."""

    who: Callable[[], str]
    address: str
    request_id: str


_asker: ContextVar[Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asked_by(asker: Asker) -> Iterator[None]:
    """What is recorded in this context was asked for by `asker`; each unit of work that changes rows is recorded."""
    token = _asker.set(asker)
    try:
        with unit.joined_by(Changes()):
            yield
    finally:
        _asker.reset(token)


def left(request_id: str) -> bool:
    """True when a request has left an event that is committed, or about to be by whoever asks."""
    return AuditEvent.objects.filter(request_id=request_id).exists()


def head() -> tuple[int, str]:
    """Number and hash of the newest event: whoever notes them outside the database can prove the log by them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence, hash FROM payments_audithead")
        sequence, found = cursor.fetchone()
        return int(sequence), str(found)


def holds(sequence: int, noted: str) -> bool:
    """Whether the event of this number still has the hash that was noted."""
    return AuditEvent.objects.filter(sequence=sequence, hash=noted).exists()


@jobs.job("anchor_audit", jobs.Queue.UPKEEP, every=timedelta(hours=1))
def anchor() -> None:
    """Write the head into the platform's log, which leaves the machine: who rewrites the chain does not reach it."""
    sequence, found = head()
    log.info("audit_anchor", sequence=sequence, hash=found)


def did(action: str, object_id: str, *, because: str = "") -> None:
    """Name what the open unit does, where staff asked for it; what it changes is added by itself.

    For use cases that clients of the API, PSPs and jobs begin as well: those leave no event.
    """
    if _asker.get() is not None:
        record(action, object_id, because=because)


def address() -> str:
    """From which IP address the request comes that is being served; "" outside of one."""
    asker = _asker.get()
    return "" if asker is None else asker.address


def record(
    action: str,
    object_id: str,
    *,
    because: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Leave one event with the open unit of work, else with the open transaction, else in one of its own.

    `action` is a verb in the past with what it was done to, `refund.approved`; `before` and `after` name what has
    changed; where neither is given, what the unit of work changes. Secrets, card numbers and what names a person are
    taken out, for nobody can erase it here. Who and from where comes from the request that is being served.
    """
    invariant(_ACTION.fullmatch(action), f"{action!r} says what was done to what: refund.approved")
    row = _event(action, object_id, because)
    row.before, row.after = _kept(before or {}), _kept(after or {})
    work = unit.running()
    if work is None:
        row.save(force_insert=True)
    else:
        work.add(row)


def _event(action: str, object_id: str, because: str) -> AuditEvent:
    asker = _asker.get()
    return AuditEvent(
        at=clock.now(),
        by=(SYSTEM if asker is None else asker.who())[:120],
        address="" if asker is None else asker.address[:45],
        request_id="" if asker is None else asker.request_id,
        action=action,
        object_id=object_id[:80],
        because=str(_kept(because)),
    )


SIGN: Final = "SELECT set_config('countinghouse.by', %s, true), set_config('countinghouse.request_id', %s, true)"


def sign() -> None:
    """Say in the open transaction, which is no unit of work, who asks: the history of rows writes it down."""
    asker = _asker.get()
    if asker is not None and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(SIGN, [asker.who(), asker.request_id])


class Changes:
    """Writes with every unit of work that staff asked for: what it changes, also where nothing else recorded it."""

    def contribute(self, work: unit.Unit, result: object) -> None:  # noqa: ARG002  as every contributor
        """Complete the events of the unit, or add the one that is missing; sign it for the history of rows."""
        asker = _asker.get()
        if asker is not None:
            work.guard(SIGN, [asker.who(), asker.request_id])
        events = [row for row in work.added if isinstance(row, AuditEvent)]
        if not events and (unnamed := _unnamed(work)) is not None:
            work.add(unnamed)
            events = [unnamed]
        for event in events:
            if not event.before and not event.after:
                event.before, event.after = (_kept(side) for side in _sides(work, event.object_id))


PASSED_OVER: Final = frozenset({
    "auditevent", "statechange", "event", "delivery", "job", "transfer", "entry", "account", "idempotencykey",
})  # fmt: skip
"""Rows that follow from what was done, and say so themselves."""
UNSAID: Final = frozenset({"id", "version", "event_sequence", "created_at", "xid"})


def _unnamed(work: unit.Unit) -> AuditEvent | None:
    """What a unit does that says nothing: how its first row has moved, or that it was changed or added."""
    move = next((row for row in work.added if isinstance(row, records.StateChange)), None)
    added = [row for row in work.added if row._meta.model_name not in PASSED_OVER]
    first = next(iter((*work.changed, *added)), None)
    if first is None and move is None:
        return None
    verb = "changed" if work.changed or move is not None else "added"
    noun = "state" if first is None else str(first._meta.model_name)
    about = str(first.pk) if first is not None else ""
    event = _event(f"{noun}.{verb}", about, "")
    if move is not None:
        event.object_id, event.because = move.object_id, str(_kept(f"{move.event}: {move.because}"))
    return event


def _sides(work: unit.Unit, about: str) -> tuple[dict[str, object], dict[str, object]]:
    """The columns of rows before and after; those of the row that it is about by their own names."""
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    for row, columns in work.changed.items():
        for name, value in columns.items():
            if name not in UNSAID and getattr(row, name) != value:
                before[_column(row, name, about)] = _said(row, name, value)
                after[_column(row, name, about)] = _said(row, name, getattr(row, name))
    for row in work.added:
        if row._meta.model_name not in PASSED_OVER:
            values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
            after |= {_column(row, name, about): _said(row, name, value) for name, value in values.items()
                      if name not in UNSAID and value not in (None, "", [], {})}  # fmt: skip
    return before, after


def _column(row: models.Model, name: str, about: str) -> str:
    return name if str(row.pk) == about else f"{row.pk} {name}"


def _said(row: models.Model, name: str, value: object) -> object:
    """A value as it is kept: nothing of a person, and no bytes."""
    if name in getattr(row, "PERSONAL", ()):
        return redaction.MASKED if value else value
    return f"{len(value)} bytes" if isinstance(value, bytes | memoryview) else value


def _kept(value: object) -> Any:
    """As JSON takes it: clean, no longer than anybody reads, without the NUL that PostgreSQL's text cannot hold."""
    return _cut(redaction.anonymous(value))


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        text = value.replace("\x00", "").encode(errors="replace").decode()
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if isinstance(value, dict):
        return {_cut(name): _cut(one) for name, one in value.items()}
    return [_cut(one) for one in value] if isinstance(value, list) else value


invariants.declare(
    17,
    "audit_chain",
    "Every event of the audit log is as it was written, where it was written, and none is missing, also at the end",
    """WITH chain AS (
            SELECT id, sequence, previous, hash, payments_audit_hash(e) AS found,
                   coalesce(lag(sequence) OVER numbered, 0) AS before, coalesce(lag(hash) OVER numbered, '') AS link
              FROM payments_auditevent e WHERE sequence IS NOT NULL WINDOW numbered AS (ORDER BY sequence)),
            newest AS (SELECT sequence, hash FROM chain ORDER BY sequence DESC LIMIT 1)
       SELECT id::text, 'event ' || sequence || ' was changed: its hash is another' FROM chain WHERE hash <> found
        UNION ALL
       SELECT id::text, 'events ' || before + 1 || ' to ' || sequence - 1 || ' are missing' FROM chain
        WHERE sequence <> before + 1
        UNION ALL
       SELECT id::text, 'event ' || sequence || ' does not follow the one before it' FROM chain
        WHERE sequence = before + 1 AND previous <> link
        UNION ALL
       SELECT id::text, 'stands outside the chain: it was not written as events are' FROM payments_auditevent
        WHERE sequence IS NULL AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
        UNION ALL
       SELECT 'the end', 'the chain ends at event ' || coalesce(newest.sequence, 0) || ', its head is at ' ||
              coalesce(head.sequence::text, 'nothing')
         FROM (SELECT) one LEFT JOIN newest ON true LEFT JOIN payments_audithead head ON true
        WHERE (coalesce(newest.sequence, 0), coalesce(newest.hash, '')) IS DISTINCT FROM (head.sequence, head.hash)""",
    "SELECT count(*) FROM payments_auditevent",
)
