"""The application that granian serves: bodies are taken in without a thread, then Django's WSGI answers in one.

A thread for each request is what Django and psycopg are good at, and what a caller can take hostage: who announces a
body and never sends it would keep the thread that waits for it (granian has no limit for that). So the event loop
waits, with a limit of size and of time, and a thread is taken once there is something to do.
"""

import asyncio
import gc
import io
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.urls import reverse

from config import measuring, settings
from config.wsgi import application as django
from payments.kernel import meters
from payments.kernel.errors import Refusal
from payments.rest import problems
from payments.webhooks.services import inbound
from refunds import uploads

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[str, str]]

BODY_SECONDS: Final = 15.0
"""How long a body may take to arrive, from its announcement to its last byte."""
LARGEST: Final[Mapping[str, int]] = {
    "/webhooks/": inbound.MAX_BYTES,
    # documents for a bank
    "/v1/disputes/": settings.LARGEST_UPLOAD,
    "/admin/refunds/dispute/": settings.LARGEST_UPLOAD,
    "/admin/refunds/refundbatch/new/": uploads.MOST_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    "/": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
}
"""How many bytes of a body are kept, by the beginning of the address; the doors refuse what is larger."""
PASSED_OVER: Final = 16 * 1024 * 1024
"""How much of a body that is too large is read for the sake of callers who listen only when they have sent it all."""
ROOM: Final = 128 * 1024 * 1024
"""How many bytes of bodies are kept at a time, whole ones and halves: what comes beyond is asked to come again."""
AT_ONCE: Final = 4 * 1024 * 1024
"""An answer up to this size leaves its thread whole: a caller who reads slowly keeps memory, not a thread."""
READER_SECONDS: Final = 30.0
"""How long a caller may take for the next part of a larger answer."""
STUCK_SECONDS: Final = 180.0
"""Every thread busy and none done for so long: no honest request takes half of it."""


class Gone(Exception):
    """The caller hung up before the request was whole, or does not take the answer."""


class Front:
    """The ASGI application around a WSGI one."""

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        *,
        threads: int,
        body_seconds: float = BODY_SECONDS,
        room: int = ROOM,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._size, self._body_seconds, self._stuck_seconds = threads, body_seconds, stuck_seconds
        self._room = room
        self._busy = 0
        self._moved = time.monotonic()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"] == "/livez":
            await self._tell_that_we_live(send)
            return
        body = _Body(scope, receive)
        try:
            await self._take(body)
            await self._work(environ(scope, body.content(), body.length), send)
        except Refusal as refusal:
            await _refuse(scope, send, refusal)
        except Gone:
            pass
        finally:
            self._room += body.kept

    def tell(self) -> None:
        """How many threads work, and how many requests wait for one."""
        busy = self._busy
        for state, count in {
            "busy": min(busy, self._size),
            "all": self._size,
            "awaited": max(0, busy - self._size),
        }.items():
            meters.BUSY.stands(state, at=count)

    async def _take(self, body: "_Body") -> None:
        """All of a body, as long as there is room for what is kept of it."""
        if not body.announced:
            return
        try:
            async with asyncio.timeout(self._body_seconds):
                async for size in body:
                    self._room -= size
                    if self._room < 0:
                        raise problems.TemporarilyUnavailable("Too much arrives at a time; nothing was done.")
        except TimeoutError:
            late = f"The body did not arrive within {self._body_seconds:.0f} seconds."
            raise problems.BodyTimeout(late) from None

    async def _work(self, environment: dict[str, Any], send: Send) -> None:
        """Have a thread answer, however many wait for one."""
        loop = asyncio.get_running_loop()
        if not self._busy:
            self._moved = time.monotonic()
        self._busy += 1
        answer = _Answer(loop, send)
        try:
            whole = await loop.run_in_executor(self._threads, self._serve, environment, answer)
        finally:
            self._busy -= 1
            self._moved = time.monotonic()
        if whole is not None:
            await _answer(send, answer.status, answer.headers, whole)

    def _serve(self, environment: dict[str, Any], answer: "_Answer") -> bytes | None:
        """In a thread: the body of the answer, or None when it was larger and is on its way already."""
        result = self._application(environment, answer.start)
        try:
            return answer.sent(iter(result))
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()  # Django ends the request here: connections go back to their pool, in their thread

    async def _tell_that_we_live(self, send: Send) -> None:
        """From the loop, so that it is heard while every thread is busy; not when they are all stuck."""
        stuck = self._busy >= self._size and time.monotonic() - self._moved > self._stuck_seconds
        status, word = (503, b"stuck") if stuck else (200, b"ok")
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        await _answer(send, status, headers, b'{"status": "%s"}' % word)


