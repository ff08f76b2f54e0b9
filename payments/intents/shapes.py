"""How payment intents look to clients, in answers and in events, and how clients pay them."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.methods import catalogue
from payments.rest import fields

PAYABLE = ("requires_payment_method", "requires_action")


def payment_intent(
    row: PaymentIntent, attempt: PaymentAttempt | None, account_code: str | None, options: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The `payment_intent` object of the API; amounts are minor units.

    `account_code` is the provider account of `attempt`; `options` are shown while the intent can be paid.
    """
    return {
        "id": row.pk,
        "object": "payment_intent",
        "status": row.status,
        "currency": row.currency,
        "amount": row.amount_minor,
        "amount_capturable": row.amount_capturable_minor,
        "amount_captured": row.amount_captured_minor,
        "amount_refunded": row.amount_refunded_minor,
        "amount_disputed": row.amount_disputed_minor,
        "capture_method": row.capture_method,
        "setup_future_usage": row.setup_future_usage or None,
        "order": row.order_id,
        "customer": row.customer_id,
        "client_secret": row.client_secret,
        "next_action": row.next_action,
        "last_payment_error": row.last_payment_error,
        "latest_attempt": _attempt(attempt, account_code) if attempt is not None else None,
        "client_options": list(options) if row.status in PAYABLE else [],
        "description": row.description or None,
        "metadata": row.metadata,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
    }


def event(row: PaymentIntent, attempt: PaymentAttempt | None, account_code: str | None) -> dict[str, Any]:
    """The intent as events carry it: without what only its page needs, and without any secret.

    What the provider's own SDK is to be given may be one, and stays out: the API's answers have it.
    """
    whole = payment_intent(row, attempt, account_code, ())
    whole["next_action"] = _without_payload(row.next_action)
    return {name: value for name, value in whole.items() if name not in ("client_secret", "client_options")}


def _without_payload(action: dict[str, Any] | None) -> dict[str, Any] | None:
    if action is None or action["type"] != "provider_sdk":
        return action
    return {name: value for name, value in action.items() if name != "payload"}


def _attempt(row: PaymentAttempt, account_code: str | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "status": row.status,
        "method": row.method,
        "saved_payment_method": row.saved_method_id,
        "provider_account": account_code,
        "provider_reference": row.provider_reference or None,
        "reason_for_route": row.reason_for_route or None,
    }


def _known(code: str) -> str:
    if code not in catalogue.METHODS:
        raise PydanticCustomError("parameter_invalid", "Not a payment method")
    return code


class MethodBody(fields.Input):
    """How the customer pays: with what the PSP's own fields made (a token, or `details`), where it has such fields.

    Card numbers never come here.
    """

    type: Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(catalogue.METHODS)})]
    token: Annotated[str, fields.Line(200)] | None = None
    provider_account: Annotated[str, fields.Line(40)] | None = None
    details: fields.Details = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_how(self) -> "MethodBody":
        wants_fields = catalogue.METHODS[self.type].flow is catalogue.Flow.FIELDS
        if wants_fields and self.token is None and not self.details:
            raise PydanticCustomError(
                "parameter_missing", "Give a token, or the details that the provider's fields made"
            )
        return self


class ConfirmBody(fields.Input):
    """How the customer pays, anew or with what is saved, and where the PSP's page sends them back to."""

    saved_payment_method: Annotated[str, fields.id_of("pm")] | None = None
    payment_method: Annotated[MethodBody | None, Field(validate_default=True)] = None
    browser: fields.Browser | None = None
    return_url: Annotated[str, fields.Line(2000)] | None = None
    client_secret: Annotated[str, fields.Line(64)] | None = None
    off_session: bool = False

    @field_validator("payment_method", mode="after")
    @classmethod
    def _one_of_both(cls, given: MethodBody | None, info: ValidationInfo) -> MethodBody | None:
        saved = info.data.get("saved_payment_method")
        if given is None and saved is None:
            raise PydanticCustomError("parameter_missing", "Give a payment_method, or a saved_payment_method")
        if given is not None and saved is not None:
            raise PydanticCustomError("parameter_invalid", "Give a payment_method or a saved_payment_method, not both")
        return given


class CompleteBody(fields.Input):
    """What the customer's action has given: in an app, or in the provider's own component."""

    details: fields.Details
    client_secret: Annotated[str, fields.Line(64)] | None = None
