"""Lists: newest first, `limit`, `starting_after`, `ending_before`, `created` and other moments."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from payments.simulator.order import Order
from payments.simulator.stripe import errors, objects

Json = dict[str, Any]
R = TypeVar("R", bound=objects.Record)


@dataclass(frozen=True, slots=True)
class Long(Generic[R]):
    """A list that may be long: its records by id, their order, and which of them are wanted."""

    table: Mapping[str, R]
    order: Order
    wanted: Callable[[R], bool]

    def place(self, record_id: str, param: str) -> int:
        """Where a page begins or ends. Raises MissingError."""
        record = self.table.get(record_id)
        found = self.order.place(record_id, record.created) if record is not None else None
        if found is None:
            raise errors.MissingError("object", record_id, param, status=400)
        return found

    def _these(self, ids: Iterator[str]) -> Iterator[R]:
        return (record for record_id in ids if self.wanted(record := self.table[record_id]))

    def cut(self, params: Json, limit: int) -> tuple[list[R], bool]:
        """One page, newest first, and whether there is more of it."""
        least, most = _edges(params.get("created"))
        after, before = params.get("starting_after"), params.get("ending_before")
        if before:
            rows = _created(self._these(self.order.up(self.place(before, "ending_before"))), params.get("created"))
            page, more = _first(rows, limit)
            return page[::-1], more
        place = self.place(after, "starting_after") if after else None
        return _first(_created(self._these(self.order.down(place, least, most)), params.get("created")), limit)


def page(records: Iterable[R] | Long[R], params: Json, show: Callable[[R], Json], url: str) -> Json:
    """One page of a list."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise errors.InvalidError("Limit must be between 1 and 100.", "limit", "parameter_invalid_integer")
    if isinstance(records, Long):
        rows, has_more = records.cut(params, limit)
    else:
        rows, has_more = _cut(_created(records, params.get("created")), params, limit)
    return {"object": "list", "data": [show(record) for record in rows], "has_more": has_more, "url": url}


def _cut(records: Iterable[R], params: Json, limit: int) -> tuple[list[R], bool]:
    after, before = params.get("starting_after"), params.get("ending_before")
    if before:
        earlier: list[R] = []
        for record in records:
            if record.id == before:
                return earlier[-limit:], len(earlier) > limit
            earlier.append(record)
        raise errors.MissingError("object", before, "ending_before", status=400)
    rows = iter(records)
    if after is not None and not any(record.id == after for record in rows):
        raise errors.MissingError("object", str(after), "starting_after", status=400)
    return _first(rows, limit)


def _first(rows: Iterable[R], limit: int) -> tuple[list[R], bool]:
    taken: list[R] = []
    for record in rows:
        if len(taken) == limit:
            return taken, True
        taken.append(record)
    return taken, False


_BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda moment, bound: moment > bound,
    "gte": lambda moment, bound: moment >= bound,
    "lt": lambda moment, bound: moment < bound,
    "lte": lambda moment, bound: moment <= bound,
}


def within(wanted: Any, name: str) -> Callable[[int], bool]:
    """Whether a moment is within what was asked for: a Unix time, or bounds. Raises InvalidError."""
    tests = [(_BOUNDS[bound], value) for bound, value in _bounds(wanted, name).items()]
    return lambda moment: all(test(moment, value) for test, value in tests)


def _bounds(wanted: Any, name: str) -> dict[str, int]:
    if wanted is None:
        return {}
    given = wanted if isinstance(wanted, dict) else {"gte": wanted, "lte": wanted}
    try:
        bounds = {bound: int(value) for bound, value in given.items()}
    except (TypeError, ValueError):
        bounds = {"": 0}
    if not bounds.keys() <= _BOUNDS.keys():
        raise errors.InvalidError(f"Invalid {name}: gt, gte, lt, lte with Unix times", name)
    return bounds


def _edges(wanted: Any) -> tuple[int | None, int | None]:
    """The least and the greatest moment that may be within."""
    bounds = _bounds(wanted, "created")
    least = [value for name, value in bounds.items() if name.startswith("g")]
    most = [value for name, value in bounds.items() if name.startswith("l")]
    return (max(least) if least else None, min(most) if most else None)


def _created(records: Iterable[R], wanted: Any) -> Iterable[R]:
    if wanted is None:
        return records
    inside = within(wanted, "created")
    return (record for record in records if inside(record.created))
