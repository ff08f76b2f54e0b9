"""Records as Stripe's objects, in the form of API version 2026-10-28.endive."""

import zlib
from typing import Any

from payments.simulator import banks
from payments.simulator.stripe import cards, currencies, objects
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

NO_ADDRESS: Json = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def address(given: Json | None) -> Json | None:
    """An address with every field present."""
    return {**NO_ADDRESS, **given} if given else None


def billing(given: Json) -> Json:
    """Billing details with every field present."""
    return {
        "address": address(given.get("address")) or NO_ADDRESS,
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": given.get("tax_id"),
    }


def shipping(given: Json | None) -> Json | None:
    """Shipping details with every field present."""
    if not given:
        return None
    base = {"carrier": None, "name": None, "phone": None, "tracking_number": None}
    return {**base, **given, "address": address(given.get("address")) or NO_ADDRESS}


def customer(record: objects.Customer) -> Json:
    """A customer, or what is left of a deleted one."""
    if record.deleted:
        return {"id": record.id, "object": "customer", "deleted": True}
    return {
        "id": record.id,
        "object": "customer",
        "address": address(record.address),
        "balance": 0,
        "created": record.created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": record.description,
        "discount": None,
        "email": record.email,
        "invoice_prefix": record.id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": record.default_payment_method,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": record.metadata,
        "name": record.name,
        "next_invoice_sequence": 1,
        "phone": record.phone,
        "preferred_locales": record.preferred_locales,
        "shipping": shipping(record.shipping),
        "tax_exempt": "none",
        "test_clock": None,
    }


def payment_method(record: objects.PaymentMethod) -> Json:
    """A payment method."""
    shown = {
        "id": record.id,
        "object": "payment_method",
        "allow_redisplay": record.allow_redisplay,
        "billing_details": billing(record.billing),
        "created": record.created,
        "customer": record.customer,
        "customer_account": None,
        "livemode": False,
        "metadata": record.metadata,
        "type": record.type,
    }
    shown[record.type] = _card(record) if record.type == "card" else record.details
    return shown


def _card(record: objects.PaymentMethod) -> Json:
    card = cards.get(record.card)
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": record.exp_month,
        "exp_year": record.exp_year,
        "fingerprint": f"fp{zlib.crc32(card.number.encode()):014d}",
        "funding": card.funding,
        "generated_from": None,
        # Told where an account has been given them.
        "iin": card.number[:6],
        "issuer": banks.issuer(card.number[:6]),
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": card.brand != "amex"},
        "wallet": None,
    }


def payment_intent(record: objects.PaymentIntent, shop: Shop) -> Json:
    """A payment intent; related objects as ids."""
    given = record.given
    method = shop.find(objects.PaymentMethod, record.payment_method)
    kind = method.type if method else None
    return {
        "id": record.id,
        "object": "payment_intent",
        "allowed_payment_method_types": given.get("allowed_payment_method_types"),
        "amount": record.amount,
        "amount_capturable": record.amount_capturable,
        "amount_details": {"tip": {}},
        "amount_received": record.amount_received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": given.get("automatic_payment_methods"),
        "canceled_at": record.canceled_at,
        "cancellation_reason": record.cancellation_reason,
        "capture_method": record.capture_method,
        "client_secret": record.client_secret,
        "confirmation_method": record.confirmation_method,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "customer_account": None,
        "description": given.get("description"),
        "excluded_payment_method_types": given.get("excluded_payment_method_types"),
        "last_payment_error": record.last_payment_error,
        "latest_charge": record.latest_charge,
        "livemode": False,
        "metadata": record.metadata,
        "next_action": record.next_action,
        "on_behalf_of": None,
        "payment_method": record.payment_method,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": dict(CARD_OPTIONS)} if kind in {None, "card"} else {kind: {}},
        "payment_method_types": [kind] if kind else given.get("allowed_payment_method_types") or ["card"],
        "processing": {"type": "card"} if record.status == "processing" and kind == "card" else None,
        "receipt_email": given.get("receipt_email"),
        "review": None,
        "setup_future_usage": given.get("setup_future_usage"),
        "shipping": shipping(given.get("shipping")),
        "source": None,
        "statement_descriptor": given.get("statement_descriptor"),
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": record.status,
        "transfer_data": None,
        "transfer_group": given.get("transfer_group"),
    }


