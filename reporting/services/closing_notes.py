"""What is written down about a close: what its checklist found, who accepted what, and what else people should read."""

from collections.abc import Sequence
from typing import Final

from psycopg.types.json import Jsonb

from payments.kernel import clock, ids, unit
from payments.kernel.records import StateChange
from reporting.models import CheckState, Close, CloseCheck, Item
from reporting.services import checklist
from reporting.services.checklist import Found

_BEGIN: Final = """
INSERT INTO reporting_closecheck (id, close_id, item, state, says, figures, checked_at, accepted_by, accepted_because,
                                  accepted_figures)
VALUES (%s, %s, %s, 'waiting', '', '{}', %s, '', '', '{}') ON CONFLICT DO NOTHING"""

_KEEP: Final = """
UPDATE reporting_closecheck SET state = %s, says = %s, figures = %s, checked_at = %s
 WHERE close_id = %s AND item = %s"""


def keep(close: Close, found: Sequence[tuple[Item, Found]]) -> Sequence[Found]:
    """Write with the open unit what every item of a held close says; each comes back as it counts: missing or accepted.

    An acceptance is read anew: somebody may have accepted it while the others were looked at.
    """
    rows = {row.item: row for row in CloseCheck.objects.filter(close=close)}
    key, counts = ids.decode("cls", close.pk), []
    for item, one in found:
        accepted = item in rows and checklist.accepts(rows[item], one)
        state = CheckState.ACCEPTED if accepted else one.state
        counts.append(Found(state, one.says, one.figures, one.at))
        at = one.at or clock.now()
        unit.current().run(_BEGIN, [ids.uuid7(), key, item, at])
        unit.current().run(_KEEP, [state, one.says, Jsonb(one.figures), at, key, item])
    return counts


def accept(row: CloseCheck, *, because: str, by: str) -> None:
    """Write with the open unit who accepts what a held item says is missing."""
    unit.current().run(
        "UPDATE reporting_closecheck SET state = 'accepted', accepted_by = %s, accepted_because = %s, accepted_at = %s,"
        " accepted_figures = figures WHERE id = %s",
        [by, because, clock.now(), ids.decode("chk", row.pk)],
    )
    note(row.close, "accept", f"{row}: {row.says} Accepted: {because}", by)


def note(close: Close, event: str, because: str, by: str) -> None:
    """Leave on record, with the open unit, something that moves no state."""
    state = str(close.status)
    unit.current().add(
        StateChange(object_id=close.pk, from_state=state, to_state=state, event=event, because=because, by=by,
                    at=clock.now())
    )  # fmt: skip
