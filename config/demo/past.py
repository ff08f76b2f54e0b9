"""Living through a past: the simulator's time is set back, and what it notifies of is acted upon at that time.

No worker runs meanwhile: its jobs are done here, by the clock of the past.
"""

import http.client
import http.server
import json
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from config import accounts
from payments.kernel import clock, drain
from payments.kernel.jobs import Queue
from payments.webhooks.services import inbound

QUIET_WITHIN: Final = 60.0


@dataclass(frozen=True)
class _Notification:
    """What the PSP sent, and where to."""

    address: str
    body: bytes
    headers: dict[str, str]


class Past:
    """A time that runs on from where it was last moved to, for the simulator and for us."""

    def __init__(self, simulator: str, start: datetime) -> None:
        self._control = http.client.HTTPConnection(urllib.parse.urlsplit(simulator).netloc, timeout=30)
        self._arrived: deque[_Notification] = deque()
        self._moment, self._since = start, time.monotonic()

    def now(self) -> datetime:
        """What time it is there."""
        return self._moment + timedelta(seconds=time.monotonic() - self._since)

    def move_to(self, moment: datetime) -> None:
        """Let it be `moment`, and all that happens at the PSP until then."""
        seconds = int((moment - self.now()).total_seconds())
        if seconds > 0:
            fired = self.ask("POST", "/_sim/clock", {"advance_seconds": seconds})["fired"]
            self._moment, self._since = self.now() + timedelta(seconds=seconds), time.monotonic()
            if fired:
                self.settle()

    def settle(self) -> None:
        """Do all that is to be done by now: until the PSP has nothing more to say, and no job is due."""
        self._hear_out()
        while True:
            while self._arrived:
                self._receive(self._arrived[0])
                self._arrived.popleft()
            self._work(Queue.WEBHOOKS, Queue.MONEY)
            self._hear_out()
            if not self._arrived:
                return

    def end(self) -> None:
        """Nobody who listens from today on is told of the past."""
        self._work(*Queue)

    def _work(self, *queues: Queue) -> None:
        with clock.at(self.now()):
            for queue in queues:
                drain.drain(queue)

    def _hear_out(self) -> None:
        deadline = time.monotonic() + QUIET_WITHIN
        while self.ask("GET", "/_sim/webhooks")["waiting"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the simulator's notifications were not delivered within {QUIET_WITHIN:.0f} s")
            time.sleep(0.005)

    def _receive(self, notification: _Notification) -> None:
        psp, code = notification.address.split("/")[-2:]
        with clock.at(self.now()):
            inbound.receive(psp, code, notification.body, notification.headers)

    def accept(self, address: str, body: bytes, headers: dict[str, str]) -> None:
        """A notification has arrived."""
        self._arrived.append(_Notification(address, body, headers))

    def customer_acts(self, account: str, reference: str) -> None:
        """The customer agrees to a payment, on the PSP's page or at a counter."""
        if account.startswith("adyen"):
            self.ask("POST", f"/_sim/adyen/payments/{reference}", {"action": "pay"})
            return
        form = {"content-type": "application/x-www-form-urlencoded"}
        self._control.request("POST", f"/_sim/3ds/{reference}", "result=success", form)
        self._control.getresponse().read()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request to the simulator's control side."""
        content = json.dumps(body) if body is not None else None
        try:
            self._control.request(method, path, content)
            return json.load(self._control.getresponse())
        except (OSError, http.client.HTTPException):
            self._control.close()  # the next request connects anew
            raise


@contextmanager
def lived_from(start: datetime, *, simulator: str, platform: str) -> Iterator[Past]:
    """Be at `start`; afterwards it is today again, and notifications go to the platform."""
    past = Past(simulator, start)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(past)) as server:
        threading.Thread(target=server.serve_forever, name="past", daemon=True).start()
        try:
            past.ask("POST", "/_sim/reset", {"begin_at": int(past.now().timestamp())})
            _notify(past, f"http://127.0.0.1:{server.server_address[1]}")
            yield past
            offset = past.ask("GET", "/_sim/clock")["offset_seconds"]
            past.move_to(past.now() - timedelta(seconds=offset))
            past.settle()
            past.end()
            _notify(past, platform)
        finally:
            server.shutdown()


def _notify(past: Past, where: str) -> None:
    for account in accounts.ACCOUNTS:
        past.ask("PUT", f"/_sim/accounts/{account.code}", {"webhook_url": account.webhook_url(where)})


def _handler(past: Past) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        """One notification."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            past.accept(self.path, body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """The demo's display is enough."""

    return Handler
