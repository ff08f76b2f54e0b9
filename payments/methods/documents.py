"""What payment methods look like on paper: the answer models and examples of the API's document."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime

from payments.methods.catalogue import Confirmed, Family, Flow
from payments.orders.documents import CUSTOMER
from payments.rest import wire


class ProviderObject(wire.Output):
    """A provider account that takes the method, and what a client needs to make a token with it.

    Without a token, `required` names what has to stand in `payment_method.details`.
    """

    provider_account: str
    psp: str
    public: dict[str, str]
    required: list[str]


class MethodObject(wire.Output):
    """A payment method that fits."""

    type: str
    family: Family
    flow: Flow
    name: str
    logo: str
    confirmed: Confirmed
    refundable: bool
    providers: list[ProviderObject]


class UnfitObject(wire.Output):
    """A payment method that does not fit, and why, in words for people."""

    type: str
    reason: str


class SavedObject(wire.Output):
    """A payment method that a customer can pay with again."""

    id: str
    object: Literal["payment_method"]
    type: str
    customer: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    wallet: str | None
    deleted_at: AwareDatetime | None
    created_at: AwareDatetime


class AvailableObject(wire.Output):
    """What can be paid with, best first; before it what the customer has saved and may pay with here."""

    object: Literal["available_payment_methods"]
    saved: list[SavedObject]
    data: list[MethodObject]
    unavailable: list[UnfitObject]


SAVED: Final[dict[str, Any]] = {
    "id": "pm_01936b2d9c6e7b3f8f4e2a1d5c7b9e11",
    "object": "payment_method",
    "type": "card",
    "customer": CUSTOMER["id"],
    "brand": "visa",
    "last4": "4242",
    "exp_month": 12,
    "exp_year": 2034,
    "wallet": None,
    "deleted_at": None,
    "created_at": "2026-11-22T09:30:00Z",
}
AVAILABLE: Final[dict[str, Any]] = {
    "object": "available_payment_methods",
    "saved": [],
    "data": [
        {
            "type": "ideal",
            "family": "bank_redirect",
            "flow": "redirect",
            "name": "iDEAL | Wero",
            "logo": "https://pay.example/static/methods/bank_redirect.svg",
            "confirmed": "instant",
            "refundable": True,
            "providers": [
                {
                    "provider_account": "stripe-eu",
                    "psp": "stripe",
                    "public": {"publishable_key": "pk_test_public"},
                    "required": [],
                }
            ],
        }
    ],
    "unavailable": [{"type": "oxxo", "reason": "customers in NL do not have it"}],
}
