"""The door that every endpoint is made of.

An endpoint is a `Door`; each of its methods is an operation. The handler does one thing: one call of a service
or selector. Everything else is said in `wire.operation(...)` and done here: key, scope, strict reading,
idempotency, rendering, problems, Request-Id, ETag, OpenAPI.

    # payments/orders/shapes.py                                # what goes in and out, pydantic models
    class NewOrder(fields.Input):                                # strict, nothing unknown, frozen
        reference: fields.Reference
        currency: fields.Currency
        amount: fields.Amount                                  # minor units, 0 < x < 10^14
        note: Annotated[str, fields.Line(500)] | None = None
        customer: Annotated[str, fields.id_of("cus")] | None = None
        metadata: fields.Metadata = {}

    class OrderFilters(pages.Query):                           # limit, cursors and created[…] are there already
        reference: fields.Reference | None = None

    class OrderShape(fields.Output):
        id: str
        object: Literal["order"] = "order"
        created_at: AwareDatetime

    def order(row: Order) -> OrderShape: ...                   # render: a row (or a service's result) -> shape

    # payments/orders/api.py
    class Orders(wire.Door):
        @wire.operation(name="orders.create", summary="Open an order", scope="orders:write", status=201,
                        body=shapes.NewOrder, answers=shapes.OrderShape, render=shapes.order,
                        recorded=selectors.order_of,           # (client, object id) -> what the handler returns
                        refuses=(ReferenceTaken,), example_body={...}, example={...})
        def post(self, call: wire.Call, body: shapes.NewOrder) -> Order:
            return create.create(body, client=call.client)     # its first unit says unit.current().returns(order)

        @wire.operation(name="orders.list", summary="List orders", scope="orders:read", paged=True,
                        query=shapes.OrderFilters, answers=shapes.OrderShape, render=shapes.order, example={...})
        def get(self, call: wire.Call, query: shapes.OrderFilters) -> pages.Page[Order]:
            return pages.page(selectors.orders_of(call.client, reference=query.reference), query)

    class OrderCancel(wire.Door):                              # path("v1/orders/<str:order_id>/cancel", …)
        @wire.operation(name="orders.cancel", summary="Cancel an order", scope="orders:write", moves_money=True,
                        answers=shapes.OrderShape, render=shapes.order, recorded=selectors.order_of, example={...})
        def post(self, call: wire.Call, order_id: str) -> Order:
            return cancel.cancel(order_id, client=call.client)

Rules for services behind a POST: the answer is what the last `returns(...)` said; a creation says it in its first
unit; a `Refusal` after a first commit is said with the commit that makes it true, and then raised. One with status 503
means "proved to be without effect" and frees the key.
None is answered as 204. A GET may return a Django HttpResponse (a download), which goes out as it is.
"""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final, cast

import orjson
import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.views import APIView

from payments.kernel import clock, meters, tracing
from payments.kernel.errors import Bug
from payments.rest import auth, forms, idempotency, keys, openapi, operations, pages, problems, reading, requestlog
from payments.rest.fields import Input as Input  # for shapes
from payments.rest.fields import Output as Output
from payments.rest.idempotency import Answer
from payments.rest.models import ApiClient
from payments.rest.operations import Operation

log = structlog.get_logger(__name__)

JSON: Final = "application/json"


class Call(Request):
    """A request that came through a door: DRF's, and who sends it."""

    @property
    def caller(self) -> keys.Caller:
        """The client and what its key may do."""
        return cast(keys.Caller, self.auth)

    @property
    def client(self) -> ApiClient:
        """Whose objects this request may see."""
        return self.caller.client

    @cached_property
    def sent(self) -> tuple[bytes, dict[str, Any]]:
        """The body's bytes and the object that they spell."""
        return reading.body(self._request)

    def filled(self, form: operations.Form) -> forms.Filled:
        """The form in the body; read once."""
        if self._filled is None:
            self._filled = forms.read(self._request, form)
        return self._filled

    _filled: forms.Filled | None = None


