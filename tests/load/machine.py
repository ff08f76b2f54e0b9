"""What processes cost: processor time and memory, read from /proc."""

import json
import os
import platform
import statistics
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

TICK: Final = os.sysconf("SC_CLK_TCK")  # clock ticks a second
USER, SYSTEM, REAPED_USER, REAPED_SYSTEM = 11, 12, 13, 14  # fields of stat after the name: proc_pid_stat(5), less 3


DOCUMENT: Final = {f"key_{number}": [number, f"value {number}", {"nested": None}] for number in range(40)}
ROUNDS: Final = 20
EVERY: Final = 0.1  # seconds


def described() -> dict[str, Any]:
    """The machine and how busy it is at this moment: results of a busy one are not compared."""
    return {
        "cores": os.cpu_count(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


class Yardstick:
    """A fixed piece of work, done again and again beside a run: on shared cores it takes more processor time.

    Dividing by it makes processor times of runs comparable that were made on a machine busy with other things.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._taken: list[float] = []
        self._thread = threading.Thread(target=self._measure, name="yardstick", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def milliseconds(self) -> float:
        """The median of one piece."""
        return statistics.median(self._taken) * 1000

    def _measure(self) -> None:
        while not self._stop.wait(EVERY) or not self._taken:
            began = time.thread_time()
            for _ in range(ROUNDS):
                json.loads(json.dumps(DOCUMENT))
            self._taken.append(time.thread_time() - began)


def load() -> list[float]:
    """How many processes wanted a core, on average over 1, 5 and 15 minutes."""
    return [round(average, 2) for average in os.getloadavg()]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of these processes and of the children that they have reaped."""
    return sum(_ticks(pid) for pid in pids) / TICK


def rss_megabytes(pids: Iterable[int]) -> float:
    """Resident memory, with what processes share counted in each."""
    return sum(_kilobytes(pid, "VmRSS:") for pid in pids) / 1024


def forget_peak(pid: int) -> None:
    """From now on `peak_megabytes` is about what comes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc_pid_clear_refs(5): reset the peak resident set size


def peak_megabytes(pid: int) -> float:
    """The most memory that was resident at once since then."""
    return _kilobytes(pid, "VmHWM:") / 1024


def private_megabytes(pids: Iterable[int]) -> float:
    """Memory with what is shared divided among its sharers: what a family of processes takes altogether."""
    return sum(_kilobytes(pid, "Pss:", file="smaps_rollup") for pid in pids) / 1024


def families(roots: Mapping[str, int]) -> dict[str, list[int]]:
    """Each process with all its descendants, by name."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    return {name: _descendants(pid, children) for name, pid in roots.items()}


def _descendants(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    return [pid, *(below for child in children.get(pid, ()) for below in _descendants(child, children))]


def _ticks(pid: int) -> int:
    stat = _stat(pid)
    return sum(int(stat[field]) for field in (USER, SYSTEM, REAPED_USER, REAPED_SYSTEM)) if stat else 0


def _stat(pid: int) -> list[str]:
    """The fields after the process's name, which may hold anything; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kilobytes(pid: int, label: str, *, file: str = "status") -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(label))
