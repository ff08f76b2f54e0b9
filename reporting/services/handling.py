"""What people do with incidents: look after them, say what they know, say that they are over or are not."""

from payments.kernel import audit, clock, unit
from payments.kernel.errors import Refusal
from reporting.models import EntryKind, Incident
from reporting.services import incidents
from reporting.states import IncidentStatus


class IncidentOver(Refusal):
    """This incident is over: it is opened again first."""

    code, status = "incident_over", 409


class IncidentNotOver(Refusal):
    """This incident is open, or another one tells of the same."""

    code, status = "incident_not_over", 409


def take(incident_id: str, *, by: str) -> None:
    """Look after an open incident, also one that somebody else has looked after."""
    with unit.work():
        row = _open(incident_id)
        row.change(taken_by=by, taken_at=clock.now())
        incidents.enter(row, EntryKind.TAKEN, f"{by} looks after it.", at=clock.now(), by=by)
        audit.did("incident.taken", row.pk)


def note(incident_id: str, *, words: str, by: str) -> None:
    """Say something about an incident, also after it is over: it stands in its timeline for ever."""
    with unit.work():
        row = _held(incident_id)
        incidents.enter(row, EntryKind.NOTE, words, at=clock.now(), by=by)
        audit.did("incident.noted", row.pk)


def close(incident_id: str, *, because: str, by: str) -> None:
    """Say that it is over, or was none. While it is still found it stays closed for hours, unless it becomes graver."""
    with unit.work():
        row = _open(incident_id)
        now = clock.now()
        row.advance("close", because=because, by=by, closed_at=now, closed_by=by, closed_because=because,
                    per_minute_minor={})  # fmt: skip
        incidents.enter(row, EntryKind.CLOSED, f"{because} {incidents.cost(row)}", at=now, by=by)
        incidents.announce(row, "closed")
        audit.did("incident.closed", row.pk, because=because)


def reopen(incident_id: str, *, because: str, by: str) -> None:
    """Say that it is not over."""
    with unit.work():
        incidents.one_at_a_time()  # detection may open another one of the same place
        row = _held(incident_id)
        again = Incident.objects.filter(kind=row.kind, scope=row.scope, status=IncidentStatus.OPEN).exists()
        if not row.may("reopen") or row.merged_into_id or again:
            raise IncidentNotOver("It is open, or another one tells of the same.")
        now = clock.now()
        row.advance("reopen", because=because, by=by, closed_at=None, closed_by="", closed_because="", quiet_at=None,
                    seen_at=now, whole_at=now)  # fmt: skip
        incidents.enter(row, EntryKind.REOPENED, because, at=now, by=by)
        incidents.announce(row, "opened")
        audit.did("incident.reopened", row.pk, because=because)


def _held(incident_id: str) -> Incident:
    return Incident.objects.select_for_update().get(pk=incident_id)


def _open(incident_id: str) -> Incident:
    row = _held(incident_id)
    if row.closed_at is not None:
        raise IncidentOver("It is over. Open it again first.")
    return row
