"""Payment methods: from test cards, test tokens and the data of the other types."""

from typing import Any

from payments.simulator.stripe import cards, errors, listing, objects, parameters, render, types
from payments.simulator.stripe import events as stripe_events
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

BILLING: parameters.Spec = {
    "address": dict.fromkeys(render.NO_ADDRESS, parameters.STR),
    "email": parameters.STR,
    "name": parameters.STR,
    "phone": parameters.STR,
    "tax_id": parameters.STR,
}
CARD: parameters.Spec = {
    "number": parameters.STR,
    "token": parameters.STR,
    "cvc": parameters.STR,
    "exp_month": parameters.INT,
    "exp_year": parameters.INT,
    "networks": parameters.ANY,
}
DATA: parameters.Spec = {
    "type": parameters.STR,
    "card": CARD,
    "billing_details": BILLING,
    "allow_redisplay": parameters.STR,
    "metadata": parameters.META,
    "radar_options": parameters.ANY,
    **dict.fromkeys(types.TYPES, parameters.ANY),
}
CREATE: parameters.Spec = {
    **DATA,
    "customer": parameters.STR,
    "payment_method": parameters.STR,
    "expand": parameters.LIST,
}
UPDATE: parameters.Spec = {
    "billing_details": BILLING,
    "card": {"exp_month": parameters.INT, "exp_year": parameters.INT, "networks": parameters.ANY},
    "allow_redisplay": parameters.STR,
    "metadata": parameters.META,
    "expand": parameters.LIST,
}
ATTACH: parameters.Spec = {"customer": parameters.STR, "customer_account": parameters.STR, "expand": parameters.LIST}
LIST: parameters.Spec = {
    **parameters.PAGE,
    "customer": parameters.STR,
    "customer_account": parameters.STR,
    "type": parameters.STR,
    "allow_redisplay": parameters.STR,
}


def build(shop: Shop, data: Json) -> objects.PaymentMethod:
    """A payment method from `payment_method_data`. Raises StripeError for bad cards and unknown types."""
    parameters.required(data, "type")
    kind = data["type"]
    record = objects.PaymentMethod(
        id=shop.new_id("pm_1"),
        created=shop.now(),
        type=kind,
        billing=data.get("billing_details") or {},
        metadata=parameters.merged({}, data.get("metadata")),
        allow_redisplay=data.get("allow_redisplay") or "unspecified",
    )
    if kind == "card":
        _fill_card(record, data.get("card") or {}, shop.now())
    elif kind in types.TYPES:
        record.details, record.behaviour = types.details(kind, data.get(kind))
    else:
        raise errors.InvalidError(f"Invalid type: {kind} is not a payment method type", "type")
    shop.save(record)
    return record


def _fill_card(record: objects.PaymentMethod, card: Json, now: int) -> None:
    token = card.get("token")
    if token is not None:
        name = cards.by_token(token)
        if name is None:
            raise errors.MissingError("token", token, "card[token]", status=400)
        record.card = name
        return
    for field in ("number", "exp_month", "exp_year"):
        if card.get(field) is None:
            raise errors.InvalidError(f"Missing required param: card[{field}].", f"card[{field}]", "parameter_missing")
    record.exp_month, record.exp_year = _expiry(card, now)
    cvc = card.get("cvc")
    if cvc is not None and not (cvc.isdigit() and len(cvc) in {3, 4}):
        raise _card_error("Your card's security code is invalid.", "invalid_cvc", "cvc")
    record.card = cards.by_number(card["number"])


