"""Which findings are one incident: pure, and the same whatever order they come in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from reporting.models.incidents import SCOPE, IncidentKind
from reporting.uptime.findings import GRAVEST_FIRST, Finding, Scope, apart, common, within
from reporting.uptime.observed import by_currency

K = IncidentKind

Moved = tuple[Scope, Decimal]
"""A place of which payments go elsewhere, and the share that it keeps."""

PAYING: Final = (K.OUTAGE, K.UNAVAILABLE, K.APPROVAL_DROP, K.UNFINISHED, K.SLOW, K.DECLINE_SHIFT)
RANK: Final = {kind: rank for rank, kind in enumerate(PAYING)}
"""What is wrong with paying: what comes first explains what comes later, where the scope of that lies in its own."""
SILENCED: Final = frozenset({K.WEBHOOK_SILENCE, K.RECOVERY_BACKLOG})
"""What follows as well where a provider is away."""
AWAY: Final = frozenset({K.OUTAGE, K.UNAVAILABLE})

FLOOD: Final = 3
"""So many places that have a value in common, and are wrong at once, are one: that value is what they share."""
MOST_NEW: Final = 5
"""New incidents of one round; more are folded together: nobody reads a dozen pages at once."""


@dataclass(frozen=True, slots=True)
class Known:
    """An open incident."""

    id: str
    kind: IncidentKind
    scope: Scope


@dataclass(slots=True)
class Group:
    """One incident as a round finds it: its kind and scope, what was found of it, and the open ones that it is.

    Of those that are `known` the first lives on. Without any finding it is quiet.
    """

    kind: IncidentKind
    scope: Scope
    found: list[Finding] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)

    @property
    def leading(self) -> Finding:
        """What is told of it: the gravest kind, at the widest place, the most severe."""
        return min(self.found, key=lambda one: (_rank(one.kind), len(one.scope), GRAVEST_FIRST.index(one.severity),
                                                sorted(one.scope.items())))  # fmt: skip

    @property
    def whole(self) -> Scope:
        """The narrowest place in which everything lies that was found."""
        return common([one.scope for one in self.found])


def gather(found: Iterable[Finding], known: Iterable[Known]) -> list[Group]:
    """The incidents of a round, also the quiet ones: which findings and which open incidents are the same.

    Two are the same when one lies in the other and is of the same kind, or explained by it. What many narrow ones have
    in common is one wide incident: a provider that is down is one, not one for each method and country.
    """
    groups = [Group(one.kind, one.scope, known=[one]) for one in known]
    groups += [Group(one.kind, one.scope, found=[one]) for one in sorted(found, key=_order)]
    groups = _joined(groups)
    for name in SCOPE:
        groups = _joined(_flood(groups, name))
    return [_settled(group) for group in _folded(groups)]


def per_minute(found: Sequence[Finding], moved: Iterable[Moved] = ()) -> dict[str, int]:
    """What is not approved in a minute because of all of these: nothing is counted twice.

    Of a place that payments have `moved` away from only the share that it keeps is lost, however ill the minutes before
    were that detection goes by; what is found elsewhere, also where they have gone, is lost as it was found.
    """
    gone = list(moved)
    left = [(one, _still(one, gone)) for one in found]
    counted: list[Scope] = []
    sums: dict[str, int] = {}
    for one, lost in sorted(left, key=lambda pair: (-sum(pair[1].values()), _order(pair[0]))):
        if all(apart(one.scope, scope) for scope in counted):
            counted.append(one.scope)
            for currency, minor in lost.items():
                sums[currency] = sums.get(currency, 0) + minor
    return {currency: minor for currency, minor in sums.items() if minor}


def _still(one: Finding, moved: Sequence[Moved]) -> Mapping[str, int]:
    """What of a finding is lost still; where it cannot be told by place, payments left it if all of it has moved."""
    if all(apart(one.scope, scope) for scope, _ in moved):
        return one.per_minute
    if not one.by_place:
        kept = _kept(one.scope, moved)
        return {currency: round(minor * kept) for currency, minor in one.per_minute.items()}
    return by_currency({
        place: minor * _kept(dict(zip(SCOPE, place, strict=False)), moved) for place, minor in one.by_place.items()
    })  # fmt: skip


def _kept(place: Scope, moved: Sequence[Moved]) -> float:
    return float(min((share for scope, share in moved if within(place, scope)), default=1))


def same(one: Group | Known, other: Group | Known) -> bool:
    """True when the two are about the same thing."""
    if one.scope == other.scope and one.kind in RANK and other.kind in RANK:
        return True
    return _explains(one, other) or _explains(other, one)


def _explains(wide: Group | Known, narrow: Group | Known) -> bool:
    if not within(narrow.scope, wide.scope):
        return False
    if wide.kind == narrow.kind or (wide.kind in AWAY and narrow.kind in SILENCED):
        return True
    return wide.kind in RANK and narrow.kind in RANK and RANK[wide.kind] < RANK[narrow.kind]


def _joined(groups: list[Group]) -> list[Group]:
    """Those that are the same become one, until no two are."""
    done: list[Group] = []
    for group in groups:
        grown = group
        while (twin := next((one for one in done if same(one, grown)), None)) is not None:
            done = [one for one in done if one is not twin]
            grown = _one([twin, grown])
        done.append(grown)
    return done


def _flood(groups: list[Group], name: str) -> list[Group]:
    """Those that are wrong now with one value of a dimension in common become one, where they are many."""
    values = sorted({group.scope[name] for group in groups if name in group.scope})
    for value in values:
        groups = _gathered(groups, lambda group, value=value: group.kind in RANK and group.scope.get(name) == value)  # type: ignore[misc]
    return groups


def _gathered(groups: list[Group], which: Callable[[Group], bool]) -> list[Group]:
    flooding = [group for group in groups if group.found and which(group)]
    if len(flooding) < FLOOD:
        return groups
    return [*(group for group in groups if all(group is not one for one in flooding)), _one(flooding)]


def _folded(groups: list[Group]) -> list[Group]:
    """Not too many new ones: first those of each kind become one, then all of them."""
    ways: tuple[Callable[[Group], object], ...] = (lambda group: group.kind, lambda _group: True)
    for way in ways:
        new = [group for group in groups if not group.known]
        if len(new) <= MOST_NEW:
            break
        groups = [group for group in groups if group.known]
        groups += [_one([g for g in new if way(g) == key]) for key in dict.fromkeys(way(group) for group in new)]
        groups = _joined(groups)
    return groups


def _one(groups: list[Group]) -> Group:
    """All of them together, at the narrowest place in which they lie."""
    if len(groups) == 1:
        return groups[0]
    return Group(
        kind=min((group.kind for group in groups), key=_rank),
        scope=common([group.scope for group in groups]),
        found=[one for group in groups for one in group.found],
        known=[one for group in groups for one in group.known],
    )


def _settled(group: Group) -> Group:
    """Who lives on is the one that stands there already, else the one that was first."""
    group.known.sort(key=lambda one: (one.kind != group.kind or one.scope != group.scope, one.id))
    return group


def _rank(kind: IncidentKind) -> tuple[int, int]:
    return RANK.get(kind, len(RANK)), list(IncidentKind).index(kind)


def _order(finding: Finding) -> tuple[object, ...]:
    return _rank(finding.kind), sorted(finding.scope.items())
