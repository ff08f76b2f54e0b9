"""A small believable shop: 200 orders over 30 days in seven currencies, with failures and refunds."""

import heapq
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from http.client import HTTPException
from typing import Any, Final

from django.db import DatabaseError, connection

from config.demo.customers import FEES, MARKETS, PAID_IN_THE_END, Acts, Market, Way, card, good_card
from config.demo.mornings import HOUR, Mornings
from config.demo.past import Past
from payments.gateway import fees
from payments.gateway.models import CallKind, ProviderCall
from payments.intents import selectors
from payments.intents.models import PaymentIntent
from payments.intents.services import capture, confirm, lifecycle
from payments.kernel import clock
from payments.methods import selectors as methods
from payments.orders import services as orders
from payments.orders.models import Customer, Order
from payments.rest import keys
from payments.rest.models import ApiClient, KeyKind
from refunds.services import refunds

ORDERS: Final = 200
DAYS: Final = 30

ARTICLES: Final = (
    ("MUG-01", "Blue mug", 12),
    ("TEA-02", "Green tea, 250 g", 9),
    ("LMP-03", "Desk lamp", 39),
    ("BAG-04", "Canvas bag", 24),
    ("SHO-05", "Running shoes", 89),
    ("KEY-06", "Mechanical keyboard", 119),
    ("PLT-07", "Monstera plant", 32),
    ("BLK-08", "Wool blanket", 64),
    ("PEN-09", "Fountain pen", 45),
    ("JKT-10", "Rain jacket", 99),
)
"""sku, name, price in US dollars."""


PEOPLE: Final = (
    "Ada Lovelace",
    "Grace Hopper",
    "Alan Turing",
    "Katherine Johnson",
    "Edsger Dijkstra",
    "Barbara Liskov",
    "Donald Knuth",
    "Radia Perlman",
    "Tim Berners-Lee",
    "Margaret Hamilton",
    "Ken Thompson",
    "Frances Allen",
)

ENDINGS: Final = {
    "succeeded": "paid",
    "requires_capture": "reserved until they are shipped",
    "requires_action": "left at the bank's question, or a voucher to be paid",
    "processing": "on their way from the bank",
    "requires_payment_method": "declined",
}
"""What a payment's state means to a shop."""

DATABASE_BACK_WITHIN: Final = 60.0


def open_shop(return_url: str, *, since: datetime) -> tuple[ApiClient, str]:
    """The shop as a client of the API, and its key."""
    with clock.at(since):
        key = keys.create_for(
            "shop", kind=KeyKind.SECRET, scopes=keys.SCOPES, brand="The Corner Shop", return_urls=[return_url]
        )
    return ApiClient.objects.get(name="shop"), key


@dataclass(order=True)
class _Due:
    """Something that happens in the shop at a moment, and how to say what it came to."""

    moment: datetime
    number: int
    act: Callable[[], str] = field(compare=False)


