"""The doors of payment intents."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from payments.intents import documents, routing, selectors, shapes, timeline
from payments.intents.documents import ORDER_CANCELED, PAYMENT_INTENT, IntentObject, TimelineObject
from payments.intents.models import PaymentIntent
from payments.intents.selectors import Held
from payments.intents.services import announcements, capture, confirm, lifecycle, refusals
from payments.intents.states import IntentStatus
from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.methods import services as methods
from payments.orders import selectors as order_selectors
from payments.orders import services as order_services
from payments.orders import shapes as order_shapes
from payments.orders.documents import ORDER, OrderObject
from payments.rest import addresses, fields, pages, wire
from payments.rest.models import ApiClient


class ClientSecretWrong(Refusal):
    """A publishable key reaches one intent only, together with that intent's `client_secret`."""

    code, status = "client_secret_wrong", 403


class OffSessionRefused(Refusal):
    """Only a secret key can say that the customer is not there: an app with a publishable key is where they are."""

    code, status = "off_session_refused", 403


class IntentBody(wire.Input):
    """A wish to collect an amount: of an order, or standalone with amount and currency."""

    order: Annotated[str, fields.id_of("ord")] | None = None
    amount: fields.Amount | None = None
    currency: fields.Currency | None = None
    customer: Annotated[str, fields.id_of("cus")] | None = None
    capture_method: Literal["automatic", "manual"] = "automatic"
    setup_future_usage: Literal["on_session", "off_session"] | None = None
    description: Annotated[str, fields.Line(500)] | None = None
    metadata: fields.Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_what_to_collect(self) -> "IntentBody":
        if self.order is None and (self.amount is None or self.currency is None):
            text = "Give an order, or an amount and a currency"
            raise PydanticCustomError("parameter_missing", text, {"param": "order"})
        return self


class CaptureBody(wire.Input):
    """How much to take; all of it when absent."""

    amount: fields.Amount | None = None
    final: bool = True


class CancelBody(wire.Input):
    """Why nothing is to be collected any more."""

    reason: Literal["requested_by_customer", "abandoned", "duplicate", "fraudulent", "other"] = "requested_by_customer"


class NoBody(wire.Input):
    """Nothing needs to be said."""


class IntentFilters(pages.Query):
    """Filters of the list of intents."""

    order: Annotated[str, fields.id_of("ord")] | None = None
    customer: Annotated[str, fields.id_of("cus")] | None = None
    status: Annotated[IntentStatus, Field(strict=False)] | None = None


def _held(client: ApiClient, intent_id: str) -> Held:
    intent = selectors.intent(intent_id, client_id=client.pk)
    return Held(intent, intent.order, selectors.latest_attempt(intent))


def rendered(held: Held) -> Mapping[str, Any]:
    """The payment intent of an answer."""
    country = held.order.country if held.order is not None else ""
    return announcements.rendered(held.intent, held.attempt, country=country)


def _by(call: wire.Call) -> str:
    return f"api {call.client.name}"


def _require_secret(call: wire.Call, intent_id: str, given: str | None) -> None:
    """What is public in an app must not open every intent."""
    if call.caller.publishable and given != selectors.intent(intent_id, client_id=call.client.pk).client_secret:
        raise ClientSecretWrong("Send the client_secret of this payment intent.", param="client_secret")


