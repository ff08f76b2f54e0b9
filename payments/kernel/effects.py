"""What a unit of work writes, as a short list that can be kept and shown."""

from collections.abc import Sequence
from typing import Final, TypedDict

from django.db import models

from payments.kernel import unit

MOST: Final = 60
"""Effects kept of one unit; more than this is more than anybody reads."""

LONGEST: Final = 300
_PASSED_OVER: Final = frozenset({"payments.auditevent"})
_BOOKKEEPING: Final = frozenset({"status", "version", "event_sequence"})
"""Columns that say nothing by themselves: a move of the state has its own row."""


class Effect(TypedDict):
    """One row that was added (`says` is what it says), or changed (`says` names the columns)."""

    table: str
    id: str
    says: str
    new: bool


def of(work: unit.Unit) -> list[Effect]:
    """What this unit adds and changes, in its order; statements of raw SQL are not rows and are not in it."""
    rows = [row for row in work.added if row._meta.label_lower not in _PASSED_OVER]
    added = [_effect(row, str(row), new=True) for row in rows]
    changed = [
        _effect(row, ", ".join(sorted(columns.keys() - _BOOKKEEPING)), new=False)
        for row, columns in work.changed.items()
        if columns.keys() - _BOOKKEEPING
    ]
    return [*added, *changed][:MOST]


def _effect(row: models.Model, says: str, *, new: bool) -> Effect:
    return Effect(table=row._meta.label_lower, id=str(row.pk), says=says[:LONGEST], new=new)


class Recorder:
    """Notes what every unit writes that is opened while it joins (`unit.joined_by`)."""

    def __init__(self) -> None:
        self.found: list[Effect] = []

    def contribute(self, work: unit.Unit, result: object) -> None:  # noqa: ARG002  the protocol
        """Note what this unit writes."""
        self.found += of(work)

    def about(self, table: str) -> Sequence[Effect]:
        """What it found of one table."""
        return [one for one in self.found if one["table"] == table]
