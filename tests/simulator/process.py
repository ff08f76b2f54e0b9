"""A simulator in a process of its own, a client of it that validates every answer, an inbox for webhooks."""

import contextlib
import csv
import http.client
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import stripe

from tests.simulator import schema

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_inbox"

T = TypeVar("T")


def until(question: Callable[[], T | None], what: str, seconds: float = 120) -> T:
    """The first true answer; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def day(moment: int) -> str:
    """The day (UTC) of a moment, in ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


class Answer(NamedTuple):
    """One answer of the simulator's control side or of its API, undecoded."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Simulator:
    """The process, and its control side."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "payments.simulator", "--port", str(self.port), *arguments]
        self._environment = {**os.environ, "COUNTINGHOUSE_ENV": "test", "SIMULATOR_ACCOUNTS": "[]", **environment}
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self._command, cwd=ROOT, env=self._environment)

        def ready() -> bool:
            assert process.poll() is None, "the simulator ended at once"
            with contextlib.suppress(OSError):
                return self.ask("GET", "/_sim/health").status == 200
            return False

        until(ready, "the simulator")
        return process

    def kill(self) -> None:
        """Like a power cut."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(120)

    def restart(self) -> None:
        """Start again on the same port."""
        self.process = self._start()

    def stop(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(120)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own; `body` as given when it is a string, else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            content = body if isinstance(body, str) or body is None else json.dumps(body)
            connection.request(method, path, content, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def advance(self, seconds: int) -> None:
        """Move the simulator's clock on."""
        assert self.ask("POST", "/_sim/clock", {"advance_seconds": seconds}).status == 200

    def now(self) -> int:
        """What time it is at the PSP."""
        moment: int = self.ask("GET", "/_sim/clock").json()["now"]
        return moment

    def merchant(self, inbox: "Inbox | None" = None, **settings: Any) -> "Merchant":
        """A new account of its own, with its client."""
        return Merchant(self, inbox, settings)


