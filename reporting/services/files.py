"""The files of reports: how they are packed, and what they are called where files are kept."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from django.conf import settings
from isal import igzip

from reporting.models import FileFormat
from reporting.services import storing

DIRECTORY: Final = "reports"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

CONTENT_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8; header=present",  # RFC 4180 section 3
    FileFormat.EXCEL: "text/csv; charset=utf-8; header=present",
    FileFormat.CSV_GZ: "application/gzip",
}


def kept_as(name: str) -> str:
    """Where the file of this name is kept."""
    return f"{DIRECTORY}/{name}"


@dataclass(frozen=True)
class Draft:
    """A file on its way: `sink` takes the uncompressed bytes."""

    sink: BinaryIO
    _written: storing.Draft
    _format: FileFormat
    _packing: ExitStack

    def complete(self) -> None:
        """Nothing more comes: all of it is on the disk."""
        self._packing.close()
        self._written.close()

    def keep(self, run_id: str, sha256: str) -> str:
        """Put the complete file in its place and return its name.

        The name follows from the bytes, so that a worker that was taken for dead replaces nobody's file by another.
        """
        name = f"{run_id}-{sha256[:16]}.{self._format}"
        self._written.keep(kept_as(name))
        return name


@contextmanager
def draft(run_id: str, file_format: FileFormat) -> Iterator[Draft]:
    """A new file; nothing of it remains unless it is kept."""
    with storing.draft(DIRECTORY, run_id) as written, ExitStack() as packing:
        yield Draft(_sink(written.raw, file_format, packing), written, file_format, packing)


def begins_with(file_format: FileFormat) -> bytes:
    """What stands before the header: Excel takes a file for UTF-8 only behind a byte order mark."""
    return BYTE_ORDER_MARK if file_format == FileFormat.EXCEL else b""


def forget(run_id: str) -> None:
    """Remove what dead workers of this machine have left of a run that starts over."""
    directory = Path(settings.RUN_DIR) / DIRECTORY
    for left in [*directory.glob(f".{run_id}-*"), *directory.glob(f"{run_id}-*")]:
        left.unlink(missing_ok=True)


def _sink(raw: BinaryIO, file_format: FileFormat, packing: ExitStack) -> BinaryIO:
    if file_format != FileFormat.CSV_GZ:
        return raw
    # neither name nor time: the same bytes in are the same bytes out
    packed = igzip.IGzipFile(filename="", mode="wb", fileobj=raw, mtime=0)  # type: ignore[no-untyped-call]
    return cast(BinaryIO, packing.enter_context(packed))
