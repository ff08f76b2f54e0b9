"""The main job, live: an order is paid, told, partly refunded and counted, through the doors that everybody uses."""

import csv
import io
import json
import os
import re
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import redis

from config.demo import proofs
from config.demo.asking import Client, check, wait_until
from config.demo.receiver import Receiver
from payments.webhooks.models import InboundEvent


@dataclass
class Story(Client):
    """Who acts, and what they have in hand."""

    simulator: str
    redis_url: str
    run_dir: Path
    receiver: Receiver
    staff: dict[str, tuple[str, str]]
    seen: dict[str, Any] = field(default_factory=dict)

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """The main job step by step: a title, and what does it and says which objects came of it."""
        yield "The shop listens for events", self._listen
        yield "A client opens an order", self._order
        yield "The customer pays with a card, through Stripe", self._pay
        yield "The PSP's own notification arrives, signed", self._notification
        yield "The ledger was posted in the same commit", self._ledger
        yield "The shop gets its signed event", self._event
        yield "Another customer pays with iDEAL, through Adyen", self._pay_by_ideal
        yield "Support gives a part back in the admin", self._refund
        yield "Finance downloads the CSV, and it ties to the ledger", self._report
        yield "The worker is killed and Redis is emptied, in the middle of ten payments", self._break
        yield "The PSP's book and ours agree, object by object", lambda: proofs.compare(self.simulator)
        yield "Every invariant holds", proofs.verify

    def _listen(self) -> str:
        made = self.call("POST", "webhook_endpoints", {"url": self.receiver.url, "event_types": ["*"]})
        self.receiver.secret = made["secret"]
        return str(made["id"])

    def _order(self) -> str:
        lines = [
            {"sku": "MUG-01", "name": "Blue mug", "quantity": 2, "unit_amount": 1200},
            {"sku": "TEA-02", "name": "Green tea, 250 g", "quantity": 1, "unit_amount": 899},
        ]
        order = self.call(
            "POST",
            "orders",
            {
                "reference": f"LIVE-{int(time.time())}",
                "currency": "USD",
                "country": "US",
                "lines": lines,
                "shipping_amount": 500,
            },
        )
        self.seen["order"] = order
        return f"{order['id']}, {order['amount_total'] / 100:.2f} USD"

    def _pay(self) -> str:
        paid = self._paid(self.seen["order"])
        check(paid["status"] == "succeeded", f"{paid['id']} is {paid['status']}")
        self.seen["intent"] = paid
        return f"{paid['id']}, at Stripe {paid['latest_attempt']['provider_reference']}"

    def _paid(self, order: dict[str, Any]) -> dict[str, Any]:
        intent = self.call("POST", "payment_intents", {"order": order["id"]})
        method = {"type": "card", "token": "pm_card_visa", "provider_account": "stripe-us"}
        return dict(self.call("POST", f"payment_intents/{intent['id']}/confirm", {"payment_method": method}))

    def _pay_by_ideal(self) -> str:
        order = self.call(
            "POST",
            "orders",
            {
                "reference": f"LIVE-NL-{int(time.time())}",
                "currency": "EUR",
                "country": "NL",
                "lines": [{"sku": "BAG-04", "name": "Canvas bag", "quantity": 1, "unit_amount": 2400}],
            },
        )
        intent = self.call("POST", "payment_intents", {"order": order["id"]})
        method = {"type": "ideal", "provider_account": "adyen-eu"}
        asked = {"payment_method": method, "return_url": f"{self.platform}/livez"}
        waiting = self.call("POST", f"payment_intents/{intent['id']}/confirm", asked)
        # the button on the bank's page, which leads back to us and on to the shop
        with urllib.request.urlopen(waiting["next_action"]["url"], b"result=success", timeout=30):  # noqa: S310
            pass
        address = f"payment_intents/{intent['id']}"
        wait_until(lambda: self.call("GET", address)["status"] == "succeeded", "the success of the payment")
        return f"{intent['id']}, at Adyen {self.call('GET', address)['latest_attempt']['provider_reference']}"

    def _notification(self) -> str:
        told = InboundEvent.objects.filter(
            provider_reference=self.seen["intent"]["latest_attempt"]["provider_reference"],
            type="payment_intent.succeeded",
            state="processed",
        )
        wait_until(told.exists, "the PSP's notification")
        return str(told.get().pk)

    def _ledger(self) -> str:
        timeline = self.call("GET", f"payment_intents/{self.seen['intent']['id']}/timeline")["data"]
        transfers = [entry for entry in timeline if entry["kind"] == "ledger"]
        check(len(transfers) == 1, f"the payment has {len(transfers)} transfers")
        return f"{transfers[0]['object_id']}: {transfers[0]['detail']}"

    def _event(self) -> str:
        event = self.receiver.wait_for("payment_intent.succeeded", self.seen["intent"]["id"], seconds=30)
        return f"{event['id']}, number {event['sequence']} of its object"

    def _refund(self) -> str:
        browser = Browser(self.platform, *self.staff["support"])
        refunded = browser.refund(self.seen["intent"]["id"], "12.00")
        wait_until(lambda: self.call("GET", f"refunds/{refunded}")["status"] == "succeeded", "the refund's success")
        order = self.call("GET", f"orders/{self.seen['order']['id']}")
        check(order["amount_refunded"] == 1200, f"the order says {order['amount_refunded']} refunded")
        return f"{refunded}, 12.00 USD, by {self.staff['support'][0]}"

    def _report(self) -> str:
        now = time.time()
        stamps = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + shift)) for shift in (-31 * 86400, 60)]
        parameters = {"interval_start": stamps[0], "interval_end": stamps[1]}
        run = self.call("POST", "reports", {"report": "payments", "parameters": parameters, "format": "csv"})
        wait_until(lambda: self.call("GET", f"reports/{run['id']}")["status"] == "ready", "the report")
        rows = list(csv.DictReader(io.StringIO(self.call("GET", f"reports/{run['id']}/download").decode())))
        manifest = self.call("GET", f"reports/{run['id']}/manifest")
        check(manifest["tied"] is True, "the report does not tie to the ledger")
        check(len(rows) == manifest["rows"], "the report has another number of rows than its manifest says")
        return f"{run['id']}, {len(rows)} rows, sha256 {manifest['sha256'][:12]}…"

    def _break(self) -> str:
        worker = self._pid("worker")
        paid = []
        for number in range(10):
            if number == 3:
                os.kill(worker, signal.SIGKILL)
            if number == 6:
                wait_until(redis.Redis.from_url(self.redis_url).flushall, "the emptying of Redis")
            order = self.call(
                "POST",
                "orders",
                {
                    "reference": f"LIVE-{int(time.time())}-{number}",
                    "currency": "USD",
                    "country": "US",
                    "lines": [{"sku": "PEN-09", "name": "Fountain pen", "quantity": 1, "unit_amount": 4500}],
                },
            )
            paid.append(self._paid(order))
        check(all(intent["status"] == "succeeded" for intent in paid), "a payment failed while the worker was dead")
        wait_until(lambda: self._pid("worker") not in (0, worker), "the supervisor's new worker", seconds=30)
        for intent in paid:
            self.receiver.wait_for("payment_intent.succeeded", intent["id"], seconds=60)
        told = f"{paid[0]['id']} … {paid[-1]['id']}"
        return f"worker {worker} → {self._pid('worker')}, 10 of 10 payments told to the shop: {told}"

    def _pid(self, name: str) -> int:
        stack = json.loads((self.run_dir / "stack.json").read_text())
        return next((row["pid"] or 0 for row in stack["processes"] if row["name"] == name), 0)


