"""The simulated Stripe as the simulator sees it: accounts, timers, the journal, the book."""

from collections.abc import Callable, Iterator
from typing import Any

from starlette.routing import BaseRoute, Route

from payments.simulator.clock import Timer
from payments.simulator.stripe import (
    book,
    challenge,
    charging,
    confirming,
    disputes,
    events,
    idempotency,
    local,
    objects,
    payouts,
    refunds,
    reports,
)
from payments.simulator.stripe.door import Door
from payments.simulator.stripe.shop import PSP, Shop
from payments.simulator.world import World


def _expire_authorization(shop: Shop, intent: objects.PaymentIntent) -> None:
    if intent.status == "requires_capture":
        charging.release(shop, intent, "automatic", expired=True)


# What timers do: the kind of object they name, and what happens to it.
ACTIONS: dict[str, tuple[str, Callable[[Shop, Any, str], None]]] = {
    "expire_authorization": ("payment_intent", lambda shop, intent, _: _expire_authorization(shop, intent)),
    "expire_challenge": ("payment_intent", confirming.expire_challenge),
    "book_charge": ("charge", lambda shop, charge, _: charging.book_charge(shop, charge)),
    "fail_late": ("charge", lambda shop, charge, _: charging.fail_late(shop, charge)),
    "pay_refund": ("refund", lambda shop, refund, _: refunds.pay(shop, refund)),
    "debit": ("charge", local.arrive),
    "dispute": ("charge", disputes.open_dispute),
    "dispute_due": ("dispute", lambda shop, dispute, _: disputes.due(shop, dispute)),
    "decide_dispute": ("dispute", lambda shop, dispute, _: disputes.decide(shop, dispute)),
    "fraud_warning": ("charge", lambda shop, charge, _: disputes.warn(shop, charge)),
    "reconcile_payout": ("payout", lambda shop, payout, _: payouts.reconcile(shop, payout)),
    "pay_payout": ("payout", lambda shop, payout, _: payouts.arrive(shop, payout)),
    "run_report": ("report_run", lambda shop, run, _: reports.run_report(shop, run)),
    "bounce_refund": ("refund", lambda shop, refund, _: refunds.bounce(shop, refund)),
}


class StripeTwin:
    """All Stripe accounts of the simulator."""

    name = PSP

    def __init__(self, world: World) -> None:
        self._world = world
        self._shops: dict[str, Shop] = {}

    def routes(self) -> list[BaseRoute]:
        """Stripe's API and the page of the 3-D Secure challenge."""
        pages = challenge.Challenge(self._shops)
        return [
            Route("/v1/{path:path}", Door(self._world, self._shops)),
            Route("/_sim/3ds/{intent}", pages.show, methods=["GET"]),
            Route("/_sim/3ds/{intent}", pages.answer, methods=["POST"]),
        ]

    def open_account(self, code: str) -> None:
        """Make the account's tables, and its configured webhook endpoint."""
        account = self._world.accounts.get(code)
        if account is None:
            return
        shop = self._shops.get(code)
        if shop is None:
            shop = self._shops[code] = Shop(self._world, account)
        endpoint_id = f"we_1{shop.id.removeprefix('acct_')}"
        shop.tables["webhook_endpoint"][endpoint_id] = objects.WebhookEndpoint(
            id=endpoint_id,
            created=shop.now(),
            url=account.webhook_url,
            secret=account.webhook_secret,
            enabled_events=account.events,
            configured=True,
        )

    def start_account(self, code: str) -> None:
        """From now on the account has its daily payouts."""
        payouts.ensure_day_end(self._shops[code])

    def fire(self, timer: Timer) -> None:
        """Something is due."""
        shop = self._shops[timer.account]
        if timer.action == payouts.DAY_END:
            idempotency.prune(shop)
            payouts.day_end(shop)
            return
        action, _, detail = timer.action.partition(".")
        kind, act = ACTIONS[action]
        target = shop.tables[kind].get(timer.target)
        if target is not None:
            act(shop, target, detail)

    def book(self, account: str) -> Iterator[dict[str, Any]]:
        """The account's lines of the book of truth."""
        return book.lines(self._shops[account])

    def restore(self, account: str, kind: str, row: dict[str, Any]) -> None:
        """Take back a row from the journal."""
        shop, table = self._shops[account], kind.partition(".")[2]
        if table == "delivered":
            event = shop.find(objects.Event, row["id"])
            if event is not None and row["endpoint"] in event.waiting:
                event.waiting.remove(row["endpoint"])
        else:
            shop.restore(table, row)

    def restored(self) -> None:
        """Deliver what had not been delivered when the process ended."""
        for shop in self._shops.values():
            idempotency.prune(shop)
            payouts.ensure_day_end(shop)
            events.resume(shop)

    def clear(self) -> None:
        """Forget every object."""
        for shop in self._shops.values():
            shop.forget()
            payouts.ensure_day_end(shop)
            self._world.journal.note(shop.account.code, f"{PSP}.clear", shop.account.code, {})
