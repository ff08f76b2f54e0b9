"""Payment intents: create, retrieve, update, confirm, capture, cancel, list, search."""

from typing import Any

from payments.simulator.stripe import (
    charging,
    confirming,
    currencies,
    customers,
    errors,
    listing,
    objects,
    parameters,
    payment_methods,
    render,
    search,
    types,
)
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import ANY, BOOL, INT, LIST, META, STR

Json = dict[str, Any]

CARD_OPTIONS = (
    "capture_method",
    "cvc_token",
    "installments",
    "mandate_options",
    "moto",
    "network",
    "request_extended_authorization",
    "request_incremental_authorization",
    "request_multicapture",
    "request_overcapture",
    "request_three_d_secure",
    "require_cvc_recollection",
    "setup_future_usage",
    "statement_descriptor_suffix_kana",
    "statement_descriptor_suffix_kanji",
    "three_d_secure",
)
OPTIONS: parameters.Spec = {**dict.fromkeys(types.TYPES, ANY), "card": dict.fromkeys(CARD_OPTIONS, ANY), "link": ANY}
_COMMON: parameters.Spec = {
    "amount_details": ANY,
    "allowed_payment_method_types": LIST,
    "excluded_payment_method_types": LIST,
    "capture_method": STR,
    "expand": LIST,
    "hooks": ANY,
    "payment_details": ANY,
    "payment_method": STR,
    "payment_method_data": payment_methods.DATA,
    "payment_method_options": OPTIONS,
    "receipt_email": STR,
    "setup_future_usage": STR,
    "shipping": customers.SHIPPING,
}
_STAMPED: parameters.Spec = {
    "application_fee_amount": INT,
    "amount": INT,
    "currency": STR,
    "customer": STR,
    "customer_account": STR,
    "description": STR,
    "metadata": META,
    "payment_method_configuration": STR,
    "statement_descriptor": STR,
    "statement_descriptor_suffix": STR,
    "transfer_data": ANY,
    "transfer_group": STR,
}
_CONFIRMING: parameters.Spec = {
    "confirmation_token": STR,
    "error_on_requires_action": BOOL,
    "mandate": STR,
    "mandate_data": ANY,
    "off_session": ANY,
    "radar_options": ANY,
    "return_url": STR,
    "use_stripe_sdk": BOOL,
}
CREATE: parameters.Spec = {
    **_COMMON,
    **_STAMPED,
    **_CONFIRMING,
    "automatic_payment_methods": {"enabled": BOOL, "allow_redirects": STR},
    "confirm": BOOL,
    "confirmation_method": STR,
    "on_behalf_of": STR,
}
UPDATE: parameters.Spec = {**_COMMON, **_STAMPED}
CONFIRM: parameters.Spec = {**_COMMON, **_CONFIRMING, "amount_to_confirm": INT, "client_secret": STR}
CAPTURE: parameters.Spec = {
    "amount_to_capture": INT,
    "application_fee_amount": INT,
    "final_capture": BOOL,
    "metadata": META,
    "statement_descriptor": STR,
    "statement_descriptor_suffix": STR,
    "amount_details": ANY,
    "hooks": ANY,
    "payment_details": ANY,
    "transfer_data": ANY,
    "expand": LIST,
}
CANCEL: parameters.Spec = {"cancellation_reason": STR, "expand": LIST}
RETRIEVE: parameters.Spec = {"client_secret": STR, "expand": LIST}
SEARCH: parameters.Spec = {"query": STR, "limit": INT, "page": STR, "expand": LIST}
QUERY: parameters.Spec = {**parameters.PAGE, "customer": STR, "customer_account": STR}

GIVEN = (
    "description",
    "receipt_email",
    "shipping",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "allowed_payment_method_types",
    "excluded_payment_method_types",
    "payment_method_options",
)
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")


def _find(call: Call) -> objects.PaymentIntent:
    return call.shop.get(objects.PaymentIntent, call.args[0])


def _check(call: Call) -> None:
    params = call.params
    parameters.one_of(params, "capture_method", ("automatic", "automatic_async", "manual"))
    parameters.one_of(params, "confirmation_method", ("automatic", "manual"))
    parameters.one_of(params, "setup_future_usage", ("off_session", "on_session"))
    if params.get("customer") is not None:
        customer = call.shop.get(objects.Customer, params["customer"], "customer")
        if customer.deleted:
            raise errors.MissingError("customer", customer.id, "customer", status=400)
    url = params.get("return_url")
    if url is not None and "://" not in url:
        raise errors.InvalidError("Invalid URL: an explicit scheme is required.", "return_url", "url_invalid")


