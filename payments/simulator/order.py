"""Ids in the order they came, so that a page of a long list is found without reading the list."""

import bisect
from array import array
from collections.abc import Iterator


class Order:
    """Ids, oldest first, each with its moment.

    Moments may come a little out of order (a timer that is late happens when it was due): what is kept is the highest
    so far, and by how much a moment was ever below it.
    """

    __slots__ = ("_disorder", "_highest", "_ids")

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._highest = array("q")
        self._disorder = 0

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def add(self, record_id: str, moment: int) -> None:
        """Append an id that is not there yet."""
        highest = max(moment, self._highest[-1]) if self._ids else moment
        self._disorder = max(self._disorder, highest - moment)
        self._ids.append(record_id)
        self._highest.append(highest)

    def clear(self) -> None:
        """Forget every id."""
        self._ids.clear()
        del self._highest[:]
        self._disorder = 0

    def place(self, record_id: str, moment: int) -> int | None:
        """Where the id of this moment stands; None when it does not."""
        place = bisect.bisect_left(self._highest, moment)
        while place < len(self._ids) and self._highest[place] <= moment + self._disorder:
            if self._ids[place] == record_id:
                return place
            place += 1
        return None

    def down(self, place: int | None = None, least: int | None = None, most: int | None = None) -> Iterator[str]:
        """Newest first, from below this place: at least all whose moments are between `least` and `most`."""
        start = len(self._ids) if place is None else place
        if most is not None:
            start = min(start, bisect.bisect_right(self._highest, most + self._disorder))
        for number in range(start - 1, -1, -1):
            if least is not None and self._highest[number] < least:
                return
            yield self._ids[number]

    def up(self, place: int) -> Iterator[str]:
        """Oldest first, from above this place."""
        for number in range(place + 1, len(self._ids)):
            yield self._ids[number]
