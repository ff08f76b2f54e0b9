"""Where files are kept: in a directory of the installation, or in a bucket; whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages


def place() -> Storage:
    """Where every process of the installation finds the files: the bucket where one is set, else RUN_DIR."""
    return storages["files"] if settings.FILES_BUCKET else FileSystemStorage(settings.RUN_DIR)


def path(name: str) -> Path | None:
    """The file on this machine's disk, which may be gone; None where files are kept elsewhere."""
    kept = place()
    return Path(kept.path(name)) if isinstance(kept, FileSystemStorage) else None


@dataclass(frozen=True)
class Draft:
    """A file on its way, on this machine's disk: `raw` takes its bytes."""

    raw: BinaryIO
    _beside: Path
    _closing: ExitStack

    def close(self) -> None:
        """Nothing more comes: all of it is on the disk."""
        self._closing.close()

    def keep(self, name: str) -> None:
        """Put the closed file in its place, where it replaces one of the same name."""
        target = path(name)
        if target is None:
            with self._beside.open("rb") as content:
                place().save(name, File(content))
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(self._beside, target)
        _sync(target.parent)


@contextmanager
def draft(directory: str, name: str) -> Iterator[Draft]:
    """A new file that will be kept in `directory`; nothing of it remains unless it is kept."""
    scratch = Path(settings.RUN_DIR) / directory
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = scratch / f".{name}-{os.getpid()}.part"
    with ExitStack() as closing:
        raw = closing.enter_context(beside.open("wb"))
        closing.callback(_to_disk, raw)
        try:
            yield Draft(raw, beside, closing)
        finally:
            beside.unlink(missing_ok=True)


def opened(name: str) -> BinaryIO:
    """The bytes of a kept file, to be closed by the caller; FileNotFoundError when it is gone."""
    return cast(BinaryIO, place().open(name, "rb"))


def exists(name: str) -> bool:
    """Whether the file is still kept."""
    return place().exists(name)


def forget(name: str) -> None:
    """Keep a file no longer; harmless when it is gone."""
    place().delete(name)


def _to_disk(raw: BinaryIO) -> None:
    raw.flush()
    os.fsync(raw.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
