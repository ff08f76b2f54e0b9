"""The door of payment methods."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from payments.kernel import money
from payments.methods import selectors
from payments.methods.documents import AVAILABLE, AvailableObject
from payments.methods.eligibility import Facts
from payments.orders.services import CustomerUnknown
from payments.rest import fields, problems, wire


class AvailableQuery(wire.Input):
    """What is to be paid, from where, and in what; what is not said rules nothing out.

    With a secret key the customer's country and language stand in for those that are not said.
    """

    amount: fields.AmountInQuery
    currency: fields.Currency
    country: fields.Country | None = None
    channel: Literal["web", "ios", "android"] | None = None
    customer: Annotated[str, fields.id_of("cus")] | None = None
    locale: Annotated[str, fields.Line(20)] | None = None
    capture_method: Literal["automatic", "manual"] = "automatic"


class Available(wire.Door):
    """`/v1/payment_methods/available`"""

    @wire.operation(
        name="payment_methods.available",
        summary="List the payment methods that fit",
        scope="payments:read",
        publishable=True,
        query=AvailableQuery,
        answers=AvailableObject,
        refuses=(problems.ParameterMissing, money.UnknownCurrency, CustomerUnknown),
        example=AVAILABLE,
    )
    def get(self, call: wire.Call, query: AvailableQuery) -> Mapping[str, Any]:
        """Best first, each with the accounts that take it; and why the others do not fit."""
        facts = Facts(
            amount=query.amount,
            currency=query.currency,
            country=query.country or "",
            channel=query.channel or "",
            manual_capture=query.capture_method == "manual",
        )
        known = query.customer if not call.caller.publishable else None
        return selectors.available(facts, customer=known, locale=query.locale or "", client_id=call.client.pk)
