"""The door of payment methods."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from payments.kernel import money
from payments.methods import selectors, services, shapes
from payments.methods.documents import AVAILABLE, SAVED, AvailableObject, SavedObject
from payments.methods.eligibility import Facts
from payments.methods.models import PaymentMethod
from payments.orders import selectors as orders
from payments.orders.services import CustomerUnknown
from payments.rest import fields, pages, problems, wire


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
        """Best first, each with the accounts that take it; and why the others do not fit.

        What the customer has saved stands apart, before all others. Then comes what leads in the country and was not
        tried there often enough to be judged; then what was measured, the larger share of paid tries of the last 14
        days first: in the country, or where it has fewer than 50 tries, in all countries; last what nobody knows yet.
        It is counted every hour. Nothing else moves a method, so that the same question has the same answer.
        """
        facts = Facts(
            amount=query.amount,
            currency=query.currency,
            country=query.country or "",
            channel=query.channel or "",
            manual_capture=query.capture_method == "manual",
        )
        known = query.customer if not call.caller.publishable else None
        return selectors.available(facts, customer=known, locale=query.locale or "", client_id=call.client.pk)


class CustomersMethods(wire.Door):
    """`/v1/customers/{id}/payment_methods`"""

    @wire.operation(
        name="payment_methods.list",
        summary="List a customer's saved payment methods",
        scope="customers:read",
        paged=True,
        query=pages.Query,
        answers=SavedObject,
        render=shapes.saved,
        example={"data": [SAVED], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, customer_id: str, query: pages.Query) -> pages.Page[PaymentMethod]:
        """What they can pay with again, newest first."""
        customer = orders.customer(customer_id, client_id=call.client.pk)
        return pages.page(selectors.saved_of(customer.pk), query)


class SavedMethod(wire.Door):
    """`/v1/payment_methods/{id}`"""

    @wire.operation(
        name="payment_methods.retrieve",
        summary="Retrieve a saved payment method",
        scope="customers:read",
        answers=SavedObject,
        render=shapes.saved,
        example=SAVED,
    )
    def get(self, call: wire.Call, method_id: str) -> PaymentMethod:
        """Also one that was deleted: `deleted_at` says when."""
        return selectors.method(method_id, client_id=call.client.pk)

    @wire.operation(
        name="payment_methods.delete",
        summary="Delete a saved payment method",
        scope="customers:write",
        answers=SavedObject,
        render=shapes.saved,
        example=SAVED | {"deleted_at": "2026-11-23T09:30:00Z"},
    )
    def delete(self, call: wire.Call, method_id: str) -> PaymentMethod:
        """It cannot be paid with any more, at once; the providers forget it as soon as they can be reached."""
        return services.delete(method_id, client_id=call.client.pk)
