"""The shop's own server in the demo: receives events and checks their signatures."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import standardwebhooks


class Receiver:
    """What has arrived, verified with the endpoint's secret once that is known."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        self.arrived = threading.Condition()
        self.show: Callable[[dict[str, Any]], None] = lambda _event: None

    def accept(self, body: bytes, headers: dict[str, str]) -> int:
        """204 for an event whose signature holds, 400 for any other."""
        try:
            standardwebhooks.Webhook(self.secret).verify(body, headers)
        except (standardwebhooks.WebhookVerificationError, ValueError):
            return 400
        with self.arrived:
            self.events.append(json.loads(body))
            self.arrived.notify_all()
            self.show(self.events[-1])
        return 204

    def wait_for(self, type_: str, object_id: str, *, seconds: float) -> dict[str, Any]:
        """The event of this type about this object, as soon as it is here; TimeoutError when it does not come."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: self._find(type_, object_id), timeout=seconds):
                raise TimeoutError(f"{type_} of {object_id} was not delivered within {seconds:.0f} s")
            return self._find(type_, object_id) or {}

    def _find(self, type_: str, object_id: str) -> dict[str, Any] | None:
        found = (event for event in self.events if event["type"] == type_ and event["object_id"] == object_id)
        return next(found, None)


@contextmanager
def running() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        """One delivery."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(receiver.accept(body, {name.lower(): value for name, value in self.headers.items()}))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """The demo's display is enough."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events"
        threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()
