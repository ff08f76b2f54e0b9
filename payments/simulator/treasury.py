"""The control side of the money: causes, what is wrong in a settlement, the merchant's bank."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from payments.simulator import bank, statements
from payments.simulator.causes import BadCauseError
from payments.simulator.clock import DAY
from payments.simulator.world import World


class Treasury:
    """The doors of whoever decides what happens to the money."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """What stands under /_sim of the money."""
        return [
            Route("/_sim/settlement/{code}", self.settlement, methods=["GET", "POST"]),
            Route("/_sim/bank/accounts", self.bank_accounts),
            Route("/_sim/bank/statement", self.statement),
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

    async def bank_accounts(self, _request: Request) -> Response:
        """Where each account is paid out to."""
        found = [
            {"account": a.code, "bank_account": bank.number(a), "currency": a.currency.upper(), "bic": statements.BIC}
            for a in self._world.accounts.all()
        ]
        return _json({"bank_accounts": found})

    async def statement(self, request: Request) -> Response:
        """One day of a bank account, once it is over: `account` (a code or an IBAN), `day`, `format`."""
        asked = request.query_params
        try:
            return self._written(asked)
        except (statements.UnknownFormatError, ValueError) as error:
            return _json({"error": str(error)}, 400)

    def _written(self, asked: Mapping[str, str]) -> Response:
        wanted, accounts = asked.get("account", ""), self._world.accounts.all()
        owner = next((a for a in accounts if wanted in {a.code, bank.number(a)}), None)
        if owner is None:
            return _json({"error": "no such account"}, 404)
        day = int(datetime.combine(date.fromisoformat(asked.get("day", "")), time(0, tzinfo=UTC)).timestamp())
        if day + DAY > self._world.clock.now():
            raise ValueError(f"the day {asked['day']} is not over")
        shops = [self._world.twins[a.psp].tables(a.code) for a in accounts]
        currency = asked.get("currency", owner.currency).upper()
        found = bank.statement(shops, bank.number(owner), currency, day)
        file = statements.written(found, asked.get("format", "camt053"), asked.get("version", statements.NEWEST))
        headers = {"content-disposition": f'attachment; filename="{file.name}"', "content-type": file.kind}
        return Response(file.content, headers=headers)

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
