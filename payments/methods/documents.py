"""What payment methods look like on paper: the answer models and examples of the API's document."""

from typing import Any, Final, Literal

from payments.methods.catalogue import Confirmed, Family, Flow
from payments.rest import wire


class ProviderObject(wire.Output):
    """A provider account that takes the method, and what a client needs to make a token with it."""

    provider_account: str
    psp: str
    public: dict[str, str]


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


class AvailableObject(wire.Output):
    """What can be paid with, best first."""

    object: Literal["available_payment_methods"]
    data: list[MethodObject]
    unavailable: list[UnfitObject]


AVAILABLE: Final[dict[str, Any]] = {
    "object": "available_payment_methods",
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
                }
            ],
        }
    ],
    "unavailable": [{"type": "oxxo", "reason": "customers in NL do not have it"}],
}
