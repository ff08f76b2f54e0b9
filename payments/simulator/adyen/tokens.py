"""Tokenization webhooks: what becomes of a stored payment method, in messages without items, signed as a whole."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from payments.simulator.adyen import notifications, objects
from payments.simulator.adyen.shop import Shop
from payments.simulator.tables import dumps, packed

Json = dict[str, Any]

CREATED, EXISTS, UPDATED, DISABLED = "created", "alreadyExisting", "updated", "disabled"
# What takes a token away is no operation on what is stored.
OPERATIONS = {CREATED, EXISTS, UPDATED}


def tell(shop: Shop, token: objects.Token, what: str, *, because: str = "") -> None:
    """Keep the message, and send it to the account's endpoint when it wants such events."""
    event = f"{notifications.WHOLE}{what}"
    data: Json = {
        "merchantAccount": shop.merchant,
        "shopperReference": token.shopper,
        "storedPaymentMethodId": token.id,
        "type": token.variant,
    }
    if what in OPERATIONS:
        data["operation"] = what
    message = {
        "createdAt": notifications.moment(shop.now()),
        "data": data,
        "environment": "test",
        "eventId": because or shop.new_psp(),
        "type": event,
        "version": "1",
    }
    notifications.keep(shop, event, packed(dumps(message)), token.method)


def update(shop: Shop, token: objects.Token, given: Mapping[str, Any]) -> bool:
    """The issuer has sent a new card, which the account updater has heard of: another expiry."""
    if not token.card:
        return False
    renewed = {name: str(given[name]) for name in ("month", "year") if name in given}
    token.card = {**token.card, **renewed}
    shop.save(token)
    tell(shop, token, UPDATED)
    return True


def disable(shop: Shop, token: objects.Token, _given: Mapping[str, Any] | None = None) -> bool:
    """It cannot be charged any more: the merchant, the shopper or the issuer wants it so."""
    shop.drop(token)
    tell(shop, token, DISABLED)
    return True


ACTIONS: Mapping[str, Callable[[Shop, objects.Token, Mapping[str, Any]], bool]] = {
    "update": update,
    "disable": disable,
}


class Lever:
    """What networks and issuers do to a stored payment method, done by whoever runs the simulator."""

    def __init__(self, shops: Mapping[str, Shop]) -> None:
        self._shops = shops

    async def act(self, request: Request) -> Response:
        """POST {"action": "update", "month": "03", "year": "2031"} or {"action": "disable"}."""
        try:
            given = orjson.loads(await request.body())
            action = ACTIONS[given["action"]]
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": f"action must be one of {', '.join(ACTIONS)}"}, 400)
        for shop in self._shops.values():
            token = shop.find(objects.Token, request.path_params["id"])
            if token is not None:
                done = action(shop, token, given)
                shop.world.journal.flush()
                return JSONResponse({"id": token.id, "done": done}, 200 if done else 409)
        return JSONResponse({"error": "no such token"}, 404)
