"""Notifications as Stripe sends them: an event's JSON, signed over its bytes."""

import hmac
import json
import os
import time
from hashlib import sha256
from typing import Any

from django.test import Client

VERSION = "2026-10-28.endive"


def body(
    key: str, type_: str = "payment_intent.succeeded", *, api_version: str | None = VERSION, **facts: Any
) -> bytes:
    """The event `key` about a payment of 19.99 USD."""
    subject = {
        "id": "pi_sim_1",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 1999,
        "amount_received": 1999,
        "currency": "usd",
        "metadata": {},
        **facts,
    }
    event = {
        "id": key,
        "object": "event",
        "api_version": api_version,
        "type": type_,
        "created": 1_795_000_000,
        "livemode": False,
        "data": {"object": subject},
    }
    return json.dumps(event).encode()


def signature(content: bytes, *, account: str = "STRIPE_US", at: float | None = None, secret: str = "") -> str:
    """The header that proves where it comes from."""
    signed_at = int(at if at is not None else time.time())
    key = secret or os.environ[f"{account}_WEBHOOK_SECRET"]
    return f"t={signed_at},v1={hmac.new(key.encode(), f'{signed_at}.'.encode() + content, sha256).hexdigest()}"


def send(content: bytes, *, to: str = "stripe/stripe-us", header: str | None = None) -> Any:
    """Knock at our door, as Stripe would; browsers' protection (CSRF) is on."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    signed = signature(content) if header is None else header
    return client.generic(
        "POST", f"/webhooks/{to}", content, content_type="application/json", headers={"stripe-signature": signed}
    )
