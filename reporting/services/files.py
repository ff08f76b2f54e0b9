"""Where the files of reports are kept: written beside, made whole, then put in their place."""

import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from django.conf import settings

from reporting.models import FileFormat

FAST: Final = 1
"""The lowest level of zlib: half the time of the usual one, for a tenth more bytes."""

CONTENT_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8; header=present",  # RFC 4180 section 3
    FileFormat.CSV_GZ: "application/gzip",
}


def directory() -> Path:
    """Where every process of the installation finds the files."""
    return Path(getattr(settings, "REPORTS_DIR", settings.RUN_DIR / "reports"))


def path(name: str) -> Path:
    """The file of this name, which may be gone."""
    return directory() / name


@dataclass(frozen=True)
class Draft:
    """A file on its way: `sink` takes the uncompressed bytes."""

    sink: BinaryIO
    _path: Path
    _format: FileFormat
    _closing: ExitStack

    def complete(self) -> None:
        """Nothing more comes: all of it is on the disk."""
        self._closing.close()

    def keep(self, run_id: str, sha256: str) -> str:
        """Put the complete file in its place and return its name.

        The name follows from the bytes, so that a worker that was taken for dead replaces nobody's file by another.
        """
        name = f"{run_id}-{sha256[:16]}.{self._format}"
        os.replace(self._path, path(name))
        _sync(directory())
        return name


@contextmanager
def draft(run_id: str, file_format: FileFormat) -> Iterator[Draft]:
    """A new file; nothing of it remains unless it is kept."""
    directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = directory() / f".{run_id}-{os.getpid()}.part"
    with ExitStack() as closing:
        raw = closing.enter_context(beside.open("wb"))
        closing.callback(_to_disk, raw)
        try:
            yield Draft(_sink(raw, file_format, closing), beside, file_format, closing)
        finally:
            beside.unlink(missing_ok=True)


def forget(run_id: str) -> None:
    """Remove what dead workers have left of a run that starts over."""
    for left in [*directory().glob(f".{run_id}-*"), *directory().glob(f"{run_id}-*")]:
        left.unlink(missing_ok=True)


def _sink(raw: BinaryIO, file_format: FileFormat, closing: ExitStack) -> BinaryIO:
    if file_format != FileFormat.CSV_GZ:
        return raw
    # neither name nor time: the same bytes in are the same bytes out
    packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=FAST, mtime=0)
    return cast(BinaryIO, closing.enter_context(packed))


def _to_disk(raw: BinaryIO) -> None:
    raw.flush()
    os.fsync(raw.fileno())


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
