"""Doors of the tests' own, over the table of clients: a thing is a client row, its brand counts what was done to it."""

from collections.abc import Mapping
from typing import Annotated, Literal

from django.core.exceptions import BadRequest
from django.db import IntegrityError, OperationalError, models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, re_path
from pydantic import AwareDatetime

from payments.kernel import crashpoints, money, unit
from payments.kernel.errors import Refusal
from payments.rest import fields, pages, problems, views, wire
from payments.rest.models import ApiClient


class Part(fields.Input):
    """A line of a thing."""

    sku: fields.Reference
    quantity: int


class NewThing(fields.Input):
    """What a thing is made of."""

    name: fields.Reference
    amount: fields.Amount
    currency: fields.Currency = "EUR"
    country: fields.Country | None = None
    maker: Annotated[str, fields.id_of("cus")] | None = None
    made: fields.Time | None = None
    parts: tuple[Part, ...] = ()
    metadata: fields.Metadata = {}


class Use(fields.Input):
    """What happens once the first unit was committed."""

    then: Literal["succeed", "crash", "decline", "unavailable", "crash at the refusal", "forget"] = "succeed"


class Filters(pages.Query):
    """Things by brand."""

    brand: fields.Reference | None = None


class Thing(fields.Output):
    """A thing."""

    id: str
    object: Literal["thing"] = "thing"
    name: str
    brand: str
    created_at: AwareDatetime


EXAMPLE = {
    "id": "cli_0199a1b2c3d47e5f8a6b7c8d9e0f1a2b",
    "object": "thing",
    "name": "chair",
    "brand": "",
    "created_at": "2026-11-22T05:48:03.000000Z",
}
SHAPE = {"answers": Thing, "example": EXAMPLE}


def shape(row: ApiClient) -> Thing:
    return Thing(id=row.pk, name=row.name, brand=row.brand, created_at=row.created_at)


def thing(_client: ApiClient, thing_id: str) -> ApiClient:
    row = ApiClient.objects.filter(pk=thing_id).first()
    if row is None:
        raise problems.NotFound("There is no such thing.")
    return row


def make(name: str) -> ApiClient:
    row = ApiClient(name=name)
    try:
        with unit.work() as work:
            work.add(row)
            work.returns(row)
    except IntegrityError:
        raise problems.ObjectChanged("Taken.", param="name") from None
    return row


REFUSALS: Mapping[str, Refusal] = {
    "unavailable": problems.TemporarilyUnavailable("Proved to be without effect."),
    "decline": money.CurrencyMismatch("Refused after something was written."),
    "crash at the refusal": money.CurrencyMismatch("Refused after something was written."),
}


def use(row: ApiClient, then: str) -> ApiClient:
    """Two commits, as around a call: the first counts the use, the second answers."""
    with unit.work() as work:
        work.run("UPDATE payments_apiclient SET brand = brand || 'x' WHERE name = %s", [row.name])
    if then == "crash":
        raise crashpoints.Crash("the process dies here")
    if (refusal := REFUSALS.get(then)) is not None:
        with unit.work() as work:
            work.returns(refusal)
        if then != "crash at the refusal":
            raise refusal
        raise crashpoints.Crash("the process dies here")
    row = thing(row, row.pk)
    if then == "forget":
        return row
    with unit.work() as work:
        work.run("UPDATE payments_apiclient SET return_urls = '{used}' WHERE name = %s", [row.name])
        work.returns(row)
    return row


def spend(row: ApiClient) -> ApiClient:
    if row.brand == "spent":
        raise problems.ObjectChanged("Spent.")
    row.brand = "spent"
    with unit.work() as work:
        work.guard("UPDATE payments_apiclient SET brand = 'spent' WHERE name = %s AND brand <> 'spent'", [row.name])
        work.returns(row)
    return row


def sleep(row: ApiClient) -> ApiClient:
    """Idempotent by itself: nothing is written the second time."""
    if row.brand != "asleep":
        row.brand = "asleep"
        with unit.work() as work:
            work.run("UPDATE payments_apiclient SET brand = 'asleep' WHERE name = %s", [row.name])
            work.returns(row)
    return row


