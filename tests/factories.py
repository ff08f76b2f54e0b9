"""What stories begin with: a shop with its key, provider accounts at the simulator, orders, and jobs that get done."""

import http.client
import itertools
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.test import Client

from config import accounts as demo_accounts
from config.demo import book
from payments.gateway import circuits
from payments.intents import rulebook
from payments.kernel import clock, drain, invariants
from payments.kernel.jobs import Job, Queue
from payments.ledger import selectors as ledger
from payments.methods import selectors as methods
from payments.rest import keys
from payments.rest.models import ApiClient, KeyKind

_numbers = itertools.count(1)


@dataclass
class Shop:
    """A client of the API as its own programs see it."""

    client: ApiClient
    key: str
    http: Client

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, **headers: str
    ) -> Any:
        """One request; POSTs get a fresh idempotency key unless one is given."""
        if method == "POST":
            headers["idempotency-key"] = key or f"key-{next(_numbers)}"
        return self.http.generic(
            method,
            f"/v1/{path}",
            json.dumps(body) if body is not None else "",
            content_type="application/json",
            headers={"authorization": f"Bearer {self.key}", **headers},
        )

    def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """A POST that must succeed."""
        response = self.call("POST", path, body, key=key)
        assert response.status_code in (200, 201), response.content
        return dict(response.json())

    def get(self, path: str) -> dict[str, Any]:
        """A GET that must succeed."""
        response = self.call("GET", path)
        assert response.status_code == 200, response.content
        return dict(response.json())

    def order(self, amount: int = 1999, currency: str = "USD", **facts: Any) -> dict[str, Any]:
        """An open order of one line."""
        line = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": amount}
        return self.post(
            "orders",
            {"reference": f"A-{next(_numbers)}", "currency": currency, "country": "US", "lines": [line], **facts},
        )

    def intent(self, order: Mapping[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
        """An intent for an order's open amount."""
        return self.post("payment_intents", {"order": (order or self.order())["id"], **facts})

    def confirm(
        self, intent: Mapping[str, Any], token: str = "pm_card_visa", account: str = "stripe-us", **facts: Any
    ) -> dict[str, Any]:
        """Pay with a card token."""
        return self.post(f"payment_intents/{intent['id']}/confirm", {**card(token, account), **facts})

    def paid(self, amount: int = 1999, **facts: Any) -> dict[str, Any]:
        """A payment that has succeeded."""
        return self.confirm(self.intent(self.order(amount, **facts)))


def card(token: str = "pm_card_visa", account: str = "stripe-us") -> dict[str, Any]:
    """The body of a confirmation with a card token."""
    return {"payment_method": {"type": "card", "token": token, "provider_account": account}}


def shop(name: str = "shop") -> Shop:
    """A client with one key that may do everything, and provider accounts that point at the simulator."""
    call_command("provision", verbosity=0)
    rulebook.forget()
    circuits.forget()
    methods.forget()
    key = keys.create_for(name, kind=KeyKind.SECRET, scopes=keys.SCOPES, return_urls=["https://shop.example/"])
    return Shop(ApiClient.objects.get(name=name), key, Client())


@dataclass(frozen=True)
class Simulator:
    """The simulator's control room."""

    url: str

    def scenario(self, operation: str, fault: str, **facts: Any) -> None:
        """Let an operation go wrong."""
        self._ask("POST", "/_sim/scenarios", {"operation": operation, "fault": fault, **facts})

    def calm(self) -> None:
        """No faults, no objects, no latency."""
        self._ask("DELETE", "/_sim/scenarios")
        self._ask("POST", "/_sim/reset", {})

    def forgive(self) -> None:
        """No faults any more; what happened has happened."""
        self._ask("DELETE", "/_sim/scenarios")

    def book(self) -> list[dict[str, Any]]:
        """The book of truth: every object that moved or would move money."""
        lines = self._ask("GET", "/_sim/book").decode().splitlines()
        return [json.loads(line) for line in lines if line]

    def notify(self, platform: str) -> None:
        """Send notifications to this address from now on, or nowhere when it is ""; none is under way afterwards."""
        for account in demo_accounts.ACCOUNTS:
            url = account.webhook_url(platform) if platform else ""
            self._ask("PUT", f"/_sim/accounts/{account.code}", {"webhook_url": url})
        self._ask("POST", "/_sim/reset", {})
        self._delivered()

    def quiet(self) -> None:
        """Let a moment pass, and wait until every notification of what was done so far has left."""
        self.advance(4)
        self._delivered()

    def _delivered(self) -> None:
        until(lambda: json.loads(self._ask("GET", "/_sim/webhooks"))["waiting"] == 0)

    def advance(self, seconds: int) -> None:
        """Move the simulator's clock on."""
        self._ask("POST", "/_sim/clock", {"advance_seconds": seconds})

    def challenge(self, provider_reference: str, result: str) -> None:
        """Act as the customer on the 3-D Secure page."""
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(address.netloc, timeout=120)
        connection.request(
            "POST",
            f"/_sim/3ds/{provider_reference}",
            f"result={result}",
            {"content-type": "application/x-www-form-urlencoded"},
        )
        answer = connection.getresponse()
        assert answer.status < 400, answer.read()  # a redirect to where the customer goes next
        connection.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310  our own address
            f"{self.url}{path}",
            data=data,
            method=method,
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return bytes(answer.read())


def work(*queues: Queue) -> None:
    """Do every job that is due, as a worker would, until nothing is due any more."""
    while sum(drain.drain(queue) for queue in queues or Queue):
        pass


def later(name: str) -> None:
    """Let the time come of jobs that wait, and do them."""
    Job.objects.filter(name=name, state="ready").update(due_at=clock.now())
    work()


def broken() -> list[str]:
    """Every violation of every invariant, in words."""
    return [f"{found.check.name}: {subject} {why}" for found in invariants.verify() for subject, why in found.broken]


def assert_books_close() -> None:
    """The end of every story: all invariants hold and the trial balance is zero per currency."""
    found = broken()
    assert not found, "\n".join(found)
    balances = ledger.trial_balance()
    for currency in {currency for _, currency in balances}:
        assert sum(minor for (_, of), minor in balances.items() if of == currency) == 0


def until(condition: Callable[[], object], *, seconds: float = 120) -> None:
    """Look again and again until something has happened elsewhere, in another process or thread.

    How long that may take says nothing of how long it takes: a machine may be busy with something else.
    """
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.02)


def assert_books_agree(sim: Simulator) -> None:
    """The PSP's book of truth and our rows say the same, object by object."""
    found = book.differences(sim.book())
    assert not found, "\n".join(found)
