"""The doors of customers and orders."""

from collections.abc import Mapping
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from payments.kernel import money
from payments.orders import selectors, services, shapes
from payments.orders.documents import CUSTOMER, ORDER, ORDER_BODY, CustomerObject, OrderObject
from payments.orders.models import Customer
from payments.orders.states import OrderStatus
from payments.rest import fields, pages, wire
from payments.rest.models import ApiClient


def _email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError:
        raise PydanticCustomError("parameter_invalid", "Not an e-mail address") from None
    return text


Email = Annotated[str, fields.Line(254), AfterValidator(_email)]


class CustomerBody(wire.Input):
    """A new customer."""

    reference: fields.Reference
    email: Email | None = None
    name: Annotated[str, fields.Line(200)] | None = None
    country: fields.Country | None = None
    locale: Annotated[str, fields.Line(20)] | None = None
    metadata: fields.Metadata = Field(default_factory=dict)


class CustomerPatch(wire.Input):
    """What is to be changed of a customer; absent fields stay."""

    email: Email | None = None
    name: Annotated[str, fields.Line(200)] | None = None
    country: fields.Country | None = None
    locale: Annotated[str, fields.Line(20)] | None = None
    metadata: fields.Metadata | None = None


class CustomerFilters(pages.Query):
    """Filters of the list of customers."""

    reference: fields.Reference | None = None


class LineBody(wire.Input):
    """One article; its total is quantity × unit_amount + tax_amount − discount_amount."""

    sku: Annotated[str, fields.Line(80)]
    name: Annotated[str, fields.Line(200)]
    quantity: Annotated[int, Field(ge=1, le=100_000)]
    unit_amount: fields.AmountOrZero
    tax_amount: fields.AmountOrZero = 0
    discount_amount: fields.AmountOrZero = 0
    seller: Annotated[str, fields.Line(80)] | None = None


class OrderBody(wire.Input):
    """A new order. With `amount_total` the total is checked to the unit."""

    reference: fields.Reference
    currency: fields.Currency
    country: fields.Country
    customer: Annotated[str, fields.id_of("cus")] | None = None
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=500)]
    shipping_amount: fields.AmountOrZero = 0
    discount_amount: fields.AmountOrZero = 0
    amount_total: fields.Amount | None = None
    metadata: fields.Metadata = Field(default_factory=dict)


class OrderFilters(pages.Query):
    """Filters of the list of orders."""

    reference: fields.Reference | None = None
    customer: Annotated[str, fields.id_of("cus")] | None = None
    status: Annotated[OrderStatus, Field(strict=False)] | None = None


def _customer(client: ApiClient, customer_id: str) -> Customer:
    return selectors.customer(customer_id, client_id=client.pk)


def _order(client: ApiClient, order_id: str) -> selectors.OrderWithLines:
    return selectors.with_lines(order_id, client_id=client.pk)


def rendered(opened: selectors.OrderWithLines) -> Mapping[str, Any]:
    """The order object of an answer."""
    return shapes.order(opened.order, opened.lines)


class Customers(wire.Door):
    """`/v1/customers`"""

    @wire.operation(
        name="customers.create",
        summary="Create a customer",
        scope="customers:write",
        status=201,
        body=CustomerBody,
        answers=CustomerObject,
        render=shapes.customer,
        recorded=_customer,
        refuses=(services.CustomerReferenceTaken,),
        example_body={"reference": "shopper-81", "email": "ada@example.com", "country": "GB"},
        example=CUSTOMER,
    )
    def post(self, call: wire.Call, body: CustomerBody) -> Customer:
        """A person who buys, by your own reference."""
        return services.create_customer(call.client, **_filled(body.model_dump()))

    @wire.operation(
        name="customers.list",
        summary="List customers",
        scope="customers:read",
        paged=True,
        query=CustomerFilters,
        answers=CustomerObject,
        render=shapes.customer,
        example={"data": [CUSTOMER], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: CustomerFilters) -> pages.Page[Customer]:
        """Newest first."""
        rows = selectors.customers_of(call.client.pk)
        return pages.page(rows.filter(reference=query.reference) if query.reference else rows, query)


class CustomerDoor(wire.Door):
    """`/v1/customers/{id}`"""

    @wire.operation(
        name="customers.retrieve",
        summary="Retrieve a customer",
        scope="customers:read",
        answers=CustomerObject,
        render=shapes.customer,
        example=CUSTOMER,
    )
    def get(self, call: wire.Call, customer_id: str) -> Customer:
        """One customer."""
        return selectors.customer(customer_id, client_id=call.client.pk)

    @wire.operation(
        name="customers.update",
        summary="Change a customer",
        scope="customers:write",
        body=CustomerPatch,
        answers=CustomerObject,
        render=shapes.customer,
        refuses=(services.CustomerErased,),
        example_body={"email": "ada@example.org"},
        example=CUSTOMER,
    )
    def patch(self, call: wire.Call, customer_id: str, body: CustomerPatch) -> Customer:
        """Absent fields stay as they are."""
        facts = _filled(body.model_dump(exclude_unset=True))
        return services.change_customer(customer_id, client=call.client, **facts)

    @wire.operation(
        name="customers.erase",
        summary="Erase a customer's personal data",
        scope="customers:write",
        answers=CustomerObject,
        render=shapes.customer,
        example=CUSTOMER | {"email": None, "name": None},
    )
    def delete(self, call: wire.Call, customer_id: str) -> Customer:
        """Orders and payments stay, and point at a nameless customer."""
        return services.erase_customer(customer_id, client=call.client)


class Orders(wire.Door):
    """`/v1/orders`"""

    @wire.operation(
        name="orders.create",
        summary="Open an order",
        scope="orders:write",
        status=201,
        body=OrderBody,
        answers=OrderObject,
        render=rendered,
        recorded=_order,
        refuses=(
            services.OrderReferenceTaken,
            services.OrderTotalMismatch,
            services.CustomerUnknown,
            money.UnknownCurrency,
            money.AmountInvalid,
        ),
        example_body=ORDER_BODY,
        example=ORDER,
    )
    def post(self, call: wire.Call, body: OrderBody) -> selectors.OrderWithLines:
        """The total is computed from lines, shipping and discount."""
        draft = services.OrderDraft(
            **_without_none(body), lines=[services.LineDraft(**_without_none(line)) for line in body.lines]
        )
        return services.create(call.client, draft)

    @wire.operation(
        name="orders.list",
        summary="List orders",
        scope="orders:read",
        paged=True,
        query=OrderFilters,
        answers=OrderObject,
        render=rendered,
        example={"data": [ORDER], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: OrderFilters) -> pages.Page[Any]:
        """Newest first."""
        wanted = query.model_dump(include={"reference", "customer", "status"}, exclude_none=True)
        page = pages.page(selectors.orders_of(call.client.pk).filter(**wanted), query)
        lines = selectors.lines(page.rows)
        rows: list[Any] = [selectors.OrderWithLines(row, lines[row.pk]) for row in page.rows]
        return pages.Page(rows, page.has_more, page.next_cursor)


def _without_none(body: wire.Input) -> dict[str, Any]:
    """The given values of a body, without its lines and without what was left out."""
    return {name: value for name, value in body if value is not None and name != "lines"}


def _filled(facts: dict[str, Any]) -> dict[str, Any]:
    """What is absent is empty in the database."""
    empty: dict[str, Any] = {"metadata": {}}
    return {name: empty.get(name, "") if value is None else value for name, value in facts.items()}
