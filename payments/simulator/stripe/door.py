"""The door of the simulated Stripe: authentication, decoding, idempotency, faults, rendering."""

import asyncio
import base64
import binascii
import functools
import logging
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from payments.simulator import transit, wire
from payments.simulator.scenarios import EFFECT, Facts
from payments.simulator.stripe import cards, errors, expanding, forms, idempotency, objects, parameters, routes
from payments.simulator.stripe.calls import Call, Operation
from payments.simulator.stripe.shop import API_VERSION, PSP, Request, Shop
from payments.simulator.tables import dumps
from payments.simulator.world import World

logger = logging.getLogger(__name__)

Json = dict[str, Any]


@dataclass(slots=True)
class Exchange:
    """One HTTP request on its way through the door."""

    method: str
    path: str
    base_url: str
    shop: Shop
    operation: Operation
    args: list[str]
    raw: Json
    key: str | None
    id: str

    @property
    def names(self) -> tuple[str, ...]:
        """What scenarios call this: a create that confirms is a confirm as well."""
        if self.operation.name == "payment_intents.create" and self.raw.get("confirm") == "true":
            return ("payment_intents.create", "payment_intents.confirm")
        return (self.operation.name,)


# Browsers may come from any page, as at Stripe: their key is what limits them.
PREFLIGHT = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, PUT, PATCH, POST, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, stripe-version"),
    (b"access-control-max-age", b"300"),
)


class Door:
    """The ASGI application under /v1."""

    def __init__(self, world: World, shops: dict[str, Shop]) -> None:
        self._world = world
        self._shops = shops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "OPTIONS":
            await wire.respond(send, 200, list(PREFLIGHT), b"")
            return
        request_id = self._world.ids.next("req_")
        try:
            exchange = self._open(scope, await wire.body(receive), request_id)
        except errors.StripeError as error:
            await _send(send, error.status, dumps(error.body(request_id)), request_id)
            return
        try:
            await self._answer(exchange, scope, receive, send)
        finally:
            self._world.journal.flush()

    def _open(self, scope: Scope, body: bytes, request_id: str) -> Exchange:
        headers = dict(scope["headers"])
        shop, publishable = self._authenticate(headers.get(b"authorization", b"").decode("latin-1"))
        method, path = scope["method"], scope["path"].removeprefix("/v1/").rstrip("/")
        found = routes.find(method, path)
        if found is None:
            message = f"Unrecognized request URL ({method}: /v1/{path}). Please see https://stripe.com/docs."
            raise _unknown_url(message)
        raw = _raw(method, headers.get(b"content-type", b"").decode("latin-1"), body, scope["query_string"])
        if publishable:
            _check_publishable(shop, found[0], found[1], raw)
        key = headers.get(b"idempotency-key") if method == "POST" else None
        return Exchange(
            method=method,
            path=f"/v1/{path}",
            base_url=wire.base_url(scope),
            shop=shop,
            operation=found[0],
            args=found[1],
            raw=raw,
            key=key.decode("latin-1") if key else None,
            id=request_id,
        )

    def _authenticate(self, header: str) -> tuple[Shop, bool]:
        """Whose key it is, and whether it is the one for browsers."""
        kind, _, credentials = header.partition(" ")
        if kind.lower() == "basic":
            credentials = _user(credentials)
        if not credentials:
            raise errors.unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, "
                "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
        account = self._world.accounts.by_key(PSP, credentials)
        if account is None:
            raise errors.unauthorized(f"Invalid API Key provided: {credentials[:8]}{'*' * 12}{credentials[-4:]}")
        return self._shops[account.code], credentials == account.publishable_key

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        asked = transit.Asked(exchange.names, exchange.shop.account.code, lambda: _facts(exchange))

        def refusal(status: int) -> transit.Reply:
            error = (
                errors.rate_limited()
                if status == 429
                else errors.unavailable(503, "Stripe is temporarily unavailable. Please try again.")
            )
            return transit.Reply(status, dumps(error.body(exchange.id)))

        async def work(pause: float) -> transit.Reply:
            status, body, extra = await self._execute(exchange, pause)
            if exchange.operation.name == "files.download" and status == 200:
                extra.append((b"content-type", b"text/csv"))
            return transit.Reply(status, body, extra)

        reply = await transit.carry(self._world, asked, refusal, work)
        if reply is None:
            await wire.reset(scope, receive)
        else:
            await _send(send, reply.status, reply.body, exchange.id, reply.headers)

    async def _execute(self, exchange: Exchange, pause: float) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        """Run, or give the kept answer again. The key is in use from the first check to the answer."""
        shop, key = exchange.shop, exchange.key
        extra: list[tuple[bytes, bytes]] = []
        try:
            print_ = idempotency.fingerprint(exchange.path, exchange.raw) if key else ""
            kept = idempotency.recall(shop, key, exchange.path, print_) if key else None
        except errors.StripeError as error:
            return error.status, dumps(error.body(exchange.id)), extra
        if key:
            shop.executing.add(key)
            extra.append((b"idempotency-key", key.encode("latin-1")))
        try:
            if pause:
                await asyncio.sleep(pause)
            if kept is not None:
                extra.append((b"idempotent-replayed", b"true"))
                extra.append((b"original-request", kept.request_id.encode()))
                answer = kept
            else:
                answer, executed = self._run(exchange)
                if key and executed:
                    idempotency.keep(shop, key, exchange.path, print_, answer)
                # What happened is on disk before anybody hears of it.
                self._world.journal.flush()
        finally:
            shop.executing.discard(key or "")
        return answer.status, answer.body, extra

    def _run(self, exchange: Exchange) -> tuple[idempotency.Replay, bool]:
        """Execute the operation; also whether its answer is to be kept."""
        shop, operation = exchange.shop, exchange.operation
        shop.request = Request(exchange.id, exchange.key)
        body: Json | str
        try:
            status, body, executed = 200, *self._operate(exchange, operation)
        except errors.StripeError as error:
            status, body, executed = error.status, error.body(exchange.id), error.executed
        except Exception:
            logger.exception("the simulator failed at %s", operation.name)
            broken = errors.unavailable(500, "The simulator itself has failed; its log says why.")
            status, body, executed = 500, broken.body(exchange.id), True
        finally:
            shop.request = Request()
        content = body.encode() if isinstance(body, str) else dumps(body)
        return idempotency.Replay(status, content, exchange.id), executed

    def _operate(self, exchange: Exchange, operation: Operation) -> tuple[Json | str, bool]:
        shop = exchange.shop
        params = parameters.check(operation.spec, exchange.raw)
        expanding.check(operation.name, params.get("expand"))
        faults = _effects(exchange.names)
        fault = self._world.scenarios.pick(faults, exchange.names, shop.account.code, lambda: _facts(exchange))
        kind = fault.fault if fault else ""
        broken = errors.unavailable(500, "An unknown error occurred.")
        if kind == "error_500_before":
            raise broken
        call = Call(shop, params, exchange.args, exchange.base_url, exchange.key, fault=fault)
        try:
            shown = operation.run(call)
        except errors.StripeError as error:
            if kind == "error_500_after" and error.executed:
                raise broken from error
            raise
        if kind == "error_500_after":
            raise broken
        if params.get("expand") and isinstance(shown, dict):
            expanding.expand(shop, shown, params["expand"])
        return shown, exchange.method == "POST"