class Validating(stripe.RequestsClient):
    """The SDK's HTTP client; every JSON answer must be what Stripe's specification says."""

    def request(  # type: ignore[override]  # as the SDK's own RequestsClient has it
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send, and look at what comes."""
        content, status, answer_headers = super().request(method, url, headers, post_data)
        if answer_headers.get("content-type") == "application/json":
            schema.check(json.loads(content))
        return content, status, answer_headers


class Account:
    """One account at a simulated PSP, as whoever runs the simulator sees it."""

    def __init__(self, simulator: Simulator, inbox: "Inbox | None", **settings: Any) -> None:
        self.simulator = simulator
        self.code = f"m-{uuid.uuid4().hex[:12]}"
        self.inbox = inbox
        url = inbox.url if inbox else ""
        answer = simulator.ask("PUT", f"/_sim/accounts/{self.code}", {"webhook_url": url, **settings})
        assert answer.status == 200, answer.body

    def fault(self, fault: str, **where: Any) -> str:
        """Set a fault for this account; its id."""
        answer = self.simulator.ask("POST", "/_sim/scenarios", {"fault": fault, "account": self.code, **where})
        assert answer.status == 201, answer.body
        scenario: str = answer.json()["id"]
        return scenario

    def cause(self, cause: str, **wish: Any) -> dict[str, Any]:
        """Let something happen to the money of this account."""
        answer = self.simulator.ask("POST", f"/_sim/settlement/{self.code}", {"cause": cause, **wish})
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def differences(self) -> list[dict[str, Any]]:
        """What the book of truth says of a wrong settlement."""
        return [line for line in self.book() if line["object"] == "difference"]

    def fired(self, scenario: str) -> int:
        """How often a fault has happened."""
        shown = self.simulator.ask("GET", "/_sim/scenarios").json()["scenarios"]
        count: int = next(s["fired"] for s in shown if s["id"] == scenario)
        return count

    def book(self) -> list[dict[str, Any]]:
        """This account's lines in the book of truth."""
        lines = self.simulator.ask("GET", f"/_sim/book?account={self.code}").body.splitlines()
        return [json.loads(line) for line in lines]


class Merchant(Account):
    """One account at the simulated Stripe and its SDK client."""

    def __init__(self, simulator: Simulator, inbox: "Inbox | None", settings: dict[str, Any]) -> None:
        self.key = f"sk_test_{uuid.uuid4().hex}"
        account = {"psp": "stripe", "api_key": self.key, "webhook_secret": SECRET, **settings}
        super().__init__(simulator, inbox, **account)
        self.client = self.connect()
        self.v1 = self.client.v1

    def connect(self, timeout: float = 120) -> stripe.StripeClient:
        """A client of this account."""
        return stripe.StripeClient(
            self.key,
            base_addresses={"api": self.simulator.url, "files": self.simulator.url},
            max_network_retries=0,
            http_client=Validating(timeout=timeout),
        )

    def pay(self, method: str | None = "pm_card_visa", **params: Any) -> stripe.PaymentIntent:
        """A payment of 20.00 in the account's currency, confirmed at once."""
        wish: Any = {
            "amount": 2_000,
            "currency": "usd",
            "confirm": True,
            "payment_method": method,
            "return_url": "https://shop.example/return",
            **params,
        }
        given: Any = {name: value for name, value in wish.items() if value is not None}
        return self.v1.payment_intents.create(params=given)

    def events(self) -> list[str]:
        """The types of this account's events, oldest first."""
        page = self.v1.events.list(params={"limit": 100})
        return [event.type for event in reversed(page.data)]

    def report(self, report_type: str, columns: list[str], **wishes: Any) -> list[dict[str, str]]:
        """The lines of a report about all that ever was."""
        interval = {"interval_start": 0, "interval_end": self.simulator.now() + 3 * 86_400}
        parameters: Any = {**interval, "columns": columns, **wishes}
        run = self.v1.reporting.report_runs.create(params={"report_type": report_type, "parameters": parameters})
        result = until(lambda: self.v1.reporting.report_runs.retrieve(run.id).result, report_type)
        text = self.raw("GET", str(result.url).removeprefix(self.simulator.url)).body.decode()
        assert text.splitlines()[0] == ",".join(columns)
        return list(csv.DictReader(io.StringIO(text)))

    def happened(self, event_type: str) -> dict[str, Any]:
        """The newest event of a type, once it is there."""

        found = until(lambda: self.v1.events.list(params={"type": event_type, "limit": 1}).data, event_type)
        return found[0].to_dict()

    def raw(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """A request without the SDK."""
        return self.simulator.ask(method, path, body, {"Authorization": f"Bearer {self.key}", **headers})


class Inbox:
    """A receiver of webhooks on 127.0.0.1 that can be told to refuse."""

    # The header kept beside each body.
    header = "Stripe-Signature"

    def __init__(self) -> None:
        self.deliveries: list[tuple[str, bytes]] = []
        self.heads: list[dict[str, str]] = []
        self.attempts = 0
        self.refusals = 0
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Keeps what comes."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """One delivery."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.attempts += 1
                refuse = inbox.refusals > 0
                if refuse:
                    inbox.refusals -= 1
                else:
                    inbox.heads.append({name.lower(): value for name, value in self.headers.items()})
                    inbox.deliveries.append((self.headers.get(inbox.header, ""), body))
                self.send_response(500 if refuse else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def genuine(self) -> list[dict[str, Any]]:
        """The deliveries whose signature holds, in the order they came."""
        found = []
        for signature, body in list(self.deliveries):
            with contextlib.suppress(stripe.SignatureVerificationError):
                stripe.WebhookSignature.verify_header(body.decode(), signature, SECRET, tolerance=300)
                found.append(json.loads(body))
        return found

    def types(self) -> list[str]:
        """The types of the genuine events."""
        return [event["type"] for event in self.genuine()]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(120)
