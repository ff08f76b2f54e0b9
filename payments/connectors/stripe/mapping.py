"""Stripe's words and numbers, translated: amounts, statuses, declines, failures, what a method can do."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from moneyed import Money

from payments.connectors import http
from payments.connectors.base import DECLINES, Capabilities, Category, Decline, Outcome, Verdict
from payments.kernel import money

Json = Mapping[str, Any]

WITH_CARD: Final[Json] = MappingProxyType({"expand": ["payment_method"]})
"""Asks for an intent together with its payment method, which says the card's brand and last four digits."""


class RefusedError(http.FailedError):
    """Stripe answered with an error. Its message is left out: it may repeat what was sent."""

    def __init__(self, status: int, error: Json, *, replayed: bool = False, request_id: str = "") -> None:
        super().__init__(f"HTTP {status} {error.get('code') or error.get('type') or ''}".strip())
        self.status = status
        self.error = error
        self.replayed = replayed
        self.request_id = request_id

    @property
    def verdict(self) -> Verdict:
        """What the status proves.

        401, 403 and 429 come before execution: keys and limits are checked before the idempotency layer, and a
        lock_timeout is a lock that was not obtained (docs.stripe.com/error-low-level, /rate-limits). 400, 402 and
        404 are Stripe's final no, except for a key that was used with other parameters (what that first request did
        is not said) and for pages that are not Stripe's. 409 (key in use) and 5xx say nothing about the effect.
        """
        if self.status in {401, 403, 429}:
            return Verdict.UNAVAILABLE
        if self.status in {400, 402, 404} and self.error.get("type") not in {None, "idempotency_error"}:
            return Verdict.DECLINED
        return Verdict.UNKNOWN

    @property
    def is_old_failure(self) -> bool:
        """Whether this is the stored 5xx of the key's first request, which has therefore ended."""
        return self.replayed and self.status >= 500


class UnreadableError(http.AmbiguousError):
    """An answer or a notification that does not say what Stripe's protocol lets it say."""


# --- amounts: docs.stripe.com/currencies ---------------------------------------------------------------------------

ZERO_DECIMAL: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL: Final = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
"""Stripe takes the third decimal only as 0."""

# Every other currency has two decimals here, also ISK and UGX, which have none in ISO 4217: 5 ISK is 500.


def exponent(currency: str) -> int:
    """Decimals of the currency in Stripe's API; differs from ISO 4217 for MGA, ISK, UGX and a few more."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def to_stripe(amount: Money) -> int:
    """What Stripe calls this amount. `money.AmountInvalid` when it cannot say it: nothing is ever rounded."""
    currency = amount.currency.code
    money.to_minor(amount)
    scaled = amount.amount.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value() or (currency in THREE_DECIMAL and scaled % 10 != 0):
        raise money.AmountInvalid(f"Stripe cannot take {money.text(amount)}.")
    return int(scaled)


def cannot_say(amount: Money) -> str:
    """Why Stripe cannot take this amount, in words for people; "" when it can."""
    try:
        to_stripe(amount)
    except money.AmountInvalid as invalid:
        currency = amount.currency.code
        lost = money.exponent(currency) - (2 if currency in THREE_DECIMAL else exponent(currency))
        return f"{currency} amounts must end in {'0' * lost} here." if lost > 0 else invalid.detail
    return ""


def from_stripe(amount: object, currency: object) -> Money:
    """What Stripe means by an integer and a lower-case currency; `UnreadableError` when it means nothing."""
    if type(amount) is not int or not isinstance(currency, str):
        raise UnreadableError("an amount is not an integer and a currency")
    code = currency.upper()
    if code not in money.EXPONENTS:
        raise UnreadableError("a currency is none of ISO 4217")
    converted = Money(Decimal(amount).scaleb(-exponent(code)), code)
    try:
        money.to_minor(converted)
    except money.AmountInvalid:
        raise UnreadableError("an amount is not money of its currency") from None
    return converted


# --- methods -------------------------------------------------------------------------------------------------------

_TYPES: Final = {"apple_pay": "card", "google_pay": "card"}

MANUAL_CAPTURE: Final = frozenset(
    [
        "affirm", "afterpay_clearpay", "alma", "amazon_pay", "billie", "card", "cashapp", "kakao_pay", "klarna",
        "kr_card", "link", "mobilepay", "naver_pay", "payco", "paypal", "revolut_pay", "samsung_pay", "satispay",
        "scalapay"
    ]
)  # fmt: skip
"""Types with payment_method_options.<type>.capture_method in Stripe's OpenAPI document."""

PARTIAL_REFUND: Final = frozenset(["card", "multibanco", "pix", "wechat_pay"])
"""Types for which Stripe's own pages say that they can be refunded in part; silence is taken for a no."""


def method_type(method: str) -> str:
    """Stripe's payment method type of our payment method: wallets are cards."""
    return _TYPES.get(method, method)


def capabilities(method: str) -> Capabilities:
    """What Stripe does with a method. Several captures need multicapture, which we do not ask for."""
    kind = method_type(method)
    return Capabilities(
        manual_capture=kind in MANUAL_CAPTURE,
        partial_capture=kind == "card",
        multiple_captures=False,
        partial_refund=kind in PARTIAL_REFUND,
    )


# --- declines: docs.stripe.com/declines/codes, docs.stripe.com/error-codes ----------------------------------------

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
    said = _codes(error)
    codes = (said.get("decline_code", ""), said.get("code", ""))
    found = DECLINES[next((DECLINE_CODES[code] for code in codes if code in DECLINE_CODES), otherwise)]
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


# --- answers -------------------------------------------------------------------------------------------------------

