"""What detection finds becomes incidents: opened, followed, told as one where they are, closed when over."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Q

from payments.kernel import jobs, unit
from payments.kernel.attention import Severity
from reporting.models import Diversion, EntryKind, Incident, IncidentEntry, IncidentKind
from reporting.models.incidents import QUIET
from reporting.states import DiversionStatus, IncidentStatus
from reporting.uptime import grouping, postmortem
from reporting.uptime.findings import GRAVEST_FIRST, Finding, place, within
from reporting.uptime.grouping import Group, Known, Moved

log = structlog.get_logger(__name__)

DETECTION: Final = "detection"
"""Who moves incidents where no person does."""

AGAIN: Final = timedelta(minutes=15)
"""What is found again so soon after it was over was not over: the same incident is open again."""
SPARED: Final = timedelta(hours=4)
"""What a person has closed and is still found without a break is not opened again for so long, unless it is graver."""
NARROWED: Final = timedelta(minutes=5)
"""What was found in a part of its place alone, for so long, is narrower than it seemed."""
STEP: Final = timedelta(minutes=2)
"""A clock that is behind what is written by more than this was set back; by less, it is a round that came late."""
MOST_BETWEEN: Final = timedelta(minutes=15)
MOST_BEFORE: Final = timedelta(hours=1)
"""So much of the time between two rounds, and before the first one, counts for what was not approved."""
WORSE: Final = 1.5
"""It is on the timeline when so many times the worst so far is not approved in a minute."""


def report(found: Sequence[Finding], *, at: datetime) -> None:
    """Take everything that is wrong at a moment: open, follow and close incidents, and let people be told.

    Called every round, also when nothing is wrong, which is what closes them. The same round twice changes nothing;
    several workers take turns, and a round that comes late opens and follows, but closes nothing that was seen later.
    """
    with unit.work() as work:
        one_at_a_time()
        rows = _rows(at)
        diverted = _diverted()
        lately = [row for row in rows.values() if row.status == IncidentStatus.CLOSED]
        open_ = [Known(row.pk, IncidentKind(row.kind), row.scope) for row in rows.values() if row.closed_at is None]
        for group in grouping.gather(found, open_):
            if not group.known:
                _begin(group, lately, at, work)
            elif group.found:
                _follow(group, rows, at, diverted)
            else:
                _rest(rows[group.known[0].id], at, diverted=group.known[0].id in diverted)


def one_at_a_time() -> None:
    """Incidents and where their payments go are decided by one at a time, with the open transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('incidents'))")


def _rows(at: datetime) -> dict[str, Incident]:
    """The open ones, and those that were closed lately and may turn out not to be over; the oldest first."""
    lately = Q(closed_by="", closed_at__gte=at - AGAIN) | ~Q(closed_by="") & Q(closed_at__gte=at - SPARED)
    rows = Incident.objects.select_for_update().filter(Q(status="open") | Q(merged_into__isnull=True) & lately)
    return {row.pk: row for row in rows.order_by("opened_at", "pk")}


def _diverted() -> Mapping[str, Moved]:
    """The incidents whose payments go elsewhere, from where, and the share that does not: that nothing is found says
    nothing."""
    rows = Diversion.objects.exclude(status=DiversionStatus.BACK).select_related("shift")
    return {row.incident_id: (row.scope, row.share) for row in rows if row.share < 1}


# --- begun


def _begin(group: Group, lately: Iterable[Incident], at: datetime, work: unit.Unit) -> None:
    """A new one, unless it is one that was closed lately."""
    before = [row for row in lately if grouping.same(group, Known(row.pk, IncidentKind(row.kind), row.scope))]
    if any(row.closed_at and timedelta(0) < row.closed_at - at <= STEP for row in before):
        return  # a round that came late: it was seen to be over since
    spared = next((row for row in before if row.closed_by and _spared(row, group, at)), None)
    over = next((row for row in reversed(before) if not row.closed_by), None)
    if spared is not None:
        spared.change(seen_at=max(at, spared.seen_at))
    elif over is not None:
        _reopen(over, group, at)
    else:
        _open(group, at, work)


def _open(group: Group, at: datetime, work: unit.Unit) -> None:
    leading, rate = group.leading, grouping.per_minute(group.found)
    since = min(at, *(one.since for one in group.found))
    row = Incident(
        kind=group.kind, scope=dict(group.scope), severity=_severity(group), words=_words(group), since=since,
        opened_at=at, seen_at=at, whole_at=at, figures=dict(leading.figures), per_minute_minor=rate, worst_minor=rate,
        lost_minor=_lost({}, rate, min(at - since, MOST_BEFORE)), folded=len(group.found) - 1,
    )  # fmt: skip
    work.add(row)
    enter(row, EntryKind.OPENED, _opened(row, group), at=at, figures=row.figures)
    announce(row, "opened")