def meant(declared: Operation, call: Call) -> dict[str, Any]:
    """What the body means, spelling apart: a repeated idempotency key has to come with the same."""
    return call.sent[1] if declared.form is None else call.filled(declared.form).meaning


def read(call: Call, model: type[reading.M]) -> reading.M:
    """The body of the request as `model`, strictly; refuses with a problem that names the parameter.

    Operations that declare `body=` get it as an argument and need not call this.
    """
    raw, parsed = call.sent
    return reading.read_json(model, raw, parsed)


class operation:  # noqa: N801  it is used as a decorator
    """Makes a method of a `Door` an operation; the arguments are the fields of `operations.Operation`."""

    def __init__(self, **fields: Any) -> None:
        self._operation = Operation(**fields)

    def __call__(self, handler: Callable[..., object]) -> Callable[..., HttpResponseBase]:
        declared = self._operation
        operations.register(declared, handler.__name__)

        def run(door: "Door", call: Call, **address: str) -> HttpResponseBase:
            if call.method == "POST":
                return _post(declared, handler, door, call, address)
            return _respond(declared, call, handler(door, call, **_arguments(declared, call), **address))

        run.__doc__ = handler.__doc__
        setattr(run, operations.ATTRIBUTE, declared)
        return run


def _arguments(declared: Operation, call: Call) -> dict[str, object]:
    """The query and the body that the operation declares, read strictly."""
    arguments: dict[str, object] = {}
    query = reading.read_query(declared.query, call._request.GET)
    if query is not None:
        arguments["query"] = query
    if declared.form is not None:
        arguments["form"] = call.filled(declared.form)
    elif declared.body is not None:
        arguments["body"] = read(call, declared.body)
    elif call.method == "POST" and call.sent[1]:
        raise problems.ParameterUnknown("This operation takes no body.", param=reading.shown(next(iter(call.sent[1]))))
    return arguments


def _post(
    declared: Operation, handler: Callable[..., object], door: "Door", call: Call, address: Mapping[str, str]
) -> HttpResponseBase:
    """Every POST may have a key, and those that move money must; with one, the answer comes by way of the claim."""
    key = idempotency.key_from(call.headers.get(idempotency.HEADER), required=declared.moves_money)
    arguments = _arguments(declared, call)
    if key is None:
        return _respond(declared, call, handler(door, call, **arguments, **address))
    if declared.recorded is None:
        raise Bug(f"{declared.name} cannot answer after a crash")
    claimed = idempotency.Request(
        client=call.client,
        operation=declared.name,
        key=key,
        body_hash=idempotency.hash_of(call.path, meant(declared, call)),
        object_id=None if declared.creates else next(iter(address.values()), None),
    )
    kept = declared if declared.kept is None else dataclasses.replace(declared, render=declared.kept)
    claim = idempotency.IdempotencyClaim(
        claimed,
        render=lambda result: render(kept, result),
        recorded=declared.recorded,
        said_once=None if declared.kept is None else lambda result: render(declared, result),
    )
    return _send(claim.answer(lambda: handler(door, call, **arguments, **address)))


def render(declared: Operation, result: object) -> Answer:
    """The answer for what the handler, or a `returns(...)`, gave."""
    if result is None:
        return Answer(HTTPStatus.NO_CONTENT, b"")
    shape = declared.render or (lambda given: given)
    if isinstance(result, pages.Page):
        page = {
            "data": [shape(row) for row in result.rows],
            "has_more": result.has_more,
            "next_cursor": result.next_cursor,
        }
        return Answer(declared.status, _dump(page))
    shaped = shape(result)
    about = shaped.get("id") if isinstance(shaped, Mapping) else getattr(shaped, "id", None)
    return Answer(declared.status, _dump(shaped), about)


