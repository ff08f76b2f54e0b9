"""An HTTP server between a connector and a PSP: notes what passes, and gives answers of its own when told to."""

import contextlib
import http.client
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Passed:
    """One request, as it came over the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Scripted:
    """An answer of our own, for the next request whose "METHOD /path" contains `matching`."""

    matching: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Relay:
    """Listens on 127.0.0.1 under a path of its own, and passes everything on to `upstream`."""

    def __init__(self, upstream: str = "", prefix: str = "") -> None:
        self.upstream = urllib.parse.urlsplit(upstream)
        self.prefix = prefix
        self.passed: list[Passed] = []
        self.script: list[Scripted] = []
        self._news = Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"relay": self}))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Where connectors are sent to."""
        return f"http://127.0.0.1:{self._server.server_port}{self.prefix}"

    def answer(self, matching: str, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next matching request ourselves; bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.script.append(Scripted(matching, status, content, headers or {}))

    def until(self, seen: Callable[[], bool], seconds: float = 120) -> list[Passed]:
        """What has passed once `seen` is true; fails when that takes too long."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not seen():
                assert self._news.wait(deadline - time.monotonic()), "it never came"
            return list(self.passed)

    def note(self, passed: Passed) -> None:
        """Remember a request, and wake who waits for it."""
        with self._news:
            self.passed.append(passed)
            self._news.notify_all()

    def scripted(self, line: str) -> Scripted | None:
        """Take the answer that is meant for this request, when there is one."""
        for index, answer in enumerate(self.script):
            if answer.matching in line:
                return self.script.pop(index)
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(120)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    relay: Relay

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.removeprefix(self.relay.prefix).partition("?")
        self.relay.note(Passed(self.command, path, query, dict(self.headers), body))
        answer = self.relay.scripted(f"{self.command} {path}")
        if answer is None:
            answer = self._upstream(path, query, body)
        with contextlib.suppress(ConnectionError):  # an impatient client has gone: that is what it is tested for
            self._say(answer)

    def _say(self, answer: Scripted) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = _pass  # noqa: N815  the names that http.server wants

    def _upstream(self, path: str, query: str, body: bytes) -> Scripted:
        connection = http.client.HTTPConnection(self.relay.upstream.netloc, timeout=120)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}
            }
            connection.request(self.command, f"{path}?{query}" if query else path, body or None, headers)
            answer = connection.getresponse()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in {"content-length", "connection", "date", "server", "transfer-encoding"}
            }
            return Scripted("", answer.status, answer.read(), kept)
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's own name
        """Silence: the tests look at `passed`."""
