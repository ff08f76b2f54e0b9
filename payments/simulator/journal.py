"""The simulator's memory on disk: what changed, one JSON line per request, replayed at start."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

Row = tuple[str, str, Any]


class Journal:
    """Collects changed rows and appends them in one write; without a file it does nothing.

    A line holds everything one request changed, so a torn last line loses a whole request and
    never half of one. The write reaches the kernel before the answer leaves: `kill -9` loses nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._changed: dict[tuple[str, object], Row] = {}
        self._file: int | None = None

    @property
    def active(self) -> bool:
        """Whether anything is written at all."""
        return self._file is not None

    def note(self, account: str, kind: str, key: object, row: object) -> None:
        """Remember that this row changed; the last state before `flush` counts."""
        if self._file is not None:
            self._changed[kind, key] = (account, kind, row)

    def flush(self) -> None:
        """Append what changed since the last flush."""
        if self._file is None or not self._changed:
            return
        line = orjson.dumps(list(self._changed.values()), option=orjson.OPT_APPEND_NEWLINE)
        self._changed.clear()
        while line:
            line = line[os.write(self._file, line) :]

    def replay(self) -> Iterator[Row]:
        """Every row ever written, oldest first; a torn last line is cut off the file."""
        if self._path is None or not self._path.exists():
            return
        good = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                yield from orjson.loads(line)
        os.truncate(self._path, good)

    def open(self) -> None:
        """Start writing. Call it once, after `replay`."""
        if self._path is not None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def close(self) -> None:
        """Write what is left and stop."""
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None
