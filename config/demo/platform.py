"""The demo's platform: a stack of its own on an empty directory, and nothing left of it afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from config import processes, programs, rundirs, stack

STARTS_WITHIN: Final = 600.0
STOPS_WITHIN: Final = 90.0


class NotStartedError(Exception):
    """The platform did not come up; the message ends with its log."""


class Platform:
    """A stack that runs in a directory of the demo's."""

    def __init__(self, run_dir: Path, port: int) -> None:
        self.run_dir = run_dir
        self.log = run_dir / "stack.log"
        self.hold = run_dir / "worker.hold"
        self.hold.touch()  # no worker before the past has been written
        command = [sys.executable, "manage.py", "stack", "up", "--hold", str(self.hold)]
        with self.log.open("wb") as output:
            self.process: subprocess.Popen[bytes] = processes.spawn(
                command,
                environment={"REFUND_UNDO_SECONDS": "3", **os.environ, "RUN_DIR": str(run_dir), "PORT": str(port)},
                log=output,
                directory=programs.ROOT,
            )

    def wait_for_addresses(self) -> dict[str, Any]:
        """What stack.json says, as soon as it is there; nothing has to answer yet."""
        if not processes.wait_until(lambda: bool(self.described()), timeout=STARTS_WITHIN, process=self.process):
            raise NotStartedError(f"The platform did not start:\n{processes.tail(self.log)}")
        return self.described()

    def described(self) -> dict[str, Any]:
        """What stack.json says now."""
        return rundirs.described(self.run_dir)

    def wait_for(self, *names: str, tell: Callable[[str], None]) -> str:
        """Until these programs are ready; what runs then, with process ids. `tell` hears what is going on."""

        def ready() -> bool:
            states = {row["name"]: row["state"] for row in self.processes()}
            tell(" · ".join(f"{name} {state}" for name, state in states.items()))
            return all(states.get(name) == "ready" for name in names)

        if not processes.wait_until(ready, timeout=STARTS_WITHIN, process=self.process):
            raise NotStartedError(f"The platform did not start:\n{processes.tail(self.log)}")
        return ", ".join(f"{row['name']} {row['pid']}" for row in self.processes() if row["pid"])

    def processes(self) -> list[dict[str, Any]]:
        """Its programs, as stack.json describes them."""
        return list(self.described().get("processes", ()))

    def release_worker(self) -> None:
        """Let the worker be started."""
        self.hold.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop everything, whatever is pressed meanwhile."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        processes.stop(self.process, grace=STOPS_WITHIN)


@contextlib.contextmanager
def on_empty(run_dir: Path, port: int) -> Iterator[Platform]:
    """What an earlier demo left in its directory is stopped and deleted; a port that is taken is found before that."""
    with rundirs.of_a_demo(run_dir):
        stack.stop(run_dir)
        rundirs.wait_for_leftovers(run_dir)
        programs.refuse_taken_port(port)
        rundirs.clear(run_dir)
        platform = Platform(run_dir, port)
        try:
            yield platform
        finally:
            platform.stop()