class Month:
    """The shop's last 30 days, one thing after the other."""

    def __init__(self, client: ApiClient, past: Past, mornings: Mornings, *, seed: int = 1) -> None:
        self.client = client
        self.past = past
        self.mornings = mornings
        self.chance = random.Random(seed)  # noqa: S311  a story, not a secret
        self.start = past.now()
        self._due: list[_Due] = []
        self._today = self.start.date()

    def live(self) -> Iterator[tuple[datetime, str]]:
        """Live through it; yields when something happened, and what it came to.

        What would only come tomorrow is left to do. When a server goes away, it goes on once that is back.
        """
        self._write_fees()
        self.mornings.begin()
        for day in range(1, DAYS):
            morning = (self.start + timedelta(days=day)).replace(hour=HOUR, minute=0, second=0, microsecond=0)
            self._later(morning, partial(self.mornings.live, morning))
        people = [self._customer(name, number) for number, name in enumerate(PEOPLE)]
        for number in range(ORDERS):
            moment = self.start + timedelta(minutes=self.chance.randrange(60, DAYS * 24 * 60 - 60))
            self._later(moment, partial(self._order, self.chance.choice(people), number))
        while self._due and self._due[0].moment < self.start + timedelta(days=DAYS):
            due = heapq.heappop(self._due)
            try:
                yield due.moment, self._happen(due)
            except (DatabaseError, OSError, HTTPException):
                self._wait_for_database()
                yield due.moment, "interrupted"

    def _happen(self, due: _Due) -> str:
        self.past.move_to(due.moment)
        with clock.at(due.moment):
            if due.moment.date() != self._today:
                self._today = due.moment.date()
                lifecycle.expire_due()
            came_to = due.act()
        self.past.settle()
        return came_to

    def _later(self, moment: datetime, act: Callable[[], str]) -> None:
        heapq.heappush(self._due, _Due(moment, len(self._due), act))

    def _wait_for_database(self) -> None:
        deadline = time.monotonic() + DATABASE_BACK_WITHIN
        while True:
            connection.close()
            try:
                connection.ensure_connection()
            except DatabaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _write_fees(self) -> None:
        for account, method, currency, percent, fixed in FEES:
            line = fees.Draft(account=account, method=method, currency=currency, percent=Decimal(percent), fixed=fixed,
                              valid_from=self.start.date())  # fmt: skip
            fees.write(line, by="staff finance")

    def _customer(self, name: str, number: int) -> Customer:
        email = f"{name.split()[0].lower()}@example.com"
        with clock.at(self.start + timedelta(minutes=number)):
            return orders.create_customer(self.client, reference=f"shopper-{number + 1}", email=email, name=name)

    def _order(self, person: Customer, number: int) -> str:
        market = self.chance.choices(MARKETS, [market.weight for market in MARKETS])[0]
        articles = self.chance.sample(ARTICLES, self.chance.randint(1, 3))
        opened = orders.create(
            self.client,
            orders.OrderDraft(
                reference=f"CS-{20001 + number}",
                currency=market.currency,
                country=market.country,
                customer=person.pk,
                lines=[_line(market, article, self.chance.randint(1, 3)) for article in articles],
                shipping_amount=5 * market.rate,
            ),
        )
        return self._pay(market, opened.order)

    def _pay(self, market: Market, order: Order) -> str:
        way = self.chance.choices(market.ways, [way.weight for way in market.ways])[0]
        manual = way.method == "card" and self.chance.random() < 0.1
        draft = lifecycle.IntentDraft(order=order.pk, capture_method="manual" if manual else "automatic")
        intent = lifecycle.create(draft, client_id=self.client.pk).intent
        if self.chance.random() < 0.03:
            return "left"
        intent = self._confirm(way, intent, card(way.account, self.chance))
        if intent.status == "requires_payment_method" and self.chance.random() < 0.7:
            intent = self._confirm(way, intent, good_card(way.account))
        tomorrow = clock.now() + timedelta(days=1)
        if way.acts is Acts.DAYS_LATER and self.chance.random() < PAID_IN_THE_END:
            self._later(clock.now() + timedelta(days=2), partial(self._pay_voucher, way, intent))
        if intent.status == "requires_capture":
            self._later(tomorrow, partial(self._ship, intent))
        if intent.status == "succeeded" and self.chance.random() < 0.12:
            self._later(tomorrow, partial(self._refund, way, intent))
        return ENDINGS.get(intent.status, intent.status)

    def _confirm(self, way: Way, intent: PaymentIntent, given: dict[str, Any]) -> PaymentIntent:
        """Pay, and do what the bank wants at once; the payment as it is then."""
        given = given if way.method == "card" else {"details": way.details}
        method = confirm.Method(type=way.method, provider_account=way.account, **given)
        asked = confirm.confirm(
            intent.pk, method, client_id=self.client.pk, by="api shop", return_url=self.client.return_urls[0]
        ).intent
        if way.acts is not Acts.AT_ONCE or self.chance.random() > PAID_IN_THE_END:
            return asked
        self.past.customer_acts(way.account, _reference(asked))
        self.past.settle()
        return selectors.intent(asked.pk, client_id=self.client.pk)

    def _pay_voucher(self, way: Way, intent: PaymentIntent) -> str:
        self.past.customer_acts(way.account, _reference(intent))
        return "paid at a counter"

    def _ship(self, intent: PaymentIntent) -> str:
        """A manual capture when the goods leave, or a cancel because they cannot."""
        if self.chance.random() < 0.8:
            capture.capture(intent.pk, amount=None, final=True, client_id=self.client.pk, by="api shop")
            return "shipped and captured"
        lifecycle.cancel(intent.pk, reason="abandoned", client_id=self.client.pk, by="api shop")
        return "canceled"

    def _refund(self, way: Way, intent: PaymentIntent) -> str:
        amount = intent.amount_captured_minor
        if self.chance.random() < 0.6 and methods.offer(way.method, way.account).partial_refund:
            amount = max(1, amount * self.chance.randint(10, 60) // 100)
        refunds.request(
            refunds.RefundDraft(payment_intent=intent.pk, amount=amount, reason="requested_by_customer"),
            client_id=self.client.pk,
            by="api shop",
        )
        return "refunded"


def _reference(intent: PaymentIntent) -> str:
    """By which the PSP knows a payment that waits for its customer."""
    call = ProviderCall.objects.get(owner_id=intent.latest_attempt_id, kind=CallKind.AUTHORIZE)
    return str(call.raw.get("step_reference") or call.provider_reference)


def _line(market: Market, article: tuple[str, str, int], quantity: int) -> orders.LineDraft:
    sku, name, dollars = article
    return orders.LineDraft(
        sku=sku, name=name, quantity=quantity, unit_amount=dollars * market.rate, seller="corner-shop"
    )
