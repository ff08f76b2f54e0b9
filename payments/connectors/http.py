"""The one HTTP client of the connectors: pooled, bounded in time, and plain about what may have arrived."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import urllib3
import urllib3.connection
import urllib3.connectionpool

CONNECT_SECONDS: Final = 2.0
"""For TCP to each address of a host, and again for each step of the TLS handshake."""

INTERACTIVE_SECONDS: Final = 10.0
"""For the answer to a request that somebody waits for."""

BACKGROUND_SECONDS: Final = 25.0
"""For the answer to a request of a job."""

FILE_SECONDS: Final = 600.0
"""For a settlement file, which may have some millions of lines."""

PIECE: Final = 1 << 18
"""The bytes of a file that are held at once."""

GATE_SECONDS: Final = 2.0
"""How long a gate may keep the request of a job that moves money."""

LONGEST_REQUEST_SECONDS: Final = GATE_SECONDS + 4 * CONNECT_SECONDS + BACKGROUND_SECONDS
"""One request of a job: the gate, two addresses, two steps of TLS, and the answer."""

ASKING_SECONDS: Final = 40.0
"""No request of one question leaves later than this after the question began; it may come to five requests.

Answers take a second, mostly. A PSP that takes ten for each is asked again by recovery, when it is faster.
"""

LONGEST_QUESTION_SECONDS: Final = ASKING_SECONDS + LONGEST_REQUEST_SECONDS
"""What a job may wait for a PSP in all: its lease is longer (`payments.kernel.jobs.LEASES`, by a test)."""

POOLED: Final = 32
"""Connections kept open per host; more threads than that open connections of their own and close them."""


class FailedError(Exception):
    """The request got no answer to act on. Texts name what happened and where, never what was said."""


class UnsentError(FailedError):
    """Proof that no byte of the request left: refused connection, DNS, TLS, connect timeout."""


class AmbiguousError(FailedError):
    """The request may have arrived and been executed: timeout, reset, or an answer that cannot be read."""


class Gate(Protocol):
    """Who says when a request may leave, so that an account asks no more of its PSP than it may."""

    def enter(self, endpoint: str) -> None:
        """Return once a request to this endpoint may leave; `UnsentError` when that takes too long."""
        ...

    def refused(self) -> None:
        """The PSP has said that it was asked too much."""
        ...


class _Open:
    """Keeps nobody."""

    def enter(self, endpoint: str) -> None:
        """At once."""

    def refused(self) -> None:
        """It is of no consequence."""


OPEN: Final[Gate] = _Open()


def _allow(what: str) -> None:
    """No objection."""


before_request: Callable[[str], None] = _allow
"""Asked before each request with what is about to happen ("a POST to api.stripe.com").

The host program may set it to something that raises, to forbid waiting for a network while it holds locks.
"""


def _forget(seconds: float) -> None:
    """Nobody wants to know."""


after_request: Callable[[float], None] = _forget
"""Told after each request how many seconds it took, whatever came of it."""


_began: ContextVar[float | None] = ContextVar("question_began", default=None)


@contextmanager
def question() -> Iterator[None]:
    """The requests in this context are one question, which begins now unless it has begun around it."""
    if _began.get() is not None:
        yield
        return
    token = _began.set(time.monotonic())
    try:
        yield
    finally:
        _began.reset(token)


def _refuse_when_late() -> None:
    """Whoever asks may hold a lease that ends: what has not left yet is left out, which is proof that it never left."""
    began = _began.get()
    if began is not None and time.monotonic() - began > ASKING_SECONDS:
        raise UnsentError(f"the question has taken {ASKING_SECONDS:.0f} seconds, and is asked again later")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; headers are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer that is on its way: its body comes in pieces, and `AmbiguousError` when it does not come whole."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


@contextmanager
def _before_the_first_byte(host: str) -> Iterator[None]:
    """A connection that does not come about is proof that nothing was sent on it."""
    try:
        yield
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
        raise UnsentError(f"no connection to {host}: {type(error).__name__}") from None


class Bounded(socket.socket):
    """A socket that reads until a deadline, so that an answer cannot drip for ever."""

    deadline = 0.0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the answer takes too long")
        self.settimeout(remaining)
        return super().recv_into(*args, **kwargs)


class BoundedTls(Bounded, ssl.SSLSocket):
    """The same around TLS."""


class _Connection(urllib3.connection.HTTPConnection):
    """Says what was not sent, and gives the whole answer one deadline."""

    def connect(self) -> None:
        with _before_the_first_byte(self.host):
            super().connect()

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        patience = made.gettimeout()
        bounded = Bounded(fileno=made.detach())
        bounded.settimeout(patience)
        return bounded

    def getresponse(self) -> Any:
        connected: Any = self.sock  # a Bounded, by _new_conn or by the TLS context
        connected.deadline = time.monotonic() + self.timeout  # type: ignore[operator]  # the pool sets `read_seconds`
        return super().getresponse()


class _SecureConnection(_Connection, urllib3.connection.HTTPSConnection):
    """The same for https."""


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Client:
    """Sends each request once: no retries, no redirects, no proxies. Safe to share between threads.

    `read_seconds` are for the whole answer, however slowly it comes.
    """

    def __init__(self, *, read_seconds: float) -> None:
        context = ssl.create_default_context()
        context.sslsocket_class = BoundedTls
        self._timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
        self._pools = urllib3.PoolManager(maxsize=POOLED, retries=False, ssl_context=context)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = None) -> Answer:
        """The answer, whatever its status; `UnsentError` or `AmbiguousError` when there is none."""
        host = urlsplit(url).hostname or ""
        _refuse_when_late()
        before_request(f"a {method} to {host}")
        left = time.monotonic()
        try:
            with _whole(host):
                response = self._pools.request(
                    method, url, headers=dict(headers), body=body, timeout=self._timeout, redirect=False
                )
        finally:
            after_request(time.monotonic() - left)
        return Answer(response.status, response.headers, response.data)

    @contextmanager
    def download(self, url: str, headers: Mapping[str, str]) -> Iterator[Incoming]:
        """A GET whose body is not held as a whole; what was not read of it when the context ends is left."""
        host = urlsplit(url).hostname or ""
        before_request(f"a GET to {host}")
        with _whole(host):
            response = self._pools.request(
                "GET", url, headers=dict(headers), timeout=self._timeout, redirect=False, preload_content=False
            )
        try:
            yield Incoming(response.status, response.headers, _pieces(response, host))
        finally:
            response.close()


def _pieces(response: urllib3.BaseHTTPResponse, host: str) -> Iterator[bytes]:
    with _whole(host):
        yield from response.stream(PIECE)


@contextmanager
def _whole(host: str) -> Iterator[None]:
    """An answer that does not come whole proves nothing."""
    try:
        yield
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise AmbiguousError(f"no whole answer from {host}: {type(error).__name__}") from None


INTERACTIVE: Final = Client(read_seconds=INTERACTIVE_SECONDS)
"""For calls that a customer or an agent waits for."""

BACKGROUND: Final = Client(read_seconds=BACKGROUND_SECONDS)
"""For jobs."""
