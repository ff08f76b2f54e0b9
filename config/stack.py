"""Everything in one terminal: `manage.py stack up | down | status`, kept apart from others by RUN_DIR."""

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rich import console, live, table

from config import environment, processes, programs, rundirs, supervisor

REFUSED = 2  # exit status of what was not even begun
NOT_RUNNING = 3  # exit status of `status`, as of init scripts


class Reporter:
    """Shows every change, and keeps stack.json as others read it."""

    def __init__(self, stack: programs.Stack, *, terminal: console.Console) -> None:
        self.stack = stack
        self.terminal = terminal
        self.supervisor: supervisor.Supervisor | None = None
        self.was_ready = False
        self.began = time.monotonic()
        self.live = live.Live(console=terminal, auto_refresh=False) if terminal.is_terminal else None

    def begin(self) -> None:
        """Say what is about to happen; the first start of a directory makes a PostgreSQL cluster in it."""
        self.terminal.print(
            f"starting in {self.stack.run_dir}, logs in {self.stack.logs}", highlight=False, soft_wrap=True
        )

    def changed(self, program: supervisor.Program) -> None:
        """Called by the supervisor after each change of state."""
        if self.supervisor is None:
            return
        programs.write_private(self.stack.run_dir / "stack.json", self._description(self.supervisor))
        if self.live is not None:
            self.live.update(self._table(self.supervisor), refresh=True)
        else:
            pid = f" pid {program.pid}" if program.pid else ""
            after = f"{time.monotonic() - self.began:5.1f} s"
            self.terminal.print(f"{after}  {program.name} {program.state}{pid}", highlight=False)
        if self.supervisor.ready and not self.was_ready:
            self.was_ready = True
            after = f"{time.monotonic() - self.began:.0f} s"
            for name, url in self.stack.urls.items():
                self.terminal.print(f"{name:>10}  {url}", highlight=False, soft_wrap=True)
            self.terminal.print(f"ready after {after}; Ctrl-C or `make down` stops everything", highlight=False)

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


def up(run_dir: Path, port: int, *, hold: Path | None = None) -> int:
    """Run everything until a signal; 0 after a clean stop, 1 when something would not start, 2 when it was refused.

    With `hold` this is a demo's stack: its worker waits until that file is gone, and its directory may be deleted.
    """
    try:
        _refuse_production_without_servers()
        with _only_one(run_dir):
            rundirs.wait_for_leftovers(run_dir)
            programs.refuse_taken_port(port)
            if hold is None and rundirs.keep(run_dir):
                print(f"{run_dir} was a demo's directory: it is yours now, and no demo deletes it")
            try:
                _supervise(programs.Stack(run_dir, port=port, given=os.environ, hold=hold))
            finally:
                (run_dir / "stack.json").unlink(missing_ok=True)
    except (programs.PortRefusedError, ImproperlyConfigured) as reason:
        print(reason, file=sys.stderr)
        return REFUSED
    except supervisor.GaveUpError as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _supervise(stack: programs.Stack) -> None:
    """Until a signal comes, with everything that changes on the screen."""
    reporter = Reporter(stack, terminal=console.Console())
    running = supervisor.Supervisor(stack.programs(), changed=reporter.changed)
    reporter.supervisor = running
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: running.stopping.set())
    reporter.begin()
    with reporter.live or contextlib.nullcontext():
        running.run()


def down(run_dir: Path) -> int:
    """Stop the stack of this RUN_DIR; harmless when none runs. 1 when it took force."""
    if _running(run_dir) is None:
        print(f"nothing runs in {run_dir}")
        return 0
    if not stop(run_dir):
        print(f"the stack in {run_dir} did not stop in time and was killed", file=sys.stderr)
        return 1
    print(f"stopped what ran in {run_dir}")
    return 0


def stop(run_dir: Path, timeout: float = 90.0) -> bool:
    """Stop what runs in this RUN_DIR, if anything does; False when it took force, after `timeout` seconds."""
    pid = _running(run_dir)
    if pid is None:
        return True
    os.kill(pid, signal.SIGTERM)
    if not processes.wait_until(lambda: _running(run_dir) is None, timeout=timeout):
        os.kill(pid, signal.SIGKILL)  # its programs end by themselves when it is gone
        return False
    return True


def status(run_dir: Path) -> int:
    """Show what runs; 0 when everything does, 3 when nothing or not everything."""
    stack = rundirs.described(run_dir)
    if _running(run_dir) is None or not stack:
        print(f"nothing runs in {run_dir}")
        return NOT_RUNNING
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
    parser.add_argument("--port", default=os.environ.get("PORT") or "8000")
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)  # the demo's: see `up`
    options = parser.parse_args(arguments)
    run_dir = options.run_dir.absolute()
    if options.verb == "up":
        try:
            return up(run_dir, programs.port_of(options.port), hold=options.hold)
        except programs.PortRefusedError as reason:
            print(reason, file=sys.stderr)
            return REFUSED
    return down(run_dir) if options.verb == "down" else status(run_dir)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
