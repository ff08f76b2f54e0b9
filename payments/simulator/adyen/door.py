"""The door of the simulated Adyen: authentication, decoding, idempotency, faults."""

import asyncio
import functools
import logging
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from payments.simulator import transit, wire
from payments.simulator.adyen import carding, errors, idempotency, objects, routes
from payments.simulator.adyen.calls import Call, Operation
from payments.simulator.adyen.shop import PSP, Shop
from payments.simulator.scenarios import EFFECT, Facts
from payments.simulator.tables import dumps
from payments.simulator.transit import Reply
from payments.simulator.world import World

logger = logging.getLogger(__name__)

Json = dict[str, Any]

BASE = "/adyen/"
# Where a fault that changes the truth can happen; the others can everywhere.
_CHANGES = frozenset({"captures", "refunds", "cancels", "technical_cancels", "reversals", "amount_updates"})
_REFUNDS = frozenset({"refunds", "reversals"})
MEANT: dict[str, frozenset[str]] = {
    "issuer_outage": frozenset({"payments", "payments.details"}),
    "late_capture_failure": frozenset({"payments", "payments.details", "captures"}),
    "bounced_refund": _REFUNDS,
    "reversed_refund": _REFUNDS,
    "refused_modification": _CHANGES,
    "delayed_modification": _CHANGES,
    "wrong_amount": frozenset({"payments", "captures", "refunds", "amount_updates"}),
}


@dataclass(slots=True)
class Exchange:
    """One HTTP request on its way through the door."""

    path: str
    base_url: str
    shop: Shop
    operation: Operation
    args: list[str]
    raw: bytes
    key: str | None
    body: Json = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


class Door:
    """The ASGI application under /adyen."""

    def __init__(self, world: World, shops: dict[str, Shop]) -> None:
        self._world = world
        self._shops = shops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            exchange = self._open(scope, await wire.body(receive))
        except errors.AdyenError as error:
            await _send(send, self._worded(error))
            return
        asked = transit.Asked((exchange.operation.name,), exchange.shop.account.code, lambda: _facts(exchange))

        def refusal(status: int) -> Reply:
            return self._worded(errors.unavailable(status))

        try:
            reply = await transit.carry(self._world, asked, refusal, functools.partial(self._execute, exchange))
            if reply is None:
                await wire.reset(scope, receive)
                return
            if exchange.key:
                reply.headers.append((b"idempotency-key", exchange.key.encode("latin-1")))
            await _send(send, reply)
        finally:
            self._world.journal.flush()

    def _open(self, scope: Scope, raw: bytes) -> Exchange:
        headers = dict(scope["headers"])
        shop = self._authenticate(headers.get(b"x-api-key", b"").decode("latin-1"))
        method, path = scope["method"], scope["path"].removeprefix(BASE).rstrip("/")
        found = routes.find(method, path)
        if found is None:
            raise errors.missing(f"No such path: {method} {path}")
        key = headers.get(b"idempotency-key") if method == "POST" else None
        exchange = Exchange(
            path=path,
            base_url=wire.base_url(scope),
            shop=shop,
            operation=found[0],
            args=found[1],
            raw=raw,
            key=key.decode("latin-1") if key else None,
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        )
        if method == "POST":
            exchange.body = _decoded(raw)
        self._check_merchant(exchange)
        shop.base_url = exchange.base_url
        return exchange

    def _authenticate(self, key: str) -> Shop:
        account = self._world.accounts.by_key(PSP, key) if key else None
        # The client key is for the shopper's browser, which has no business here.
        if account is None or key != account.api_key:
            raise errors.unauthorized()
        return self._shops[account.code]

    def _check_merchant(self, exchange: Exchange) -> None:
        if not exchange.operation.merchant:
            return
        body = exchange.body
        named = body.get("merchantAccount") or body.get("merchantAccountCode") or exchange.query.get("merchantAccount")
        if named != exchange.shop.merchant:
            raise errors.forbidden()

    def _worded(self, error: errors.AdyenError) -> Reply:
        psp = self._world.ids.reference()
        return Reply(error.status, dumps(error.body(psp)), [(idempotency.PSP_HEADER, psp.encode())])

    async def _execute(self, exchange: Exchange, pause: float) -> Reply:
        """Run, or give the kept answer again. The key is in use from the first check to the answer."""
        shop, key = exchange.shop, exchange.key
        print_ = idempotency.fingerprint(exchange.path, exchange.raw) if key else ""
        try:
            kept = idempotency.recall(shop, key, print_) if key else None
        except errors.AdyenError as error:
            return self._worded(error)
        if key:
            shop.executing.add(key)
        try:
            if pause:
                await asyncio.sleep(pause)
            reply = kept if kept is not None else self._run(exchange, print_)
            # What happened is on disk before anybody hears of it.
            self._world.journal.flush()
        finally:
            shop.executing.discard(key or "")
        return reply

    def _run(self, exchange: Exchange, print_: str) -> Reply:
        names = (exchange.operation.name,)
        account = exchange.shop.account.code
        fault = self._world.scenarios.pick(_effects(names), names, account, lambda: _facts(exchange))
        kind = fault.fault if fault else ""
        if kind == "error_500_before":
            return self._worded(errors.unavailable(500))
        call = Call(
            exchange.shop, exchange.body, exchange.args, exchange.query, exchange.base_url, exchange.key, fault=fault
        )
        try:
            reply = _success(exchange.operation, exchange.operation.run(call))
        except errors.AdyenError as error:
            return self._worded(error)
        except Exception:
            logger.exception("the simulator failed at %s", exchange.operation.name)
            return self._worded(errors.unavailable(500))
        if exchange.key:
            idempotency.keep(exchange.shop, exchange.key, print_, reply)
        # The key keeps what was done: who asks again with it learns how it really ended.
        return self._worded(errors.unavailable(500)) if kind == "error_500_after" else reply


@functools.cache
def _effects(names: tuple[str, ...]) -> frozenset[str]:
    """The faults that can change what this operation does: others are not even counted."""
    return frozenset(fault for fault in EFFECT if fault not in MEANT or MEANT[fault].intersection(names))


def _success(operation: Operation, shown: Json | None) -> Reply:
    if shown is None:
        return Reply(operation.status, b"")
    psp = str(shown.get("pspReference") or "")
    return Reply(operation.status, dumps(shown), [(idempotency.PSP_HEADER, psp.encode())] if psp else [])


def _decoded(raw: bytes) -> Json:
    try:
        body = orjson.loads(raw)
    except ValueError as error:
        raise errors.unreadable(f"Unexpected input: {error}") from error
    if not isinstance(body, dict):
        raise errors.unreadable("Unexpected input: an object is expected")
    return body


def _facts(exchange: Exchange) -> Facts:
    """The payment method's type, country and issuer, as far as the request and its payment say."""
    given = exchange.body.get("paymentMethod")
    if isinstance(given, dict):
        country = exchange.body.get("countryCode")
        issuer = carding.issuer(given)
        return Facts(method=given.get("type"), country=country if isinstance(country, str) else None, issuer=issuer)
    payment = exchange.shop.find(objects.Payment, exchange.args[0] if exchange.args else None)
    if payment is None:
        return Facts()
    return Facts(method=payment.method, country=payment.country, issuer=payment.card.get("bin"))


async def _send(send: Send, reply: Reply) -> None:
    # What is kept for the next time must not grow with what this answer adds.
    headers = list(reply.headers)
    if reply.body and not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    if reply.status == 204:
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await wire.respond(send, reply.status, headers, reply.body)
