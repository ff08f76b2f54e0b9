"""Stripe's decline and error codes, and ours: docs.stripe.com/declines/codes, docs.stripe.com/error-codes."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from payments.connectors.declines import DECLINES, Category, Decline

Json = Mapping[str, Any]

_RAW_ERROR: Final = ("type", "code", "decline_code", "advice_code", "network_decline_code", "param", "charge")

_OURS: Final = {
    "generic_decline": "generic_decline do_not_honor card_declined payment_method_provider_decline invalid_amount "
    "partner_generic_decline payment_intent_payment_attempt_failed no_action_taken",
    "contact_bank": "call_issuer not_permitted service_not_allowed transaction_not_allowed security_violation "
    "new_account_information_available approve_with_id",
    "bank_unavailable": "issuer_not_available payment_method_provider_timeout",
    "processing_error": "processing_error reenter_transaction try_again_later",
    "insufficient_funds": "insufficient_funds",
    "limit_exceeded": "card_velocity_exceeded withdrawal_count_limit_exceeded payment_limit_exceeded "
    "charge_exceeds_source_limit charge_exceeds_transaction_limit",
    "method_unavailable": "payment_method_not_available invalid_business_account partner_payment_not_found "
    "payment_intent_incompatible_payment_method",
    "authentication_required": "authentication_required authentication_not_handled "
    "mobile_device_authentication_required",
    "authentication_failed": "payment_intent_authentication_failure",
    "customer_declined": "payment_method_customer_decline",
    "payment_expired": "payment_intent_payment_attempt_expired expired_payment_information",
    "incorrect_number": "incorrect_number invalid_number",
    "incorrect_cvc": "incorrect_cvc invalid_cvc",
    "incorrect_expiry": "invalid_expiry_month invalid_expiry_year",
    "incorrect_address": "incorrect_zip incorrect_address",
    "incorrect_pin": "incorrect_pin invalid_pin offline_pin_required online_or_offline_pin_required",
    "details_invalid": "invalid_customer_account invalid_payment_information "
    "payment_intent_konbini_rejected_confirmation_number",
    "payment_method_invalid": "resource_missing payment_method_invalid_parameter payment_method_unactivated",
    "duplicate_payment": "duplicate_transaction",
    "expired_card": "expired_card",
    "invalid_account": "invalid_account sepa_unsupported_account debit_not_authorized",
    "not_supported": "card_not_supported compliance_violation",
    "currency_not_supported": "currency_not_supported payment_method_currency_mismatch",
    "restricted_card": "restricted_card pickup_card",
    "too_many_attempts": "pin_try_exceeded card_decline_rate_limit_exceeded",
    "authorization_revoked": "revocation_of_authorization revocation_of_all_authorizations stop_payment_order "
    "invalid_billing_agreement invalid_authorization",
    "do_not_try_again": "do_not_try_again",
    "test_card": "testmode_decline test_mode_live_card",
    "lost_or_stolen_card": "lost_card stolen_card",
    "suspected_fraud": "fraudulent merchant_blacklist partner_high_risk_customer fraud payment_disputed",
    "amount_not_supported": "amount_too_small amount_too_large",
    "authorization_expired": "capture_charge_authorization_expired",
}

DECLINE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {stripe: ours for ours, codes in _OURS.items() for stripe in codes.split()}
)
"""Stripe's decline and error codes, and ours."""

REFUND_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lost_or_stolen_card": "refund_method_closed",
        "expired_or_canceled_card": "refund_method_closed",
        "charge_for_pending_refund_disputed": "refund_payment_disputed",
        "charge_disputed": "refund_payment_disputed",
        "refund_disputed_payment": "refund_payment_disputed",
        "insufficient_funds": "refund_balance_insufficient",
        "balance_insufficient": "refund_balance_insufficient",
        "charge_already_refunded": "refund_exceeds_payment",
        "amount_too_large": "refund_exceeds_payment",
    }
)
"""Why a refund did not work (failure_reason, or the code of an error), and our word; any other is a refund_declined."""


def decline(error: Json, *, otherwise: str = "generic_decline") -> Decline:
    """Stripe's error object in our words. Its advice code, when there is one, beats our table."""
    said = codes(error)
    known = (said.get("decline_code", ""), said.get("code", ""))
    found = DECLINES[next((DECLINE_CODES[code] for code in known if code in DECLINE_CODES), otherwise)]
    match said.get("advice_code"):
        case "do_not_try_again" if found.category is Category.SOFT:
            return replace(found, category=Category.HARD, may_retry=False)
        case "do_not_try_again":
            return replace(found, may_retry=False)
        case "confirm_card_data" if found.category is Category.SOFT:
            return replace(found, category=Category.CUSTOMER)
    return found


def refund_decline(code: object) -> Decline:
    """Why a refund did not work, in our words."""
    return DECLINES[REFUND_CODES.get(str(code), "refund_declined")]


def codes(error: Json) -> dict[str, str]:
    """What is kept of an error, for people: codes and ids, no message."""
    return {name: error[name] for name in _RAW_ERROR if isinstance(error.get(name), str)}
