"""What is usual for a shop: some days of card payments at two provider accounts, then counted and learned."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from config.demo import crowd
from config.demo.past import Past
from payments.intents import rulebook
from payments.intents.models import PaymentIntent
from payments.intents.services import confirm, lifecycle, rules
from payments.kernel import clock
from payments.orders import services as orders
from payments.rest.models import ApiClient
from reporting.services import usual
from reporting.uptime import rollups

DAYS: Final = 3
PAYMENTS: Final = 560
"""Detection judges an account, a method and a country from 200 attempts on, of which older ones count less."""
AT_ONCE: Final = 8
"""So many come together, and the next ones after what the PSPs have sent meanwhile."""
ACCOUNTS: Final = ("adyen-eu", "stripe-eu")


def route() -> str:
    """Half of the cards go to each account, by a rule that one person drafts and another one activates."""
    split = [(account, 50) for account in ACCOUNTS]
    drafted = rules.draft(
        rules.Draft(name=f"Cards from {crowd.COUNTRY}", split=split, countries=[crowd.COUNTRY], control_percent=0),
        by="staff engineer",
    )
    rules.approve(drafted.pk, by="staff admin")
    rules.activate(drafted.pk, by="staff admin")
    return " and ".join(f"{account} {weight} %" for account, weight in split)


def live(client: ApiClient, past: Past, *, seed: int = 1) -> Iterator[tuple[datetime, str]]:
    """Live through it; yields when somebody paid, and what it came to."""
    chance, start = random.Random(seed), past.now()  # noqa: S311  a story, not a secret
    end = start + timedelta(days=DAYS)
    moments = sorted(start + (end - start) * chance.random() for _ in range(PAYMENTS))
    for number, moment in enumerate(moments):
        if number % AT_ONCE == 0:
            past.settle()  # what was sent by now is signed as of now
            past.move_to(moment)
        with clock.at(past.now()):
            yield moment, _pay(client, number, chance)
    past.settle()


def learn() -> str:
    """Count all that happened, and learn from it what is usual, as the jobs of every minute and hour do."""
    while rollups.advance():
        pass
    while usual.learn():
        pass
    known = usual.read(0)
    return f"{sum(cell.sums[0] for cell in known.cells.values()):,.0f} attempts in {len(known.cells)} places"


def _pay(client: ApiClient, number: int, chance: random.Random) -> str:
    wanted = crowd.basket(number, chance)
    lines = [orders.LineDraft(**line) for line in wanted.pop("lines")]
    order = orders.create(client, orders.OrderDraft(**wanted, lines=lines)).order
    made = lifecycle.create(lifecycle.IntentDraft(order=order.pk), client_id=client.pk).intent
    intent = PaymentIntent.objects.get(pk=made.pk)
    [account, *_] = rulebook.in_order(intent, None, country=crowd.COUNTRY)
    method = confirm.Method(type="card", provider_account=account.code, **crowd.fields(account.code, chance))
    paid = confirm.confirm(intent.pk, method, client_id=client.pk, by="api shop", return_url=client.return_urls[0])
    return "paid" if paid.intent.status == "succeeded" else "declined"