@functools.cache
def _effects(names: tuple[str, ...]) -> frozenset[str]:
    """The faults that can change what this operation does: others are not even counted."""
    return frozenset(fault for fault in EFFECT if MEANT.get(fault) is None or MEANT[fault].intersection(names))


MEANT: dict[str, set[str]] = {
    "issuer_outage": {"payment_intents.confirm"},
    "late_capture_failure": {"payment_intents.confirm", "payment_intents.capture"},
    "bounced_refund": {"refunds.create"},
    # Only where modifications are asynchronous.
    "reversed_refund": set(),
    "refused_modification": set(),
    "delayed_modification": set(),
    "wrong_amount": {
        "payment_intents.create",
        "payment_intents.confirm",
        "payment_intents.capture",
        "refunds.create",
    },
}


def _user(credentials: str) -> str:
    """The key in HTTP basic authentication; empty when it cannot be read."""
    try:
        return base64.b64decode(credentials).decode("latin-1").partition(":")[0]
    except binascii.Error:
        return ""


def _check_publishable(shop: Shop, operation: Operation, args: list[str], raw: Json) -> None:
    """Raises StripeError unless a browser may do this: make a payment method, use an intent whose secret it has."""
    if operation.name == "payment_methods.create":
        return
    intent = shop.find(objects.PaymentIntent, args[0] if args else None)
    known = intent is not None and raw.get("client_secret") == intent.client_secret
    if operation.name not in {"payment_intents.retrieve", "payment_intents.confirm"} or not known:
        raise errors.unauthorized(
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list "
            "of your API keys at https://dashboard.stripe.com/account/apikeys."
        )


def _raw(method: str, kind: str, body: bytes, query: bytes) -> Json:
    """What was sent, before anybody has looked at it."""
    if method == "POST" and kind.startswith("multipart/form-data"):
        return forms.multipart(kind, body)
    return forms.decode((body if method == "POST" else query).decode("utf-8", "replace"))


def _unknown_url(message: str) -> errors.StripeError:
    error = errors.StripeError(404, "invalid_request_error", message)
    error.executed = False
    return error


def _facts(exchange: Exchange) -> Facts:
    """The payment method's type, country and issuer, as far as the request and its objects say."""
    shop, raw = exchange.shop, exchange.raw
    data = raw.get("payment_method_data")
    reference = raw.get("payment_method")
    if isinstance(data, dict):
        return Facts(method=data.get("type"))
    if isinstance(reference, str) and (name := cards.by_token(reference)):
        return _of_card(name)
    method = shop.find(objects.PaymentMethod, reference) or _method_of(exchange)
    if method is None:
        return Facts()
    return _of_card(method.card) if method.type == "card" else Facts(method=method.type)


def _of_card(name: str) -> Facts:
    card = cards.get(name)
    return Facts(method="card", country=card.country, issuer=card.number[:6])


def _method_of(exchange: Exchange) -> objects.PaymentMethod | None:
    shop = exchange.shop
    intent_id = exchange.args[0] if exchange.args else exchange.raw.get("payment_intent")
    intent = shop.find(objects.PaymentIntent, intent_id)
    charge = shop.find(objects.Charge, intent.latest_charge if intent else exchange.raw.get("charge"))
    found = (intent.payment_method if intent else None) or (charge.payment_method if charge else None)
    return shop.find(objects.PaymentMethod, found)


async def _send(
    send: Send, status: int, body: bytes, request_id: str, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [
        (b"request-id", request_id.encode()),
        (b"stripe-version", API_VERSION.encode()),
        (b"access-control-allow-origin", b"*"),
        *(extra or ()),
    ]
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    if status in {409, 503}:
        headers.append((b"stripe-should-retry", b"true"))
    await wire.respond(send, status, headers, body)
