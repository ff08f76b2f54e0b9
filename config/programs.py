"""What one stack consists of: its programs, their commands, their addresses and the environment they share."""

import base64
import contextlib
import functools
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from config import accounts, embedded, processes, supervisor

ROOT = Path(__file__).resolve().parent.parent
QUEUES = "money,bulk,webhooks,deliveries,finance,upkeep,alerts"
LONGEST_LOG = 16 * 1024 * 1024  # bytes; a longer one is put aside as .old when the stack starts
DEFAULT_THREADS = "18"
MIGRATE = ("migrate", "--noinput")
PROVISION = ("provision",)


def web_command(*, host: str, port: int) -> list[str]:
    """The web server, one process with threads (WEB_THREADS); the image and compose run the same."""
    options = ["--interface", "asginl", "--loop", "uvloop", "--no-ws", "--workers", "1", "--backpressure", "4096"]
    options += ["--log-config", "config/granian.json"]
    return ["-m", "granian", *options, "--host", host, "--port", str(port), "config.asgi:application"]


def worker_command(*, threads: str = DEFAULT_THREADS) -> list[str]:
    """The job worker, one process with threads for every queue; the image and compose run the same."""
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    options = ["--pool", "threads", "--concurrency", threads, "--queues", QUEUES, *quiet]
    return ["-m", "celery", "--quiet", "--app", "config.celery", "worker", *options]


def simulator_command(*, host: str, port: int, journal: Path | str) -> list[str]:
    """The PSP simulator; the image and compose run the same."""
    return ["-m", "payments.simulator", "--host", host, "--port", str(port), "--journal", str(journal)]


