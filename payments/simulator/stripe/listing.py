"""Lists: newest first, `limit`, `starting_after`, `ending_before`, `created`."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from payments.simulator.stripe import errors, objects

Json = dict[str, Any]
R = TypeVar("R", bound=objects.Record)


def page(newest_first: Iterable[R], params: Json, show: Callable[[R], Json], url: str) -> Json:
    """One page of a list."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise errors.InvalidError("Limit must be between 1 and 100.", "limit", "parameter_invalid_integer")
    records, has_more = _cut(_created(newest_first, params.get("created")), params, limit)
    return {"object": "list", "data": [show(record) for record in records], "has_more": has_more, "url": url}


def _cut(records: Iterable[R], params: Json, limit: int) -> tuple[list[R], bool]:
    after, before = params.get("starting_after"), params.get("ending_before")
    if before:
        earlier: list[R] = []
        for record in records:
            if record.id == before:
                return earlier[-limit:], len(earlier) > limit
            earlier.append(record)
        raise errors.MissingError("object", before, "ending_before", status=400)
    taken: list[R] = []
    skipping = after is not None
    for record in records:
        if skipping:
            skipping = record.id != after
            continue
        if len(taken) == limit:
            return taken, True
        taken.append(record)
    if skipping:
        raise errors.MissingError("object", str(after), "starting_after", status=400)
    return taken, False


_BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda moment, bound: moment > bound,
    "gte": lambda moment, bound: moment >= bound,
    "lt": lambda moment, bound: moment < bound,
    "lte": lambda moment, bound: moment <= bound,
}


def _created(records: Iterable[R], wanted: Any) -> Iterable[R]:
    if wanted is None:
        return records
    bounds = wanted if isinstance(wanted, dict) else {"gte": wanted, "lte": wanted}
    try:
        tests = [(_BOUNDS[name], int(value)) for name, value in bounds.items()]
    except (KeyError, TypeError, ValueError) as error:
        raise errors.InvalidError("Invalid created: gt, gte, lt, lte with Unix times", "created") from error
    return (record for record in records if all(test(record.created, bound) for test, bound in tests))
