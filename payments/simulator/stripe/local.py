"""Confirmation with methods other than cards: what the customer is shown, and how it ends."""

from typing import Any

from payments.simulator.stripe import charging, events, objects, render, types
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]


def confirm(call: Call, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """Show the customer what to do, or (bank debits) begin to collect."""
    kind = types.TYPES[method.type]
    if kind.flow == "debit":
        collect(call.shop, intent, method)
        return
    expires = call.now + kind.seconds
    url = f"{call.base_url}/_sim/3ds/{intent.id}"
    intent.next_action = _action(method.type, kind.flow, url, intent, expires)
    intent.status = "requires_action"
    call.shop.save(intent)
    call.shop.later(kind.seconds, f"expire_challenge.{intent.attempt}", intent.id)
    charging.tell_intent(call.shop, intent, "requires_action")


def _action(kind: str, flow: str, url: str, intent: objects.PaymentIntent, expires: int) -> Json:
    if flow == "redirect":
        name = "alipay_handle_redirect" if kind == "alipay" else "redirect_to_url"
        shown: Json = {"return_url": intent.return_url, "url": url}
        if kind == "alipay":
            shown |= {"native_data": None, "native_url": None}
        return {"type": name, name: shown}
    name, shown = _SHOWN[kind](url, intent.id[-11:], expires)
    return {"type": name, name: shown}


_SHOWN: dict[str, Any] = {
    "boleto": lambda url, number, expires: (
        "boleto_display_details",
        {"number": number, "pdf": f"{url}?pdf", "hosted_voucher_url": url, "expires_at": expires},
    ),
    "oxxo": lambda url, number, expires: (
        "oxxo_display_details",
        {"number": number, "hosted_voucher_url": url, "expires_after": expires},
    ),
    "multibanco": lambda url, number, expires: (
        "multibanco_display_details",
        {"entity": "11249", "reference": number, "hosted_voucher_url": url, "expires_at": expires},
    ),
    "konbini": lambda url, number, expires: (
        "konbini_display_details",
        {"hosted_voucher_url": url, "expires_at": expires, "stores": _stores(number)},
    ),
    "pix": lambda url, number, expires: (
        "pix_display_qr_code",
        {
            "data": f"00020126{number}",
            "expires_at": expires,
            "hosted_instructions_url": url,
            "image_url_png": f"{url}?png",
            "image_url_svg": f"{url}?svg",
        },
    ),
    "promptpay": lambda url, number, _: ("promptpay_display_qr_code", _qr(url, number)),
    "paynow": lambda url, number, _: ("paynow_display_qr_code", {**_qr(url, number), "hosted_instructions_url": url}),
    "wechat_pay": lambda url, number, _: (
        "wechat_pay_display_qr_code",
        {
            "data": number,
            "hosted_instructions_url": url,
            "image_data_url": "data:image/png;base64,",
            "image_url_png": f"{url}?png",
            "image_url_svg": f"{url}?svg",
        },
    ),
    "upi": lambda url, _number, expires: (
        "upi_handle_redirect_or_display_qr_code",
        {
            "hosted_instructions_url": url,
            "qr_code": {"expires_at": expires, "image_url_png": f"{url}?png", "image_url_svg": f"{url}?svg"},
        },
    ),
    "swish": lambda url, number, _: (
        "swish_handle_redirect_or_display_qr_code",
        {
            "hosted_instructions_url": url,
            "mobile_auth_url": url,
            "qr_code": {"data": number, "image_url_png": f"{url}?png", "image_url_svg": f"{url}?svg"},
        },
    ),
    "blik": lambda _url, _number, _expires: ("blik_authorize", {}),
    "mb_way": lambda url, _number, _expires: ("redirect_to_url", {"return_url": None, "url": url}),
}


def _stores(number: str) -> Json:
    code = {"confirmation_number": number, "payment_code": number[:6]}
    return {"familymart": code, "lawson": code, "ministop": code, "seicomart": code}


def _qr(url: str, number: str) -> Json:
    return {
        "data": number,
        "hosted_instructions_url": url,
        "image_url_png": f"{url}?png",
        "image_url_svg": f"{url}?svg",
    }


def collect(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """Hand a debit to the bank: days later it has worked, or it has not."""
    charge = charging.new_charge(shop, intent, method)
    charge.status = "pending"
    intent.latest_charge = charge.id
    intent.status, intent.next_action = "processing", None
    # Who is to be charged again is known from now on: the customer has nothing more to do.
    charging.remember(shop, intent, method)
    shop.save(method)
    shop.save(charge)
    shop.save(intent)
    charging.tell_charge(shop, charge, "pending")
    events.emit(shop, "payment_intent.processing", render.payment_intent(intent, shop), None, method.type)
    if method.behaviour != "processing":
        shop.later(types.TYPES[method.type].seconds, f"debit.{method.behaviour}", charge.id)


def arrive(shop: Shop, charge: objects.Charge, behaviour: str) -> None:
    """The bank has answered."""
    intent = shop.known(objects.PaymentIntent, charge.payment_intent)
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    if intent.status != "processing":
        return
    if behaviour == "fail":
        charge.status = "failed"
        charge.failure_code, charge.failure_message = "insufficient_funds", "The customer's account has no funds."
        shop.save(charge)
        error = {"type": "card_error", "code": "payment_intent_payment_attempt_failed", "charge": charge.id}
        charging.fail(shop, intent, method, {**error, "message": "The payment failed."}, charge)
        return
    charge.status = "succeeded"
    charge.outcome = charging.outcome("authorized", "approved_by_network", "normal", "Payment complete.")
    charging.take(shop, intent, charge, intent.amount, automatic=True)
    if behaviour == "dispute":
        shop.later(charging.DISPUTE_AFTER, "dispute.insufficient_funds", charge.id)


def refuse(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod, *, expired: bool) -> None:
    """The customer said no, or let the time pass."""
    code = "payment_intent_payment_attempt_expired" if expired else "payment_method_customer_decline"
    message = "The payment attempt has expired." if expired else "The customer declined the payment."
    charging.fail(shop, intent, method, {"type": "invalid_request_error", "code": code, "message": message})