class Stack:
    """The stack of one RUN_DIR. In production it runs our own processes only and invents nothing."""

    def __init__(self, run_dir: Path, *, port: int, given: Mapping[str, str], hold: Path | None = None) -> None:
        self.run_dir = run_dir.absolute()
        self.logs = self.run_dir / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.given = given
        self.hold = hold  # while this file is there, the worker is not started
        self.production = given.get("COUNTINGHOUSE_ENV") == "production"
        self.port = port
        self.simulator_port = embedded.free_port()
        self.servers: list[embedded.Postgres | embedded.Valkey] = []
        self.environment = self._environment()

    @property
    def urls(self) -> dict[str, str]:
        """Where a person finds what."""
        platform = f"http://127.0.0.1:{self.port}"
        urls = {"platform": platform, "api": f"{platform}/v1/", "admin": f"{platform}/admin/"}
        if not self.production:
            urls["simulator"] = self.environment["SIMULATOR_URL"]
        return urls | {server.name: server.url for server in self.servers}

    def programs(self) -> list[supervisor.Program]:
        """Every program; they are stopped in the opposite order."""
        servers = [self._server(server) for server in self.servers]
        migrate = self._once(*MIGRATE, needs=[server.name for server in servers])
        if self.production:
            return [*servers, migrate, self._web([migrate.name], after=migrate), self._worker([migrate.name])]
        provision = self._once(*PROVISION, needs=[migrate.name])
        simulator = self._simulator()
        ours = [provision.name, simulator.name]
        # Nobody has used this web server before: it may load while the database is being made.
        web = self._web([server.name for server in servers], after=provision)
        return [*servers, simulator, migrate, provision, web, self._worker(ours)]

    def _environment(self) -> dict[str, str]:
        """What our processes are told beyond what we were told ourselves."""
        made = {"RUN_DIR": str(self.run_dir), "DJANGO_SETTINGS_MODULE": "config.settings"}
        if self.production:
            return made
        if not self.given.get("DATABASE_URL"):
            self.servers.append(embedded.Postgres(self.run_dir / "postgres", log=self._log("postgres")))
        if not self.given.get("REDIS_URL"):
            self.servers.append(embedded.Valkey(self.run_dir / "valkey", log=self._log("valkey")))
        variables = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
        made |= {variables[server.name]: server.url for server in self.servers}
        if self.servers:
            made["EMBEDDED_SERVERS"] = "1"
        made["PUBLIC_URL"] = f"http://127.0.0.1:{self.port}"
        made["SIMULATOR_URL"] = f"http://127.0.0.1:{self.simulator_port}"
        made |= development_secrets(self.run_dir / "secrets.json")
        chosen = {name for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "PUBLIC_URL") if self.given.get(name)}
        return made | {name: self.given[name] for name in chosen}

    def _server(self, server: embedded.Postgres | embedded.Valkey) -> supervisor.Program:
        return supervisor.Program(
            name=server.name,
            start=server.spawn,
            log=server.log,
            prepare=server.prepare,
            ready=server.ready,
            finish=server.finish,
            url=server.url,
            stop_signal=server.death_signal,
            grace=20,
        )

    def _simulator(self) -> supervisor.Program:
        journal = self.run_dir / "simulator.jsonl"
        known = accounts.for_simulator(self.environment, platform=f"http://127.0.0.1:{self.port}")
        return supervisor.Program(
            name="simulator",
            start=self._python(
                simulator_command(host="127.0.0.1", port=self.simulator_port, journal=journal), SIMULATOR_ACCOUNTS=known
            ),
            log=self._log("simulator"),
            ready=functools.partial(answers, self.simulator_port, "/", below=500),
            url=self.environment["SIMULATOR_URL"],
        )

    def _once(self, name: str, *arguments: str, needs: Sequence[str]) -> supervisor.Program:
        """A command of manage.py that has to end well before others start."""
        return supervisor.Program(
            name=name,
            start=self._python(["manage.py", name, *arguments], COUNTINGHOUSE_ROLE="shell"),
            log=self._log(name),
            needs=needs,
            once=True,
            patience=600,
        )

    def _web(self, needs: Sequence[str], *, after: supervisor.Program) -> supervisor.Program:
        host = self.given.get("HOST", "127.0.0.1")
        return supervisor.Program(
            name="web",
            start=self._python(web_command(host=host, port=self.port), COUNTINGHOUSE_ROLE="web"),
            log=self._log("web"),
            needs=needs,
            prepare=functools.partial(refuse_taken_port, self.port),
            ready=lambda: after.been_up and answers(self.port, "/readyz", below=300),
            hears=functools.partial(answers, self.port, "/livez", below=300),
            patience=600,
            url=self.urls["platform"],
        )

    def _worker(self, needs: Sequence[str]) -> supervisor.Program:
        command = worker_command(threads=self.given.get("WORKER_THREADS", DEFAULT_THREADS))
        alone = any(isinstance(server, embedded.Postgres) for server in self.servers)  # a database of this stack's own
        return supervisor.Program(
            name="worker",
            start=self._python(command, COUNTINGHOUSE_ROLE="worker", LONE_WORKER=str(int(alone))),
            log=self._log("worker"),
            needs=needs,
            wanted=lambda: self.hold is None or not self.hold.exists(),
            grace=30,  # a job in hand is finished
        )

    def _python(self, command: Sequence[str], **extra: str) -> Callable[[IO[bytes]], subprocess.Popen[bytes]]:
        def start(log: IO[bytes]) -> subprocess.Popen[bytes]:
            environment = {**self.given, **self.environment, **extra}
            return processes.spawn([sys.executable, *command], environment=environment, log=log, directory=ROOT)

        return start

    def _log(self, name: str) -> Path:
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LONGEST_LOG:
            path.rename(path.with_suffix(".old"))
        return path


def development_secrets(path: Path) -> dict[str, str]:
    """The secrets of this RUN_DIR: made once, readable by their owner alone."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_PEPPER": secrets.token_urlsafe(32),
        "PERSONAL_DATA_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        **accounts.new_secrets(),
    }
    if wanted.keys() - known.keys():
        known = wanted | known
        write_private(path, known)
    return known


def write_private(path: Path, content: object) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    fresh.replace(path)


def answers(port: int, path: str, *, below: int) -> bool:
    """Whether an HTTP server on 127.0.0.1 answers with a status below the one named."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status < below
        except (OSError, http.client.HTTPException):
            return False


class PortRefusedError(RuntimeError):
    """The web server cannot have this port; the message names it."""


def port_of(text: str) -> int:
    """The port that a PORT= means; `PortRefusedError` when it means none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise PortRefusedError(f"PORT={text} is not a port: choose a number from 1 to 65535")
    return int(text)


def refuse_taken_port(port: int) -> None:
    """Raise when somebody listens already: granian would share the port with them without a word."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended is no hindrance
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise PortRefusedError(f"port {port} is not open to this user: choose another with PORT=") from None
        except OSError:
            raise PortRefusedError(f"port {port} is taken: choose another with PORT=") from None
