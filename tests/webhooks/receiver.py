"""A client's server that receives events, over real HTTP: it remembers what came and answers what it is told to."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import standardwebhooks


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        """What the body says."""
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The event, once the client's own library has checked who sent it."""
        return standardwebhooks.Webhook(secret).verify(self.body, self.headers)


@dataclass(frozen=True)
class Answer:
    """What the server says."""

    status: int = 204
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Receiver:
    """Listens on 127.0.0.1; `answer` decides about each request, and may look at it for as long as it likes."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _: Answer()
        self.connections = 0
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if hasattr(self.server.socket, "context") else "http"
        return f"{scheme}://127.0.0.1:{self.server.server_address[1]}/hooks"

    @property
    def sequences(self) -> list[int]:
        """The sequence numbers of the events, in the order of their coming."""
        return [request.event["sequence"] for request in self.received]

    def stop(self) -> None:
        """Listen no longer."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(120)

    def _note(self, request: Received) -> None:
        with self._lock:
            self.received.append(request)

    def _handler(receiver: "Receiver") -> type[BaseHTTPRequestHandler]:  # noqa: N805  the handler's self is another
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                request = Received(
                    self.path, dict(self.headers.items()), self.rfile.read(int(self.headers["content-length"]))
                )
                receiver._note(request)
                answer = receiver.answer(request)
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        return Handler
