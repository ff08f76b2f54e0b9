"""A small process supervisor: starts programs in order of need, restarts what dies or goes deaf, stops everything."""

import dataclasses
import enum
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from config import processes

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY = 30.0  # seconds of readiness after which an earlier crash is forgotten
TICK = 0.1
LISTEN_EVERY = 5.0  # seconds between two questions whether a program that runs still hears
DEAF_AFTER = 6  # questions in a row without an answer: load makes a program slow, not deaf for half a minute


class State(enum.StrEnum):
    """Where a program stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclasses.dataclass
class Program:
    """One program to keep running, or, with `once`, to run to its end before others start."""

    name: str
    start: Callable[[IO[bytes]], subprocess.Popen[bytes]]
    log: Path
    needs: Sequence[str] = ()
    wanted: Callable[[], bool] = lambda: True  # asked until it is started for the first time
    prepare: Callable[[], None] = lambda: None
    ready: Callable[[], bool] = lambda: True
    hears: Callable[[], bool] = lambda: True  # asked for as long as it runs; about itself, not about what it needs
    finish: Callable[[], None] = lambda: None  # once ready, before others start
    url: str = ""
    once: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    patience: float = 60.0

    process: subprocess.Popen[bytes] | None = None
    state: State = State.WAITING
    been_up: bool = False
    restarts: int = 0
    crashes: int = 0  # in a row
    asked_at: float = 0.0  # monotonic time of the last question
    unheard: int = 0  # questions without an answer, in a row
    since: float = 0.0  # monotonic time of the last change of state

    @property
    def pid(self) -> int | None:
        """The running process, if one runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None


class GaveUpError(RuntimeError):
    """A program that others need does not start; the message ends with its log."""


class Supervisor:
    """Runs programs until told to stop; `changed` hears of every change of state."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        changed: Callable[[Program], None],
        attempts: int = 3,
        listen_every: float = LISTEN_EVERY,
    ) -> None:
        self.programs = {program.name: program for program in programs}
        self.changed = changed
        self.attempts = attempts  # how often a program may fail before it has ever been ready
        self.listen_every = listen_every
        self.stopping = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether everything runs that should."""
        return all(program.state in {State.READY, State.DONE} for program in self.programs.values())

    def run(self) -> None:
        """Supervise until `stopping` is set, then stop all; raises GaveUpError when a program never starts."""
        try:
            while not self.stopping.is_set():
                for program in self.programs.values():
                    self._attend(program)
                self.stopping.wait(TICK)
        finally:
            self._stop_all()

    def _attend(self, program: Program) -> None:
        match program.state:
            case State.WAITING if all(self.programs[name].been_up for name in program.needs) and program.wanted():
                self._start(program)
            case State.RESTARTING if time.monotonic() - program.since >= self._pause(program):
                self._start(program)
            case State.STARTING:
                self._look_whether_up(program)
            case State.READY if program.pid is None or self._is_deaf(program):
                self._crashed(program)
            case State.READY if time.monotonic() - program.since > STEADY:
                program.crashes = 0

    def _start(self, program: Program) -> None:
        try:
            program.prepare()
        except RuntimeError as reason:
            with program.log.open("a") as log:
                log.write(f"{reason}\n")
            self._crashed(program)
            return
        with program.log.open("ab") as log:
            program.process = program.start(log)
        self._move(program, State.STARTING)

    def _look_whether_up(self, program: Program) -> None:
        if program.process is None or program.process.poll() is not None:
            if program.once and program.process is not None and program.process.returncode == 0:
                program.been_up = True
                self._move(program, State.DONE)
            else:
                self._crashed(program)
        elif not program.once and program.ready():
            program.finish()
            program.been_up = True
            self._move(program, State.READY)
        elif time.monotonic() - program.since > program.patience:
            self._crashed(program)

    def _is_deaf(self, program: Program) -> bool:
        """Ask again when it is time; True when one question too many stayed without an answer."""
        if time.monotonic() - max(program.asked_at, program.since) < self.listen_every:
            return False
        program.unheard = 0 if program.hears() else program.unheard + 1
        program.asked_at = time.monotonic()
        if program.unheard < DEAF_AFTER:
            return False
        with program.log.open("a") as log:
            log.write(f"{program.name} runs and does not answer: it is started anew\n")
        program.unheard = 0
        return True

    def _crashed(self, program: Program) -> None:
        if program.process is not None:
            processes.kill_group(program.process)  # workers of a dead server would keep its port
            program.process.wait()
        program.crashes += 1
        if not program.been_up and (program.once or program.crashes >= self.attempts):
            self._move(program, State.FAILED)
            raise GaveUpError(f"{program.name} does not start; {program.log} ends with:\n{processes.tail(program.log)}")
        program.restarts += 1
        self._move(program, State.RESTARTING)

    def _pause(self, program: Program) -> float:
        return min(FIRST_PAUSE * 2.0 ** (program.crashes - 1), LONGEST_PAUSE)

    def _stop_all(self) -> None:
        for program in reversed(self.programs.values()):
            if program.process is not None and program.state not in {State.DONE, State.FAILED}:
                processes.stop(program.process, grace=program.grace, how=program.stop_signal)
                self._move(program, State.STOPPED)

    def _move(self, program: Program, state: State) -> None:
        program.state = state
        program.since = time.monotonic()
        self.changed(program)