def _spared(row: Incident, group: Group, at: datetime) -> bool:
    """Whether a person has said of the same place that it is nothing, and nothing has changed since."""
    unbroken = at - row.seen_at <= QUIET[IncidentKind(row.kind)] and within(group.scope, row.scope)
    return unbroken and _gravity(_severity(group)) >= _gravity(row.severity)


def _reopen(row: Incident, group: Group, at: datetime) -> None:
    row.advance(
        "reopen", because="it was found again", by=DETECTION, kind=group.kind, scope=dict(group.scope),
        closed_at=None, closed_because="", whole_at=at,
    )  # fmt: skip
    enter(row, EntryKind.REOPENED, f"Found again {place(row.scope)}.", at=at)
    _note(row, group, at, grouping.per_minute(group.found))
    announce(row, "opened")


# --- followed


def _follow(group: Group, rows: Mapping[str, Incident], at: datetime, diverted: Mapping[str, Moved]) -> None:
    """It is still there: what it has cost since, and whether it is another than it seemed.

    It loses what is not approved in its scope compared with what was expected. Of the places that its payments have
    left only the share that they keep is lost; where its payments have gone, which may lie in its scope as well, counts
    in full: an incident without an account goes on there when the other account fails too.
    """
    rate = grouping.per_minute(group.found, [diverted[one.id] for one in group.known if one.id in diverted])
    row, *others = (rows[one.id] for one in group.known)
    said = [_merge(row, other, place(group.scope), at) for other in others]
    said += [_placed(row, group, at), _worse(row, group, at, rate)]
    _note(row, group, at, rate)
    if any(said):
        announce(row, "changed")


def _note(row: Incident, group: Group, at: datetime, rate: Mapping[str, int]) -> None:
    newest = at >= row.seen_at or row.seen_at - at > STEP
    worst = {code: max(rate.get(code, 0), row.worst_minor.get(code, 0)) for code in {**row.worst_minor, **rate}}
    row.change(
        lost_minor=_lost(row.lost_minor, rate, _ill(row, group, at)),
        worst_minor=worst,
        seen_at=at if newest else row.seen_at,
        since=min(row.since, *(one.since for one in group.found if one.since >= row.since - MOST_BEFORE), at),
        quiet_at=None,
        folded=max(row.folded, len(group.found) - 1),
    )
    if newest:
        row.change(per_minute_minor=dict(rate), figures=dict(group.leading.figures), words=_words(group))


def _ill(row: Incident, group: Group, at: datetime) -> timedelta:
    """For how long it has been so since it was last found: while it went on, all of the time; where it was quiet in
    between, since it began again, or a minute where that cannot be told."""
    elapsed = max(at - row.seen_at, timedelta(0))
    if row.quiet_at is None:
        return min(elapsed, MOST_BETWEEN)
    again = min([at, *(one.since for one in group.found)])
    return min(elapsed, MOST_BEFORE, at - again if again > row.seen_at else timedelta(minutes=1))


def _merge(row: Incident, other: Incident, where: str, at: datetime) -> bool:
    """Another one turns out to be the same: it goes on in this one, with what it has cost."""
    because = f"It is part of what is wrong {where}."
    other.advance("merge", because=because, by=DETECTION, closed_at=at, closed_because=because, merged_into=row,
                  per_minute_minor={})  # fmt: skip
    enter(other, EntryKind.MERGED, because, at=at)
    enter(row, EntryKind.MERGED, f"What was told {place(other.scope)} is part of it: {other.words}"[:500], at=at)
    row.change(
        lost_minor={code: row.lost_minor.get(code, 0) + other.lost_minor.get(code, 0)
                    for code in {**row.lost_minor, **other.lost_minor}},
        since=min(row.since, other.since),
        taken_by=row.taken_by or other.taken_by,
        taken_at=row.taken_at or other.taken_at,
    )  # fmt: skip
    announce(other, "closed")
    return True


