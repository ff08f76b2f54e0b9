"""Customers who pay by card, so many a minute, with the fields of whichever provider account is named first."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from config.demo.asking import Client, Failed, ProviderAway
from config.demo.customers import adyen_card

COUNTRY: Final = "DE"
CURRENCY: Final = "EUR"
CENTS: Final = 93
"""Where they come from, what they pay in, and what a dollar is there."""
PAYABLE: Final = "requires_payment_method"
"""An intent that can be paid with something: not one of which the provider has still to say what became of it."""
PEOPLE: Final = 6
"""How many pay at the same time, at most."""
TRIES_AGAIN: Final = 0.6
"""Of those who are declined so many try once more."""
LATE: Final = 5.0
"""Who could not be served for so many seconds does not come at all: a shop has no queue at its door."""
ARTICLES: Final = (("MUG-01", "Blue mug", 12), ("LMP-03", "Desk lamp", 39), ("PLT-07", "Monstera plant", 32),
                   ("PEN-09", "Fountain pen", 45), ("BLK-08", "Wool blanket", 64))  # fmt: skip
CARDS: Final = (
    (93, "pm_card_visa", "Ada Lovelace"),
    (4, "pm_card_visa_chargeDeclined", "DECLINED"),
    (3, "pm_card_visa_chargeDeclinedInsufficientFunds", "NOT_ENOUGH_BALANCE"),
)
"""How many in a hundred have such a card: a token of Stripe's fields, the name on it in Adyen's."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A payment as the shop saw it: `tried` is the provider account and the status after it, try by try."""

    at: datetime
    intent: str
    minor: int
    tried: tuple[tuple[str, str], ...]

    @property
    def first(self) -> str:
        """Where it was tried first."""
        return self.tried[0][0]

    @property
    def paid(self) -> bool:
        """Whether the money came in the end."""
        return self.tried[-1][1] == "succeeded"


def basket(number: int, chance: random.Random) -> dict[str, Any]:
    """What one of them orders."""
    lines = [
        {"sku": sku, "name": name, "quantity": chance.randint(1, 2), "unit_amount": dollars * CENTS}
        for sku, name, dollars in chance.sample(ARTICLES, chance.randint(1, 2))
    ]
    return {"reference": f"SALE-{time.time_ns()}-{number}", "currency": CURRENCY, "country": COUNTRY, "lines": lines}


def fields(account: str, chance: random.Random) -> Mapping[str, Any]:
    """What an account's card fields make of somebody's card."""
    [(_, token, holder)] = chance.choices(CARDS, [share for share, _, _ in CARDS])
    return {"token": token} if account.startswith("stripe") else adyen_card(holder)


class Crowd:
    """Customers who come at an even pace until `stop`. What went wrong between the shop and us stands in `broken`."""

    def __init__(self, client: Client, per_minute: int) -> None:
        self.client = client
        self.broken: list[str] = []
        self._pause = 60 / per_minute
        self._sales: list[Sale] = []
        self._ended = threading.Event()
        self._people: list[threading.Thread] = []

    def start(self) -> None:
        """From now on they come."""
        self._ended.clear()
        began, numbers = time.monotonic(), itertools.count()
        self._people = [
            threading.Thread(target=self._come, args=(began, numbers, random.Random(seed)), daemon=True)  # noqa: S311
            for seed in range(PEOPLE)
        ]
        for one in self._people:
            one.start()

    def stop(self) -> None:
        """Nobody comes any more; whoever is paying ends."""
        self._ended.set()
        for one in self._people:
            one.join()

    def note(self, sale: Sale) -> None:
        """A payment has ended."""
        self._sales.append(sale)

    def sales(self, since: datetime, until: datetime | None = None) -> Sequence[Sale]:
        """Those that began in a time and have ended."""
        return [one for one in list(self._sales) if one.at >= since and (until is None or one.at < until)]

    def _come(self, began: float, numbers: Iterable[int], chance: random.Random) -> None:
        for number in numbers:
            wait = began + number * self._pause - time.monotonic()
            if self._ended.wait(max(0.0, wait)):
                return
            if wait < -LATE:
                continue
            try:
                self.note(self._pay(number, chance))
            except Failed as reason:
                self.broken.append(str(reason))

    def _pay(self, number: int, chance: random.Random) -> Sale:
        at, call = timezone.now(), self.client.call
        order = call("POST", "orders", basket(number, chance))
        intent = call("POST", "payment_intents", {"order": order["id"]})
        tried: list[tuple[str, str]] = []
        while intent["status"] == PAYABLE and (not tried or (len(tried) < 2 and chance.random() < TRIES_AGAIN)):
            account = intent["client_options"][0]["provider_account"]
            card = {"type": "card", "provider_account": account, **fields(account, chance)}
            address = f"payment_intents/{intent['id']}"
            try:
                intent = call("POST", f"{address}/confirm", {"payment_method": card})
            except ProviderAway:
                intent = call("GET", address)
            tried.append((account, intent["status"]))
        return Sale(at, intent["id"], order["amount_total"], tuple(tried))


def shares(sales: Sequence[Sale]) -> dict[str, float]:
    """By account: the share of payments that were tried there first."""
    first = Counter(one.first for one in sales)
    return {account: count / len(sales) for account, count in sorted(first.items())}


def told(sales: Sequence[Sale]) -> str:
    """The same in words."""
    listed = ", ".join(f"{account} {share:.0%}" for account, share in shares(sales).items())
    return f"{listed or 'nobody'} of {len(sales)}"


def lately(crowd: Crowd, seconds: float = 60) -> Sequence[Sale]:
    """The payments of the last so many seconds."""
    return crowd.sales(timezone.now() - timedelta(seconds=seconds))
