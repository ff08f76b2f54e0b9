"""What the rows of a file come to, added up from its cells."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

Totals = Mapping[tuple[str, str], tuple[int, int]]
"""(word or column, currency) -> how many, and how many minor units. What is nothing at all is left out."""

OF_MOVEMENTS: Final[Mapping[str, Any]] = {"by": "movement", "sums": ["amount_minor"], "count": ""}
"""How the totals of files were made whose manifests do not say it."""


def currency_of(header: Sequence[str], name: str = "") -> int:
    """Where the currency of an amount stands: in `x_currency` beside `x`, or it is the row's."""
    if f"{name}_currency" in header:
        return header.index(f"{name}_currency")
    return [name.lower() for name in header].index("currency")


def something(found: Iterable[tuple[str, str, int, int]]) -> Totals:
    """Totals out of (word, currency, count, minor units)."""
    return {(word, currency): (count, int(minor)) for word, currency, count, minor in found if count or minor}


class RowTally(Protocol):
    """Totals from rows as PostgreSQL writes them."""

    def add(self, rows: Iterable[bytes]) -> None:
        """Add rows."""

    def totals(self) -> Totals:
        """What was added so far."""


def of(how: Mapping[str, Any], header: Sequence[str]) -> RowTally:
    """What adds up as a `Control` says (`as_json`)."""
    return WordTally(how, header) if how["by"] else ColumnTally(how, header)


class CellTally:
    """Totals as a `Control` says (`as_json`), from rows of cells."""

    def __init__(self, how: Mapping[str, Any], header: Sequence[str]) -> None:
        self._by = header.index(how["by"]) if how["by"] else None
        self._count = header.index(how["count"]) if how["count"] else None
        names = [(name, name.removesuffix("_minor")) for name in how["sums"]]
        self._sums = [(word, header.index(name), currency_of(header, word)) for name, word in names]
        self._found: dict[tuple[str, str], list[int]] = {}

    def add(self, cells: Sequence[str]) -> None:
        """Add one row."""
        for name, at, currency in self._sums:
            word = name if self._by is None else cells[self._by]
            total = self._found.setdefault((word, cells[currency]), [0, 0])
            total[0] += 1 if self._count is None else int(cells[self._count] or 0)
            total[1] += int(cells[at] or 0)

    def totals(self) -> Totals:
        """What was added so far."""
        return something((*key, count, minor) for key, (count, minor) in self._found.items())


class ColumnTally:
    """Totals of columns: the rows of reports that sum up are few."""

    def __init__(self, how: Mapping[str, Any], header: Sequence[str]) -> None:
        self._cells = CellTally(how, header)

    def add(self, rows: Iterable[bytes]) -> None:
        """Add rows."""
        for cells in csv.reader(row.decode() for row in rows):
            self._cells.add(cells)

    def totals(self) -> Totals:
        """What was added so far."""
        return self._cells.totals()


class WordTally:
    """Totals by a word, of millions of rows.

    Nothing up to the last cell that is looked at is ever quoted.
    """

    def __init__(self, how: Mapping[str, Any], header: Sequence[str]) -> None:
        [minor] = how["sums"]
        self._at = (header.index(how["by"]), currency_of(header), header.index(minor))
        self._found: dict[tuple[bytes, bytes], list[int]] = {}

    def add(self, rows: Iterable[bytes]) -> None:
        """Add rows."""
        (by, currency, minor), found = self._at, self._found
        cut = max(self._at) + 1
        for row in rows:
            cells = row.split(b",", cut)
            total = found.setdefault((cells[by], cells[currency]), [0, 0])
            total[0] += 1
            total[1] += int(cells[minor] or 0)

    def totals(self) -> Totals:
        """What was added so far."""
        return something((*_text(key), count, minor) for key, (count, minor) in self._found.items())


def _text(key: tuple[bytes, bytes]) -> tuple[str, str]:
    return key[0].decode(), key[1].decode()
