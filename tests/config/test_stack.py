"""The whole stack from one command: it comes up, mends itself, and leaves nothing behind."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import embedded, processes, programs
from tests.conftest import ROOT

# These tests share two stacks and run in this order (pytest-xdist: --dist loadfile).
pytestmark = pytest.mark.stack
OURS = ("COUNTINGHOUSE_", "DATABASE_", "REDIS_", "ADYEN_", "STRIPE_", "PYTEST_")
ALSO_OURS = {"RUN_DIR", "SIMULATOR_URL", "PUBLIC_URL", "DJANGO_SETTINGS_MODULE", "PORT"}
PATIENCE = 300.0


class RunningStack:
    """A stack in processes of its own, as a user starts it."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.port = embedded.free_port()
        self.output = run_dir.with_suffix(".out")
        self.process = self.up()

    def up(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            self.process = processes.spawn(self.command("up"), environment=clean(), log=output, directory=ROOT)
        return self.process

    def command(self, verb: str) -> list[str]:
        where = ["--run-dir", str(self.run_dir), "--port", str(self.port)]
        return [sys.executable, "manage.py", "stack", verb, *where]

    def run(self, verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(verb), cwd=ROOT, env=clean(), capture_output=True, text=True, timeout=PATIENCE
        )

    def wait_until_ready(self) -> None:
        if not processes.wait_until(lambda: self.ready, timeout=PATIENCE, process=self.process):
            pytest.fail(f"the stack did not come up:\n{processes.tail(self.output, 40)}")

    @property
    def ready(self) -> bool:
        described = self.described()
        return bool(described) and described["pid"] == self.process.pid and bool(described["ready"])

    def described(self) -> dict[str, Any]:
        path = self.run_dir / "stack.json"
        description: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return description

    def pid(self, name: str) -> int | None:
        pid: int | None
        [pid] = [each["pid"] for each in self.described()["processes"] if each["name"] == name]
        return pid

    def pids(self) -> list[int]:
        return [each["pid"] for each in self.described()["processes"] if each["pid"]]

    def probe(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", "/readyz")
        answer: dict[str, Any] = json.load(connection.getresponse())
        connection.close()
        return answer


def clean() -> dict[str, str]:
    """The environment without what this test run put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS) and name not in ALSO_OURS}


def gone(pids: list[int], timeout: float = 300.0) -> bool:
    return processes.wait_until(lambda: not any(map(processes.alive, pids)), timeout=timeout)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("first") / "run")
    yield running
    processes.stop(running.process, grace=60)


@pytest.fixture(scope="module")
def neighbour(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("second") / "run")
    yield running
    processes.stop(running.process, grace=60)


def test_one_command_brings_everything_up(stack: RunningStack) -> None:
    stack.wait_until_ready()

    assert stack.probe() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}
    running = {each["name"]: each["state"] for each in stack.described()["processes"]}
    assert running == {
        "postgres": "ready", "valkey": "ready", "simulator": "ready",
        "migrate": "done", "provision": "done", "web": "ready", "worker": "ready",
    }  # fmt: skip
    assert all(map(processes.alive, stack.pids()))


def test_secrets_are_for_their_owner_alone(stack: RunningStack) -> None:
    for name in ("stack.json", "secrets.json"):
        assert (stack.run_dir / name).stat().st_mode & 0o777 == 0o600


def test_status_shows_what_runs(stack: RunningStack) -> None:
    answer = stack.run("status")

    assert answer.returncode == 0
    assert "web" in answer.stdout


def test_a_second_stack_in_the_same_place_is_refused(stack: RunningStack) -> None:
    answer = stack.run("up")

    assert answer.returncode == 2
    assert "a stack runs in" in answer.stderr
    assert stack.ready


def test_a_port_that_somebody_has_is_refused(stack: RunningStack) -> None:
    with pytest.raises(RuntimeError, match=f"port {stack.port} is taken"):
        programs.refuse_taken_port(stack.port)


@pytest.mark.parametrize("name", ["web", "worker", "valkey", "postgres", "simulator"])
def test_what_is_killed_comes_back(stack: RunningStack, name: str) -> None:
    killed = stack.pid(name)
    assert killed is not None

    os.kill(killed, signal.SIGKILL)

    def back() -> bool:
        return stack.pid(name) not in {killed, None} and stack.ready

    def answers() -> bool:
        """A connection that died with the server is found out by the first question over it."""
        return bool(stack.probe()["checks"]["database"] == "ok")

    assert processes.wait_until(back, timeout=PATIENCE, process=stack.process)
    assert processes.wait_until(answers, timeout=PATIENCE, process=stack.process)


def test_a_neighbour_runs_beside_and_stops_alone(stack: RunningStack, neighbour: RunningStack) -> None:
    neighbour.wait_until_ready()
    pids = neighbour.pids()
    assert not set(pids) & set(stack.pids())

    neighbour.process.send_signal(signal.SIGTERM)

    assert neighbour.process.wait(120) == 0
    assert gone(pids)
    assert neighbour.run("status").returncode == 3
    assert stack.probe()["status"] == "ok"


def test_a_killed_supervisor_leaves_nothing_and_the_next_one_starts(stack: RunningStack) -> None:
    pids = stack.pids()

    stack.process.kill()
    stack.process.wait()

    assert gone(pids)
    stack.up()
    stack.wait_until_ready()
    assert stack.probe()["status"] == "ok"


def test_down_stops_everything(stack: RunningStack) -> None:
    pids = stack.pids()

    answer = stack.run("down")

    assert answer.returncode == 0, answer.stderr
    assert stack.process.wait(120) == 0
    assert gone(pids)
    assert not (stack.run_dir / "stack.json").exists()
    assert stack.run("down").stdout.startswith("nothing runs in")
