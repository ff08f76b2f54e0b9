"""Made-up settlement files as PSPs give them, and rows to make others of."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).resolve().parents[3] / "shared/reference/samples"


def sample(name: str) -> bytes:
    """A file from outside of this repository; the test is skipped without it, and fails where it has to be there."""
    if not FOLDER.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{FOLDER} is missing")
        pytest.skip(f"there are no samples at {FOLDER}")
    return (FOLDER / name).read_bytes()


def written(header: Sequence[str], rows: Sequence[Mapping[str, str]], *, end: str = "\r\n") -> bytes:
    """A CSV file with these columns; what a row does not say is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", extrasaction="ignore", lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
