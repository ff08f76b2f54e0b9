"""A small believable shop: 200 orders over 30 days in five currencies, with failures and refunds."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from payments.intents.selectors import Held
from payments.intents.services import capture, confirm, lifecycle
from payments.kernel import clock
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


@dataclass(frozen=True)
class Market:
    """Where customers come from, what they pay in and by which provider account; `rate` units are one US dollar."""

    country: str
    currency: str
    account: str
    rate: int
    weight: int


MARKETS: Final = (
    Market("US", "USD", "stripe-us", 100, 40),
    Market("NL", "EUR", "stripe-eu", 93, 25),
    Market("GB", "GBP", "stripe-eu", 79, 15),
    Market("JP", "JPY", "stripe-us", 151, 12),
    Market("KW", "KWD", "stripe-eu", 310, 8),
)
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

TOKENS: Final = (
    ("pm_card_visa", 70),
    ("pm_card_mastercard", 18),
    ("pm_card_visa_chargeDeclined", 4),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", 5),
    ("pm_card_threeDSecure2Required", 3),
)
"""What happens, and how often in a hundred."""


def open_shop(return_url: str) -> tuple[ApiClient, str]:
    """The shop as a client of the API, and its key."""
    key = keys.create_for(
        "shop", kind=KeyKind.SECRET, scopes=keys.SCOPES, brand="The Corner Shop", return_urls=[return_url]
    )
    return ApiClient.objects.get(name="shop"), key


def fill(client: ApiClient, *, seed: int = 1) -> Iterator[str]:
    """Live through the shop's last 30 days; yields what each order came to."""
    chance = random.Random(seed)  # noqa: S311  a story, not a secret
    people = [_customer(client, name, number) for number, name in enumerate(PEOPLE)]
    start = timezone.now() - timedelta(days=DAYS)
    minutes = sorted(chance.randrange(DAYS * 24 * 60 - 60) for _ in range(ORDERS))
    for number, minute in enumerate(minutes):
        with clock.at(start + timedelta(minutes=minute)):
            yield _order(client, chance, chance.choice(people), number)


def _customer(client: ApiClient, name: str, number: int) -> Customer:
    email = f"{name.split()[0].lower()}@example.com"
    with clock.at(timezone.now() - timedelta(days=DAYS, hours=number)):
        return orders.create_customer(client, reference=f"shopper-{number + 1}", email=email, name=name)


def _order(client: ApiClient, chance: random.Random, person: Customer, number: int) -> str:
    market = chance.choices(MARKETS, [market.weight for market in MARKETS])[0]
    lines = [_line(market, article, chance.randint(1, 3)) for article in chance.sample(ARTICLES, chance.randint(1, 3))]
    opened = orders.create(
        client,
        orders.OrderDraft(
            reference=f"CS-{20001 + number}",
            currency=market.currency,
            country=market.country,
            customer=person.pk,
            lines=lines,
            shipping_amount=5 * market.rate,
        ),
    )
    return _pay(client, chance, market, opened.order)


def _line(market: Market, article: tuple[str, str, int], quantity: int) -> orders.LineDraft:
    sku, name, dollars = article
    return orders.LineDraft(
        sku=sku, name=name, quantity=quantity, unit_amount=dollars * market.rate, seller="corner-shop"
    )


def _pay(client: ApiClient, chance: random.Random, market: Market, order: Order) -> str:
    manual = chance.random() < 0.1
    draft = lifecycle.IntentDraft(order=order.pk, capture_method="manual" if manual else "automatic")
    held = lifecycle.create(draft, client_id=client.pk)
    if chance.random() < 0.03:
        return "left"
    token = chance.choices([token for token, _ in TOKENS], [weight for _, weight in TOKENS])[0]
    held = _confirm(client, market, held, token)
    if held.intent.status == "requires_payment_method" and chance.random() < 0.7:
        held = _confirm(client, market, held, "pm_card_visa")
    if held.intent.status == "requires_capture":
        return _ship(client, chance, held)
    if held.intent.status == "succeeded" and chance.random() < 0.12:
        return _refund(client, chance, held)
    return held.intent.status


def _confirm(client: ApiClient, market: Market, held: Held, token: str) -> Held:
    method = confirm.Method(type="card", token=token, provider_account=market.account)
    return confirm.confirm(held.intent.pk, method, client_id=client.pk, by="api shop")


def _ship(client: ApiClient, chance: random.Random, held: Held) -> str:
    """A manual capture when the goods leave a day later, or a cancel because they cannot."""
    act: Callable[[], Held]
    if chance.random() < 0.8:
        act = lambda: capture.capture(held.intent.pk, amount=None, final=True, client_id=client.pk, by="api shop")  # noqa: E731
    else:
        act = lambda: lifecycle.cancel(held.intent.pk, reason="abandoned", client_id=client.pk, by="api shop")  # noqa: E731
    with clock.at(min(_next_day(), timezone.now())):
        return act().intent.status


def _refund(client: ApiClient, chance: random.Random, held: Held) -> str:
    amount = held.intent.amount_captured_minor
    if chance.random() < 0.6:
        amount = max(1, amount * chance.randint(10, 60) // 100)
    with clock.at(min(_next_day(), timezone.now())):
        refunds.request(
            refunds.RefundDraft(payment_intent=held.intent.pk, amount=amount, reason="requested_by_customer"),
            client_id=client.pk,
            by="api shop",
        )
    return "refunded"


def _next_day() -> datetime:
    return clock.now() + timedelta(days=1)
