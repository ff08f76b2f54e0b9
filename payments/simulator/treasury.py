"""The control side of the money: causes, what is wrong in a settlement, the merchant's bank."""

from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from payments.simulator.causes import BadCauseError
from payments.simulator.world import World


class Treasury:
    """The doors of whoever decides what happens to the money."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """What stands under /_sim of the money."""
        return [
            Route("/_sim/settlement/{code}", self.settlement, methods=["GET", "POST"]),
            Route("/_sim/rates", self.rates, methods=["GET", "PUT"]),
        ]

    async def settlement(self, request: Request) -> Response:
        """POST lets something happen; GET lists what was to happen, and what the settlement says wrongly."""
        account = self._world.accounts.get(request.path_params["code"])
        if account is None:
            return _json({"error": "no such account"}, 404)
        twin = self._world.twins[account.psp]
        if request.method == "GET":
            return _json(twin.caused(account.code))
        try:
            wish = orjson.loads(await request.body() or b"{}")
            done = twin.cause(account.code, wish if isinstance(wish, dict) else {})
        except (BadCauseError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        self._world.journal.flush()
        return _json(done, 201)

    async def rates(self, request: Request) -> Response:
        """PUT {"eur": "0.9"} says what a dollar buys from now on; GET shows what is not as it was at first."""
        if request.method == "PUT":
            try:
                wish = orjson.loads(await request.body() or b"{}")
                self._world.rates.change(wish if isinstance(wish, dict) else {"": wish})
            except ValueError as error:
                return _json({"error": str(error)}, 400)
            self._world.journal.flush()
        return _json({"rates": self._world.rates.changed()})


def _json(value: Mapping[str, object], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
