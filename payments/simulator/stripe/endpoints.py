"""Webhook endpoints, and the account itself."""

from typing import Any

from payments.simulator.stripe import errors, listing, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import BOOL, LIST, META, STR
from payments.simulator.stripe.shop import API_VERSION

Json = dict[str, Any]

UPDATE: parameters.Spec = {
    "url": STR,
    "enabled_events": LIST,
    "description": STR,
    "disabled": BOOL,
    "metadata": META,
    "expand": LIST,
}
CREATE: parameters.Spec = {
    "url": STR,
    "enabled_events": LIST,
    "description": STR,
    "metadata": META,
    "api_version": STR,
    "connect": BOOL,
    "expand": LIST,
}


def show(record: objects.WebhookEndpoint) -> Json:
    """A webhook endpoint as Stripe's object; the secret is shown once, at creation."""
    return {
        "id": record.id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": record.created,
        "description": record.description,
        "enabled_events": record.enabled_events,
        "livemode": False,
        "metadata": record.metadata,
        "status": "disabled" if record.disabled else "enabled",
        "url": record.url,
    }


def _check(params: Json) -> None:
    url = params.get("url")
    if url is not None and not url.startswith(("http://", "https://")):
        raise errors.InvalidError("Invalid URL: URL must start with http:// or https://.", "url", "url_invalid")


def create(call: Call) -> Json:
    """POST /v1/webhook_endpoints"""
    parameters.required(call.params, "url", "enabled_events")
    _check(call.params)
    shop = call.shop
    record = objects.WebhookEndpoint(
        id=shop.new_id("we_1"),
        created=call.now,
        url=call.params["url"],
        secret=shop.world.ids.secret("whsec_"),
        enabled_events=call.params["enabled_events"],
        description=call.params.get("description"),
        metadata=parameters.merged({}, call.params.get("metadata")),
    )
    shop.save(record)
    return {**show(record), "secret": record.secret}


def retrieve(call: Call) -> Json:
    """GET /v1/webhook_endpoints/{id}"""
    return show(call.shop.get(objects.WebhookEndpoint, call.args[0]))


def update(call: Call) -> Json:
    """POST /v1/webhook_endpoints/{id}"""
    _check(call.params)
    record = call.shop.get(objects.WebhookEndpoint, call.args[0])
    for name in ("url", "enabled_events", "disabled"):
        if call.params.get(name) is not None:
            setattr(record, name, call.params[name])
    record.description = call.params.get("description", record.description)
    record.metadata = parameters.merged(record.metadata, call.params.get("metadata"))
    call.shop.save(record)
    return show(record)


def delete(call: Call) -> Json:
    """DELETE /v1/webhook_endpoints/{id}"""
    record = call.shop.get(objects.WebhookEndpoint, call.args[0])
    call.shop.drop(record)
    return {"id": record.id, "object": "webhook_endpoint", "deleted": True}


def list_all(call: Call) -> Json:
    """GET /v1/webhook_endpoints"""
    rows = (record for record in call.shop.newest(objects.WebhookEndpoint) if record.url)
    return listing.page(rows, call.params, show, "/v1/webhook_endpoints")


def account(call: Call) -> Json:
    """GET /v1/account"""
    merchant = call.shop.account
    return {
        "id": call.shop.id,
        "object": "account",
        "business_profile": {"mcc": None, "name": merchant.code, "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": merchant.country,
        "default_currency": merchant.currency,
        "details_submitted": True,
        "email": None,
        "payouts_enabled": True,
        "type": "standard",
    }