class Intents(wire.Door):
    """`/v1/payment_intents`"""

    @wire.operation(
        name="payment_intents.create",
        summary="Create a payment intent",
        scope="payments:write",
        status=201,
        body=IntentBody,
        answers=IntentObject,
        render=rendered,
        recorded=_held,
        refuses=(
            lifecycle.OrderUnknown,
            lifecycle.AmountExceedsOrder,
            refusals.OrderAlreadyPaid,
            refusals.OrderNotPayable,
            order_services.CustomerUnknown,
            lifecycle.CustomerRequired,
            money.CurrencyMismatch,
            money.UnknownCurrency,
        ),
        example_body={"order": PAYMENT_INTENT["order"]},
        example=PAYMENT_INTENT,
    )
    def post(self, call: wire.Call, body: IntentBody) -> Held:
        """The order's open amount is collected when `amount` is absent."""
        facts = {name: value for name, value in body if value is not None}
        return lifecycle.create(lifecycle.IntentDraft(**facts), client_id=call.client.pk)

    @wire.operation(
        name="payment_intents.list",
        summary="List payment intents",
        scope="payments:read",
        paged=True,
        query=IntentFilters,
        answers=IntentObject,
        render=rendered,
        example={"data": [PAYMENT_INTENT], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: IntentFilters) -> pages.Page[Any]:
        """Newest first."""
        wanted = query.model_dump(include={"order", "customer", "status"}, exclude_none=True)
        page = pages.page(
            PaymentIntent.objects.filter(client_id=call.client.pk, **wanted).select_related("order"), query
        )
        attempts = selectors.latest_attempts(page.rows)
        rows: list[Any] = [Held(row, row.order, attempts.get(row.pk)) for row in page.rows]
        return pages.Page(rows, page.has_more, page.next_cursor)


class IntentQuery(wire.Input):
    """A publishable key proves with the intent's secret that it may see it."""

    client_secret: Annotated[str, fields.Line(64)] | None = None


class IntentDoor(wire.Door):
    """`/v1/payment_intents/{id}`"""

    @wire.operation(
        name="payment_intents.retrieve",
        summary="Retrieve a payment intent",
        scope="payments:read",
        answers=IntentObject,
        render=rendered,
        query=IntentQuery,
        publishable=True,
        refuses=(ClientSecretWrong,),
        example=PAYMENT_INTENT,
    )
    def get(self, call: wire.Call, intent_id: str, query: IntentQuery) -> Held:
        """How it stands now."""
        _require_secret(call, intent_id, query.client_secret)
        return _held(call.client, intent_id)


class IntentConfirm(wire.Door):
    """`/v1/payment_intents/{id}/confirm`"""

    @wire.operation(
        name="payment_intents.confirm",
        summary="Confirm a payment intent",
        scope="payments:write",
        moves_money=True,
        publishable=True,
        body=shapes.ConfirmBody,
        answers=IntentObject,
        render=rendered,
        recorded=_held,
        refuses=(
            refusals.IntentUnexpectedState,
            refusals.OrderPaymentInProgress,
            refusals.OrderAlreadyPaid,
            refusals.OrderNotPayable,
            refusals.ProviderUnavailable,
            addresses.ReturnUrlRefused,
            routing.PaymentMethodNotAvailable,
            routing.TokenOfAnotherProvider,
            methods.SavedMethodUnknown,
            methods.SavedMethodDeleted,
            refusals.PaymentMethodDetailsRequired,
            refusals.TooManyAttempts,
            ClientSecretWrong,
            OffSessionRefused,
        ),
        example_body={"payment_method": {"type": "card", "token": "pm_card_visa", "provider_account": "stripe-us"}},
        example=PAYMENT_INTENT | {"status": "succeeded", "amount_captured": 1999, "client_options": []},
    )
    def post(self, call: wire.Call, intent_id: str, body: shapes.ConfirmBody) -> Held:
        """Try to take the money. A decline is an answer like a success: look at `status`."""
        _require_secret(call, intent_id, body.client_secret)
        if body.off_session and call.caller.publishable:
            raise OffSessionRefused("The customer is at the app.", param="off_session")
        if body.return_url is not None:
            addresses.require_allowed(body.return_url, call.client.return_urls, param="return_url")
        return confirm.confirm(
            intent_id,
            _method(body),
            client_id=call.client.pk,
            by=_by(call),
            return_url=body.return_url or "",
            off_session=body.off_session,
        )


def _method(body: shapes.ConfirmBody) -> confirm.Method:
    browser = body.browser.model_dump(exclude_none=True) if body.browser else {}
    if body.saved_payment_method is not None:
        return confirm.Method(saved=body.saved_payment_method, browser=browser)
    given = body.payment_method.model_dump(exclude_none=True) if body.payment_method else {}
    return confirm.Method(**given, browser=browser)


class IntentComplete(wire.Door):
    """`/v1/payment_intents/{id}/complete_action`"""

    @wire.operation(
        name="payment_intents.complete_action",
        summary="Complete the customer's action",
        scope="payments:write",
        moves_money=True,
        publishable=True,
        body=shapes.CompleteBody,
        answers=IntentObject,
        render=rendered,
        recorded=_held,
        refuses=(refusals.IntentUnexpectedState, ClientSecretWrong),
        example_body={"details": {"threeDSResult": "eyJ0cmFuc1N0YXR1cyI6IlkifQ=="}},
        example=PAYMENT_INTENT | {"status": "succeeded", "amount_captured": 1999, "client_options": []},
    )
    def post(self, call: wire.Call, intent_id: str, body: shapes.CompleteBody) -> Held:
        """Customers who come back to our own address are served there; this is for apps and native 3-D Secure."""
        _require_secret(call, intent_id, body.client_secret)
        return lifecycle.complete(intent_id, details=body.details, client_id=call.client.pk, by=_by(call))


class IntentCapture(wire.Door):
    """`/v1/payment_intents/{id}/capture`"""

    @wire.operation(
        name="payment_intents.capture",
        summary="Capture an authorised payment intent",
        scope="payments:write",
        moves_money=True,
        body=CaptureBody,
        answers=IntentObject,
        render=rendered,
        recorded=_held,
        refuses=(
            refusals.IntentUnexpectedState,
            capture.CaptureInProgress,
            capture.CaptureTooLarge,
            capture.MultipleCapturesNotSupported,
            capture.PartialCaptureNotSupported,
            refusals.OrderAlreadyPaid,
            capture.CaptureDeclined,
            refusals.ProviderUnavailable,
        ),
        example_body={"amount": 1500},
        example=PAYMENT_INTENT | {"status": "succeeded", "amount_captured": 1500},
    )
    def post(self, call: wire.Call, intent_id: str, body: CaptureBody) -> Held:
        """In full, or in part; a final capture releases the rest."""
        return capture.capture(intent_id, amount=body.amount, final=body.final, client_id=call.client.pk, by=_by(call))


class IntentCancel(wire.Door):
    """`/v1/payment_intents/{id}/cancel`"""

    @wire.operation(
        name="payment_intents.cancel",
        summary="Cancel a payment intent",
        scope="payments:write",
        moves_money=True,
        body=CancelBody,
        answers=IntentObject,
        render=rendered,
        recorded=_held,
        refuses=(refusals.IntentUnexpectedState,),
        example_body={"reason": "requested_by_customer"},
        example=PAYMENT_INTENT | {"status": "canceled"},
    )
    def post(self, call: wire.Call, intent_id: str, body: CancelBody) -> Held:
        """Reserved money is released. When that is not done yet, the wish is recorded, and an event tells its end.

        While a capture is in progress it is refused, unless the provider reverses payments: then what was captured goes
        back as a refund.
        """
        return lifecycle.cancel(intent_id, reason=body.reason, client_id=call.client.pk, by=_by(call))


class IntentTimeline(wire.Door):
    """`/v1/payment_intents/{id}/timeline`"""

    @wire.operation(
        name="payment_intents.timeline",
        summary="What happened to a payment intent",
        scope="payments:read",
        answers=TimelineObject,
        example=documents.TIMELINE,
    )
    def get(self, call: wire.Call, intent_id: str) -> Mapping[str, Any]:
        """Attempts, calls, notifications, state changes and ledger transfers, oldest first."""
        return {"object": "timeline", "data": timeline.entries(selectors.intent(intent_id, client_id=call.client.pk))}


def _order(opened: order_selectors.OrderWithLines) -> Mapping[str, Any]:
    return order_shapes.order(opened.order, opened.lines)


class OrderPatch(wire.Input):
    """What can be changed of an open order."""

    metadata: fields.Metadata


class OrderDoor(wire.Door):
    """`/v1/orders/{id}`"""

    @wire.operation(
        name="orders.retrieve",
        summary="Retrieve an order",
        scope="orders:read",
        answers=OrderObject,
        render=_order,
        example=ORDER,
    )
    def get(self, call: wire.Call, order_id: str) -> order_selectors.OrderWithLines:
        """One order with its lines."""
        return order_selectors.with_lines(order_id, client_id=call.client.pk)

    @wire.operation(
        name="orders.update",
        summary="Change an order",
        scope="orders:write",
        body=OrderPatch,
        answers=OrderObject,
        render=_order,
        refuses=(order_services.OrderNotOpen, refusals.OrderPaymentInProgress),
        example_body={"metadata": {"gift": "yes"}},
        example=ORDER,
    )
    def patch(self, call: wire.Call, order_id: str, body: OrderPatch) -> order_selectors.OrderWithLines:
        """Only while nothing of it lives or is paid."""
        return lifecycle.change_order(order_id, client_id=call.client.pk, metadata=body.metadata)


class OrderCancel(wire.Door):
    """`/v1/orders/{id}/cancel`"""

    @wire.operation(
        name="orders.cancel",
        summary="Cancel an order",
        scope="orders:write",
        body=NoBody,
        example_body={},
        answers=OrderObject,
        render=_order,
        recorded=lambda client, order_id: order_selectors.with_lines(order_id, client_id=client.pk),
        refuses=(order_services.OrderNotOpen, refusals.OrderPaymentInProgress),
        example=ORDER_CANCELED,
    )
    def post(self, call: wire.Call, order_id: str, body: NoBody) -> order_selectors.OrderWithLines:  # noqa: ARG002
        """Only while nothing of it lives or is paid."""
        return lifecycle.cancel_order(order_id, client_id=call.client.pk, by=_by(call))
