"""What customers and orders look like on paper: the answer models and examples of the API's document."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime

from payments.orders.states import OrderStatus
from payments.rest import wire


class CustomerObject(wire.Output):
    """A person who buys."""

    id: str
    object: Literal["customer"]
    reference: str
    email: str | None
    name: str | None
    country: str | None
    locale: str | None
    erased_at: AwareDatetime | None
    metadata: dict[str, str]
    created_at: AwareDatetime


class LineObject(wire.Output):
    """One article of an order; amounts in minor units."""

    id: str
    sku: str
    name: str
    quantity: int
    unit_amount: int
    tax_amount: int
    discount_amount: int
    amount_total: int
    quantity_refunded: int
    seller: str | None


class OrderObject(wire.Output):
    """What a customer buys; amounts in minor units of its currency."""

    id: str
    object: Literal["order"]
    reference: str
    status: OrderStatus
    currency: str
    country: str
    amount_total: int
    amount_paid: int
    amount_refunded: int
    shipping_amount: int
    discount_amount: int
    customer: str | None
    lines: list[LineObject]
    metadata: dict[str, str]
    expires_at: AwareDatetime
    created_at: AwareDatetime


CUSTOMER: Final[dict[str, Any]] = {
    "id": "cus_01936b2d9c6e7b3f8f4e2a1d5c7b9e01",
    "object": "customer",
    "reference": "shopper-81",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "country": "GB",
    "locale": "en-GB",
    "erased_at": None,
    "metadata": {},
    "created_at": "2026-11-22T09:30:00Z",
}
ORDER_BODY: Final[dict[str, Any]] = {
    "reference": "A-1001",
    "currency": "EUR",
    "country": "NL",
    "shipping_amount": 499,
    "lines": [{"sku": "MUG-01", "name": "Blue mug", "quantity": 2, "unit_amount": 750}],
}
ORDER: Final[dict[str, Any]] = {
    "id": "ord_01936b2d9c6e7b3f8f4e2a1d5c7b9e02",
    "object": "order",
    "reference": "A-1001",
    "status": "open",
    "currency": "EUR",
    "country": "NL",
    "amount_total": 1999,
    "amount_paid": 0,
    "amount_refunded": 0,
    "shipping_amount": 499,
    "discount_amount": 0,
    "customer": None,
    "metadata": {},
    "lines": [
        {
            "id": "line_01936b2d9c6e7b3f8f4e2a1d5c7b9e03",
            "sku": "MUG-01",
            "name": "Blue mug",
            "quantity": 2,
            "unit_amount": 750,
            "tax_amount": 0,
            "discount_amount": 0,
            "amount_total": 1500,
            "quantity_refunded": 0,
            "seller": None,
        }
    ],
    "expires_at": "2026-12-22T09:30:00Z",
    "created_at": "2026-11-22T09:30:00Z",
}
