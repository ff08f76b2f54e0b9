"""The simulated Adyen as the simulator sees it: accounts, timers, the journal, the book."""

from collections.abc import Callable, Iterator
from typing import Any

from starlette.routing import BaseRoute, Route

from payments.simulator.adyen import (
    authorising,
    batches,
    book,
    capturing,
    disputes,
    idempotency,
    modifications,
    notifications,
    objects,
    pages,
    reports,
)
from payments.simulator.adyen.door import BASE, Door
from payments.simulator.adyen.shop import PSP, Shop
from payments.simulator.clock import Timer
from payments.simulator.world import World


def _close_offer(shop: Shop, payment: objects.Payment, attempt: str) -> None:
    if payment.attempt == int(attempt):
        authorising.close_offer(shop, payment)


# What timers do: the kind of record they name, and what happens to it.
ACTIONS: dict[str, tuple[str, Callable[[Shop, Any, str], object]]] = {
    "pay": ("payment", lambda shop, payment, _: authorising.pay(shop, payment)),
    "fail": ("payment", lambda shop, payment, _: authorising.fail(shop, payment)),
    "close_offer": ("payment", _close_offer),
    "capture": ("payment", lambda shop, payment, _: capturing.capture_by_itself(shop, payment)),
    "expire_authorisation": ("payment", lambda shop, payment, _: capturing.expire(shop, payment)),
    "decide_modification": ("modification", lambda shop, change, _: modifications.decide(shop, change)),
    "fail_capture": ("modification", lambda shop, change, _: capturing.fail_capture(shop, change)),
    "fail_refund": ("modification", lambda shop, change, _: capturing.fail_refund(shop, change, bounced=False)),
    "dispute": ("payment", disputes.begin),
    "dispute_step": ("dispute", disputes.step),
    "report": ("batch", lambda shop, batch, _: batches.announce(shop, batch)),
    "reverse_refund": ("modification", lambda shop, change, _: capturing.fail_refund(shop, change, bounced=True)),
}


class AdyenTwin:
    """All Adyen accounts of the simulator."""

    name = PSP

    def __init__(self, world: World) -> None:
        self._world = world
        self._shops: dict[str, Shop] = {}

    def routes(self) -> list[BaseRoute]:
        """Adyen's APIs, the pages for the shopper, and the levers for whoever plays the shopper."""
        shown, hosted = pages.Pages(self._shops), pages.SessionPages(self._shops)
        return [
            Route("/_sim/adyen/sessions/{id}", hosted.show, methods=["GET"]),
            Route("/_sim/adyen/sessions/{id}", hosted.answer, methods=["POST"]),
            Route("/_sim/adyen/payments/{psp}", shown.act, methods=["POST"]),
            Route("/_sim/adyen/{kind:str}/{psp}", shown.show, methods=["GET"]),
            Route("/_sim/adyen/{kind:str}/{psp}", shown.answer, methods=["POST"]),
            Route(f"{batches.PATH}/{{merchant}}/{{file}}", reports.Download(self._world, self._shops)),
            Route(f"{BASE}{{path:path}}", Door(self._world, self._shops)),
        ]

    def open_account(self, code: str) -> None:
        """Make the account's tables."""
        account = self._world.accounts.get(code)
        if account is not None and code not in self._shops:
            self._shops[code] = Shop(self._world, account)

    def start_account(self, code: str) -> None:
        """From now on the account has its daily batches."""
        batches.ensure_day_end(self._shops[code])

    def fire(self, timer: Timer) -> None:
        """Something is due."""
        shop = self._shops[timer.account]
        if timer.action == batches.DAY_END:
            idempotency.prune(shop)
            batches.day_end(shop)
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
            record = shop.find(objects.Notification, row["id"])
            if record is not None:
                record.waiting = False
        else:
            shop.restore(table, row)

    def restored(self) -> None:
        """Deliver what had not been delivered when the process ended."""
        for shop in self._shops.values():
            idempotency.prune(shop)
            batches.ensure_day_end(shop)
            notifications.resume(shop)

    def clear(self) -> None:
        """Forget every record."""
        for shop in self._shops.values():
            shop.forget()
            batches.ensure_day_end(shop)
            self._world.journal.note(shop.account.code, f"{PSP}.clear", shop.account.code, {})
