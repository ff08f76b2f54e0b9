"""What is wrong with payments now: from charts at their limit to the narrowest scopes that explain them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add
from typing import Final

from reporting.uptime import issuing, odds, scoping
from reporting.uptime.charts import MINUTE, Alarm, Minute, Watch
from reporting.uptime.observed import (
    APPROVAL,
    ASKED,
    ATTEMPTS,
    AVAILABILITY,
    BAD,
    OTHERS,
    REASONS,
    REFUSED,
    REFUSED_MINOR,
    SPEED,
    TRIALS,
    UNAVAILABLE,
    WIDTH,
    Cell,
    Measure,
    Vector,
    Wrong,
    by_currency,
    hour_of_week,
    in_scope,
)
from reporting.uptime.scoping import Slice

LOOKED_BACK: Final = timedelta(minutes=30)
"""What is wrong is told from no more than this; since when it is, from the chart."""
RECENT: Final = timedelta(minutes=3)
AT_ONCE: Final = 5
"""Scopes that are told of one kind of measure in one round."""
LEAST_POINTS: Final = 0.025
"""A share that has risen by less is no matter for a page, however certain it is."""
LEAST_TRIALS: Final = 20
"""Attempts: what fewer say may be one customer who tries again and again."""
LEAST_UNANSWERED: Final = 4
"""The same where there is no answer, which is no customer's fault: once a circuit is open, few attempts are left."""
STILL_UNEXPLAINED: Final = 0.7
"""So much of the limit has to be left in an alarm without what is explained, for it to be told besides."""
DOWN: Final = 0.35
"""Less than this of what is usually approved: an outage."""
BURST: Final = 1.5
SMALL: Final = 0.4
KEPT_UP: Final = 0.7
"""Card testing: so many times the attempts that are usual, not approved for so much of the usual amount, while so much
of what is usually approved is approved."""

GAMMA: Final = 1.1
"""Neighbouring buckets of a sketch differ by this factor (`uptime.counting`)."""
RECOVERED: Final = 5.0
"""So much more (nats) the last minutes have to speak for "as usual" than for "as ill as before", for it to be over."""
LASTING: Final = timedelta(minutes=10)
"""Reasons have to be others for so long: what stops sooner, or becomes a drop, needs nobody for its reasons."""

