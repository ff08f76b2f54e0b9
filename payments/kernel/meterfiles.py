"""The figures of all processes of a machine: each keeps its own in files, which the kernel holds when it is killed.

A process is known by a lock that the kernel gives back when it ends, not by its number: containers that share a
directory may all be number 1. What the dead have counted is added to one file, and their files are let go of.
"""

import contextlib
import fcntl
import glob
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import prometheus_client
import structlog
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from payments.kernel import meters

log = structlog.get_logger(__name__)

SUMMED: Final = ("counter", "histogram")
"""Kinds of figures that a dead process leaves to the sum; where it stood is of no interest any more."""
GONE: Final = "gone"
PLAN: Final = "plan.json"
LIBRARY_READS: Final = "PROMETHEUS_MULTIPROC_DIR"


class _Kept:
    """Where this process keeps its figures, under which name, and the lock by which others know that it lives."""

    directory: Path | None = None
    name = ""
    lock: IO[bytes] | None = None


def keep_in(directory: Path, *, role: str) -> None:
    """Let this process, and those that it forks, keep their figures there; before the first of them is counted.

    Where that cannot be, they stay in memory: nothing that is paid fails because of figures.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _Kept.directory = directory
        _begin()
    except OSError as reason:
        log.warning("figures_not_shared", reason=str(reason))
        _Kept.directory = None
        return
    os.environ[LIBRARY_READS] = str(directory)
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: _Kept.name)
    os.register_at_fork(after_in_child=_begin)
    meters.PROCESSES.stands(role, at=1)


def _begin() -> None:
    """Take a name, and lock what says that it is taken, before anybody can think that we are dead."""
    directory = _Kept.directory
    if directory is None:
        return
    with _alone(directory):
        _Kept.name = secrets.token_hex(8)
        _Kept.lock = _lock_of(directory, _Kept.name).open("wb")
        fcntl.flock(_Kept.lock, fcntl.LOCK_EX)


def collected() -> bytes:
    """The figures of every process in Prometheus' text format 0.0.4; of this one alone, where they are not shared."""
    directory = _Kept.directory
    if directory is None:
        return prometheus_client.generate_latest(meters.REGISTRY)
    registry = prometheus_client.CollectorRegistry()
    with _alone(directory):
        _take_over_the_dead(directory)
        begun = [str(path) for path in directory.glob("*.db") if path.stat().st_size]
        registry.register(_Read(MultiProcessCollector.merge(begun)))
        return prometheus_client.generate_latest(registry)


class _Read(Collector):
    """What was read while we were alone."""

    def __init__(self, found: Iterable[Any]) -> None:
        self._found = sorted(found, key=lambda metric: str(metric.name))

    def collect(self) -> Iterable[Any]:
        """In the order of their names."""
        return self._found


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Nobody else reads, begins or takes over meanwhile; nobody who counts waits for this."""
    with (directory / "reading").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # also where a child has come about meanwhile, which holds it as well


def _lock_of(directory: Path, name: str) -> Path:
    return directory / f"{name}.lock"


def _take_over_the_dead(directory: Path) -> None:
    """Add what they have counted to one file, once: killed anywhere, the next one ends what was begun."""
    _finish(directory)
    dead = [path for path in directory.glob("*.lock") if _is_dead(path)]
    if not dead:
        return
    files = [Path(name) for path in dead for name in glob.glob(str(directory / f"*_{path.stem}.db"))]
    made = {kind: _summed(directory, kind, files) for kind in SUMMED}
    plan = {"take": [kind for kind, any_ in made.items() if any_], "drop": [path.name for path in (*files, *dead)]}
    draft = directory / f".{PLAN}"
    draft.write_text(json.dumps(plan))
    draft.replace(directory / PLAN)
    _finish(directory)


def _is_dead(path: Path) -> bool:
    """True when nobody holds it. Our own is held by us, whichever file we ask through."""
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _summed(directory: Path, kind: str, files: Iterable[Path]) -> bool:
    """Write beside the old sum what it will be; False when nobody has counted such figures.

    What no meter of this release is called by is left out.
    """
    found = [path for path in files if path.name.startswith(f"{kind}_") and path.stat().st_size]
    if not found:
        return False
    ours = {meter._name for meter in meters.REGISTRY._collector_to_names}  # type: ignore[attr-defined]
    sums: dict[str, float] = {}
    old = _sum_of(directory, kind)
    for path in (*found, *([old] if old.exists() else [])):
        for key, value, _timestamp, _position in MmapedDict.read_all_values_from_file(str(path)):
            if json.loads(key)[0] in ours:
                sums[key] = sums.get(key, 0.0) + value
    fresh = _fresh(directory, kind)
    fresh.unlink(missing_ok=True)
    written = MmapedDict(str(fresh))
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    return True


def _sum_of(directory: Path, kind: str) -> Path:
    return directory / f"{kind}_{GONE}.db"


def _fresh(directory: Path, kind: str) -> Path:
    return directory / f"{kind}_{GONE}.new"


def _finish(directory: Path) -> None:
    """Do what the plan says, as far as it is not done."""
    path = directory / PLAN
    if not path.exists():
        return
    plan = json.loads(path.read_text())
    for kind in plan["take"]:
        with contextlib.suppress(FileNotFoundError):
            _fresh(directory, kind).replace(_sum_of(directory, kind))
    for name in plan["drop"]:
        (directory / name).unlink(missing_ok=True)
    path.unlink()
