"""What one payment sends to PostgreSQL: recorded from the code itself, a process of its own; written to a file.

The payment is made three times in this process, against a database of its own and the rig's simulator, whose
notifications come here meanwhile. The first warms the caches; the other two are told apart by what differs.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import django
import orjson
from django.core.management import call_command
from django.db import connection, transaction

django.setup()

from django.test import Client  # noqa: E402  models need the settings

from config import celery  # noqa: E402, F401  the doorbell's application
from payments.kernel import drain  # noqa: E402
from payments.kernel.jobs import Queue  # noqa: E402
from tests import factories  # noqa: E402
from tests.load import bare, driver, rig  # noqa: E402

ADDRESS = "/webhooks/stripe/stripe-us"


@dataclass
class Recorder:
    """Django's execute wrapper that remembers each statement, the call it belongs to, and its transaction."""

    call: str = ""
    statements: list[dict[str, Any]] = field(default_factory=list)
    transactions: int = 0
    _open: bool = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        """Run the statement and remember it; `rest` is whether it runs for many rows, and its context."""
        inside = connection.in_atomic_block
        if inside and not self._open:
            self._open = True
            self.transactions += 1
            transaction.on_commit(self._committed)
        result = execute(sql, params, *rest)
        raw = connection.connection
        self.statements.append(
            {
                "call": self.call,
                "sql": sql,
                "params": bare.written(params),
                "transaction": self.transactions if inside else None,
                "pipelined": bool(raw is not None and raw.pgconn.pipeline_status),
                "found": _found(rest[-1]["cursor"]) if "SKIP LOCKED" in sql else None,
            }
        )
        return result

    def _committed(self) -> None:
        self._open = False


def _found(cursor: Any) -> list[str]:
    """The ids of the rows that a statement returned, before anybody has fetched them."""
    answer = cursor.pgresult
    columns = [number for number in range(answer.nfields) if answer.fname(number) == b"id"]
    return [answer.get_value(row, columns[0]).decode() for row in range(answer.ntuples)] if columns else []


@dataclass
class Server:
    """Takes the PSP's notifications, to be handed on when it is their turn, and the client's events."""

    port: int
    notifications: list[tuple[bytes, str]]


@contextlib.contextmanager
def listening() -> Iterator[Server]:
    """A server on a free port."""
    notifications: list[tuple[bytes, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == ADDRESS:
                notifications.append((body, self.headers["stripe-signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Server(server.server_address[1], notifications)
        finally:
            server.shutdown()


def pay(shop: factories.Shop, server: Server, simulator: str, recorder: Recorder) -> list[dict[str, Any]]:
    """One payment, from the order to the delivered event; the statements it sent."""
    recorder.statements = []
    name = f"bench-{os.urandom(16).hex()}"
    recorder.call = "order"
    order = shop.post("orders", driver.order(name), key=f"{name}-order")
    recorder.call = "intent"
    intent = shop.post("payment_intents", {"order": order["id"]}, key=f"{name}-intent")
    recorder.call = "confirm"
    shop.post(f"payment_intents/{intent['id']}/confirm", driver.CARD, key=f"{name}-confirm")
    factories.until(lambda: not rig.ask(simulator, "GET", "/_sim/webhooks")["waiting"])
    recorder.call = "notifications"
    came, server.notifications[:] = sorted(server.notifications), []
    for body, signature in came:
        answer = shop.http.generic(
            "POST", ADDRESS, body, content_type="application/json", headers={"stripe-signature": signature}
        )
        if answer.status_code != 200:
            raise rig.RigError(f"a notification was answered {answer.status_code}")
    recorder.call = "jobs"
    for queue in (Queue.WEBHOOKS, Queue.DELIVERIES):
        drain.drain(queue)
    return recorder.statements


def main() -> None:
    """Two payments' statements as JSON into the file that is named."""
    simulator, recorder = os.environ["SIMULATOR_URL"], Recorder()
    call_command("migrate", verbosity=0)
    shop = factories.shop()
    shop.http = Client(SERVER_NAME="127.0.0.1")
    with listening() as server:
        shop.post(
            "webhook_endpoints",
            {"url": f"http://127.0.0.1:{server.port}/events", "event_types": ["payment_intent.succeeded"]},
        )
        _send_to(simulator, f"http://127.0.0.1:{server.port}")
        try:
            pay(shop, server, simulator, recorder)
            with connection.execute_wrapper(recorder):
                payments = [pay(shop, server, simulator, recorder) for _ in range(2)]
        finally:
            _send_to(simulator, os.environ["PUBLIC_URL"])
    Path(sys.argv[1]).write_bytes(orjson.dumps(payments))


def _send_to(simulator: str, platform: str) -> None:
    """Where the PSP's notifications go."""
    rig.ask(simulator, "PUT", "/_sim/accounts/stripe-us", {"webhook_url": f"{platform}{ADDRESS}"})


if __name__ == "__main__":
    main()