_FAMILIES: Final[Sequence[frozenset[Measure]]] = (
    frozenset({APPROVAL, AVAILABILITY}),
    frozenset({SPEED}),
    frozenset(REASONS),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A slice that is ill, with the sums of all measures within it, and whose counts it was found in."""

    watch: Watch
    measure: Measure
    slice: Slice
    since: datetime
    minutes: int
    cells: Mapping[Cell, Vector]
    sums: Vector
    held: bool
    over: bool

    @property
    def spread(self) -> float:
        """By how much effective numbers have to be multiplied to be those of attempts."""
        return self.sums[ATTEMPTS] / self.sums[TRIALS] if self.sums[TRIALS] else 1.0


def judge(watch: Watch, issuers: Watch | None = None) -> list[Wrong]:
    """Everything that is wrong with payments as of the last minute, each with the narrowest scope that explains it.

    Answers that are slow, and reasons that have shifted, are not told of what is worse off anyway. `issuers` holds the
    same minutes once more, by issuer.
    """
    alarms = watch.alarms()
    payments, slow, shifted = (
        _family(watch, [alarm for alarm in alarms if alarm.measure in family], issuers if number == 0 else None)
        for number, family in enumerate(_FAMILIES)
    )
    last = watch.minutes[-1].at if watch.minutes else None
    shifted = [found for found in shifted if last and last - found.since >= LASTING]
    told = []
    for found in payments:
        wrong = _payments(found)
        if not found.over and (found.held or wrong.kind == "outage"):
            told.append(wrong)
    for more, tell in ((slow, _slow), (shifted, _shifted)):
        told += [
            tell(found)
            for found in more
            if found.held
            and not found.over
            and not any(scoping.agree(found.slice.scope, p.slice.scope) for p in payments)
        ]
    return told


class _View:
    """What is looked back upon, without what is explained by other scopes already."""

    def __init__(self, watch: Watch, known: Sequence[_Found], issuers: Watch | None) -> None:
        self.watch, self.issuers = watch, issuers
        self._known = [found.slice.scope for found in known]
        self._cells: dict[tuple[bool, datetime], Mapping[Cell, Vector]] = {}
        self._sums: dict[tuple[bool, datetime, int], dict[tuple[str, ...], Vector]] = {}

    def since(self, alarm: Alarm) -> datetime:
        """From when on an alarm is told."""
        return max(alarm.since, self.watch.minutes[-1].at - LOOKED_BACK + MINUTE)

    def cells(self, since: datetime, *, issued: bool = False) -> Mapping[Cell, Vector]:
        """The cells that nothing explains; `issued`: those by issuer."""
        if (issued, since) not in self._cells:
            watch = self.issuers if issued and self.issuers else self.watch
            left = {
                cell: values
                for cell, values in watch.between(since).items()
                if not any(in_scope(cell, scope) for scope in self._known)
            }
            known = [scope for scope in self._known if "issuer" in scope]
            if issued and any("channel" in scope for scope in self._known):
                left = {}  # sums by issuer do not tell which of them are explained
            if known and self.issuers and not issued:
                left = issuing.without(left, self.issuers.between(since), known)
            self._cells[issued, since] = left
        return self._cells[issued, since]

    def evidence(self, alarm: Alarm, *, issued: bool = False) -> float:
        """What is left of an alarm in them."""
        (number, values), since, measure = alarm.series, self.since(alarm), alarm.measure
        key = (issued, since, number)
        if key not in self._sums:
            watch = self.issuers if issued and self.issuers else self.watch
            self._sums[key] = scoping.summed(self.cells(since, issued=issued), watch.watched[number].places)
        sums = self._sums[key].get(values)
        return odds.evidence(sums[measure.trials], sums[measure.bad], sums[measure.bad + 1]) if sums else 0.0


def _family(watch: Watch, alarms: Sequence[Alarm], issuers: Watch | None) -> list[_Found]:
    """The scopes that explain these alarms: the strongest first, then what is left without it, then single issuers."""
    found: list[_Found] = []
    _explain(watch, alarms, issuers, found, issued=False)
    if issuers is not None:
        _explain(watch, issuers.alarms(), issuers, found, issued=True)
    return found


def _explain(
    watch: Watch, alarms: Sequence[Alarm], issuers: Watch | None, found: list[_Found], *, issued: bool
) -> None:
    left, limit = list(alarms), (issuers if issued and issuers else watch).limit
    while left and len(found) < AT_ONCE:
        view = _View(watch, found, issuers)
        told = [(view.evidence(alarm, issued=issued), alarm) for alarm in left]
        left = [alarm for evidence, alarm in told if evidence >= STILL_UNEXPLAINED * limit]
        if not left:
            break
        _, alarm = max(told, key=lambda pair: pair[0])
        place = None if issued else _located(view, alarm)
        if issuers is not None and alarm.measure is APPROVAL and (place is None or not _is_testing(place)):
            place = _of_an_issuer(view, alarm, place) or place
        if place is not None:
            found.append(place)
        left.remove(alarm)


def _located(view: _View, alarm: Alarm) -> _Found | None:
    cells = view.cells(view.since(alarm))
    place = scoping.narrowest(cells, alarm.measure)
    return _found(view, view.watch, alarm, place, cells)


def _of_an_issuer(view: _View, alarm: Alarm, instead: _Found | None) -> _Found | None:
    """The issuer whose cards explain it better than any place does, if one does."""
    cells = view.cells(view.since(alarm), issued=True)
    place = scoping.narrowest(cells, alarm.measure, scoping.SETS_ISSUED)
    if view.issuers is None or place is None or place.scope.get("issuer", OTHERS) == OTHERS:
        return None
    if instead is not None and place.evidence < instead.slice.evidence:
        return None
    return _found(view, view.issuers, alarm, place, cells)


def _found(view: _View, watch: Watch, alarm: Alarm, place: Slice | None, cells: Mapping[Cell, Vector]) -> _Found | None:
    least = LEAST_UNANSWERED if alarm.measure is AVAILABILITY else LEAST_TRIALS
    if place is None or place.trials < least or place.excess < LEAST_POINTS * place.trials:
        return None
    inside = {cell: values for cell, values in cells.items() if in_scope(cell, place.scope)}
    minutes = int((view.watch.minutes[-1].at - view.since(alarm)) / MINUTE) + 1
    over = _is_over(watch, alarm, place)
    return _Found(watch, alarm.measure, place, alarm.since, minutes, inside, _sum(inside.values()), alarm.held, over)


def _is_over(watch: Watch, alarm: Alarm, place: Slice) -> bool:
    """Whether the last minutes look rather as usual than as ill as those before them, however many they are."""
    usual, measure = odds.share(place.expected, place.trials), alarm.measure
    minutes = [_of_minute(minute, measure, place.scope) for minute in watch.minutes if minute.at >= alarm.since]
    before, ill_before = sum(trials for trials, _ in minutes), sum(bad for _, bad in minutes)
    trials = bad = 0.0
    for more, worse in reversed(minutes):
        trials, bad = trials + more, bad + worse
        if before <= trials or ill_before - bad <= usual * (before - trials):
            break
        ill = odds.share(ill_before - bad, before - trials)
        if ill > usual and -odds.step(trials, bad, usual, ill) >= RECOVERED:
            return True
    return False


def _of_minute(minute: Minute, measure: Measure, scope: Mapping[str, str]) -> tuple[float, float]:
    inside = [values for cell, values in minute.cells.items() if in_scope(cell, scope)]
    return sum(values[measure.trials] for values in inside), sum(values[measure.bad] for values in inside)


def _sum(vectors: Iterable[Vector]) -> Vector:
    sums: Vector = [0.0] * WIDTH
    for values in vectors:
        sums = list(map(add, sums, values))
    return sums


def _payments(found: _Found) -> Wrong:
    """What it is that payments are not approved: an outage, a PSP that does not answer, testing of cards, or less."""
    sums = found.sums
    trials, bad, expected = sums[TRIALS], sums[BAD], sums[BAD + 1]
    at_risk = _at_risk(found)
    figures = _figures(found, trials - bad, trials - expected)
    unanswered = found.measure is AVAILABILITY or sums[UNAVAILABLE] - sums[UNAVAILABLE + 1] >= (bad - expected) / 2
    if not unanswered and _is_testing(found):
        return _wrong(found, "card_testing", "urgent", f"Many small payments are declined: {_small(found)}.", figures)
    usual = (trials - expected) / trials
    told = f"{_share(trials - bad, trials)} of 100 payments are approved instead of {100 * usual:.0f}"
    if "issuer" in found.slice.scope and "account" not in found.slice.scope:
        told += "; every provider sees it, and moving them helps none"
    if min((trials - bad) / (trials - expected or 1), _lately(found)) < DOWN:
        return _wrong(found, "outage", "urgent", f"Hardly anything is approved: {told}.", figures, at_risk)
    if unanswered:
        seen = _share(sums[UNAVAILABLE], trials)
        why = f"{seen} of 100 payments get no answer that says what became of them"
        return _wrong(found, "unavailable", "urgent", f"{why}; {told}.", figures, at_risk)
    return _wrong(found, "approval_drop", "urgent", f"{told}{_reason(sums)}.", figures, at_risk)


def _slow(found: _Found) -> Wrong:
    trials, slow, expected = found.slice.trials, found.slice.bad, found.slice.expected
    words = (
        f"{_share(slow, trials)} of 100 answers take longer than {_slow_from(found)}, where"
        f" {100 * expected / trials:.0f} do at this hour of the week."
    )
    return _wrong(found, "slow", "soon", words, _figures(found, slow, expected))


def _slow_from(found: _Found) -> str:
    """How long is slow where most of these answers come from."""
    hour = hour_of_week(found.watch.minutes[-1].at)
    cell = max(found.cells, key=lambda cell: found.cells[cell][found.measure.bad])
    bucket = found.watch.usual.expect(cell, hour).slow_from
    return f"{GAMMA**bucket / 1000:.1f} seconds" if bucket is not None else "usual"


def _shifted(found: _Found) -> Wrong:
    trials, seen, expected = found.slice.trials, found.slice.bad, found.slice.expected
    words = (
        f"{_share(seen, trials)} of 100 payments are declined as {found.measure.name}"
        f" instead of {100 * expected / trials:.0f}."
    )
    return _wrong(found, "decline_shift", "soon", words, _figures(found, seen, expected))


def _wrong(
    found: _Found,
    kind: str,
    severity: str,
    words: str,
    figures: Mapping[str, float],
    at_risk: Mapping[Cell, float] | None = None,
) -> Wrong:
    lost = at_risk or {}
    return Wrong(kind, found.slice.scope, severity, found.since, words, by_currency(lost), figures, lost)


def _figures(found: _Found, seen: float, expected: float) -> dict[str, float]:
    """Counts, of the minutes that were looked back upon; `evidence` is in nats."""
    return {
        "attempts": found.sums[ATTEMPTS],
        "seen": round(seen * found.spread),
        "expected": round(expected * found.spread, 1),
        "minutes": found.minutes,
        "evidence": round(found.slice.evidence, 1),
    }


def _at_risk(found: _Found) -> dict[Cell, float]:
    """Minor units by place that are not approved per minute: expected less seen, at what attempts ask for."""
    lost: dict[Cell, float] = {}
    over = max(1.0, found.minutes - 1 + found.watch.newest)
    for cell, values in found.cells.items():
        if values[TRIALS]:
            missing = (values[BAD] - values[BAD + 1]) * values[ASKED] / values[TRIALS]
            lost[cell[:4]] = lost.get(cell[:4], 0.0) + missing / over
    return lost


def _lately(found: _Found) -> float:
    """How much of what is usually approved was, in the last minutes; all of it where too little is known of them."""
    since = max(found.since, found.watch.minutes[-1].at - RECENT + MINUTE)
    sums = _sum(values for cell, values in found.watch.between(since).items() if in_scope(cell, found.slice.scope))
    usual = sums[TRIALS] - sums[BAD + 1]
    return (sums[TRIALS] - sums[BAD]) / usual if sums[TRIALS] >= LEAST_TRIALS and usual else 1.0


def _is_testing(found: _Found) -> bool:
    """Stolen cards are tried: far more attempts than usual, of small amounts, while others still pay.

    How many are usual is told by how busy everything else is now, against its own usual.
    """
    watch, sums = found.watch, found.sums
    if "issuer" in found.slice.scope:
        return False  # how many are usual is not known of issuers
    expect, hour = watch.usual.expect, hour_of_week(watch.minutes[-1].at)
    since = watch.minutes[-1].at - (found.minutes - 1) * MINUTE
    usual = sum(expect(cell, hour).per_minute for cell in found.cells) * found.minutes
    others = {cell: values for cell, values in watch.between(since).items() if cell not in found.cells}
    usual_elsewhere = sum(expect(cell, hour).per_minute for cell in others) * found.minutes
    if usual and usual_elsewhere:
        usual *= max(1.0, sum(values[ATTEMPTS] for values in others.values()) / usual_elsewhere)
    refused_usually = sum(values[REFUSED] * expect(cell, hour).refused_minor for cell, values in found.cells.items())
    approved = (sums[TRIALS] - sums[BAD]) * found.spread
    approved_usually = usual * (1 - sums[BAD + 1] / sums[TRIALS])
    return (
        sums[ATTEMPTS] >= BURST * usual
        and sums[REFUSED_MINOR] <= SMALL * refused_usually
        and approved + 2 * math.sqrt(approved) >= KEPT_UP * approved_usually
    )


def _small(found: _Found) -> str:
    return f"{found.sums[REFUSED]:.0f} of {found.sums[ATTEMPTS]:.0f} in {found.minutes} minutes"


def _reason(sums: Vector) -> str:
    """Of which kind the declines are that have become more."""
    risen, name = max((sums[reason.bad] - sums[reason.bad + 1], reason.name) for reason in REASONS)
    return f"; what has risen most are declines of the kind {name}" if risen > 0 else ""


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}"