def create(call: Call) -> Json:
    """POST /v1/payment_intents, with confirm=true at once."""
    params = call.params
    parameters.required(params, "amount", "currency")
    currency = currencies.check_currency(params["currency"])
    currencies.check_amount(params["amount"], currency)
    _check(call)
    if not params.get("confirm"):
        for name in ("off_session", "error_on_requires_action"):
            if name in params:
                raise errors.InvalidError(f"The parameter {name} can only be used with confirm=true.", name)
    shop = call.shop
    intent_id = shop.new_id("pi_3")
    intent = objects.PaymentIntent(
        id=intent_id,
        created=call.now,
        amount=call.wrong(params["amount"]),
        currency=currency,
        client_secret=shop.world.ids.secret(f"{intent_id}_secret_"),
        idempotency_key=call.idempotency_key,
        customer=params.get("customer"),
        metadata=parameters.merged({}, params.get("metadata")),
        capture_method=params.get("capture_method") or "automatic_async",
        confirmation_method=params.get("confirmation_method") or "automatic",
    )
    if params.get("automatic_payment_methods") is not None or "payment_method" not in params:
        intent.given["automatic_payment_methods"] = {
            "enabled": True,
            "allow_redirects": "always",
            **(params.get("automatic_payment_methods") or {}),
        }
    _fill(call, intent)
    if params.get("confirm"):
        _check_return(call, intent)
    shop.save(intent)
    charging.tell_intent(shop, intent, "created")
    if params.get("confirm"):
        _confirm(call, intent)
    return render.payment_intent(intent, shop)


def _fill(call: Call, intent: objects.PaymentIntent) -> None:
    """What create, update and confirm have in common."""
    params = call.params
    intent.given.update({name: params[name] for name in GIVEN if name in params})
    intent.capture_method = params.get("capture_method") or intent.capture_method
    data, reference = params.get("payment_method_data"), params.get("payment_method")
    if data is not None:
        method = payment_methods.build(call.shop, data)
    elif reference is not None:
        method = payment_methods.resolve(call.shop, reference)
    else:
        return
    _suitable(intent, method)
    intent.payment_method = method.id
    if intent.status in {"requires_payment_method", "requires_action"}:
        intent.status, intent.next_action = "requires_confirmation", None


