"""The PSP's side of refunds: its events as it signed them, and its dashboard, where refunds are made by hand."""

import json
import os
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import Any

from payments.connectors.base import PspEvent
from payments.gateway import accounts
from refunds import handlers
from tests import factories

ACCOUNT = "stripe-us"


class Psp:
    """One account at the simulator, spoken to as its owner."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.key = os.environ["STRIPE_US_API_KEY"]

    def events(self) -> list[PspEvent]:
        """What it has told about refunds, oldest first, as our connector reads it."""
        return [event for event in self.told("refund") if event.kind == "refund_updated"]

    def told(self, word: str) -> list[PspEvent]:
        """The same of everything that has this word in its type."""
        row = accounts.account(ACCOUNT)
        found = self._ask("GET", "events?limit=100")["data"][::-1]
        bodies = [json.dumps(event).encode() for event in found if word in event["type"]]
        return [event for body in bodies for event in accounts.connector(row).translate_notification(body)]

    def notify(self, events: Iterable[PspEvent] | None = None) -> None:
        """Deliver these events, in this order; all of them when none are given."""
        for event in self.events() if events is None else events:
            handlers.refund_updated(accounts.account(ACCOUNT).pk, event)

    def events_once(self, type_: str) -> list[PspEvent]:
        """The same as soon as an event of this type is among them."""
        factories.until(lambda: any(event.type == type_ for event in self.events()))
        return self.events()

    def refund(self, provider_reference: str, amount: int, **fields: str) -> dict[str, Any]:
        """A refund that somebody makes in the PSP's dashboard."""
        return self._ask("POST", "refunds", payment_intent=provider_reference, amount=str(amount), **fields)

    def capture(self, provider_reference: str, amount: int) -> dict[str, Any]:
        """A capture that somebody makes there."""
        return self._ask("POST", f"payment_intents/{provider_reference}/capture", amount_to_capture=str(amount))

    def cancel(self, provider_reference: str) -> dict[str, Any]:
        """A reservation that somebody lets go there."""
        path = f"payment_intents/{provider_reference}/cancel"
        return self._ask("POST", path, cancellation_reason="abandoned")

    def _ask(self, method: str, path: str, **fields: str) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  our own address
            f"{self._url}/v1/{path}",
            data=urllib.parse.urlencode(fields).encode() if fields else None,
            method=method,
            headers={"authorization": f"Bearer {self.key}"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return dict(json.loads(answer.read()))
