"""Where the payments of an incident go: elsewhere while something is wrong, and back by a hundredth, a tenth, and all.

Only where somebody else takes them and is well. What a person decides stays until they let go of it. Whatever dies here
leaves payments where they are: routing never waits for it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings

from payments.gateway import accounts, shifts
from payments.gateway.models import TrafficShift
from payments.intents import routing, rulebook
from payments.kernel import audit, clock, unit
from payments.kernel.attention import Severity
from payments.kernel.errors import Refusal
from reporting.models import Diversion, EntryKind, Incident, IncidentKind
from reporting.services import incidents
from reporting.services.incidents import DETECTION, STEP
from reporting.states import DiversionStatus, IncidentStatus
from reporting.uptime import probing, rollups
from reporting.uptime.findings import Scope, apart, place, within
from reporting.uptime.grouping import RANK
from reporting.uptime.probing import Result

MOVES: Final = frozenset({
    IncidentKind.OUTAGE, IncidentKind.UNAVAILABLE, IncidentKind.APPROVAL_DROP, IncidentKind.SLOW,
})  # fmt: skip
"""What payments go elsewhere for."""
SHARES: Final[Mapping[DiversionStatus, Decimal]] = {
    DiversionStatus.AWAY: Decimal(0),
    DiversionStatus.PROBING: Decimal("0.01"),
    DiversionStatus.WIDENING: Decimal("0.1"),
    DiversionStatus.BACK: Decimal(1),
}
NEXT: Final = {DiversionStatus.PROBING: "widen", DiversionStatus.WIDENING: "restore"}
"""What follows when trying it again goes well."""

REST: Final = timedelta(minutes=5)
"""Before it is tried again: twice as long after each time that went badly, up to eight times."""
FRESH: Final = timedelta(minutes=5)
"""Sums that are older tell nothing: no step is made."""
LATELY: Final = timedelta(hours=1)
"""What a place took in this time before it began, and after, says who else could take it: also weeks later."""


class NotShiftable(Refusal):
    """Routing does not send such payments elsewhere: they are not those of one account, method, country or currency."""

    code, status = "traffic_not_shiftable", 422


def run() -> None:
    """Take the next step of every incident that needs one. One after the other, each in a transaction of its own."""
    open_ = Incident.objects.filter(status=IncidentStatus.OPEN, kind__in=MOVES)
    moving = Diversion.objects.exclude(status=DiversionStatus.BACK).values_list("incident_id", flat=True)
    # those that are over last: what a wider one takes over has moved by then
    for incident_id in dict.fromkeys([*open_.order_by("pk").values_list("pk", flat=True), *moving.order_by("pk")]):
        step(incident_id)


def step(incident_id: str) -> None:
    """The next step of one incident, if there is one to take now."""
    with unit.work():
        incidents.one_at_a_time()
        row = Incident.objects.select_for_update().get(pk=incident_id)
        moved = _diversion(row)
        if row.closed_at is not None:
            if moved is not None and moved.status != DiversionStatus.BACK:
                _give_back(moved, "The incident is over.", DETECTION)
        elif moved is None or moved.status == DiversionStatus.BACK:
            _begin(row, moved)
        elif moved.status != DiversionStatus.HELD:
            _go_on(row, moved)


# --- by itself


def _begin(row: Incident, moved: Diversion | None) -> None:
    """Let its payments go elsewhere, where that is of use and somebody takes them."""
    now, scope = clock.now(), where(row)
    stepped = None if moved is None or moved.step_at - now > STEP else moved.step_at  # else the clock was set back
    still = row.quiet_at is None and (stepped is None or row.seen_at > stepped + STEP)
    if not still or row.severity == Severity.CALM or not shiftable(scope):
        return
    others = _others(row, scope, well=True)
    if not others or not _enabled(scope):
        return
    shift = _shift(row, scope)
    if moved is None:
        moved = Diversion(incident=row, scope=dict(scope), shift=shift, step_at=now)
        unit.current().add(moved)
    else:
        moved.advance("move", because="it is wrong again", by=DETECTION, scope=dict(scope), shift=shift, step_at=now)
    _told(row, EntryKind.MOVED, f"Payments {place(scope)} go to {_listed(others)} now.")


def _go_on(row: Incident, moved: Diversion) -> None:
    now = clock.now()
    if moved.step_at - now > STEP:
        moved.change(step_at=now)  # the clock was set back
    if row.scope != moved.scope and within(moved.scope, row.scope) and shiftable(row.scope):
        _follow(row, moved)
    elif not _enabled(moved.scope):
        return  # somebody has switched the account off: nothing can be tried there
    elif not _others(row, moved.scope, well=False):
        _give_back(moved, "Nobody else takes them and is well.", DETECTION)
    elif moved.status == DiversionStatus.AWAY:
        if now - moved.step_at >= REST * 2 ** min(moved.fallbacks, 3) / settings.INCIDENTS_HURRY:
            _set(row, moved, "probe", EntryKind.PROBING, f"1 % of the payments {place(moved.scope)} try it again.")
    else:
        _judge(row, moved, now)


def _follow(row: Incident, moved: Diversion) -> None:
    """It is wider than it was: so is what goes elsewhere."""
    if moved.shift is not None:
        shifts.restore(moved.shift, because="it is wider than it seemed", by=DETECTION)
    wider = _shift(row, row.scope)
    moved.advance("move", because="it is wider than it seemed", by=DETECTION, scope=dict(row.scope), shift=wider,
                  step_at=clock.now())  # fmt: skip
    _told(row, EntryKind.MOVED, f"All payments {place(row.scope)} go elsewhere now.")


def _judge(row: Incident, moved: Diversion, now: datetime) -> None:
    """Go on, or back, by what became of those that tried it since the last step."""
    until = rollups.counted_until()
    since = _minute(moved.step_at + timedelta(seconds=shifts.CACHE_SECONDS))
    if until is None or now - until > FRESH or until <= since:
        return
    own, elsewhere = probing.seen(moved.scope, since, until)
    slow = row.kind == IncidentKind.SLOW
    usual = probing.median(moved.scope, row.since - LATELY, row.since) if slow else None
    result = probing.judge(own, elsewhere, waited=(until - since) * settings.INCIDENTS_HURRY, usual=usual)
    if result is Result.BAD:
        words = (
            f"{own.told().capitalize()}, elsewhere {elsewhere.told()}: no payment {place(moved.scope)} tries it now."
        )
        _set(row, moved, "fall_back", EntryKind.FELL_BACK, words, fallbacks=moved.fallbacks + 1)
    elif result is Result.GOOD:
        well = f"{own.told().capitalize()}, elsewhere {elsewhere.told()}"
        onward = moved.status == DiversionStatus.PROBING
        words = f"{well}: 10 % try it now." if onward else f"{well}: all payments go there again."
        kind = EntryKind.PROBING if onward else EntryKind.RESTORED
        _set(row, moved, NEXT[DiversionStatus(moved.status)], kind, words)


def _set(
    row: Incident, moved: Diversion, event: str, kind: EntryKind, words: str, **more: object
) -> None:  # fmt: skip
    """One step along the machine, which routing follows."""
    moved.advance(event, because=words, by=DETECTION, step_at=clock.now(), **more)
    _keep(moved, SHARES[DiversionStatus(moved.status)], words, DETECTION)
    _told(row, kind, words)


def _give_back(moved: Diversion, words: str, by: str) -> None:
    moved.advance("give_back", because=words, by=by, step_at=clock.now(), held_by="")
    _keep(moved, shifts.ALL, words, by)
    incidents.enter(moved.incident, EntryKind.RESTORED, f"{words} All payments go there again.", at=clock.now())


# --- by people


def hold(incident_id: str, share: Decimal, *, because: str, by: str) -> None:
    """Let its place keep this share of its payments, 0 to 1, until somebody lets go of it or the incident is over."""
    with unit.work():
        incidents.one_at_a_time()
        row = Incident.objects.select_for_update().get(pk=incident_id, status=IncidentStatus.OPEN)
        if not movable(row):
            raise NotShiftable("Routing cannot send these payments elsewhere.")
        now, scope, moved = clock.now(), dict(where(row)), _diversion(row)
        if moved is None:
            moved = Diversion(incident=row, scope=scope, status=DiversionStatus.BACK, step_at=now)
            unit.current().add(moved)
        moved.advance("hold", because=because, by=by, held_by=by, step_at=now)
        if share < shifts.ALL and moved.share == shifts.ALL:
            moved.change(shift=_shift(row, scope, share, by), scope=scope)
        else:
            _keep(moved, share, because, by)
        words = f"It keeps {share:.0%} of its payments until {by} lets go: {because}"
        incidents.enter(row, EntryKind.HELD, words, at=now, by=by)
        incidents.announce(row, "changed")
        audit.did("incident.traffic_held", row.pk, because=because)


def release(incident_id: str, *, by: str) -> None:
    """Let its payments find their way by themselves again: what goes elsewhere tries it again from the beginning."""
    with unit.work():
        incidents.one_at_a_time()
        row = Incident.objects.select_for_update().get(pk=incident_id)
        moved = _diversion(row)
        if moved is None or moved.status != DiversionStatus.HELD:
            raise NotShiftable("Nobody holds its payments.")
        event = "release" if moved.share < shifts.ALL else "give_back"
        moved.advance(event, because="nobody holds it", by=by, held_by="", step_at=clock.now())
        _keep(moved, SHARES[DiversionStatus(moved.status)], "nobody holds it", by)
        incidents.enter(row, EntryKind.HELD, f"{by} lets go of its payments.", at=clock.now(), by=by)
        audit.did("incident.traffic_released", row.pk)


# --- what both need


def held(incident_id: str) -> bool:
    """Whether a person holds its payments."""
    return Diversion.objects.filter(incident_id=incident_id, status=DiversionStatus.HELD).exists()


def movable(row: Incident) -> bool:
    """Whether it is about paying, at a place whose payments routing can send elsewhere: a file that is late is not."""
    return row.kind in MOVES and shiftable(where(row))


def where(row: Incident) -> Scope:
    """The payments that can go elsewhere because of it: where one account took all of them, that account's."""
    scope: Scope = row.scope
    if "account" in scope:
        return scope
    took = probing.accounts(scope, row.since - LATELY, row.opened_at)
    return {**scope, "account": took[0]} if len(took) == 1 else scope