def _suitable(intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """Raises InvalidError when this intent cannot be paid with this method."""
    if method.customer is not None and method.customer != intent.customer:
        raise errors.InvalidError(
            f"The PaymentMethod {method.id} belongs to the Customer {method.customer}. Please include the Customer "
            "in the `customer` parameter on the PaymentIntent.",
            "payment_method",
        )
    if method.spent and method.customer is None:
        raise errors.InvalidError(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, attach it to "
            "a Customer first.",
            "payment_method",
        )
    allowed = intent.given.get("allowed_payment_method_types")
    if allowed and method.type not in allowed:
        raise errors.InvalidError(
            f"The PaymentMethod of type {method.type} is not allowed for this PaymentIntent.",
            "payment_method",
            "payment_intent_incompatible_payment_method",
        )
    kind = types.TYPES.get(method.type)
    if kind is not None and kind.currencies and intent.currency not in kind.currencies:
        raise errors.InvalidError(
            f"The currency {intent.currency} is not supported by the payment method type {method.type}.",
            "payment_method",
            "payment_method_currency_mismatch",
        )
    if kind is not None and intent.capture_method == "manual" and not kind.manual:
        raise errors.InvalidError(
            f"The payment method type {method.type} does not support capture_method=manual.", "capture_method"
        )


def _check_return(call: Call, intent: objects.PaymentIntent) -> None:
    """Raises InvalidError when the customer would be sent away with no way back."""
    method = call.shop.find(objects.PaymentMethod, intent.payment_method)
    kind = types.TYPES.get(method.type) if method else None
    if kind is not None and kind.flow == "redirect" and not (call.params.get("return_url") or intent.return_url):
        raise errors.InvalidError(
            "This payment method redirects the customer: return_url is required.",
            "return_url",
            "parameter_missing",
        )


def _confirm(call: Call, intent: objects.PaymentIntent) -> None:
    if intent.payment_method is None:
        raise unexpected(
            call,
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. Update the PaymentIntent "
            "with a payment method and then confirm it again.",
        )
    confirming.confirm(call, intent)


def unexpected(call: Call, intent: objects.PaymentIntent, message: str) -> errors.RefusedError:
    """400 payment_intent_unexpected_state, with the intent as it is."""
    return errors.RefusedError(
        message,
        code="payment_intent_unexpected_state",
        payment_intent=render.payment_intent(intent, call.shop),
    )


def retrieve(call: Call) -> Json:
    """GET /v1/payment_intents/{id}"""
    return render.payment_intent(_find(call), call.shop)


def update(call: Call) -> Json:
    """POST /v1/payment_intents/{id}"""
    intent, params = _find(call), call.params
    if intent.status not in CONFIRMABLE and set(params) - {
        "description",
        "metadata",
        "receipt_email",
        "shipping",
        "expand",
    }:
        raise unexpected(
            call, intent, f"This PaymentIntent could not be updated because it has a status of {intent.status}."
        )
    currency = currencies.check_currency(params["currency"]) if params.get("currency") else intent.currency
    amount = params.get("amount", intent.amount)
    currencies.check_amount(amount, currency)
    _check(call)
    intent.amount, intent.currency = amount, currency
    intent.customer = params.get("customer") or intent.customer
    intent.metadata = parameters.merged(intent.metadata, params.get("metadata"))
    _fill(call, intent)
    intent.last_payment_error = None
    call.shop.save(intent)
    return render.payment_intent(intent, call.shop)


def confirm(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/confirm"""
    intent = _find(call)
    if intent.status not in CONFIRMABLE:
        reason = (
            "it has already succeeded after being previously confirmed"
            if intent.status == "succeeded"
            else f"it has a status of {intent.status}"
        )
        raise unexpected(call, intent, f"You cannot confirm this PaymentIntent because {reason}.")
    _check(call)
    _fill(call, intent)
    _check_return(call, intent)
    intent.amount = call.wrong(intent.amount)
    _confirm(call, intent)
    return render.payment_intent(intent, call.shop)


def capture(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/capture"""
    intent, params = _find(call), call.params
    if intent.status != "requires_capture":
        raise unexpected(
            call,
            intent,
            f"This PaymentIntent could not be captured because it has a status of {intent.status}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    amount = params.get("amount_to_capture", intent.amount_capturable)
    if amount < 1:
        raise errors.InvalidError(
            "This value must be greater than or equal to 1.", "amount_to_capture", "parameter_invalid_integer"
        )
    if amount > intent.amount_capturable:
        shown = render.shown_amount(intent.amount_capturable, intent.currency)
        raise errors.RefusedError(
            f"The requested capture amount is greater than the amount you can capture for this charge, {shown}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    late = call.fate("late_capture_failure")
    if late is not None:
        intent.fate["late_capture_failure"] = late
    metadata = params.get("metadata")
    charging.capture(
        call.shop,
        intent,
        min(call.wrong(amount), intent.amount_capturable),
        final=params.get("final_capture") is not False,
        metadata=None if metadata is None else parameters.merged(intent.metadata, metadata),
    )
    return render.payment_intent(intent, call.shop)


def cancel(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/cancel"""
    reasons = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
    parameters.one_of(call.params, "cancellation_reason", reasons)
    intent = _find(call)
    if intent.status not in CANCELABLE:
        raise unexpected(
            call,
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent.status}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
        )
    charging.release(call.shop, intent, call.params.get("cancellation_reason"), expired=False)
    return render.payment_intent(intent, call.shop)


def list_all(call: Call) -> Json:
    """GET /v1/payment_intents"""
    customer = call.params.get("customer")
    rows = (r for r in call.shop.newest(objects.PaymentIntent) if customer in {None, r.customer})
    return listing.page(rows, call.params, lambda r: render.payment_intent(r, call.shop), "/v1/payment_intents")


def search_all(call: Call) -> Json:
    """GET /v1/payment_intents/search"""
    return search.page(call, objects.PaymentIntent, lambda r: render.payment_intent(r, call.shop))