class Things(wire.Door):
    """Things."""

    @wire.operation(
        name="things.create",
        summary="Make a thing",
        scope="orders:write",
        status=201,
        body=NewThing,
        example_body={"name": "chair", "amount": 1999},
        render=shape,
        recorded=thing,
        refuses=(problems.ObjectChanged,),
        **SHAPE,
    )
    def post(self, call: wire.Call, body: NewThing) -> ApiClient:
        """A thing has a name of its own."""
        return make(body.name)

    @wire.operation(
        name="things.list",
        summary="List things",
        scope="orders:read",
        query=Filters,
        paged=True,
        render=shape,
        answers=Thing,
        example={"data": [EXAMPLE], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: Filters) -> pages.Page[ApiClient]:
        rows: models.QuerySet[ApiClient] = ApiClient.objects.exclude(pk=call.client.pk)
        return pages.page(rows.filter(brand=query.brand) if query.brand else rows, query)


class OneThing(wire.Door):
    """One thing."""

    @wire.operation(
        name="things.get", summary="Get a thing", scope="orders:read", render=shape, publishable=True, **SHAPE
    )
    def get(self, call: wire.Call, thing_id: str) -> ApiClient:
        return thing(call.client, thing_id)

    @wire.operation(name="things.delete", summary="Drop a thing", scope="orders:write", status=204, example=None)
    def delete(self, call: wire.Call, thing_id: str) -> None:
        thing(call.client, thing_id).delete()


class UseThing(wire.Door):
    """Money moves when a thing is used."""

    @wire.operation(
        name="things.use",
        summary="Use a thing",
        scope="payments:write",
        moves_money=True,
        body=Use,
        example_body={},
        render=shape,
        recorded=thing,
        refuses=(money.CurrencyMismatch,),
        **SHAPE,
    )
    def post(self, call: wire.Call, thing_id: str, body: Use) -> ApiClient:
        return use(thing(call.client, thing_id), body.then)


class SpendThing(wire.Door):
    """Only once."""

    @wire.operation(
        name="things.spend",
        summary="Spend a thing",
        scope="payments:write",
        moves_money=True,
        render=shape,
        recorded=thing,
        **SHAPE,
    )
    def post(self, call: wire.Call, thing_id: str) -> ApiClient:
        return spend(thing(call.client, thing_id))


class SleepThing(wire.Door):
    """As often as you like."""

    @wire.operation(
        name="things.sleep",
        summary="Lay a thing to sleep",
        scope="payments:write",
        render=shape,
        recorded=thing,
        **SHAPE,
    )
    def post(self, call: wire.Call, thing_id: str) -> ApiClient:
        return sleep(thing(call.client, thing_id))


class Trouble(wire.Door):
    """Whatever can go wrong."""

    @wire.operation(name="trouble.get", summary="Get into trouble", scope="orders:read", example=None)
    def get(self, call: wire.Call, kind: str) -> HttpResponse:
        match kind:
            case "bug":
                raise RuntimeError("a bug of ours")
            case "database":
                raise OperationalError("the database is away")
            case "stale":
                raise unit.Stale("changed")
            case "bad":
                raise BadRequest
            case _:
                return HttpResponse("a,b\r\n", content_type="text/csv")


def page(request: HttpRequest, kind: str) -> HttpResponse:
    """No endpoint of the API: Django answers for it."""
    if kind == "broken":
        return HttpResponse(1 // len(kind[:0]))
    if kind == "away":
        raise Http404
    return HttpResponse(kind)


urlpatterns = [
    path("v1/openapi.json", views.OpenApi.as_view(), name="openapi"),
    path("v1/docs", views.Docs.as_view()),
    path("v1/things", Things.as_view()),
    path("v1/things/<str:thing_id>", OneThing.as_view()),
    path("v1/things/<str:thing_id>/use", UseThing.as_view()),
    path("v1/things/<str:thing_id>/spend", SpendThing.as_view()),
    path("v1/things/<str:thing_id>/sleep", SleepThing.as_view()),
    path("v1/trouble/<str:kind>", Trouble.as_view()),
    path("page/<str:kind>", page),
    re_path(r"^v1/", views.Nowhere.as_view()),
]