_RAW_ERROR: Final = ("type", "code", "decline_code", "advice_code", "network_decline_code", "param", "charge")


def text(answer: Json, name: str) -> str:
    """A field that must be there as text."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"{name} is missing")
    return value


def rows(page: Json) -> list[Json]:
    """The objects on a page of a list or of a search."""
    data = page.get("data")
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        raise UnreadableError("the answer is not a list")
    return data


def reference(answer: Json, name: str) -> str:
    """Our own id among the metadata, "" when the object was not made by us."""
    metadata = answer.get("metadata")
    value = metadata.get(name) if isinstance(metadata, Mapping) else None
    return value if isinstance(value, str) else ""


def expandable(answer: Json, name: str) -> str:
    """The id in a field that holds an id or the object itself, "" when there is none."""
    value = answer.get(name)
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else ""


_MONEY: Final = {
    "succeeded": (Verdict.APPROVED, "amount_received"),
    "requires_capture": (Verdict.APPROVED, "amount_capturable"),
    "processing": (Verdict.PENDING, "amount"),
    "requires_action": (Verdict.ACTION_REQUIRED, "amount"),
}
"""What a PaymentIntent's status means for the money, and the field that says how much."""


def payment(intent: Json) -> Outcome:
    """What a PaymentIntent says about the money."""
    if intent.get("object") != "payment_intent":
        raise UnreadableError("the answer is not a payment intent")
    status = text(intent, "status")
    raw: dict[str, Any] = {"status": status, "latest_charge": expandable(intent, "latest_charge")}
    raw |= _card(intent)
    seen = Outcome(verdict=Verdict.UNKNOWN, provider_reference=text(intent, "id"), raw=raw)
    match status:
        case "requires_payment_method":
            return _declined(seen, intent)
        case "requires_confirmation":
            return replace(seen, detail="it was never confirmed")
        case "canceled":
            return replace(seen, verdict=Verdict.CANCELED, detail=str(intent.get("cancellation_reason") or ""))
    if status not in _MONEY:
        raise UnreadableError("the payment intent has a status that is not known")
    verdict, field = _MONEY[status]
    amount = from_stripe(intent.get(field), intent.get("currency"))
    action = _next_action(intent) if verdict is Verdict.ACTION_REQUIRED else None
    return replace(seen, verdict=verdict, amount=amount, captured=status == "succeeded", next_action=action)


def _card(answer: Json) -> dict[str, Any]:
    """What customers know their card by, where an intent or an error tells the payment method in full."""
    method = answer.get("payment_method")
    card = method.get("card") if isinstance(method, Mapping) else None
    last4 = card.get("last4") if isinstance(card, Mapping) else None
    if not isinstance(card, Mapping) or not isinstance(last4, str) or len(last4) != 4:
        return {}
    return {"card": {"brand": str(card.get("brand") or "")[:24], "last4": last4}}


def _declined(seen: Outcome, intent: Json) -> Outcome:
    """An intent that we confirmed comes back to requires_payment_method only when its payment failed."""
    error = intent.get("last_payment_error")
    error = error if isinstance(error, Mapping) else {}
    raw = {**seen.raw, **_codes(error), **_card(error)}
    return replace(seen, verdict=Verdict.DECLINED, decline=decline(error), raw=raw)


def _next_action(intent: Json) -> Mapping[str, Any]:
    """Where to send the customer; actions without a page keep Stripe's name and data."""
    action = intent.get("next_action")
    kind = text(action if isinstance(action, Mapping) else {}, "type")
    data = action.get(kind) if isinstance(action, Mapping) else None
    if kind == "redirect_to_url":
        return {"type": "redirect", "url": text(data if isinstance(data, Mapping) else {}, "url")}
    return {"type": kind, "data": data}


def refund(answer: Json) -> Outcome:
    """What a Refund says about the money."""
    if answer.get("object") != "refund":
        raise UnreadableError("the answer is not a refund")
    status = text(answer, "status")
    raw = {"status": status, "payment_intent": expandable(answer, "payment_intent")}
    seen = Outcome(
        verdict=Verdict.PENDING,
        provider_reference=text(answer, "id"),
        amount=from_stripe(answer.get("amount"), answer.get("currency")),
        raw=raw,
    )
    match status:
        case "succeeded":
            return replace(seen, verdict=Verdict.APPROVED)
        case "pending" | "requires_action":
            return replace(seen, detail=str(answer.get("pending_reason") or ""))
        case "failed":
            reason = answer.get("failure_reason")
            raw["failure_reason"] = str(reason or "")
            return replace(seen, verdict=Verdict.DECLINED, decline=refund_decline(reason))
        case "canceled":
            return replace(seen, verdict=Verdict.CANCELED)
    raise UnreadableError("the refund has a status that is not known")


def failed(failure: http.FailedError, *, because: Decline | None = None, provider_reference: str = "") -> Outcome:
    """The outcome of a call that ended in `failure`; `because` is its decline when Stripe said a final no."""
    seen = Outcome(verdict=Verdict.UNKNOWN, provider_reference=provider_reference, detail=str(failure))
    match failure:
        case http.UnsentError():
            return replace(seen, verdict=Verdict.UNAVAILABLE)
        case RefusedError():
            codes = {**_codes(failure.error), "http_status": failure.status, "request_id": failure.request_id}
            outcome = replace(seen, verdict=failure.verdict, raw={**codes, **_card(failure.error)})
            if failure.verdict is not Verdict.DECLINED:
                return outcome
            return replace(outcome, decline=because or decline(failure.error, otherwise="request_refused"))
    return seen


def _codes(error: Json) -> dict[str, str]:
    return {name: error[name] for name in _RAW_ERROR if isinstance(error.get(name), str)}