def shiftable(scope: Scope) -> bool:
    """Whether routing can tell these payments from others, and they are those of one account."""
    return "account" in scope and set(scope) <= {"account", *shifts.PLACE}


def _diversion(row: Incident) -> Diversion | None:
    return Diversion.objects.select_for_update(of=("self",)).select_related("shift").filter(incident=row).first()


def _shift(row: Incident, scope: Scope, share: Decimal = Decimal(0), by: str = DETECTION) -> TrafficShift:
    because = f"{row.get_kind_display().lower()} {place(scope)}"
    return shifts.move_away(scope, share=share, because=because, incident=row.pk, by=by)


def _keep(moved: Diversion, share: Decimal, because: str, by: str) -> None:
    if moved.shift is not None and moved.shift.ended_at is None and moved.shift.share != share:
        shifts.set_share(moved.shift, share, because=because, by=by)


def _others(row: Incident, scope: Scope, *, well: bool) -> frozenset[str]:
    """Who else takes such payments, and has not the same trouble there; `well`: no other trouble just now either."""
    facts = [
        routing.Facts(intent_id=row.pk, method=method, country=country, currency=currency, has_token=True)
        for method, country, currency in _took(row, scope)
    ]
    found = rulebook.takers(facts, but=scope["account"], well=well)
    troubles = Incident.objects.filter(status=IncidentStatus.OPEN, kind__in=MOVES, scope__account__in=found)
    return found - {one.scope["account"] for one in troubles if _as_bad(one, row, scope)}


def _took(row: Incident, scope: Scope) -> list[tuple[str, str, str]]:
    """Which payments it took; where that is so long ago that nobody knows, those that others take in its place now."""
    now = clock.now()
    began = min(row.since, now)
    elsewhere = {name: value for name, value in scope.items() if name != "account"}
    return probing.mix(scope, began - LATELY, began + LATELY) or probing.mix(elsewhere, now - LATELY, now)


def _as_bad(one: Incident, row: Incident, scope: Scope) -> bool:
    there = {name: value for name, value in scope.items() if name != "account"}
    return RANK[IncidentKind(one.kind)] <= RANK[IncidentKind(row.kind)] and not apart(
        {name: value for name, value in one.scope.items() if name != "account"}, there
    )


def _enabled(scope: Scope) -> bool:
    return accounts.account(scope["account"]).enabled


def _told(row: Incident, kind: EntryKind, words: str) -> None:
    incidents.enter(row, kind, words, at=clock.now())
    incidents.announce(row, "changed")


def _listed(codes: frozenset[str]) -> str:
    return " or ".join(sorted(codes))


def _minute(at: datetime) -> datetime:
    """The first whole minute from then on."""
    return (at + timedelta(seconds=59, microseconds=999_999)).replace(second=0, microsecond=0)
