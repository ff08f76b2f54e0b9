"""The load generator, a process of its own: reads a plan from standard input, writes what it measured as JSON."""

import random
import sys
import time
from collections.abc import Iterator
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

import orjson

from tests.load import wire

LINE = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 1999}
CARD = {"payment_method": {"type": "card", "token": "pm_card_visa", "provider_account": "stripe-us"}}


def order(reference: str) -> dict[str, Any]:
    """The body of an order."""
    return {"reference": reference, "currency": "USD", "country": "US", "lines": [LINE]}


class Shop:
    """Makes the requests of payments, their heads prepared once."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.run = plan["run"]
        self.head = (
            f"Host: {plan['host']}:{plan['port']}\r\nAuthorization: Bearer {plan['key']}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()
        self.confirmed: list[tuple[str, float]] = []  # intent and milliseconds, for the PSP's part to be taken off

    def payment(self, number: int) -> wire.Talk:
        """One payment from the order to the answer of its confirmation."""
        name = f"{self.run}-{number}"
        opened = yield self._post("order", "/v1/orders", order(name), f"{name}-order")
        if opened.status != 201:
            return
        intent = yield self._post(
            "intent", "/v1/payment_intents", {"order": orjson.loads(opened.body)["id"]}, f"{name}-intent"
        )
        if intent.status != 201:
            return
        intent_id = orjson.loads(intent.body)["id"]
        paid = yield self._post("confirm", f"/v1/payment_intents/{intent_id}/confirm", CARD, f"{name}-confirm")
        self.confirmed.append((intent_id, paid.milliseconds))

    def _post(self, name: str, path: str, body: dict[str, Any], key: str) -> wire.Ask:
        content = orjson.dumps(body)
        tail = f"Idempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        return wire.Ask(name, b"POST %b HTTP/1.1\r\n%b%b%b" % (path.encode(), self.head, tail, content))


def notifications(path: Path) -> Iterator[wire.Talk]:
    """One conversation for each signed request that a file holds as a JSON list of texts."""
    for request in orjson.loads(path.read_bytes()):
        yield _notification(wire.Ask("notification", request.encode()))


def _notification(ask: wire.Ask) -> wire.Talk:
    yield ask


def due(plan: dict[str, Any]) -> Iterator[float]:
    """When each conversation begins: at once, or at random moments that come to `rate` a second."""
    if not plan["rate"]:
        return repeat(0.0, plan["count"])
    chance = random.Random(plan["run"])
    return accumulate(chance.expovariate(plan["rate"]) for _ in range(plan["count"]))


def main() -> None:
    """Do as the plan says."""
    plan = orjson.loads(sys.stdin.buffer.read())
    shop = Shop(plan)
    talks = notifications(Path(plan["requests"])) if plan["requests"] else map(shop.payment, range(plan["count"]))
    began_at, began, cpu = time.time(), time.perf_counter(), time.process_time()
    tally = wire.run((plan["host"], plan["port"]), talks, due(plan), clients=plan["clients"], seconds=plan["seconds"])
    measured = {
        "began_at": began_at,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "latest_start_ms": tally.latest_start * 1000,
        "milliseconds": tally.milliseconds,
        "confirmed": shop.confirmed,
        "failed": tally.failed,
    }
    sys.stdout.buffer.write(orjson.dumps(measured))


if __name__ == "__main__":
    main()