def _dump(payload: object) -> bytes:
    return orjson.dumps(payload, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _respond(declared: Operation, call: Call, result: object) -> HttpResponseBase:
    if isinstance(result, HttpResponseBase):
        return result
    response = _send(render(declared, result))
    return _with_etag(response, call) if call.method in ("GET", "HEAD") else response


def _send(answer: Answer) -> HttpResponse:
    failed = answer.status >= HTTPStatus.BAD_REQUEST
    response = HttpResponse(answer.body, status=answer.status, content_type=problems.CONTENT_TYPE if failed else JSON)
    if not answer.body:
        del response["Content-Type"]
    if answer.replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def _with_etag(response: HttpResponse, call: Call) -> HttpResponse:
    """A strong ETag of the bytes; 304 when the caller has them already (RFC 9110 section 13.1.2)."""
    etag = f'"{hashlib.blake2b(response.content, digest_size=16).hexdigest()}"'
    known = [tag.removeprefix("W/") for tag in parse_etags(call.META.get("HTTP_IF_NONE_MATCH", ""))]
    if etag in known or known == ["*"]:
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
        del response["Content-Type"]
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


class Door(APIView):
    """The base of every endpoint under /v1."""

    authentication_classes = (auth.BearerKey,)
    permission_classes = (auth.Scoped,)
    http_method_names = ["get", "head", "post", "patch", "delete"]
    schema = openapi.DoorSchema()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve one request under its id, which stands in every log line, in every problem and in the answer."""
        began = time.perf_counter()
        request_id = problems.request_id(request.META.get("HTTP_REQUEST_ID"))
        about = {name: str(value)[:60] for name, value in kwargs.items() if name.endswith("_id")}
        with tracing.about(request_id=request_id, **about), meters.waits_told() as outside:
            response = super().dispatch(request, *args, **kwargs)
        response["Request-Id"] = request_id
        self._note(request, response, request_id, (time.perf_counter() - began, sum(outside)))
        return response

    def _note(
        self, request: HttpRequest, response: HttpResponseBase, request_id: str, seconds: tuple[float, float]
    ) -> None:
        """Leave the request in the log of requests; lists and files are not looked into for what they are about."""
        declared = operations.of(self, request.method or "")
        caller: keys.Caller | None = self.request.__dict__.get("_auth")
        paged = declared is not None and declared.paged and response.status_code < HTTPStatus.BAD_REQUEST
        answer = response.content[: requestlog.READ] if isinstance(response, HttpResponse) and not paged else b""
        meta = request.META
        requestlog.note(
            requestlog.Note(
                at=clock.now(),
                client_id=caller.client.pk if caller else None,
                key_id=caller.key.pk if caller else None,
                address=requestlog.address_of(meta, publishable=caller is not None and caller.publishable),
                method=request.method or "",
                path=request.path,
                operation=declared.name if declared else "",
                status=response.status_code,
                answer=answer,
                microseconds=round(seconds[0] * 1_000_000),
                outside_microseconds=round(seconds[1] * 1_000_000),
                request_id=request_id,
                idempotency_key=meta.get("HTTP_IDEMPOTENCY_KEY", ""),
            )
        )

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Call:  # noqa: ARG002  DRF's
        return Call(request, authenticators=self.get_authenticators())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  DRF's signature
        """Who calls, may they, and can they read what we answer; what they send is read by the operation."""
        self.perform_authentication(request)
        self.check_permissions(request)
        if not request._request.accepts(JSON):
            raise problems.NotAcceptable(f"The answer is {JSON}.")

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # rendered already
        """Every exception is a problem; one that is nobody's refusal is our fault, and is logged whole."""
        refusal = problems.refusal_for(exc)
        if refusal is None:
            log.error("request_failed", method=self.request.method, path=self.request.path, exc_info=exc)
            refusal = problems.InternalError("Something went wrong on our side.")
        elif refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("request_refused", code=refusal.code, cause=repr(exc))
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            tracing.broke(exc)
        response = problems.response(refusal, problems.current_request_id())
        if isinstance(refusal, problems.MethodNotAllowed):
            response["Allow"] = ", ".join(self.allowed_methods)
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        return response
