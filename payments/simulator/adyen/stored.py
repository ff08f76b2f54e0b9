"""Stored payment methods of a shopper: listed, removed."""

from typing import Any

from payments.simulator.adyen import errors, notifications, objects, payments, tokens
from payments.simulator.adyen.calls import Call

Json = dict[str, Any]


def _shopper(call: Call) -> str:
    shopper = call.query.get("shopperReference")
    if not shopper:
        raise errors.InvalidError("14_007", "Required field 'shopperReference' is not provided.")
    return shopper


def list_all(call: Call) -> Json:
    """GET /storedPaymentMethods"""
    shopper = _shopper(call)
    return {
        "merchantAccount": call.shop.merchant,
        "shopperReference": shopper,
        "storedPaymentMethods": [
            {**payments.resource(token), "createdAt": notifications.moment(token.created)}
            for token in call.shop.tokens(shopper)
        ],
    }


def delete(call: Call) -> None:
    """DELETE /storedPaymentMethods/{id}"""
    token = call.shop.find(objects.Token, call.args[0])
    if token is None or token.shopper != _shopper(call):
        raise errors.missing("PaymentDetail not found")
    tokens.disable(call.shop, token)