CARD_OPTIONS: Json = {
    "installments": None,
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}


def charge(record: objects.Charge, shop: Shop) -> Json:
    """A charge; related objects as ids."""
    method = shop.known(objects.PaymentMethod, record.payment_method)
    given = record.given
    failed = record.status == "failed"
    return {
        "id": record.id,
        "object": "charge",
        "amount": record.amount,
        "amount_captured": record.amount_captured,
        "amount_refunded": record.amount_refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": record.balance_transaction,
        "billing_details": billing(method.billing),
        "calculated_statement_descriptor": given.get("statement_descriptor_suffix") or "COUNTINGHOUSE",
        "captured": record.captured,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "description": given.get("description"),
        "disputed": record.disputed,
        "failure_balance_transaction": record.failure_balance_transaction,
        "failure_code": record.failure_code,
        "failure_message": record.failure_message,
        "fraud_details": {},
        "livemode": False,
        "metadata": record.metadata,
        "on_behalf_of": None,
        "outcome": record.outcome,
        "paid": record.status == "succeeded",
        "payment_intent": record.payment_intent,
        "payment_method": record.payment_method,
        "payment_method_details": _details(record, method),
        "radar_options": {},
        "receipt_email": given.get("receipt_email"),
        "receipt_number": None,
        "receipt_url": None if failed else f"https://pay.stripe.com/receipts/payment/{record.id}",
        "refunded": record.expired or 0 < record.amount == record.amount_refunded,
        "review": None,
        "shipping": shipping(given.get("shipping")),
        "source": None,
        "source_transfer": None,
        "statement_descriptor": given.get("statement_descriptor"),
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": record.status,
        "transfer_data": None,
        "transfer_group": given.get("transfer_group"),
    }


def _details(record: objects.Charge, method: objects.PaymentMethod) -> Json:
    if method.type != "card":
        return {"type": method.type, method.type: {**method.details}}
    card = _card(method)
    details = {
        "amount_authorized": record.amount if record.status != "failed" else None,
        "authorization_code": record.id[-6:] if record.status != "failed" else None,
        "brand": card["brand"],
        "checks": card["checks"],
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "iin": card["iin"],
        "issuer": card["issuer"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "available" if record.capture_before else "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": record.id[-15:],
        "overcapture": {"maximum_amount_capturable": record.amount, "status": "unavailable"},
        "regulated_status": card["regulated_status"],
        "three_d_secure": record.three_d_secure,
        "wallet": None,
    }
    if record.capture_before is not None:
        details["capture_before"] = record.capture_before
    return {"card": details, "type": "card"}


def refund(record: objects.Refund, shop: Shop) -> Json:
    """A refund; related objects as ids."""
    method = shop.known(objects.PaymentMethod, record.payment_method)
    shown: Json = {
        "id": record.id,
        "object": "refund",
        "amount": record.amount,
        "balance_transaction": record.balance_transaction,
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "customer_account": None,
        "destination_details": _destination(record, method),
        "metadata": record.metadata,
        "payment_intent": record.payment_intent,
        "payment_method": record.payment_method,
        "reason": record.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": record.status,
        "transfer_reversal": None,
    }
    for name in ("failure_balance_transaction", "failure_reason", "pending_reason"):
        if (value := getattr(record, name)) is not None:
            shown[name] = value
    return shown


def _destination(record: objects.Refund, method: objects.PaymentMethod) -> Json:
    if method.type != "card":
        return {"type": method.type}
    status = "available" if record.status == "succeeded" else "pending"
    card = {"reference_status": status, "reference_type": "acquirer_reference_number", "type": "refund"}
    if status == "available":
        card["reference"] = f"{zlib.crc32(record.id.encode()):023d}"
    return {"card": card, "type": "card"}


def shown_amount(amount: int, currency: str) -> str:
    """An amount for a message to people."""
    return f"{currencies.major(amount, currency)} {currency.upper()}"
