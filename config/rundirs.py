"""Run directories: which one a demo may delete, and what a supervisor that was killed has left in one."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config import processes

MARKER = "made-by-demo"
EXPLANATION = """\
`make demo` made this directory, and the next one deletes all that is in it.
`make up` with this RUN_DIR removes this file: from then on the directory is kept.
"""
LEFTOVERS_END_IN = 20.0  # seconds that the programs of a supervisor just killed get to end by themselves


class RefusedError(Exception):
    """The directory is not the demo's to delete; the message names it and says what to do."""


@contextlib.contextmanager
def of_a_demo(run_dir: Path) -> Iterator[None]:
    """Have a directory for one demo: a new or empty one, or one that a demo made. Nothing is deleted yet.

    `RefusedError` when it holds anything else, or while another demo has it; the kernel gives it back however we end.
    """
    try:
        marker = _marked(run_dir)
    except OSError as reason:
        raise RefusedError(f"{run_dir} cannot be used: {reason.strerror}. Choose another RUN_DIR=") from reason
    with marker.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                f"a demo runs in {run_dir} already: end it with Ctrl-C, or choose another RUN_DIR= and PORT="
            ) from None
        yield


def _marked(run_dir: Path) -> Path:
    """The marker of a directory that is a demo's, or has nothing in it."""
    marker = run_dir / MARKER
    run_dir.mkdir(parents=True, exist_ok=True)
    if not marker.is_file():
        if next(run_dir.iterdir(), None) is not None:
            raise RefusedError(
                f"{run_dir} holds files that no demo made, and is left alone: choose another RUN_DIR=, or none"
                " for the demo's own directory (.run/demo)"
            )
        marker.write_text(EXPLANATION)
    return marker


def clear(run_dir: Path) -> None:
    """Delete what a demo left in its directory, all but its marker, so that a deletion cut short can be finished."""
    if not (run_dir / MARKER).is_file():
        raise RefusedError(f"{run_dir} does not say that a demo made it: nothing is deleted")
    for path in run_dir.iterdir():
        if path.name == MARKER:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def keep(run_dir: Path) -> bool:
    """Somebody works here from now on: no demo may delete it. True when one could have."""
    marker = run_dir / MARKER
    known = marker.is_file()
    marker.unlink(missing_ok=True)
    return known


def described(run_dir: Path) -> dict[str, Any]:
    """What stack.json says; nothing when there is none, or none that can be read."""
    try:
        return dict(json.loads((run_dir / "stack.json").read_text()))
    except (OSError, ValueError):
        return {}


def wait_for_leftovers(run_dir: Path) -> None:
    """Let the programs of a supervisor that was killed end, which they do by themselves: they hold ports and files."""
    pids = [row["pid"] for row in described(run_dir).get("processes", ()) if row["pid"] and row["pid"] != os.getpid()]
    processes.wait_until(lambda: not any(map(processes.alive, pids)), timeout=LEFTOVERS_END_IN)
    (run_dir / "stack.json").unlink(missing_ok=True)
