"""A PostgreSQL that is migrated already: made once for the same migrations, and copied by each process that runs tests.

Applying all migrations takes far longer than most tests. Django still asks whether any is missing, and applies it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import psycopg

from config import embedded

ROOT = Path(__file__).resolve().parent.parent
DATABASE = f"test_{embedded.DATABASE}"
APPS = ("payments", "refunds", "reporting")
KEPT_SECONDS = 86_400


def copy_to(server: embedded.Postgres) -> None:
    """Give a server that was never started its data directory, with a migrated `DATABASE` in it."""
    kept = Path(tempfile.gettempdir()) / f"countinghouse-migrated-{os.getuid()}"
    kept.mkdir(mode=0o711, exist_ok=True)
    there = kept / _key()
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for who makes it
        if not there.exists():
            _forget_older(kept)
            _make(there)
    server.directory.mkdir(mode=0o700)
    subprocess.run(["cp", "-Rp", there / "data", server.data], check=True)  # -p: it is nobody's where we are root


def _forget_older(kept: Path) -> None:
    for old in kept.iterdir():
        if old.is_dir() and time.time() - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old)


def _make(there: Path) -> None:
    unfinished = there.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o711)
    server = embedded.Postgres(unfinished / "postgres", durable=False)
    server.start(timeout=120)
    try:
        elsewhere = urllib.parse.urlsplit(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        url = elsewhere._replace(path=f"/{DATABASE}").geturl()
        migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity=0"]
        subprocess.run(migrate, env=os.environ | {"DATABASE_URL": url}, cwd=ROOT, check=True)
    finally:
        server.stop()
    (unfinished / "postgres").rename(there)
    shutil.rmtree(unfinished)


def _key() -> str:
    """What the result depends on: migrations, what they import, libraries, and the day that partitions begin at."""
    digest = hashlib.sha256(f"{time.strftime('%Y-%m-%d', time.gmtime())} {sys.version}".encode())
    for path in sorted(_sources()):
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    yield ROOT / "config" / "requirements" / "dev.txt"
    yield ROOT / "config" / "embedded.py"
    yield from (ROOT / "config" / "postgresql").rglob("*.py")
    for app in APPS:
        yield from (ROOT / app / "migrations").glob("*.py")
        yield from (ROOT / app).rglob("models.py")
        yield from (ROOT / app / "models").glob("*.py")
        yield from (ROOT / app).rglob("states.py")
    yield from (ROOT / "payments" / "kernel").glob("*.py")
