"""Customers: create, retrieve, update, delete, list."""

from typing import Any

from payments.simulator.stripe import events, listing, objects, parameters, payment_methods, render
from payments.simulator.stripe.calls import Call

Json = dict[str, Any]

ADDRESS: parameters.Spec = dict.fromkeys(render.NO_ADDRESS, parameters.STR)
SHIPPING: parameters.Spec = {
    "address": ADDRESS,
    "name": parameters.STR,
    "phone": parameters.STR,
    "carrier": parameters.STR,
    "tracking_number": parameters.STR,
}
UPDATE: parameters.Spec = {
    "name": parameters.STR,
    "email": parameters.STR,
    "phone": parameters.STR,
    "description": parameters.STR,
    "address": ADDRESS,
    "shipping": SHIPPING,
    "metadata": parameters.META,
    "preferred_locales": parameters.LIST,
    "invoice_settings": {
        "default_payment_method": parameters.STR,
        "custom_fields": parameters.ANY,
        "footer": parameters.STR,
        "rendering_options": parameters.ANY,
    },
    "tax_exempt": parameters.STR,
    "expand": parameters.LIST,
}
CREATE: parameters.Spec = {**UPDATE, "payment_method": parameters.STR, "validate": parameters.BOOL}
LIST: parameters.Spec = {**parameters.PAGE, "email": parameters.STR}


def _fill(record: objects.Customer, params: Json) -> None:
    for name in ("name", "email", "phone", "description", "address", "shipping"):
        if name in params:
            setattr(record, name, params[name])
    record.preferred_locales = params.get("preferred_locales") or record.preferred_locales
    record.metadata = parameters.merged(record.metadata, params.get("metadata"))
    settings = params.get("invoice_settings") or {}
    record.default_payment_method = settings.get("default_payment_method", record.default_payment_method)


def create(call: Call) -> Json:
    """POST /v1/customers"""
    shop = call.shop
    record = objects.Customer(id=shop.new_id("cus_"), created=call.now)
    _fill(record, call.params)
    method = call.params.get("payment_method")
    found = payment_methods.resolve(shop, method) if method else None
    shop.save(record)
    shown = render.customer(record)
    events.emit(shop, "customer.created", shown)
    if found is not None:
        payment_methods.bind(shop, found, record.id)
    return shown


def retrieve(call: Call) -> Json:
    """GET /v1/customers/{id}"""
    return render.customer(call.shop.get(objects.Customer, call.args[0]))


def update(call: Call) -> Json:
    """POST /v1/customers/{id}"""
    record = call.shop.get(objects.Customer, call.args[0])
    before = render.customer(record)
    _fill(record, call.params)
    call.shop.save(record)
    shown = render.customer(record)
    changed = {name: value for name, value in before.items() if shown[name] != value}
    events.emit(call.shop, "customer.updated", shown, changed)
    return shown


def delete(call: Call) -> Json:
    """DELETE /v1/customers/{id}: the id stays known, the data go."""
    old = call.shop.get(objects.Customer, call.args[0])
    shown = render.customer(old)
    call.shop.save(objects.Customer(id=old.id, created=old.created, deleted=True))
    events.emit(call.shop, "customer.deleted", shown)
    return {"id": old.id, "object": "customer", "deleted": True}


def list_all(call: Call) -> Json:
    """GET /v1/customers"""
    email = call.params.get("email")
    rows = (
        record for record in call.shop.newest(objects.Customer) if not record.deleted and email in {None, record.email}
    )
    return listing.page(rows, call.params, render.customer, "/v1/customers")
