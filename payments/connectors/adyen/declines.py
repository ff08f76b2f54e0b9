"""Why Adyen or an issuer said no, in our words: refusal reasons, error codes, sentences of notifications."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from payments.connectors.declines import DECLINES, Decline

# docs.adyen.com/development-resources/refusal-reasons
_OURS: Final = {
    "generic_decline": "0 1 2 13 27 30",
    "contact_bank": "3",
    "bank_unavailable": "9",
    "processing_error": "4 19 21 37 40 44 45",
    "restricted_card": "5 25",
    "expired_card": "6",
    "amount_not_supported": "7",
    "incorrect_number": "8",
    "not_supported": "10 23",
    "authentication_failed": "11 39 42",
    "insufficient_funds": "12",
    "suspected_fraud": "14 20 22 31",
    "customer_declined": "15 16",
    "incorrect_pin": "17 33 43",
    "too_many_attempts": "18",
    "incorrect_cvc": "24",
    "authorization_revoked": "26",
    "limit_exceeded": "28 29",
    "incorrect_address": "32",
    "invalid_account": "34 35",
    "authentication_required": "36 38 41",
    "do_not_try_again": "46",
}

DECLINE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {code: ours for ours, codes in _OURS.items() for code in codes.split()}
)
"""Adyen's `refusalReasonCode`, and our word."""

_REASONS: Final = (
    "Unknown", "Approved", "Refused", "Referral", "Acquirer Error", "Blocked Card", "Expired Card", "Invalid Amount",
    "Invalid Card Number", "Issuer Unavailable", "Not supported", "3D Not Authenticated", "Not enough balance",
    "Pending", "Acquirer Fraud", "Cancelled", "Shopper Cancelled", "Invalid Pin", "Pin tries exceeded",
    "Pin validation not possible", "FRAUD", "Not Submitted", "FRAUD-CANCELLED", "Transaction Not Permitted",
    "CVC Declined", "Restricted Card", "Revocation Of Auth", "Declined Non Generic", "Withdrawal amount exceeded",
    "Withdrawal count exceeded", "Partially Approved", "Issuer Suspected Fraud", "AVS Declined",
    "Card requires online pin", "No checking account available on Card", "No savings account available on Card",
    "Mobile pin required", "Contactless fallback", "Authentication required", "RReq not received from DS",
    "Current AID is in Penalty Box", "CVM Required Restart Payment", "3DS Authentication Error",
    "Online PIN required", "Try another interface", "Chip downgrade mode",
    "Transaction blocked by Adyen to prevent excessive retry fees",
)  # fmt: skip
"""Adyen's `refusalReason` by its code: notifications tell the reason only."""


def _plain(reason: str) -> str:
    return re.sub(r"[^a-z0-9]", "", reason.lower())


_CODES: Final = {_plain(reason): str(code) for code, reason in enumerate(_REASONS)}

ERROR_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("101", "102"), "incorrect_number"),
        "103": "incorrect_cvc",
        **dict.fromkeys(("104", "117", "132", "133", "134", "135", "136"), "incorrect_address"),
        **dict.fromkeys(("108", "110", "111", "126", "153"), "details_invalid"),
        **dict.fromkeys(("129", "139", "140", "141"), "incorrect_expiry"),
        **dict.fromkeys(("100", "137"), "amount_not_supported"),
        "138": "currency_not_supported",
        **dict.fromkeys(("125", "172", "174", "175", "800", "802", "803"), "payment_method_invalid"),
        **dict.fromkeys(("905", "905_1", "905_3"), "method_unavailable"),
    }
)
"""Error codes of refused requests (docs.adyen.com/development-resources/error-codes); any other: request_refused."""


def error_code(error: Mapping[str, Any]) -> str:
    """The code of an error answer, "" when it has none: then it is not Adyen's."""
    value = error.get("errorCode")
    return value[:20] if isinstance(value, str) else ""


def refusal_code(reason: object) -> str:
    """The refusal reason's code, "" when Adyen's list does not have it."""
    return _CODES.get(_plain(reason), "") if isinstance(reason, str) else ""


def decline(code: object) -> Decline:
    """Adyen's `refusalReasonCode` in our words."""
    return DECLINES[DECLINE_CODES.get(str(code), "generic_decline")]


def refused_request(code: str) -> Decline:
    """Adyen's `errorCode` in our words."""
    return DECLINES[ERROR_CODES.get(code, "request_refused")]


def refund_decline(reason: object) -> Decline:
    """Why Adyen did not refund, in our words; it says so in a sentence."""
    said = _plain(reason) if isinstance(reason, str) else ""
    if "insufficientbalance" in said or "exceed" in said:
        return DECLINES["refund_exceeds_payment"]
    return DECLINES["refund_payment_disputed" if "chargeback" in said or "dispute" in said else "refund_declined"]


def capture_decline(reason: object) -> Decline:
    """Why Adyen did not capture, in our words."""
    said = _plain(reason) if isinstance(reason, str) else ""
    if "insufficientbalance" in said or "exceed" in said:
        return DECLINES["amount_not_supported"]
    return DECLINES["authorization_expired" if "expired" in said else "request_refused"]
