"""The simulated Adyen as the simulator sees it: accounts, timers, the journal, the book."""

from collections.abc import Iterator
from typing import Any

from starlette.routing import BaseRoute, Route

from payments.simulator.adyen import (
    authorising,
    batches,
    book,
    capturing,
    causes,
    disputes,
    idempotency,
    modifications,
    notifications,
    objects,
    pages,
    reports,
    tokens,
)
from payments.simulator.adyen.door import BASE, Door
from payments.simulator.adyen.shop import PSP, Shop
from payments.simulator.shops import Actions, Shops


def _close_offer(shop: Shop, payment: objects.Payment, attempt: str) -> None:
    if payment.attempt == int(attempt):
        authorising.close_offer(shop, payment)


# What timers do: the kind of record they name, and what happens to it.
ACTIONS: Actions = {
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
    "pay_out": ("batch", lambda shop, batch, _: batches.pay_out(shop, batch)),
    "report": ("", lambda shop, file, _: batches.announce(shop, file)),
    "cause": ("cause", causes.happen),
    "reverse_refund": ("modification", lambda shop, change, _: capturing.fail_refund(shop, change, bounced=True)),
}


class AdyenTwin(Shops[Shop]):
    """All Adyen accounts of the simulator."""

    name = PSP
    actions = ACTIONS
    handlers = causes.HANDLERS

    def routes(self) -> list[BaseRoute]:
        """Adyen's APIs, the pages for the shopper, and the levers for whoever plays the shopper."""
        shown, hosted = pages.Pages(self._shops), pages.SessionPages(self._shops)
        return [
            Route("/_sim/adyen/sessions/{id}", hosted.show, methods=["GET"]),
            Route("/_sim/adyen/sessions/{id}", hosted.answer, methods=["POST"]),
            Route("/_sim/adyen/payments/{psp}", shown.act, methods=["POST"]),
            Route("/_sim/adyen/tokens/{id}", tokens.Lever(self._shops).act, methods=["POST"]),
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

    def book(self, account: str) -> Iterator[dict[str, Any]]:
        """The account's lines of the book of truth."""
        return book.lines(self._shops[account])

    def day_end(self, shop: Shop) -> None:
        """Old idempotency keys go, and a batch is closed."""
        idempotency.prune(shop)
        batches.day_end(shop)

    def resume(self, shop: Shop) -> None:
        """Deliver what had not been delivered when the process ended."""
        idempotency.prune(shop)
        notifications.resume(shop)

    def acknowledge(self, shop: Shop, row: dict[str, Any]) -> None:
        """The merchant has had the notification."""
        record = shop.find(objects.Notification, row["id"])
        if record is not None:
            record.waiting = False
