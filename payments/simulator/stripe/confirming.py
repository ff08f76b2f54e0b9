"""Confirm a payment intent: which card wants 3-D Secure, which declines, which pays."""

from typing import Any

from payments.simulator.stripe import cards, charging, errors, local, objects, render
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

CHALLENGE_LIFE = 3_600


def confirm(call: Call, intent: objects.PaymentIntent) -> None:
    """Try to pay with the intent's method. Raises the 402 of a decline after recording it."""
    shop, params = call.shop, call.params
    method = shop.known(objects.PaymentMethod, str(intent.payment_method))
    intent.attempt += 1
    # With confirmation_method=manual the server confirms again after the customer has answered.
    done = intent.authenticated and intent.confirmation_method == "manual"
    intent.authenticated = done
    intent.last_payment_error = None
    intent.off_session = params.get("off_session") not in {None, "", "false"}
    intent.return_url = params.get("return_url") or intent.return_url
    late = call.fate("late_capture_failure")
    if late is not None:
        intent.fate["late_capture_failure"] = late
    if call.outage:
        _refuse(shop, intent, method, cards.OUTAGE)
    if method.type != "card":
        local.confirm(call, intent, method)
        return
    step = "nothing" if done else _authentication(method, intent, params)
    if step == "refuse":
        _refuse(shop, intent, method, cards.AUTHENTICATION)
    if step == "error":
        _refuse(shop, intent, method, cards.GENERIC)
    if step == "challenge":
        _challenge(call, intent)
        return
    settle(shop, intent, method)
    if intent.last_payment_error is not None:
        raise declined(shop, intent)


def settle(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """Everything asked of the customer is done: the issuer decides."""
    card = cards.get(method.card)
    if card.decline is not None:
        charging.decline(shop, intent, method, card.decline)
    else:
        charging.authorize(shop, intent, method)


def _refuse(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod, reason: cards.Decline) -> None:
    charging.decline(shop, intent, method, reason)
    raise declined(shop, intent)


def declined(shop: Shop, intent: objects.PaymentIntent) -> errors.StripeError:
    """The 402 of an attempt that failed."""
    error = dict(intent.last_payment_error or {})
    kind, message = error.pop("type"), error.pop("message")
    return errors.StripeError(402, kind, message, **error, payment_intent=render.payment_intent(intent, shop))


def _authentication(method: objects.PaymentMethod, intent: objects.PaymentIntent, params: Json) -> str:
    """What 3-D Secure asks for: nothing, a challenge, or a refusal because nobody is there to answer it."""
    rule = cards.get(method.card).three_ds
    if rule == "lookup_error":
        return "error"
    options = params.get("payment_method_options") or intent.given.get("payment_method_options") or {}
    requested = (options.get("card") or {}).get("request_three_d_secure") in ("any", "challenge")
    wanted = {
        "never": False,
        "always": True,
        "required": True,
        "unless_setup": not method.set_up,
        "on_session": not intent.off_session,
        "optional": requested,
    }[rule]
    if not wanted:
        return "nothing"
    return "refuse" if intent.off_session or params.get("error_on_requires_action") else "challenge"


def _challenge(call: Call, intent: objects.PaymentIntent) -> None:
    shop = call.shop
    url = f"{call.base_url}/_sim/3ds/{intent.id}"
    if intent.return_url and not call.params.get("use_stripe_sdk"):
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": intent.return_url, "url": url}}
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": url, "source": f"src_{intent.id[3:]}"}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    intent.next_action = action
    intent.status = "requires_action"
    shop.save(intent)
    shop.later(CHALLENGE_LIFE, f"expire_challenge.{intent.attempt}", intent.id)
    charging.tell_intent(shop, intent, "requires_action")


def finish_challenge(shop: Shop, intent: objects.PaymentIntent, *, passed: bool) -> None:
    """The customer has answered the challenge, or has failed to."""
    method = shop.known(objects.PaymentMethod, str(intent.payment_method))
    if method.type != "card":
        _finish_local(shop, intent, method, passed=passed)
    elif not passed:
        fail_authentication(shop, intent, method)
    elif intent.confirmation_method == "manual":
        intent.status, intent.next_action, intent.authenticated = "requires_confirmation", None, True
        shop.save(intent)
    else:
        intent.authenticated = True
        settle(shop, intent, method)


def _finish_local(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod, *, passed: bool) -> None:
    if passed:
        charging.authorize(shop, intent, method)
    else:
        local.refuse(shop, intent, method, expired=False)


def fail_authentication(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """3-D Secure did not succeed; no charge was tried."""
    charging.fail(
        shop,
        intent,
        method,
        {
            "type": "invalid_request_error",
            "code": "payment_intent_authentication_failure",
            "message": "We are unable to authenticate your payment method. Please choose a different payment method "
            "and try again.",
        },
    )


def expire_challenge(shop: Shop, intent: objects.PaymentIntent, attempt: str) -> None:
    """Nobody answered the challenge of this attempt."""
    if intent.status != "requires_action" or str(intent.attempt) != attempt:
        return
    method = shop.known(objects.PaymentMethod, str(intent.payment_method))
    if method.type == "card":
        fail_authentication(shop, intent, method)
    else:
        local.refuse(shop, intent, method, expired=True)
