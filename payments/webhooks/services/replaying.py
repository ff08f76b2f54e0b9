"""Acting on a notification once more, and finding out beforehand what that would change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.db import DatabaseError, connection

from payments.kernel import clock, effects, ids, jobs, unit
from payments.kernel.effects import Effect
from payments.kernel.jobs import Retry
from payments.ledger import selectors as ledger
from payments.webhooks import dispatch
from payments.webhooks.models import InboundEvent, InboundReplay, InboundState
from payments.webhooks.services import inbound

log = structlog.get_logger(__name__)

AT_ONCE: Final = 10_000
"""Notifications replayed by one wish at most: a person who means more narrows the list first."""

_PART: Final = 500


def ask(inbound_ids: Sequence[str], *, because: str, by: str) -> int:
    """Have these notifications acted upon once more, each by a job; how many.

    Harmless when repeated: what a notification tells is looked at beside what is so already. Who asked, and what each
    replay changed, stays on record.
    """
    for start in range(0, len(inbound_ids), _PART):
        with unit.work() as work:
            for inbound_id in inbound_ids[start : start + _PART]:
                row = InboundReplay(inbound_id=inbound_id, because=because, by=by, asked_at=clock.now())
                work.add(row)
                jobs.enqueue("replay_inbound", replay_id=row.pk)
    return len(inbound_ids)


def run(replay_id: str) -> None:
    """Act on the notification as if it had come again; what came of it, also a failure, is recorded and ends it."""
    row = InboundReplay.objects.select_related("inbound").get(pk=replay_id)
    if row.done_at is not None:
        return
    about, note = row.inbound, ""
    try:
        with unit.joined_by(inbound.Keeping("payments_inboundreplay", ids.decode("inr", row.pk))):
            state = str(inbound.act(about))
    except (Retry, unit.Stale):
        raise
    except dispatch.NotYet as reason:
        state, note = "waiting", str(reason)
    except Exception as error:
        log.exception("replay_failed", inbound_id=about.pk)
        state, note = "failed", f"{type(error).__name__}: {error}"
    if state in inbound.DONE and about.state not in inbound.DONE:
        inbound.settle(about, InboundState(state))
    InboundReplay.objects.filter(pk=row.pk).update(state=state, note=note, done_at=clock.now())


@dataclass(frozen=True)
class Rehearsal:
    """What a replay would come to: whether it would end well, what it says of it, and what it would write.

    `counted` is what the database itself has counted: table -> rows added, changed, deleted.
    """

    well: bool
    says: str
    effects: Sequence[Effect] = ()
    counted: dict[str, tuple[int, int, int]] = field(default_factory=dict)


def rehearse(inbound_id: str) -> Rehearsal:
    """Run the notification's real handler and undo all of it; no PSP is asked, and nothing is left behind.

    Where the handler would ask a PSP the rehearsal ends, and says so: what follows hangs on the answer.
    """
    row = InboundEvent.objects.get(pk=inbound_id)
    seen, counted = effects.Recorder(), dict[str, tuple[int, int, int]]()
    try:
        with unit.rehearsal(), unit.joined_by(seen):
            before = _counts()
            try:
                well, says = _outcome(row)
            finally:
                counted = _since(before)
            found = _with_amounts(seen.found)
    except unit.WouldAsk as question:
        says = f"It would make {question}; what follows hangs on the answer."
        return Rehearsal(well=True, says=says, effects=seen.found, counted=counted)
    except Exception as error:  # whatever it is, it is what a replay would run into
        log.info("rehearsal_failed", inbound_id=inbound_id, exc_info=True)
        return Rehearsal(well=False, says=f"It would fail: {_in_words(error)}", effects=seen.found, counted=counted)
    return Rehearsal(well=well, says=says, effects=found, counted=counted)


def _outcome(row: InboundEvent) -> tuple[bool, str]:
    try:
        state = inbound.act(row)
    except dispatch.NotYet as reason:
        return True, f"It would wait, and be looked at again later: {reason}."
    except Retry as later:
        return True, f"It would come back later: {later}."
    except inbound.NotUnderstood as reason:
        return False, f"It is not understood: {reason}."
    ignored = state == InboundState.IGNORED
    return True, "Nothing acts on notifications of this kind." if ignored else "It would be processed."


def _in_words(error: Exception) -> str:
    """Database errors are told by their first line: the rest repeats the statement."""
    said = str(error).partition("\n")[0] if isinstance(error, DatabaseError) else str(error)
    return f"{type(error).__name__}: {said}"


def _with_amounts(found: Sequence[Effect]) -> list[Effect]:
    """Postings say their lines as well, while they are still there to be read."""
    lines = ledger.lines_of([one["id"] for one in found if one["table"] == "payments.transfer"])
    return [
        Effect({**one, "says": f"{one['says']}: {lines[one['id']]}"}) if one["id"] in lines else one for one in found
    ]


_COUNTS: Final = """
    SELECT regexp_replace(relname, '_([0-9]{6}|default)$', '') AS name, sum(n_tup_ins)::int, sum(n_tup_upd)::int,
           sum(n_tup_del)::int
      FROM pg_stat_xact_user_tables
     WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname = current_schema() GROUP BY name
"""
"""Months are counted with their table."""


def _counts() -> dict[str, tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        return {name: (added, changed, gone) for name, added, changed, gone in cursor.fetchall()}


def _since(before: dict[str, tuple[int, int, int]]) -> dict[str, tuple[int, int, int]]:
    """What the open transaction has written since then; {} where it cannot answer any more."""
    try:
        after = _counts()
    except DatabaseError:
        return {}
    found = {}
    for name, (added, changed, gone) in after.items():
        then = before.get(name, (0, 0, 0))
        more = (added - then[0], changed - then[1], gone - then[2])
        if any(more):
            found[name] = more
    return found
