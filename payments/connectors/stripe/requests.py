"""What Stripe is asked for: the bodies of its requests."""

from typing import Any, Final

from payments.connectors.base import Authorize, Cancel, Refund
from payments.connectors.stripe import mapping

CANCEL_REASONS: Final = frozenset(["abandoned", "duplicate", "fraudulent", "requested_by_customer"])
REFUND_REASONS: Final = frozenset(["duplicate", "fraudulent", "requested_by_customer"])


def creation(request: Authorize, payer: str) -> dict[str, Any]:
    """The unconfirmed intent, by which nobody is charged; `payer` is Stripe's customer, who keeps what is saved."""
    method = request.saved_token or request.token
    params: dict[str, Any] = {
        "amount": mapping.to_stripe(request.amount),
        "currency": request.amount.currency.code.lower(),
        "capture_method": "automatic" if request.capture else "manual",
        "allowed_payment_method_types": [request.type],
        "metadata": {**request.metadata, "attempt": request.reference},
    }
    if method:
        params["payment_method"] = method
    if payer:
        params["customer"] = payer
    if request.save and not request.saved_token:
        params["setup_future_usage"] = "off_session" if request.unattended else "on_session"
    if request.description:
        params["description"] = request.description
    return params


def confirmation(request: Authorize) -> dict[str, Any]:
    """What the confirmation says. What the customer gave stands here alone: so creation can be repeated without it."""
    params = request.placed()
    if request.saved_token or request.token:
        params.pop("payment_method_data", None)
    else:
        data = params.setdefault("payment_method_data", {})
        known, told = _billing(request), data.get("billing_details", {})
        address = {**known.pop("address", {}), **told.pop("address", {})}
        data |= {"type": request.type, "billing_details": known | told | ({"address": address} if address else {})}
    if request.expires_after_days:
        options = params.setdefault("payment_method_options", {}).setdefault(request.type, {})
        options["expires_after_days"] = request.expires_after_days
    if request.return_url:
        params["return_url"] = request.return_url
    if request.off_session:
        params["off_session"] = True
    if request.browser.get("native_three_ds") is True:
        params["use_stripe_sdk"] = True
    return params


def _billing(request: Authorize) -> dict[str, Any]:
    shopper = request.shopper
    address = {"country": shopper.country} if shopper.country else None
    said = {"email": shopper.email, "name": shopper.name, "address": address}
    return {name: value for name, value in said.items() if value}


def cancel(request: Cancel) -> dict[str, Any]:
    """A cancel, with our reason where Stripe knows it."""
    return {"cancellation_reason": request.reason} if request.reason in CANCEL_REASONS else {}


def refund(request: Refund) -> dict[str, Any]:
    """A refund, which carries our id."""
    params: dict[str, Any] = {
        "payment_intent": request.provider_reference,
        "amount": mapping.to_stripe(request.amount),
        "metadata": {"refund": request.reference},
    }
    if request.reason in REFUND_REASONS:
        params["reason"] = request.reason
    return params
