"""The demo: it begins only where it may, ends by itself when asked to, and leaves nothing running."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded, processes, programs, rundirs
from tests.config.test_stack import clean, gone
from tests.conftest import ROOT

pytestmark = pytest.mark.stack
COMMAND = [sys.executable, "manage.py", "demo"]
REFUSED, INTERRUPTED = 2, 130


def demo(run_dir: Path, port: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """A demo until its end, which comes by itself."""
    environment = clean() | {"RUN_DIR": str(run_dir), "PORT": str(port), "EXIT": "1"} | variables
    return subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "8000.5", "٨٠٠٠", "9" * 5000])
def test_a_port_is_a_number_that_ports_have(port: str) -> None:
    with pytest.raises(programs.PortRefusedError, match="is not a port"):
        programs.port_of(port)


@pytest.mark.parametrize(("verb", "port"), [("demo", "abc"), ("stack up", "99999")])
def test_a_port_that_is_none_is_refused_before_anything_is_made(tmp_path: Path, verb: str, port: str) -> None:
    environment = clean() | {"RUN_DIR": str(tmp_path / "run"), "PORT": port}
    command = [sys.executable, "manage.py", *verb.split()]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert answer.returncode == REFUSED
    assert answer.stderr == f"PORT={port} is not a port: choose a number from 1 to 65535\n"
    assert not (tmp_path / "run").exists()


def test_a_taken_port_is_found_before_anything_is_deleted(tmp_path: Path, taken: int) -> None:
    with rundirs.of_a_demo(tmp_path):
        (tmp_path / "stack.log").write_text("of the last demo")
    answer = demo(tmp_path, taken)
    assert answer.returncode == REFUSED
    assert answer.stderr == f"port {taken} is taken: choose another with PORT=\n"
    assert (tmp_path / "stack.log").read_text() == "of the last demo"


def test_a_taken_port_is_said_once_and_leaves_no_stack_behind(tmp_path: Path, taken: int) -> None:
    command = [sys.executable, "manage.py", "stack", "up", "--run-dir", str(tmp_path), "--port", str(taken)]
    answer = subprocess.run(command, cwd=ROOT, env=clean(), capture_output=True, text=True, timeout=300)
    assert answer.returncode == REFUSED
    assert answer.stderr == f"port {taken} is taken: choose another with PORT=\n"
    assert [path.name for path in tmp_path.iterdir()] == ["stack.lock"]


def test_a_directory_with_anything_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "secrets.json").write_text("{}")
    answer = demo(tmp_path, embedded.free_port())
    assert answer.returncode == REFUSED
    assert answer.stderr.startswith(f"{tmp_path} holds files that no demo made")
    assert answer.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["postgres", "secrets.json"]


def test_interrupted_while_it_starts_it_stops_everything(tmp_path: Path) -> None:
    run_dir, output = tmp_path / "run", tmp_path / "out"
    environment = clean() | {"RUN_DIR": str(run_dir), "PORT": str(embedded.free_port())}
    with output.open("wb") as log:
        process = processes.spawn(COMMAND, environment=environment, log=log, directory=ROOT)
    assert processes.wait_until(lambda: bool(pids(run_dir)), timeout=300, process=process), processes.tail(output)
    started = pids(run_dir)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == INTERRUPTED
    assert gone(started)
    assert "Traceback" not in output.read_text()


def pids(run_dir: Path) -> list[int]:
    """What runs in a directory."""
    return [row["pid"] for row in rundirs.described(run_dir).get("processes", ()) if row["pid"]]


def test_the_main_job_ends_by_itself_and_the_next_demo_begins_where_one_was_killed(tmp_path: Path) -> None:
    run_dir, port = tmp_path / "run", embedded.free_port()
    environment = clean() | {"RUN_DIR": str(run_dir), "PORT": str(port)}
    killed = processes.spawn(COMMAND, environment=environment, directory=ROOT)
    assert processes.wait_until(lambda: len(pids(run_dir)) >= 3, timeout=300, process=killed)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()

    answer = demo(run_dir, port)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr == ""
    assert "Every check held" in answer.stdout
    assert "curl" not in answer.stdout, "nobody is invited to what is gone"
    assert pids(run_dir) == []
