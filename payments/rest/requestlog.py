"""What was asked of the API: noted in memory beside each request, and written a second later by a thread of its own.

No request waits for it or fails because of it. What a process that dies has not written is lost, seconds at most; when
the database is away, or more comes than is written, the oldest notes are dropped and counted.
"""

import atexit
import os
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from django.conf import settings
from django.db import Error, close_old_connections, connection, transaction

from payments.kernel import ids, redaction
from payments.rest import peers
from payments.rest.models import ApiRequest

log = structlog.get_logger(__name__)

MOST: Final = 5_000
"""Notes that wait to be written in one process; beyond that the oldest are dropped."""
BATCH: Final = 500
READ: Final = 4_096
"""Bytes of an answer in which ids are looked for."""
IDS: Final = 8
"""Objects that one request is found by, at most."""

_ID = re.compile(rb'[/"]((?!line_|evt_|key_)[a-z]{2,8}_[0-9a-f]{32})(?=["/]|$)')
_CODE = re.compile(rb'"code":"([a-z_]{1,60})"')


@dataclass(frozen=True, slots=True)
class Note:
    """One request, as it is remembered until it is written."""

    at: datetime
    client_id: str | None
    key_id: str | None
    address: str
    method: str
    path: str
    operation: str
    status: int
    answer: bytes
    microseconds: int
    outside_microseconds: int
    request_id: str
    idempotency_key: str


class _Waiting:
    """The notes of this process, and the thread that writes them; both begin anew in a forked child."""

    def __init__(self) -> None:
        self.notes: deque[Note] = deque(maxlen=MOST)
        self.dropped = 0
        self.wake = threading.Event()
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()


_waiting = _Waiting()


def _renew() -> None:
    global _waiting
    _waiting = _Waiting()


os.register_at_fork(after_in_child=_renew)


def address_of(meta: Mapping[str, Any], *, publishable: bool) -> str:
    """Where a server with a secret key calls from; of customers, whose app has a publishable one, nothing is kept."""
    return "" if publishable else peers.address_of(meta)[:45]


def note(one: Note) -> None:
    """Remember a request; costs some microseconds and never raises."""
    waiting = _waiting
    if len(waiting.notes) == MOST:
        waiting.dropped += 1
    waiting.notes.append(one)
    if waiting.thread is None and settings.REQUEST_LOG_SECONDS:
        _start(waiting)
    if len(waiting.notes) >= BATCH:
        waiting.wake.set()


def _start(waiting: _Waiting) -> None:
    with waiting.lock:
        if waiting.thread is None:
            waiting.thread = threading.Thread(target=_serve, args=(waiting,), name="request-log", daemon=True)
            waiting.thread.start()


def _serve(waiting: _Waiting) -> None:
    """Until the setting says that nobody writes here any more."""
    try:
        while every := settings.REQUEST_LOG_SECONDS:
            waiting.wake.wait(every)
            waiting.wake.clear()
            flush()
            close_old_connections()
    finally:
        waiting.thread = None
        connection.close()


def flush() -> int:
    """Write what waits; how many requests. What cannot be written is dropped and counted in the process's log."""
    written = 0
    while notes := _taken():
        try:
            _write(notes)
        except (Error, psycopg.Error) as error:  # COPY is psycopg's own, and so are its errors
            log.warning("requests_not_logged", count=len(notes), error=type(error).__name__)
            break
        written += len(notes)
    if _waiting.dropped:
        log.warning("requests_not_logged", count=_waiting.dropped, error="more came than was written")
        _waiting.dropped = 0
    return written


def forget() -> None:
    """Write nothing of what waits: for whoever has emptied the tables underneath."""
    _waiting.notes.clear()


@atexit.register
def _last() -> None:
    if _waiting.thread is not None:
        flush()


def _taken() -> list[Note]:
    found: list[Note] = []
    while len(found) < BATCH:
        try:
            found.append(_waiting.notes.popleft())
        except IndexError:
            break
    return found


_COPY: Final = """
    COPY payments_apirequest (id, at, client_id, key_id, address, method, path, operation, status, code, microseconds,
                              outside_microseconds, request_id, idempotency_key, object_ids) FROM STDIN
"""


def _write(notes: list[Note]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")  # seconds of a log may be lost
        with cursor.copy(_COPY) as copy:
            for one in notes:
                copy.write_row(tuple(_row(one)))


def _row(one: Note) -> Iterator[object]:
    failed = _CODE.search(one.answer) if one.status >= 400 else None
    yield ids.uuid7(one.at)
    yield one.at
    yield one.client_id and ids.decode("cli", one.client_id)
    yield one.key_id and ids.decode("key", one.key_id)
    yield one.address
    yield one.method[:8]
    yield _clean(one.path, 300)
    yield one.operation
    yield one.status
    yield failed[1].decode() if failed else ""
    yield one.microseconds
    yield one.outside_microseconds
    yield one.request_id
    yield _clean(one.idempotency_key, 255)
    yield _objects(one)


def _clean(text: str, longest: int) -> str:
    """What a caller wrote, without what must not be kept and what PostgreSQL cannot hold."""
    return str(redaction.redact(text)).replace("\x00", "")[:longest]


def _objects(one: Note) -> list[str]:
    """Ids in the address, and in an answer that is about one object: what a refund belongs to, and the like."""
    found = dict.fromkeys(_ID.findall(one.path.encode(errors="replace") + b"\n" + one.answer))
    return [each.decode() for each in list(found)[:IDS]]


def about(object_id: str, *, limit: int = 50) -> list[ApiRequest]:
    """The newest requests that were about an object, with their clients and keys."""
    rows = ApiRequest.objects.filter(object_ids__contains=[object_id]).select_related("client", "key")
    return list(rows.order_by("-pk")[:limit])


def last_of(key_id: str) -> ApiRequest | None:
    """The newest request with a key."""
    return ApiRequest.objects.filter(key=key_id).order_by("-pk").first()
