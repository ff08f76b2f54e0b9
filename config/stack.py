"""Everything in one terminal: `manage.py stack up | down | status`, kept apart from others by RUN_DIR."""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rich import console, live, table

from config import environment, processes, programs, supervisor

NOT_RUNNING = 3  # exit status of `status`, as of init scripts


class Reporter:
    """Shows every change, and keeps stack.json as others read it."""

    def __init__(self, stack: programs.Stack, *, terminal: console.Console) -> None:
        self.stack = stack
        self.terminal = terminal
        self.supervisor: supervisor.Supervisor | None = None
        self.was_ready = False
        self.live = live.Live(console=terminal, auto_refresh=False) if terminal.is_terminal else None

    def changed(self, program: supervisor.Program) -> None:
        """Called by the supervisor after each change of state."""
        if self.supervisor is None:
            return
        programs.write_private(self.stack.run_dir / "stack.json", self._description(self.supervisor))
        if self.live is not None:
            self.live.update(self._table(self.supervisor), refresh=True)
        else:
            pid = f" pid {program.pid}" if program.pid else ""
            self.terminal.print(f"{time.strftime('%H:%M:%S')} {program.name} {program.state}{pid}", highlight=False)
        if self.supervisor.ready and not self.was_ready:
            self.was_ready = True
            for name, url in self.stack.urls.items():
                self.terminal.print(f"{name:>10}  {url}", highlight=False, soft_wrap=True)
            self.terminal.print("ready; Ctrl-C or `make down` stops everything", highlight=False)

    def _description(self, running: supervisor.Supervisor) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "ready": running.ready,
            "urls": self.stack.urls,
            "environment": self.stack.environment,
            "processes": [
                {
                    "name": program.name,
                    "role": program.name,
                    "state": program.state,
                    "pid": program.pid,
                    "restarts": program.restarts,
                    "url": program.url,
                    "log": str(program.log),
                }
                for program in running.programs.values()
            ],
        }

    def _table(self, running: supervisor.Supervisor) -> table.Table:
        return _table(self._description(running)["processes"])


def up(run_dir: Path, port: int) -> int:
    """Run everything until a signal; 0 after a clean stop, 1 when something would not start."""
    terminal = console.Console()
    try:
        _refuse_production_without_servers()
        with _only_one(run_dir):
            stack = programs.Stack(run_dir, port=port, given=os.environ)
            reporter = Reporter(stack, terminal=terminal)
            running = supervisor.Supervisor(stack.programs(), changed=reporter.changed)
            reporter.supervisor = running
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: running.stopping.set())
            with reporter.live or contextlib.nullcontext():
                running.run()
            (stack.run_dir / "stack.json").unlink(missing_ok=True)
    except (supervisor.GaveUpError, ImproperlyConfigured) as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def down(run_dir: Path, timeout: float = 90.0) -> int:
    """Stop the stack of this RUN_DIR, by force after `timeout` seconds; harmless when none runs."""
    pid = _running(run_dir)
    if pid is None:
        print(f"nothing runs in {run_dir}")
        return 0
    os.kill(pid, signal.SIGTERM)
    if not processes.wait_until(lambda: _running(run_dir) is None, timeout=timeout):
        os.kill(pid, signal.SIGKILL)  # its programs end by themselves when it is gone
        print(f"the stack in {run_dir} did not stop in {timeout:.0f} s and was killed", file=sys.stderr)
        return 1
    print(f"stopped what ran in {run_dir}")
    return 0


def status(run_dir: Path) -> int:
    """Show what runs; 0 when everything does, 3 when nothing or not everything."""
    if _running(run_dir) is None:
        print(f"nothing runs in {run_dir}")
        return NOT_RUNNING
    stack = json.loads((run_dir / "stack.json").read_text())
    console.Console().print(_table(stack["processes"]))
    return 0 if stack["ready"] else NOT_RUNNING


def _table(rows: list[dict[str, Any]]) -> table.Table:
    shown = table.Table("program", "state", "pid", "restarts", "address", "log", box=None)
    for row in rows:
        shown.add_row(*(str(row[name] or "") for name in ("name", "state", "pid", "restarts", "url", "log")))
    return shown


def _refuse_production_without_servers() -> None:
    """In production the environment has to be whole before anything starts."""
    if os.environ.get("COUNTINGHOUSE_ENV") == "production":
        environment.load()


@contextlib.contextmanager
def _only_one(run_dir: Path) -> Iterator[None]:
    """Hold RUN_DIR's lock, which the kernel gives back however we end."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "stack.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ImproperlyConfigured(
                f"a stack runs in {run_dir} already: `make down`, or choose another RUN_DIR="
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _running(run_dir: Path) -> int | None:
    """The supervisor's process id, known by the lock it holds."""
    try:
        with (run_dir / "stack.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except FileNotFoundError:
        pass
    return None


def main(arguments: list[str]) -> int:
    """The command line of the stack."""
    parser = argparse.ArgumentParser(prog="manage.py stack", description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "status"])
    parser.add_argument("--run-dir", type=Path, default=Path(os.environ.get("RUN_DIR") or ".run"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    options = parser.parse_args(arguments)
    run_dir = options.run_dir.absolute()
    if options.verb == "up":
        return up(run_dir, options.port)
    return down(run_dir) if options.verb == "down" else status(run_dir)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
