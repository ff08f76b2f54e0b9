"""The platform under load: the stack as `make up` starts it, fresh and on its own, with a shop that listens."""

import contextlib
import http.client
import io
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg

from config import embedded, processes, stack
from tests.load import machine

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 600.0
"""Half a minute on a free machine; on one that many others want, migrations alone have taken three."""
LEADING: Final = (
    *("DATABASE_URL", "REDIS_URL", "BROKER_URL", "PUBLIC_URL", "SIMULATOR_URL", "SECRET_KEY", "KEY_PEPPER"),
    "PERSONAL_DATA_KEYS",
    *("COUNTINGHOUSE_", "EMBEDDED_SERVERS", "DJANGO_SETTINGS_MODULE", "STRIPE_", "RUN_DIR", "PORT"),
)
"""Variables that would lead the stack elsewhere: it is measured as it starts by itself. WEB_THREADS holds."""


class RigError(RuntimeError):
    """The platform did not do what has to hold before anything is measured; the message says what."""


@dataclass(frozen=True)
class Rig:
    """A running platform, its PSP, its database, and the shop's key."""

    run_dir: Path
    port: int
    simulator: str
    environment: Mapping[str, str]
    key: str
    receiver: int

    @property
    def database(self) -> str:
        """The address of the platform's database."""
        return self.environment["DATABASE_URL"]

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(sql.encode(), parameters).fetchall()

    def roots(self) -> dict[str, int]:
        """The process id of each program of the stack that runs, and of the client's server."""
        rows = _described(self.run_dir)["processes"]
        return {row["name"]: row["pid"] for row in rows if row["pid"]} | {"receiver": self.receiver}

    def cpu(self) -> dict[str, float]:
        """Processor seconds used so far, by program."""
        return {name: machine.cpu_seconds(pids) for name, pids in machine.families(self.roots()).items()}

    def psp_time(self, milliseconds: int) -> None:
        """Let the simulator take its time for every answer."""
        self.simulate("PUT", "/_sim/latency", {"ms": milliseconds})

    def simulate(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the simulator's control room."""
        return ask(self.simulator, method, path, body)


def ask(
    url: str, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    """One JSON request that must succeed."""
    address = urllib.parse.urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=30)) as connection:
        sent = {"content-type": "application/json", **(headers or {})}
        connection.request(method, path, orjson.dumps(body) if body is not None else None, sent)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status >= 300:
        raise RigError(f"{method} {path} was answered {answer.status}: {content[:300].decode(errors='replace')}")
    return orjson.loads(content)


@contextlib.contextmanager
def running(run_dir: Path, *, kept: bool = False) -> Iterator[Rig]:
    """A fresh platform in `run_dir` for the length of a with block; everything that it started has ended after it.

    `kept` starts the one whose database is still there from a run before, if there is one.
    """
    _stop(run_dir)
    if not kept:
        shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True, exist_ok=True)
    port, started = embedded.free_port(), contextlib.ExitStack()
    with started:
        started.callback(_stop, run_dir)
        _start(run_dir, port)
        receiver, listening = _receiver(run_dir)
        started.callback(processes.stop, receiver)
        described = _described(run_dir)
        rig = Rig(
            run_dir=run_dir,
            port=port,
            simulator=described["urls"]["simulator"],
            environment=clean() | described["environment"],
            key=_key(run_dir),
            receiver=receiver.pid,
        )
        _listen(rig, listening)
        yield rig


def clean() -> dict[str, str]:
    """The environment without what leads to other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LEADING)}


def module(name: str, *arguments: str) -> list[str]:
    """The command of a module of ours."""
    return [sys.executable, "-m", name, *arguments]


def _stop(run_dir: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):  # it tells a person what it did
        stack.down(run_dir)


def _start(run_dir: Path, port: int) -> None:
    log = run_dir / "stack.log"
    environment = clean() | {"RUN_DIR": str(run_dir), "PORT": str(port)}
    with log.open("wb") as output:
        process = processes.spawn(
            [sys.executable, "manage.py", "stack", "up"], environment=environment, log=output, directory=ROOT
        )
    ready = processes.wait_until(lambda: bool(_described(run_dir).get("ready")), timeout=START_SECONDS, process=process)
    if not ready:
        processes.stop(process)
        raise RigError(f"the stack did not start:\n{processes.tail(log)}")


def _described(run_dir: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run_dir / "stack.json").read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _receiver(run_dir: Path) -> "tuple[subprocess.Popen[bytes], int]":
    """The client's server, and the port that it chose."""
    log = run_dir / "receiver.log"
    with log.open("wb") as output:
        process = processes.spawn(module("tests.load.receiver"), log=output, directory=ROOT)
    if not processes.wait_until(lambda: log.read_text().endswith("\n"), timeout=20, process=process):
        raise RigError(f"the client's server did not start:\n{processes.tail(log)}")
    return process, int(log.read_text())


def _key(run_dir: Path) -> str:
    made = subprocess.run(
        [sys.executable, "manage.py", "apikey", "create", "--client", "shop", "--all"],
        cwd=ROOT,
        env=clean() | {"RUN_DIR": str(run_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if made.returncode:
        raise RigError(f"no API key was made:\n{made.stderr[-800:]}")
    return made.stdout.strip()


def _listen(rig: Rig, port: int) -> None:
    """The shop wants to know one thing of each payment: that it succeeded."""
    ask(
        f"http://127.0.0.1:{rig.port}",
        "POST",
        "/v1/webhook_endpoints",
        {"url": f"http://127.0.0.1:{port}/events", "event_types": ["payment_intent.succeeded"]},
        {"authorization": f"Bearer {rig.key}", "idempotency-key": f"listen-{port}"},
    )
