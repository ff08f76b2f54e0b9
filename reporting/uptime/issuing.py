"""Issuers beside all else: what is left of counts that do not tell them apart, without those that are explained."""

from collections.abc import Mapping, Sequence
from operator import add

from reporting.uptime.observed import ATTEMPTS, Cell, Vector, in_scope


def without(
    cells: Mapping[Cell, Vector], issued: Mapping[Cell, Vector], known: Sequence[Mapping[str, str]]
) -> dict[Cell, Vector]:
    """Cells without the payments of known issuers, which are in all channels as the others are."""
    gone: dict[Cell, Vector] = {}
    for cell, values in issued.items():
        if any(in_scope(cell, scope) for scope in known):
            sums = gone.get(cell[:4])
            gone[cell[:4]] = values if sums is None else list(map(add, sums, values))
    whole: dict[Cell, float] = {}
    for cell, values in cells.items():
        whole[cell[:4]] = whole.get(cell[:4], 0.0) + values[ATTEMPTS]
    left: dict[Cell, Vector] = {}
    for cell, values in cells.items():
        of_all = gone.get(cell[:4])
        if of_all is None:
            left[cell] = values
            continue
        part = values[ATTEMPTS] / whole[cell[:4]]
        left[cell] = [max(0.0, own - part * other) for own, other in zip(values, of_all, strict=True)]
    return left