def _expiry(card: Json, now: int) -> tuple[int, int]:
    month, year = card["exp_month"], card["exp_year"]
    year += 2000 if year < 100 else 0
    this_year = 1970 + int(now / 31_556_952)
    if not 1 <= month <= 12:
        raise _card_error("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    if not this_year <= year <= this_year + 50:
        raise _card_error("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    return month, year


def _card_error(message: str, code: str, param: str) -> errors.StripeError:
    return errors.StripeError(402, "card_error", message, code=code, param=param)


def resolve(shop: Shop, reference: str) -> objects.PaymentMethod:
    """The payment method of an id; a test token makes a new one."""
    if reference.startswith("pm_card_"):
        name = cards.by_token(reference)
        if name is None:
            raise errors.MissingError("PaymentMethod", reference, "payment_method", status=400)
        record = objects.PaymentMethod(id=shop.new_id("pm_1"), created=shop.now(), card=name)
        shop.save(record)
        return record
    if (made := types.by_token(reference)) is not None:
        record = objects.PaymentMethod(
            id=shop.new_id("pm_1"), created=shop.now(), type=made[0], details=made[1], behaviour=made[2]
        )
        shop.save(record)
        return record
    return shop.get(objects.PaymentMethod, reference, "payment_method")


def create(call: Call) -> Json:
    """POST /v1/payment_methods"""
    return render.payment_method(build(call.shop, call.params))


def retrieve(call: Call) -> Json:
    """GET /v1/payment_methods/{id}: a test token shows what it would become."""
    return render.payment_method(
        resolve(call.shop, call.args[0])
        if call.args[0].startswith("pm_card_")
        else call.shop.get(objects.PaymentMethod, call.args[0])
    )


def update(call: Call) -> Json:
    """POST /v1/payment_methods/{id}"""
    record = call.shop.get(objects.PaymentMethod, call.args[0])
    params = call.params
    record.metadata = parameters.merged(record.metadata, params.get("metadata"))
    record.billing = {**record.billing, **(params.get("billing_details") or {})}
    record.allow_redisplay = params.get("allow_redisplay") or record.allow_redisplay
    card = params.get("card") or {}
    record.exp_month = card.get("exp_month", record.exp_month)
    record.exp_year = card.get("exp_year", record.exp_year)
    call.shop.save(record)
    shown = render.payment_method(record)
    stripe_events.emit(call.shop, "payment_method.updated", shown, {}, record.type)
    return shown


def attach(call: Call) -> Json:
    """POST /v1/payment_methods/{id}/attach. The cards that always decline cannot be attached."""
    parameters.required(call.params, "customer")
    shop = call.shop
    customer = shop.get(objects.Customer, call.params["customer"], "customer")
    record = resolve(shop, call.args[0])
    if record.customer not in {None, customer.id}:
        raise errors.RefusedError(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    card = cards.get(record.card)
    if record.type == "card" and card.decline is not None and not card.attachable:
        raise errors.StripeError(402, "card_error", card.decline.message, **decline_fields(card.decline))
    bind(shop, record, customer.id)
    return render.payment_method(record)


def decline_fields(decline: cards.Decline) -> Json:
    """The fields of a card error that say why."""
    return {
        "code": decline.code,
        "decline_code": decline.decline_code,
        "advice_code": decline.advice,
        "network_decline_code": decline.network,
        "network_advice_code": None,
        "param": "cvc" if decline.code == "incorrect_cvc" else None,
    }


def bind(shop: Shop, record: objects.PaymentMethod, customer: str) -> None:
    """Save a payment method for a customer."""
    if record.customer != customer:
        record.customer = customer
        shop.save(record)
        stripe_events.emit(shop, "payment_method.attached", render.payment_method(record), None, record.type)


def detach(call: Call) -> Json:
    """POST /v1/payment_methods/{id}/detach: it cannot be used again."""
    record = call.shop.get(objects.PaymentMethod, call.args[0])
    if record.customer is None:
        raise errors.RefusedError(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    previous = {"customer": record.customer}
    record.customer, record.spent = None, True
    call.shop.save(record)
    shown = render.payment_method(record)
    stripe_events.emit(call.shop, "payment_method.detached", shown, previous, record.type)
    return shown


def list_all(call: Call) -> Json:
    """GET /v1/payment_methods?customer= and GET /v1/customers/{id}/payment_methods"""
    customer = call.args[0] if call.args else call.params.get("customer")
    if customer is not None:
        call.shop.get(objects.Customer, customer, None if call.args else "customer")
    kind = call.params.get("type")
    rows = (
        record
        for record in call.shop.newest(objects.PaymentMethod)
        if record.customer is not None and record.customer == customer and kind in {None, record.type}
    )
    url = f"/v1/customers/{customer}/payment_methods" if call.args else "/v1/payment_methods"
    return listing.page(rows, call.params, render.payment_method, url)
