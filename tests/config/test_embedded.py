"""The servers out of the wheels start anywhere, stop with us, and come back after the worst."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded, processes
from tests.conftest import ROOT

# Another process holds the servers here, so that it can be killed.
HOLDER = """
import sys, time
from pathlib import Path
from config import embedded
here = Path(sys.argv[1])
with embedded.postgres(here, durable=False) as postgres, embedded.valkey(here / "v") as valkey:
    print(postgres.process.pid, valkey.process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose servers have short paths."""
    return tmp_path_factory.mktemp("e")


def test_postgres_starts_stops_and_keeps_what_was_committed(directory: Path) -> None:
    with embedded.postgres(directory) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")

    with embedded.postgres(directory) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("yes",)


def test_postgres_is_durable_unless_a_test_asks_otherwise(directory: Path) -> None:
    question = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('jit')"

    with embedded.postgres(directory) as server, psycopg.connect(server.url) as connection:
        assert connection.execute(question).fetchone() == ("on", "on", "off")


def test_postgres_logs_no_row_that_it_refused(directory: Path) -> None:
    with embedded.postgres(directory, durable=False) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE fussy (email text, amount int CONSTRAINT positive CHECK (amount > 0))")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO fussy VALUES (%s, %s)", ["ada@example.org", -1])

    log = server.log.read_text()
    assert 'violates check constraint "positive"' in log
    assert "ada@example.org" not in log


def test_valkey_forgets_nothing_silently(directory: Path) -> None:
    with embedded.valkey(directory) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_path_too_long_for_a_socket_still_works(directory: Path) -> None:
    far = directory / ("a" * 60) / ("b" * 60)

    with embedded.postgres(far, durable=False) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    assert not server.sockets.exists()


@pytest.fixture
def holder(directory: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that holds both servers, and their process ids."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, [int(word) for word in process.stdout.readline().split()]
    process.kill()
    process.communicate()


def test_servers_end_when_their_holder_is_killed_and_start_again(
    holder: tuple[subprocess.Popen[str], list[int]], directory: Path
) -> None:
    process, pids = holder
    assert len(pids) == 2

    process.kill()
    process.wait()

    with embedded.postgres(directory, durable=False) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert processes.wait_until(lambda: not any(map(processes.alive, pids)), timeout=120)


def test_a_killed_server_starts_again_on_what_it_left(directory: Path) -> None:
    server = embedded.Postgres(directory, durable=False)
    server.start()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert (directory / "data" / "postmaster.pid").exists()

    with embedded.postgres(directory, durable=False) as again, psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_pid_file_that_names_a_stranger_is_not_believed(directory: Path) -> None:
    with embedded.postgres(directory, durable=False):
        pass
    (directory / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{directory / 'data'}\n")

    with embedded.postgres(directory, durable=False) as server:
        assert server.ready()


def test_a_second_server_on_the_same_data_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PREDECESSOR_TIMEOUT", 0.2)

    with embedded.postgres(directory, durable=False) as first:
        with pytest.raises(embedded.EmbeddedServerError, match="another PostgreSQL still runs"):
            embedded.Postgres(directory, durable=False).start()

        assert first.ready()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_root_lends_nobody_the_server_and_nobody_else_may_enter(directory: Path) -> None:
    with embedded.postgres(directory, durable=False) as server:
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid in {0, 65534}  # 0 behind a user namespace
        assert server.directory.stat().st_mode & 0o777 == 0o700
