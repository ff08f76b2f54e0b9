"""Charges and events: made by payments, only to be looked at."""

from typing import Any

from payments.simulator.stripe import events, listing, objects, parameters, render
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import ANY, BOOL, LIST, STR

Json = dict[str, Any]

QUERY: parameters.Spec = {**parameters.PAGE, "customer": STR, "payment_intent": STR, "transfer_group": STR}
EVENTS: parameters.Spec = {**parameters.PAGE, "type": STR, "types": LIST, "delivery_success": BOOL, "created": ANY}


def retrieve(call: Call) -> Json:
    """GET /v1/charges/{id}"""
    return render.charge(call.shop.get(objects.Charge, call.args[0]), call.shop)


def list_all(call: Call) -> Json:
    """GET /v1/charges?payment_intent=&customer="""
    intent, customer = call.params.get("payment_intent"), call.params.get("customer")
    charges = call.shop.newest(objects.Charge) if intent is None else reversed(call.shop.charges_of(intent))
    rows = (r for r in charges if customer in {None, r.customer})
    return listing.page(rows, call.params, lambda r: render.charge(r, call.shop), "/v1/charges")


def retrieve_event(call: Call) -> Json:
    """GET /v1/events/{id}"""
    return events.render(call.shop.get(objects.Event, call.args[0]))


def list_events(call: Call) -> Json:
    """GET /v1/events?type=&types=&delivery_success=; a type may end in `.*`."""
    wanted = call.params.get("types") or ([call.params["type"]] if call.params.get("type") else None)
    success = call.params.get("delivery_success")
    rows = (
        r
        for r in call.shop.newest(objects.Event)
        if (wanted is None or any(_is(r.type, name) for name in wanted)) and success in {None, not r.waiting}
    )
    return listing.page(rows, call.params, events.render, "/v1/events")


def _is(event_type: str, wanted: str) -> bool:
    return event_type.startswith(wanted[:-1]) if wanted.endswith(".*") else event_type == wanted
