"""What the supervisor does about a program that runs and no longer hears."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from config import processes, supervisor


def run_until(seen: Callable[[supervisor.Program], bool], program: supervisor.Program) -> None:
    """Supervise one program until a change of its state is what we wait for."""
    running = supervisor.Supervisor([program], changed=lambda changed: stop_when(seen(changed)), listen_every=0.0)

    def stop_when(found: bool) -> None:  # noqa: FBT001
        if found:
            running.stopping.set()

    deadline = threading.Timer(30, running.stopping.set)
    deadline.start()
    running.run()
    deadline.cancel()


def sleeper(path: Path, hears: Callable[[], bool]) -> supervisor.Program:
    return supervisor.Program(
        name="sleeper",
        start=lambda log: processes.spawn(["sleep", "60"], log=log),
        log=path / "sleeper.log",
        hears=hears,
    )


def test_what_stays_deaf_is_started_anew(tmp_path: Path) -> None:
    questions: list[int] = []
    first: list[subprocess.Popen[bytes]] = []

    def hears() -> bool:
        questions.append(1)
        return len(questions) > supervisor.DEAF_AFTER

    program = sleeper(tmp_path, hears)

    def back(changed: supervisor.Program) -> bool:
        if changed.process is not None and changed.process not in first:
            first.append(changed.process)
        return changed.restarts == 1 and changed.state == supervisor.State.READY

    run_until(back, program)

    assert program.restarts == 1
    assert len(first) == 2
    assert not processes.alive(first[0].pid)
    assert len(questions) == supervisor.DEAF_AFTER
    assert "does not answer" in program.log.read_text()


def test_what_is_only_slow_at_times_goes_on(tmp_path: Path) -> None:
    answers = iter([*[False] * (supervisor.DEAF_AFTER - 1), True] * 3)
    asked: list[bool] = []
    running: list[supervisor.Supervisor] = []

    def hears() -> bool:
        asked.append(next(answers, True))
        if len(asked) == 3 * supervisor.DEAF_AFTER:
            running[0].stopping.set()
        return asked[-1]

    program = sleeper(tmp_path, hears)
    running.append(supervisor.Supervisor([program], changed=lambda _: None, listen_every=0.0))
    running[0].run()

    assert program.restarts == 0
    assert asked.count(False) == 3 * (supervisor.DEAF_AFTER - 1)
