"""Rows that change: guarded by a version, moved only along their state machine, each move on record."""

from typing import Any, ClassVar

from django.db import models

from payments.kernel import clock, ids, reads, redaction, unit
from payments.kernel.machine import Machine


class TransactionId(models.Field):  # type: ignore[type-arg]  # generic in the stubs only
    """The transaction that wrote the row (`xid8`): readers of what is new go by it, never by ids or clocks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"db_default": models.Func(function="pg_current_xact_id"), "editable": False, **options})

    def db_type(self, connection: Any) -> str:  # noqa: ARG002  Django's signature
        return "xid8"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:  # noqa: ARG002  Django's
        """Python reads it as text."""
        return f"{sql}::text", params


class Record(models.Model):
    """A row whose changes go through the open unit of work."""

    LOCK_RANK: ClassVar[int] = 99
    """Place in the house's one lock order: order, intent, attempt, capture, refund, dispute, call."""

    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    def change(self, **values: object) -> None:
        """Set columns, to be written with the open unit."""
        unit.current().change(self, **values)

    def must_stand(self) -> None:
        """Guard the open unit by this row, which it does not change: what was decided by it must still be true."""
        unit.current().guard(
            f'SELECT 1 FROM "{self._meta.db_table}" WHERE id = %s AND version = %s FOR SHARE',  # noqa: S608  our own
            [reads.key(type(self), self.pk), self.version],
        )


class Announced(models.Model):
    """A row whose changes clients learn as events, numbered per object without gaps."""

    event_sequence = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True


class StateChange(models.Model):
    """One move of one object: from, to, why, by whom. Append-only, partitioned by month."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    object_id = models.CharField(max_length=40)
    from_state = models.CharField(max_length=24)
    to_state = models.CharField(max_length=24)
    event = models.CharField(max_length=24)
    because = models.TextField()
    by = models.CharField(max_length=120)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "payments"
        indexes = (models.Index(fields=["object_id", "id"], name="state_change_object"),)

    def __str__(self) -> str:
        return f"{self.object_id}: {self.from_state} → {self.to_state}"


class Stateful(Record):
    """A record with a `status` that follows its machine."""

    MACHINE: ClassVar[Machine]
    status: Any

    class Meta:
        abstract = True

    def advance(self, event: str, *, because: str, by: str, **values: object) -> None:
        """Move along the machine, with other columns that change in the same breath.

        The only mover of a state: it consults the table (`IllegalMove` when there is no such move), writes the
        row guarded by its version, and leaves a `StateChange` in the same transaction.
        """
        before, after = self.status, self.MACHINE.after(self.status, event)
        self.change(status=after, **values)
        unit.current().add(
            StateChange(
                object_id=self.pk,
                from_state=before,
                to_state=after,
                event=event,
                because=redaction.text(because),
                by=by,
                at=clock.now(),
            )
        )
        if type(self).counted is not Stateful.counted:
            unit.after_commit(lambda: self.counted(before, after))

    def counted(self, before: str, after: str) -> None:
        """Count a move that is committed, for monitoring; a model that is counted says how, and raises nothing."""

    def may(self, event: str) -> bool:
        """True when the machine has a move for `event` from here."""
        return self.MACHINE.allows(self.status, event)
