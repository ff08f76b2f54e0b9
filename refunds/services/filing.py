"""Where documents for banks are kept: on disk, under the hash of their bytes, written once."""

import hashlib
import os
from pathlib import Path

from django.conf import settings


def directory() -> Path:
    """Where every process of the installation finds them."""
    return Path(getattr(settings, "EVIDENCE_DIR", settings.RUN_DIR / "evidence"))


def keep(content: bytes) -> str:
    """Put the bytes on the disk, whole or not at all; their SHA-256, by which they are found."""
    sha256 = hashlib.sha256(content).hexdigest()
    place = _path(sha256)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = place.with_name(f".{sha256}-{os.getpid()}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, place)
    return sha256


def read(sha256: str) -> bytes:
    """The bytes; `OSError` when they are gone, `ValueError` when they are not those that were kept."""
    content = _path(sha256).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"the document {sha256} was changed on the disk")
    return content


def forget(sha256: str) -> None:
    """Let go of the bytes; twice is once."""
    _path(sha256).unlink(missing_ok=True)


def _path(sha256: str) -> Path:
    return directory() / sha256[:2] / sha256
