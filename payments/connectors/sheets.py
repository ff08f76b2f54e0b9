"""Settlement files as CSV: streamed, read by the names of their columns, refused in words for people of finance."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final

from payments.connectors.settlements import FileRefused, SettlementLine
from payments.kernel import money

BLOCK: Final = 1 << 18
"""Bytes that are held at once, whatever the size of the file."""

LONGEST_LINE: Final = 1 << 18
"""Bytes: what has no line end for longer is no text."""

TOGETHER: Final = 64
"""Rows that are read at once: lines of plain ones are made column by column."""

USUAL: Final = 15
"""Characters of an amount, the point among them: whatever its currency, it is below the largest one."""
REMEMBERED: Final = 50_000
"""How many texts of amounts are kept with what they say, so that memory has an end."""

BEGINNINGS: Final = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\x1f\x8b": "a packed file (gzip)",
    b"%PDF": "a PDF",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
"""How files begin that people take for CSV."""


# --- lines -------------------------------------------------------------------------------------------------------


def lines(content: BinaryIO) -> Iterator[str]:
    """The lines of a text in UTF-8, with their ends. `FileRefused` when it is something else, or ends within a line."""
    rest, number = b"", 0
    while block := content.read(BLOCK):
        whole, end, rest = (rest + block).rpartition(b"\n")
        if len(rest) > LONGEST_LINE:
            raise FileRefused(f"Line {number + whole.count(10) + 1} has no end: this is no text, but binary data.")
        if end:
            yield from io.StringIO(_decoded(whole + end, number), newline="\n")
            number += whole.count(b"\n") + 1
    if rest:
        _decoded(rest, number)
        raise FileRefused(f"The file ends in the middle of line {number + 1}: it was cut off. Fetch it again.")


def _decoded(block: bytes, before: int) -> str:
    """A block as text; `before` is how many lines have come before it."""
    if not before:
        other = next((says for start, says in BEGINNINGS.items() if block.startswith(start)), "")
        if other:
            raise FileRefused(f"The file is {other}: what is wanted is the CSV file as the PSP gives it.")
        block = block.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in block:
        line = before + block[: block.index(b"\0")].count(b"\n") + 1
        raise FileRefused(f"Line {line} holds binary data (a zero byte): this is no CSV file.")
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        line = before + block[: error.start].count(b"\n") + 1
        said = f"the byte 0x{block[error.start]:02X}"
        raise FileRefused(
            f"Line {line} is not in UTF-8 ({said}): a program has saved it in another encoding. Fetch it again."
        ) from None


class Wrong(Exception):
    """A line is not what it should be; why, without saying which line."""


Cells = tuple[str, ...]
Make = Callable[[int, Cells], SettlementLine | None]
"""Makes a line of its number and cells; None for a row that is none of ours to read."""
Many = Callable[[int, Sequence[Cells]], list[SettlementLine] | None]
"""The same of the columns of rows that follow one another, the first of which has this number; None where one of them
is not plain: then they are made one by one, which also says what is wrong."""


# --- columns -------------------------------------------------------------------------------------------------------


def _said(line: int, wrong: Wrong, cells: Iterable[tuple[str, str]], amounts: Sequence[str]) -> str:
    """What is wrong, and where; of an amount also in which of these columns."""
    if not isinstance(wrong, NotAnAmount):
        return f"Line {line}: {wrong}."
    told = dict(cells)
    column = next(name for name in amounts if told[name].casefold() == wrong.cell.casefold())
    return f"Line {line}, {column}: {wrong}."


class Sheet:
    """One CSV file: the names of its columns at once, its rows as they are asked for."""

    def __init__(self, content: BinaryIO, what: str) -> None:
        self._what = what
        self._reader = csv.reader(lines(content), strict=True)
        self._written = next(self._read(), [])
        self._header = [_plain(name) for name in self._written]
        if not self._header:
            raise FileRefused(f"The file is empty: this is no {what}.")

    def has(self, column: str) -> bool:
        """Whether there is a column of this name."""
        return _plain(column) in self._header

    def require(self, columns: Sequence[str]) -> None:
        """`FileRefused` unless each of these columns is there, once."""
        for name in columns:
            self._place(name)

    def rows(self, wanted: Sequence[str]) -> Iterator[Cells]:
        """The cells of these columns of every row, wherever they stand. Columns that nobody wants are left alone."""
        for columns, _ in self._columns(wanted, ()):
            yield from zip(*columns, strict=True)

    def lines(
        self,
        wanted: Sequence[str],
        optional: Sequence[str],
        amounts: Sequence[str],
        make: Make,
        many: Many | None = None,
    ) -> Iterator[SettlementLine]:
        """What `make` makes of the cells of every row and its number, from 1; or `many` of several.

        A cell is "" in an optional column that is not there. What `make` raises becomes a refusal that names the line;
        of `NotAnAmount` also which of the columns `amounts`.
        """
        names, first = (*wanted, *optional), 1
        for columns, ends in self._columns(wanted, optional):
            made = many(first, columns) if many else None
            if made is not None:
                yield from made
                first += len(ends)
                continue
            for cells, end in zip(zip(*columns, strict=True), ends, strict=True):
                try:
                    line = make(first, cells)
                except Wrong as wrong:
                    raise FileRefused(_said(end, wrong, zip(names, cells, strict=True), amounts)) from None
                first += 1
                if line:
                    yield line

    def _columns(self, wanted: Sequence[str], optional: Sequence[str]) -> Iterator[tuple[list[Cells], list[int]]]:
        """These columns of rows that follow one another, and the lines of the file on which the rows end.

        One row is given first, then more and more at once. What is wrong with a row is said after those above it.
        """
        width, size, rest = len(self._header), 1, self._rows()
        places = [self._place(name) for name in wanted]
        places += [self._header.index(_plain(name)) if self.has(name) else width for name in optional]
        refused = None
        while refused is None:
            rows, ends = [], []
            try:
                for row in islice(rest, size):
                    rows.append(row)
                    ends.append(self._reader.line_num)
            except FileRefused as wrong:
                refused = wrong
            if rows:
                columns = [*zip(*rows, strict=True), ("",) * len(rows)]
                yield [columns[place] for place in places], ends
            elif refused is None:
                return
            size = min(2 * size, TOGETHER)
        raise refused

    def _rows(self) -> Iterator[list[str]]:
        width = len(self._header)
        for row in self._read():
            if len(row) == width:
                yield row
            elif row:
                raise FileRefused(
                    f"Line {self.line} has {len(row)} columns, the header {width}: a line is broken or was cut off."
                )

    @property
    def line(self) -> int:
        """The line of the file that was read last, from 1."""
        return self._reader.line_num

    def _read(self) -> Iterator[list[str]]:
        try:
            yield from self._reader
        except csv.Error as error:
            raise FileRefused(f"Line {self.line} is no line of a CSV file: {error}.") from None

    def _place(self, name: str) -> int:
        found = self._header.count(_plain(name))
        if found == 1:
            return self._header.index(_plain(name))
        if found:
            raise FileRefused(f"The column {name} is there {found} times: nobody can tell which one counts.")
        if len(self._written) == 1 and re.search(r"[;\t]", self._written[0]):
            raise FileRefused("Columns are not separated by commas: a spreadsheet program has saved this file anew.")
        raise FileRefused(f"There is no column {name}: this is no {self._what}, or one with other columns.")


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


# --- amounts -------------------------------------------------------------------------------------------------------


_TENS: Final[Sequence[int]] = [10**n for n in range(8)]


class NotAnAmount(Wrong):
    """The text of a cell is no amount; why, without saying where it stands."""

    def __init__(self, cell: str, why: str) -> None:
        super().__init__(why)
        self.cell = cell


class Amounts(dict[str, int]):
    """What texts in major units say in minor units of ISO 4217; each is worked out once. Empty is nothing.

    `decimals` is how many the PSP gives the currency. Without `signed` a sign is no part of an amount.
    """

    def __init__(self, currency: str, decimals: int, *, signed: bool = True) -> None:
        if currency not in money.EXPONENTS:
            raise NotAnAmount(currency, f"{currency!a} is no currency of ISO 4217")
        super().__init__()
        self._currency, self._decimals = currency, decimals
        self._usual = decimals if decimals == money.EXPONENTS[currency] else 0
        self._form = re.compile(r"-?(\d+)?(?:\.(\d+))?" if signed else r"(\d+)?(?:\.(\d+))?", re.ASCII)

    def __missing__(self, cell: str) -> int:
        major, _, rest = cell.partition(".")
        if len(rest) == self._usual > 0 and len(cell) <= USUAL and cell.isascii() and (major + rest).isdecimal():
            return int(major + rest)  # 45.99: quicker made than kept
        said = cell.strip()
        whole = self._form.fullmatch(said)
        if not whole or (said and not any(whole.groups())):
            raise NotAnAmount(cell, f"{cell!a} is no amount: {self._because(said)}")
        places = len(whole[2] or "")
        if places > self._decimals:
            raise NotAnAmount(
                cell, f"{cell!a} has {places} decimals, and {self._currency} has {self._decimals} at this PSP"
            )
        minor = self._minor(cell, int((whole[1] or "") + (whole[2] or "") or "0"), places)
        if len(self) >= REMEMBERED:
            self.clear()
        self[cell] = signed = -minor if said.startswith("-") else minor
        return signed

    def _minor(self, cell: str, digits: int, places: int) -> int:
        lacks = money.EXPONENTS[self._currency] - places
        minor, lost = (digits * _TENS[lacks], 0) if lacks >= 0 else divmod(digits, _TENS[-lacks])
        if lost:
            raise NotAnAmount(cell, f"{cell!a} has a fraction of the smallest unit of {self._currency}")
        if minor >= money.LIMIT:
            raise NotAnAmount(cell, f"{cell!a} is beyond any amount")
        return minor

    def _because(self, said: str) -> str:
        if re.fullmatch(r"-?[\d.]*,\d{1,3}", said, re.ASCII):
            return "it has a decimal comma; amounts have a decimal point, as in 45.99"
        if "," in said:
            return "it has a comma between its digits"
        if said.startswith(("-", "+")):
            return "it has a sign, and this column has none"
        return "what is wanted is a number such as 45.99"


class Currencies(dict[str, Amounts]):
    """The `Amounts` of every currency, by one PSP's numbers of decimals."""

    def __init__(self, decimals: Callable[[str], int], *, signed: bool = True) -> None:
        super().__init__()
        self._decimals, self._signed = decimals, signed

    def __missing__(self, currency: str) -> Amounts:
        made = self[currency] = Amounts(currency, self._decimals(currency), signed=self._signed)
        return made