def _placed(row: Incident, group: Group, at: datetime) -> bool:
    """Whether it is wider than it was, or for a while has been found in a part of its place alone."""
    whole = dict(group.whole)
    if row.scope != group.scope:
        words = f"Wrong {place(group.scope)}, not only {place(row.scope)}."
        row.change(scope=dict(group.scope), whole_at=at)
        return enter(row, EntryKind.WIDENED, words, at=at)
    if whole == row.scope or at < row.whole_at:
        row.change(whole_at=max(at, row.whole_at))
        return False
    taken = Incident.objects.filter(kind=row.kind, scope=whole, status="open").exists()
    if at - row.whole_at < NARROWED or taken:
        return False
    words = f"Wrong {place(whole)}, no longer everywhere {place(row.scope)}." if row.scope else f"Wrong {place(whole)}."
    row.change(scope=whole, whole_at=at)
    return enter(row, EntryKind.NARROWED, words, at=at)


def _worse(row: Incident, group: Group, at: datetime, rate: Mapping[str, int]) -> bool:
    """Whether it is graver than it was, of a graver kind, or costs more than it ever has."""
    severity = _severity(group)
    said = []
    if row.kind != group.kind:
        said.append(f"{group.kind.label}, no longer: {row.get_kind_display().lower()}.")
    if _gravity(severity) < _gravity(row.severity):
        said.append(f"{severity.label.partition(':')[0]} now.")
    else:
        severity = Severity(row.severity)
    if any(minor > WORSE * row.worst_minor.get(code, 0) for code, minor in rate.items()):
        said.append(f"{postmortem.amounts(rate)} a minute is not approved now.")
    row.change(kind=group.kind, severity=severity)
    return bool(said) and enter(row, EntryKind.GREW, " ".join(said), at=at, figures=group.leading.figures)


# --- over


def _rest(row: Incident, at: datetime, *, diverted: bool) -> None:
    """It was not found, though somebody looked: after its quiet time it is over, unless its payments go elsewhere."""
    if timedelta(0) < row.seen_at - at <= STEP:
        return  # a round that came late: it was seen since
    if diverted or row.quiet_at is None or row.quiet_at > at:
        row.change(quiet_at=at, per_minute_minor={})
    elif at - row.quiet_at >= QUIET[IncidentKind(row.kind)] / settings.INCIDENTS_HURRY:
        because = f"It was not found any more for {_minutes(at - row.quiet_at)}."
        row.advance("recover", because=because, by=DETECTION, closed_at=at, closed_because=because)
        enter(row, EntryKind.CLOSED, f"{because} {cost(row)}", at=at)
        announce(row, "closed")


# --- told


def enter(
    row: Incident, kind: EntryKind, words: str, *, at: datetime, by: str = "",
    figures: Mapping[str, float] | None = None,
) -> bool:  # fmt: skip
    """Write a line into an incident's timeline, with the open unit of work. True, for whoever asks if there was one."""
    entry = IncidentEntry(incident_id=row.pk, kind=kind, at=at, words=words, by=by, figures=dict(figures or {}))
    unit.current().add(entry)
    return True


def announce(row: Incident, happened: str) -> None:
    """Let people be told: it was `opened` (also again), has `changed`, or is `closed`; and traffic follow it."""
    jobs.enqueue("tell_of_incident", unique=f"{row.pk} {happened}", incident_id=row.pk, happened=happened)
    jobs.enqueue("shift_traffic", unique="shift_traffic")


def tell(incident_id: str, happened: str) -> None:
    """Write it into the platform's log, which leaves the machine."""
    row = Incident.objects.get(pk=incident_id)
    log.warning("incident", incident=row.pk, happened=happened, kind=row.kind, scope=row.scope, severity=row.severity,
                since=row.since.isoformat(), per_minute=row.per_minute_minor)  # fmt: skip


def cost(row: Incident) -> str:
    """What it has cost, in a sentence."""
    return (
        f"{postmortem.amounts(row.lost_minor)} was not approved because of it."
        if row.lost_minor
        else "It has cost no payment."
    )


def _opened(row: Incident, group: Group) -> str:
    more = f" Found in {len(group.found)} places at once." if len(group.found) > 1 else ""
    return f"{row.words}{more}"


def _words(group: Group) -> str:
    leading = group.leading
    same_place = leading.scope == group.scope and leading.kind == group.kind
    own = leading.words if same_place else ""
    return (own or f"{group.kind.label} {place(group.scope)}.")[:500]


def _severity(group: Group) -> Severity:
    return min((one.severity for one in group.found), key=_gravity)


def _gravity(severity: str) -> int:
    return GRAVEST_FIRST.index(Severity(severity))


def _lost(before: Mapping[str, int], rate: Mapping[str, int], elapsed: timedelta) -> dict[str, int]:
    minutes = elapsed.total_seconds() / 60
    return {code: before.get(code, 0) + round(rate.get(code, 0) * minutes) for code in {**before, **rate}}


def _minutes(span: timedelta) -> str:
    minutes = max(1, round(span.total_seconds() / 60))
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
