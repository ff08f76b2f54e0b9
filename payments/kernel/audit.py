"""The audit log: what staff did and saw, append-only, each event chained to the one before it as it is committed."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from payments.kernel import clock, ids, invariants, records, redaction, unit
from payments.kernel.errors import invariant

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
    """What is recorded in this context was asked for by `asker`."""
    token = _asker.set(asker)
    try:
        yield
    finally:
        _asker.reset(token)


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
    changed. Secrets and card numbers are taken out. Who and from where comes from the request that is being served.
    """
    invariant(_ACTION.fullmatch(action), f"{action!r} says what was done to what: refund.approved")
    asker = _asker.get()
    row = AuditEvent(
        at=clock.now(),
        by=(SYSTEM if asker is None else asker.who())[:120],
        address="" if asker is None else asker.address[:45],
        request_id="" if asker is None else asker.request_id,
        action=action,
        object_id=object_id[:80],
        because=str(_kept(because)),
        before=_kept(before or {}),
        after=_kept(after or {}),
    )
    work = unit.running()
    if work is None:
        row.save(force_insert=True)
    else:
        work.add(row)


def _kept(value: object) -> Any:
    """As JSON takes it: clean, no longer than anybody reads, without the NUL that PostgreSQL's text cannot hold."""
    return _cut(redaction.redact(value))


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
