"""A client that never gives up, and the questions that are asked after each fault."""

import http.client
import itertools
import json
import os
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import OperationalError, close_old_connections

from config.demo import book
from payments.gateway.models import ProviderCall
from payments.kernel import invariants
from payments.kernel.jobs import Job
from payments.rest import keys
from payments.rest.models import KeyKind

PATIENCE = 60.0
AGAIN = (409, 500, 502, 503, 504)
"""Answers after which a client sends the same request with the same key again."""


@dataclass
class Shop:
    """The shop's servers, as a good client is written: every POST has a key, and is repeated until it is answered."""

    platform: str
    simulator: str
    run_dir: Path
    key: str
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def open(cls, platform: str, simulator: str, run_dir: Path) -> "Shop":
        """A shop with a key of its own."""
        return cls(platform, simulator, run_dir, keys.create_for("chaos", kind=KeyKind.SECRET, scopes=keys.SCOPES))

    def pay(self, token: str) -> str:
        """One order, paid with `token`; the status that the client was told."""
        number = next(self._numbers)
        line = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 1000 + number}
        order = self._post(
            f"{number}-order",
            "orders",
            {"reference": f"C-{number}", "currency": "USD", "country": "US", "lines": [line]},
        )
        intent = self._post(f"{number}-intent", "payment_intents", {"order": order["id"]})
        method = {"type": "card", "token": token, "provider_account": "stripe-us"}
        paid = self._post(f"{number}-confirm", f"payment_intents/{intent['id']}/confirm", {"payment_method": method})
        return str(paid["status"])

    def _post(self, key: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            status, answer = self._once(key, path, body)
            if status in (200, 201):
                return answer
            if status not in AGAIN and status is not None:
                raise AssertionError(f"{path}: {status} {answer}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} was not answered within {PATIENCE:.0f} s: {status} {answer}")
            time.sleep(0.3)

    def _once(self, key: str, path: str, body: Mapping[str, Any]) -> tuple[int | None, dict[str, Any]]:
        address = urllib.parse.urlsplit(self.platform)
        connection = http.client.HTTPConnection(address.netloc, timeout=45)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json", "idempotency-key": key}
        try:
            connection.request("POST", f"/v1/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            return None, {"error": repr(error)}
        finally:
            connection.close()

    # --- what is broken, and mended ---

    def scenario(self, operation: str, fault: str, **facts: Any) -> None:
        """Let the PSP misbehave."""
        self._control("POST", "/_sim/scenarios", {"operation": operation, "fault": fault, **facts})

    def calm(self) -> None:
        """Let the PSP behave again."""
        self._control("DELETE", "/_sim/scenarios")

    def kill(self, program: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a program of the stack; its supervisor starts it again."""
        rows = json.loads((self.run_dir / "stack.json").read_text())["processes"]
        pid = next(row["pid"] for row in rows if row["name"] == program)
        os.kill(pid, how)

    def _control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.simulator}{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  our own address
            return bytes(answer.read())

    # --- what is asked afterwards ---

    def drain(self, *, seconds: float) -> bool:
        """Wait until nothing is left to do or to find out; False when that takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._idle():
                return True
            time.sleep(0.5)
        return False

    def _idle(self) -> bool:
        try:
            return not self._open_jobs().exists() and not ProviderCall.objects.filter(look_at__isnull=False).exists()
        except OperationalError:
            return False
        finally:
            close_old_connections()

    def waiting(self) -> str:
        """What is still to be done, in words."""
        return ", ".join(f"{job.name} ({job.last_error[-80:].strip()})" for job in self._open_jobs()[:3]) or "calls"

    def _open_jobs(self) -> Any:
        return Job.objects.filter(queue__in=["money", "bulk", "webhooks", "deliveries"])

    def problems(self) -> list[str]:
        """Every violation of an invariant, and every object on which the PSP's book and ours differ."""
        broken = [f"{one.check.name}: {subject} {why}" for one in invariants.verify() for subject, why in one.broken]
        lines = [json.loads(line) for line in self._control("GET", "/_sim/book").splitlines() if line]
        return [*broken, *book.differences(lines)]
