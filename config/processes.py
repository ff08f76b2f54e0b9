"""Child processes that never outlive us: started in their own group, told to stop when we die, stopped for good."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
    user: int | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, without input, its output going to `log`.

    On Linux the kernel sends it `death_signal` when the thread that called us ends, even by kill -9: call
    from the main thread.
    """
    parent = os.getpid()

    def bind_to_parent() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)

    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=log if log is not None else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if log is not None else subprocess.DEVNULL,
        env=None if environment is None else dict(environment),
        cwd=directory,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        start_new_session=True,
        preexec_fn=bind_to_parent,
    )


def stop(process: subprocess.Popen[bytes], *, how: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> None:
    """Ask the process to end, then kill what is left of its group after `grace` seconds."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill_group(process)
    process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and every child it left behind (workers of a killed server keep its port)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process with this id runs, whoever owns it (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return sys.platform != "linux"
    return state not in "ZX"


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log file, for an error message."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def wait_until(ready: Callable[[], bool], *, timeout: float, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Poll a condition until it holds; False after `timeout` seconds or when the process ended."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            return False
        time.sleep(0.02)
    return True
