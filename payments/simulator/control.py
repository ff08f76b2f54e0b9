"""The control side under /_sim: accounts, book of truth, faults, clock, latency, health."""

import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from payments.simulator.accounts import BadAccountError
from payments.simulator.scenarios import BadScenarioError
from payments.simulator.world import Latency, UnknownPspError, World

CHUNK = 500


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _bad(message: str) -> Response:
    return _json({"error": message}, 400)


async def _read(request: Request) -> dict[str, Any]:
    """The JSON object of the request. Raises ValueError."""
    value = orjson.loads(await request.body() or b"{}")
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value


class Control:
    """The doors of whoever runs the simulator."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """All of /_sim."""
        return [
            Route("/_sim/health", self.health),
            Route("/_sim/accounts", self.accounts),
            Route("/_sim/accounts/{code}", self.put_account, methods=["PUT"]),
            Route("/_sim/book", self.book),
            Route("/_sim/scenarios", self.scenarios, methods=["GET", "POST", "DELETE"]),
            Route("/_sim/scenarios/{id}", self.end_scenario, methods=["DELETE"]),
            Route("/_sim/clock", self.clock, methods=["GET", "POST"]),
            Route("/_sim/latency", self.latency, methods=["GET", "PUT"]),
            Route("/_sim/webhooks", self.webhooks),
            Route("/_sim/reset", self.reset, methods=["POST"]),
        ]

    async def health(self, _request: Request) -> Response:
        """200 when ready."""
        return _json({"status": "ok", "seed": self._world.ids.seed, "psps": sorted(self._world.twins)})

    async def accounts(self, _request: Request) -> Response:
        """The accounts, without their secrets."""
        shown = [
            {"code": a.code, "psp": a.psp, "country": a.country, "currency": a.currency, "webhook_url": a.webhook_url}
            for a in self._world.accounts.all()
        ]
        return _json({"accounts": shown})

    async def put_account(self, request: Request) -> Response:
        """Create or change an account."""
        try:
            self._world.put_account(request.path_params["code"], await _read(request))
        except (BadAccountError, UnknownPspError, ValueError, TypeError) as error:
            return _bad(str(error))
        self._world.journal.flush()
        return _json({"code": request.path_params["code"]})

    async def book(self, request: Request) -> Response:
        """Every object that moved or would move money, as JSON lines."""
        wanted = request.query_params.get("account")
        accounts = [a for a in self._world.accounts.all() if wanted in {None, a.code}]

        async def lines() -> AsyncIterator[bytes]:
            chunk: list[bytes] = []
            for account in accounts:
                for line in self._world.twins[account.psp].book(account.code):
                    chunk.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                    if len(chunk) == CHUNK:
                        yield b"".join(chunk)
                        chunk.clear()
            yield b"".join(chunk)

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def scenarios(self, request: Request) -> Response:
        """List faults with their counts, add one, or end all."""
        scenarios = self._world.scenarios
        if request.method == "DELETE":
            scenarios.clear()
        elif request.method == "POST":
            try:
                added = scenarios.add(await _read(request))
            except (BadScenarioError, ValueError, TypeError) as error:
                return _bad(str(error))
            return _json(added.as_json(), 201)
        return _json({"scenarios": [scenario.as_json() for scenario in scenarios.all()]})

    async def end_scenario(self, request: Request) -> Response:
        """End one fault."""
        if not self._world.scenarios.remove(request.path_params["id"]):
            return _json({"error": "no such scenario"}, 404)
        return Response(status_code=204)

    async def clock(self, request: Request) -> Response:
        """What time it is; POST {"advance_seconds": n} moves it on."""
        fired = 0
        if request.method == "POST":
            try:
                seconds = (await _read(request)).get("advance_seconds")
            except ValueError as error:
                return _bad(str(error))
            if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
                return _bad("advance_seconds must be a whole number of seconds, not below 0")
            fired = self._world.clock.advance(seconds)
            self._world.tick()
        clock = self._world.clock
        return _json({"now": clock.now(), "offset_seconds": clock.offset, "timers": clock.pending(), "fired": fired})

    async def latency(self, request: Request) -> Response:
        """How long answers take; PUT {"ms": n} sets it."""
        if request.method == "PUT":
            try:
                self._world.latency = Latency(float((await _read(request))["ms"]))
            except (KeyError, TypeError, ValueError) as error:
                return _bad(f"ms must be a number: {error}")
        return _json({"ms": self._world.latency.ms})

    async def webhooks(self, _request: Request) -> Response:
        """What waits to be delivered, and what became of the rest."""
        return _json(self._world.notifier.status())

    async def reset(self, request: Request) -> Response:
        """Forget all objects and faults, and come back to the real time or to {"begin_at": seconds}; keep accounts."""
        try:
            begin_at = (await _read(request)).get("begin_at")
        except ValueError as error:
            return _bad(str(error))
        if begin_at is not None and (type(begin_at) is not int or not 0 <= begin_at <= time.time()):
            return _bad("begin_at must be a moment of the past, in whole seconds since 1970")
        self._world.clear(begin_at)
        return _json({"status": "ok"})