class Browser:
    """A member of staff at the admin: cookies, forms, and nothing that a browser could not do."""

    def __init__(self, platform: str, name: str, password: str) -> None:
        self.platform = platform
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open
        self._submit("/admin/login/", {"username": name, "password": password, "next": "/admin/"})

    def refund(self, intent_id: str, amount: str) -> str:
        """Fill in the refund form of an intent; the id of the refund that was made."""
        page = self._submit(
            f"/admin/payments/paymentintent/{intent_id}/refund/",
            {"amount": amount, "reason": "requested_by_customer", "note": "One mug was chipped."},
        )
        found = re.search(r"re_[0-9a-f]{32}", page)
        check(found, "the admin shows no refund after the form was sent")
        return found[0] if found else ""

    def _submit(self, path: str, fields: dict[str, str]) -> str:
        page = self.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
        data = urllib.parse.urlencode({**hidden, **fields}).encode()
        request = urllib.request.Request(f"{self.platform}{path}", data, {"referer": f"{self.platform}{path}"})  # noqa: S310
        with self._open(request, timeout=30) as answer:
            return str(answer.read().decode())

    def get(self, path: str) -> str:
        """A page as it is shown to this person."""
        with self._open(f"{self.platform}{path}", timeout=30) as answer:
            return str(answer.read().decode())