class _Body:
    """The body of a request while it arrives."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        names = {name for name, _ in scope["headers"]}
        self.announced = scope["http_version"] == "2" or not names.isdisjoint((b"content-length", b"transfer-encoding"))
        self.length = self.kept = 0
        self._limit = next(size for start, size in LARGEST.items() if scope["path"].startswith(start))
        self._receive = receive
        self._parts: list[bytes] = []

    async def __aiter__(self) -> Any:
        """How many bytes more are kept, part by part; raises Gone."""
        more = True
        while more and self.length < PASSED_OVER:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part, more = message.get("body", b""), message.get("more_body", False)
            self.length += len(part)
            if self.kept <= self._limit:
                self._parts.append(part)
                self.kept += len(part)
                yield len(part)

    def content(self) -> bytes:
        """What was kept: all of it, or, of a body that is too large, a little more than is allowed."""
        return b"".join(self._parts)


class _Answer:
    """What a WSGI application answers: whole when it is short, in parts when it is long."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self._loop, self._send = loop, send
        self.status = 500
        self.headers: Headers = []

    def start(self, status: str, headers: Headers, _error: object = None) -> Callable[[bytes], object]:
        """WSGI's start_response."""
        self.status, self.headers = int(status[:3]), headers
        return _no_write

    def sent(self, parts: Iterator[bytes]) -> bytes | None:
        """All of it when it is at most AT_ONCE; else None, and every part was handed over."""
        kept: list[bytes] = []
        size = 0
        for part in parts:
            kept.append(part)
            size += len(part)
            if size > AT_ONCE:
                self._stream(b"".join(kept), parts)
                return None
        return b"".join(kept)

    def _stream(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._tell(_start(self.status, self.headers))
        self._tell({"type": "http.response.body", "body": first, "more_body": True})
        for part in rest:
            self._tell({"type": "http.response.body", "body": part, "more_body": True})
        self._tell({"type": "http.response.body", "body": b"", "more_body": False})

    def _tell(self, message: Message) -> None:
        sending = asyncio.run_coroutine_threadsafe(_sent(self._send, message), self._loop)
        try:
            sending.result(READER_SECONDS)
        except TimeoutError:
            sending.cancel()
            raise Gone from None


def environ(scope: Message, body: bytes, length: int) -> dict[str, Any]:
    """PEP 3333's environment of a request whose body is here; `length` tells the doors of one that is too large."""
    host, port = scope.get("server") or ("localhost", 80)
    environment: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "CONTENT_LENGTH": str(length) if length else "",
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add_header(environment, name.decode("latin-1"), value.decode("latin-1"))
    return environment


def _add_header(environment: dict[str, Any], name: str, value: str) -> None:
    """A header given twice is one list (RFC 9110 section 5.3), which nobody takes for a single value.

    How the body was framed is over; a name with an underscore could pass for another one and is dropped.
    """
    if name in ("content-length", "transfer-encoding") or "_" in name:
        return
    key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
    joint = "; " if name == "cookie" else ", "
    environment[key] = f"{environment[key]}{joint}{value}" if key in environment else value


async def _refuse(scope: Message, send: Send, refusal: Refusal) -> None:
    """Say why nobody looks at this request, and hang up."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"request-id"), None)
    request_id = problems.request_id(given)
    headers = [("Content-Type", problems.CONTENT_TYPE), ("Request-Id", request_id), ("Connection", "close")]
    headers += problems.headers(refusal).items()
    await _answer(send, refusal.status, headers, problems.document(refusal, request_id))


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send(_start(status, headers))
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _sent(send: Send, message: Message) -> None:
    await send(message)


def _start(status: int, headers: Headers) -> Message:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": encoded}


def _no_write(_data: bytes) -> None:
    raise NotImplementedError("Django returns what it has to say")


application = Front(django, threads=settings.ENVIRONMENT.web_threads)
if settings.ENVIRONMENT.serves:
    measuring.keep_telling(application.tell)
    reverse("admin:index")  # every address is known now, and what is known for good is never looked through again:
    gc.collect()  # a collection of all of it stops every request for a quarter of a second
    gc.freeze()
