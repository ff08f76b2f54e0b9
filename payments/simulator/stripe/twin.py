"""The simulated Stripe as the simulator sees it: accounts, timers, the journal, the book."""

from collections.abc import Iterator
from typing import Any

from starlette.routing import BaseRoute, Route

from payments.simulator.shops import Actions, Shops
from payments.simulator.stripe import (
    book,
    causes,
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


def _expire_authorization(shop: Shop, intent: objects.PaymentIntent) -> None:
    if intent.status == "requires_capture":
        charging.release(shop, intent, "automatic", expired=True)


# What timers do: the kind of object they name, and what happens to it.
ACTIONS: Actions = {
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
    "send_payout": ("payout", lambda shop, payout, _: payouts.send(shop, payout)),
    "run_report": ("report_run", lambda shop, run, _: reports.run_report(shop, run)),
    "cause": ("cause", causes.happen),
    "bounce_refund": ("refund", lambda shop, refund, _: refunds.bounce(shop, refund)),
}


class StripeTwin(Shops[Shop]):
    """All Stripe accounts of the simulator."""

    name = PSP
    actions = ACTIONS
    handlers = causes.HANDLERS

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

    def book(self, account: str) -> Iterator[dict[str, Any]]:
        """The account's lines of the book of truth."""
        return book.lines(self._shops[account])

    def day_end(self, shop: Shop) -> None:
        """Old idempotency keys go, and what is available is paid out."""
        idempotency.prune(shop)
        payouts.day_end(shop)

    def resume(self, shop: Shop) -> None:
        """Deliver what had not been delivered when the process ended."""
        idempotency.prune(shop)
        events.resume(shop)

    def acknowledge(self, shop: Shop, row: dict[str, Any]) -> None:
        """An endpoint has had the event."""
        event = shop.find(objects.Event, row["id"])
        if event is not None and row["endpoint"] in event.waiting:
            event.waiting.remove(row["endpoint"])
