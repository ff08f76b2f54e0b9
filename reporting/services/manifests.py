"""The manifest of a file: what it says, its place in the chain, and the proof of a file by it, without a database."""

import csv
import gzip
import hashlib
import io
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from django.conf import settings

from payments.kernel import clock, money
from reporting.models import ReportRun
from reporting.reports import totals
from reporting.reports.base import Report
from reporting.reports.totals import Totals
from reporting.services.extraction import Extraction

SUFFIX: Final = ".manifest.json"
BLOCK: Final = 1 << 20
_OUTSIDE_THE_HASH: Final = ("hash", "generated_at")


def build(run: ReportRun, report: Report, found: Extraction, previous: ReportRun | None) -> dict[str, Any]:
    """The manifest of a file that was just written, next in its report's chain after `previous`."""
    differences = list(_differences(found.totals, found.ledger))
    content = {
        "run": run.pk,
        "report": report.name,
        "report_version": report.version,
        "columns": report.header,
        "parameters": run.parameters,
        "format": run.format,
        "as_of": {"at": _text(found.as_of.at), "xid": found.as_of.xid, "complete": found.as_of.complete},
        "totals_of": report.control.as_json(),
        "rows": found.rows,
        "size": found.size,
        "sha256": found.sha256,
        "control_totals": _listed(found.totals),
        "ledger_totals": _listed(found.ledger),
        "differences": differences,
        "tied": not differences,
        "code_version": code_version(),
        "number": 1 if previous is None else (previous.number or 0) + 1,
        "previous": None if previous is None or previous.manifest is None else previous.manifest["hash"],
    }
    return {**content, "hash": digest(content), "generated_at": _text(clock.now())}


def digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 over everything but the hash itself and the time of writing, as JSON with sorted keys and no blanks."""
    content = {name: value for name, value in manifest.items() if name not in _OUTSIDE_THE_HASH}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def code_version() -> str:
    """The version of the running code."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    return str(project["project"]["version"])


def _text(moment: Any) -> str:
    return str(moment.isoformat()).replace("+00:00", "Z")


def _listed(found: Totals) -> list[dict[str, Any]]:
    return [
        {
            "movement": movement,
            "currency": currency,
            "count": count,
            "amount": _major(minor, currency),
            "amount_minor": minor,
        }
        for (movement, currency), (count, minor) in sorted(found.items())
    ]


def _major(minor: int, currency: str) -> str:
    """Sums may be beyond the largest single amount."""
    exponent = money.exponent(currency)
    digits = f"{abs(minor):0{exponent + 1}d}"
    whole, decimals = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    return ("-" if minor < 0 else "") + whole + (f".{decimals}" if decimals else "")


def _differences(file: Totals, ledger: Totals) -> Iterator[dict[str, Any]]:
    """The file less the ledger, where that is not nothing."""
    for key in sorted(file.keys() | ledger.keys()):
        count, minor = (
            mine - theirs for mine, theirs in zip(file.get(key, (0, 0)), ledger.get(key, (0, 0)), strict=True)
        )
        if count or minor:
            yield {"movement": key[0], "currency": key[1], "count": count, "amount_minor": minor}


def beside(file: Path) -> Path:
    """Where the manifest of a file is looked for."""
    return file.with_name(file.name + SUFFIX)


def dump(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as a file."""
    return (json.dumps(manifest, indent=2) + "\n").encode()


def load(file: Path) -> dict[str, Any]:
    """A manifest that was written as a file; ValueError when it is none, OSError when it cannot be read."""
    found = json.loads(file.read_bytes())
    if not isinstance(found, dict) or not found.keys() >= {"hash", "columns", "control_totals"}:
        raise ValueError(f"{file} is no manifest")
    return found


def verify(file: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong with a file, by its manifest; nothing when it is the one that was written, and ties.

    Reads the file twice, in constant memory. Raises OSError when it cannot be read.
    """
    if digest(manifest) != manifest["hash"]:
        yield "the manifest was changed: its hash is another"
    size, sha256 = _measure(file)
    if (size, sha256) != (manifest["size"], manifest["sha256"]):
        yield f"the file was changed: {size} bytes with SHA-256 {sha256}"
    try:
        with _opened(file) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as lines:
            yield from _read(csv.reader(lines, strict=True), manifest)
    except (csv.Error, ValueError, IndexError, money.UnknownCurrency) as error:
        yield f"the file is no report: {error}"
    if not manifest["tied"]:
        yield f"NOT TIED: file less ledger is {json.dumps(manifest['differences'])}"


def _measure(file: Path) -> tuple[int, str]:
    size, found = 0, hashlib.sha256()
    with _opened(file) as raw:
        while block := raw.read(BLOCK):
            size += len(block)
            found.update(block)
    return size, found.hexdigest()


def _opened(file: Path) -> BinaryIO:
    """The uncompressed bytes, whatever the file is called."""
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(file)) if packed else file.open("rb")


def _read(rows: Iterable[list[str]], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Read the cells: header, number of rows, amounts in both forms, and control totals."""
    cells = iter(rows)
    header = next(cells, [])
    if header != manifest["columns"]:
        yield "the columns are not those of the manifest"
        return
    tally = totals.CellTally(manifest.get("totals_of", totals.OF_MOVEMENTS), header)
    amounts = list(_amounts(header))
    count = 0
    for count, row in enumerate(cells, start=1):
        for amount, minor, currency in amounts:
            if row[amount] != (_major(int(row[minor]), row[currency]) if row[minor] else ""):
                yield f"row {count}: {row[amount]} is not {row[minor]} minor units of {row[currency]}"
        tally.add(row)
    found = tally.totals()
    if count != manifest["rows"]:
        yield f"there are {count} rows, the manifest says {manifest['rows']}"
    if _listed(found) != manifest["control_totals"]:
        yield f"the rows come to {json.dumps(_listed(found))}"


def _amounts(header: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where amounts stand, the same in minor units, and their currency: `x_currency` beside `x`, or the row's own."""
    for at, name in enumerate(header):
        if f"{name}_minor" in header:
            yield at, header.index(f"{name}_minor"), totals.currency_of(header, name)
