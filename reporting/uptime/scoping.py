"""Where it is wrong: the slice of payments that explains best what is missing, and not more than that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import add
from typing import Final

from reporting.uptime import odds
from reporting.uptime.observed import DIMENSIONS, ISSUED, Cell, Measure, Vector

SETS: Final = tuple(places for size in range(3) for places in combinations(range(len(DIMENSIONS)), size))
"""Everything, each dimension alone, and each two of them. Where two slices say the same, the first one is taken."""
SETS_ISSUED: Final = tuple(places for size in range(3) for places in combinations((0, 1, 2, 3, 5), size))
"""The same of sums by issuer."""
DEARER: Final = 0.02
"""So much of its evidence a slice has to be better for each dimension that it names besides."""
DEARER_NATS: Final = 1.5
"""And at least so much, because of many narrow slices one looks ill by chance."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What was seen of one measure within a scope, beside what was expected."""

    scope: Mapping[str, str]
    trials: float
    bad: float
    expected: float

    @property
    def evidence(self) -> float:
        """That it is worse than usual, in nats."""
        return odds.evidence(self.trials, self.bad, self.expected)

    @property
    def excess(self) -> float:
        """How many more were bad than usual."""
        return self.bad - self.expected


def narrowest(cells: Mapping[Cell, Vector], measure: Measure, sets: Sequence[tuple[int, ...]] = SETS) -> Slice | None:
    """The slice that explains best what is bad in these cells; None where nothing is worse than usual.

    The scan statistic of Kulldorff (1997): of all slices the one whose own share, with the usual one outside, makes
    the counts most likely. A slice that is too wide dilutes its share with what is well, one that is too narrow leaves
    out what is ill as well: both explain less, because trials * KL is convex.
    """
    best: tuple[float, Slice] | None = None
    for places in sets:
        for values, sums in summed(cells, places).items():
            scope = {ISSUED[place]: value for place, value in zip(places, values, strict=True)}
            found = Slice(scope, sums[measure.trials], sums[measure.bad], sums[measure.bad + 1])
            told = found.evidence
            score = told * (1 - DEARER * len(places)) - DEARER_NATS * len(places)
            if told > 0 and (best is None or score > best[0] + 1e-9):
                best = (score, found)
    return best[1] if best else None


def summed(cells: Mapping[Cell, Vector], places: tuple[int, ...]) -> dict[tuple[str, ...], Vector]:
    """The sums of each slice that these dimensions (places in a cell) make."""
    found: dict[tuple[str, ...], Vector] = {}
    for cell, values in cells.items():
        key = tuple(cell[place] for place in places)
        sums = found.get(key)
        found[key] = values if sums is None else list(map(add, sums, values))
    return found


def agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether there may be payments in both scopes: no dimension says otherwise."""
    return all(other.get(name, value) == value for name, value in one.items())
