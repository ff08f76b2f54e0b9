"""Stripe's words and numbers, translated: amounts, statuses, what a customer has to do, failures."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from moneyed import Money

from payments.connectors import answers, http
from payments.connectors.base import Outcome, SavedMethod, Verdict
from payments.connectors.declines import DECLINES, Decline
from payments.connectors.stripe import declines
from payments.kernel import money

Json = Mapping[str, Any]

WITH_CARD: Final[Json] = MappingProxyType({"expand": ["payment_method", "latest_charge"]})
"""Asks for an intent together with its payment method, which says the card's brand and last four digits, and with its
charge, which says what the customer's statement calls it."""


LOCKED: Final = "lock_timeout"
"""The code of a 429 that says nothing about how much was asked: somebody else is at work on the same object."""


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
    converted = answers.scaled(amount, code, exponent(code))
    if converted is None:
        raise UnreadableError("an amount is not money of its currency")
    return converted


_CURRENCIES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD JPY
KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY
TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""
CURRENCIES: Final = frozenset(_CURRENCIES.split())
"""What can be charged at Stripe (docs.stripe.com/currencies#presentment-currencies)."""

PAYOUT: Final = re.compile(r"po_[A-Za-z0-9]{1,76}")
"""The ids of payouts."""

TOKENS: Final = ("pm_", "tok_", "src_", "card_")
"""How the ids of payment methods begin."""

# --- answers -------------------------------------------------------------------------------------------------------


def text(answer: Json, name: str) -> str:
    """A field that must be there as text."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"{name} is missing")
    return value


def optional(answer: Json, name: str) -> str:
    """A field's text, "" when there is none."""
    value = answer.get(name)
    return value if isinstance(value, str) else ""


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


def part(answer: Json, name: str) -> Json:
    """A field's object, empty when there is none."""
    value = answer.get(name)
    return value if isinstance(value, Mapping) else {}


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
    raw |= _card(intent) | _statement(intent)
    payer = expandable(intent, "customer")
    seen = Outcome(verdict=Verdict.UNKNOWN, provider_reference=text(intent, "id"), payer=payer, raw=raw)
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
    seen = replace(seen, verdict=verdict, amount=amount, captured=status == "succeeded")
    if verdict is Verdict.APPROVED and payer and intent.get("setup_future_usage"):
        return replace(seen, saved=saved(intent.get("payment_method")))
    return _acts(seen, intent) if verdict is Verdict.ACTION_REQUIRED else seen


def saved(method: object) -> SavedMethod | None:
    """A PaymentMethod by which a customer may pay again; where only its id is told, nothing more is known."""
    if isinstance(method, str) and method:
        return SavedMethod(token=method)
    if not isinstance(method, Mapping):
        return None
    shown = part(method, text(method, "type"))
    month, year = (shown.get(name) if type(shown.get(name)) is int else None for name in ("exp_month", "exp_year"))
    return SavedMethod(
        token=text(method, "id"),
        brand=str(shown.get("brand") or "")[:24],
        last4=str(shown.get("last4") or "")[:4],
        exp_month=month,
        exp_year=year,
        wallet=str(part(shown, "wallet").get("type") or "")[:24],
        fingerprint=str(shown.get("fingerprint") or "")[:80],
    )


def kept(method: Json) -> Outcome:
    """What Stripe keeps: a PaymentMethod that is attached to a customer."""
    if method.get("object") != "payment_method":
        raise UnreadableError("the answer is not a payment method")
    payer = expandable(method, "customer")
    if not payer:
        return Outcome(
            verdict=Verdict.DECLINED, decline=DECLINES["payment_method_invalid"], detail="attached to nobody"
        )
    return Outcome(verdict=Verdict.APPROVED, saved=saved(method), payer=payer)


def forgotten(now: Outcome) -> Outcome:
    """What it means for a method that is not to be kept how it is kept now."""
    gone = now.verdict is Verdict.DECLINED
    return Outcome(verdict=Verdict.APPROVED if gone else Verdict.DECLINED, detail="" if gone else "it is still kept")


def _card(answer: Json) -> dict[str, Any]:
    """What customers know their card by, where an intent or an error tells the payment method in full."""
    method = answer.get("payment_method")
    card = method.get("card") if isinstance(method, Mapping) else None
    last4 = card.get("last4") if isinstance(card, Mapping) else None
    if not isinstance(card, Mapping) or not isinstance(last4, str) or len(last4) != 4:
        return {}
    # Stripe tells who has issued a card to accounts that have asked for it.
    issuer = answers.issuer(card.get("issuer"), card.get("iin"))
    known = {"brand": str(card.get("brand") or "")[:24], "last4": last4}
    return {"card": known | ({"issuer": issuer} if issuer else {})}


def _statement(intent: Json) -> dict[str, Any]:
    """What the customer's statement calls it, where the charge is told in full."""
    said = optional(part(intent, "latest_charge"), "calculated_statement_descriptor")
    return {"statement_descriptor": said[:40]} if said else {}


def _declined(seen: Outcome, intent: Json) -> Outcome:
    """An intent that we confirmed comes back to requires_payment_method only when its payment failed."""
    error = intent.get("last_payment_error")
    error = error if isinstance(error, Mapping) else {}
    raw = {**seen.raw, **declines.codes(error), **_card(error)}
    return replace(seen, verdict=Verdict.DECLINED, decline=declines.decline(error), raw=raw)


# --- actions -------------------------------------------------------------------------------------------------------

APPROVED_IN_APP: Final = {"blik": 120, "mb_way": 300}
"""Methods that the customer approves in an app, and the seconds for it; a page that comes along is another way."""


def _acts(seen: Outcome, intent: Json) -> Outcome:
    """What the customer is to do, in our words; of what is no page, Stripe's own SDK makes the best."""
    action = part(intent, "next_action")
    kind = text(action, "type")
    asked: dict[str, Any]
    shown, apps = part(action, kind), APPROVED_IN_APP.keys() & _types(intent)
    if apps:
        begun = intent.get("created")
        ends = begun + APPROVED_IN_APP[apps.pop()] if type(begun) is int else None
        asked, expires = {"type": "await", "until": _iso(moment(ends))}, moment(ends)
        return replace(seen, next_action=asked, expires_at=expires)
    expires = moment(shown.get("expires_at") or shown.get("expires_after"))
    if kind in ("redirect_to_url", "alipay_handle_redirect"):
        asked = {"type": "redirect", "url": text(shown, "url")}
    elif kind.endswith("_display_details"):
        asked = {"type": "voucher", **_voucher(shown), "expires_at": _iso(expires)}
    elif kind.endswith("_display_qr_code") and isinstance(shown.get("data"), str):
        asked = {"type": "qr", "data": shown["data"], "expires_at": _iso(expires)}
    elif isinstance(shown.get("hosted_instructions_url"), str):
        asked = {"type": "redirect", "url": shown["hosted_instructions_url"]}  # shows the code, or opens the app
    else:
        payload = {"type": kind, "client_secret": intent.get("client_secret")}
        asked = {"type": "provider_sdk", "provider": "stripe", "payload": payload}
    return replace(seen, next_action=asked, expires_at=expires)


def _types(intent: Json) -> set[str]:
    types = intent.get("payment_method_types")
    return {kind for kind in types if isinstance(kind, str)} if isinstance(types, list) else set()


def _voucher(shown: Json) -> dict[str, Any]:
    """Konbini has a code for each chain of shops instead of one reference."""
    names = {"reference": "number" if "number" in shown else "reference", "entity": "entity", "pdf": "pdf"}
    said = {ours: shown[theirs] for ours, theirs in names.items() if isinstance(shown.get(theirs), str)}
    stores = {"stores": shown["stores"]} if isinstance(shown.get("stores"), Mapping) else {}
    return {"url": shown.get("hosted_voucher_url"), **said, **stores}


def moment(seconds: object) -> datetime | None:
    """A time of Stripe's, None when it is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int else None
    except (OverflowError, OSError, ValueError):
        return None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


# --- refunds and failures ------------------------------------------------------------------------------------------


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
        acquirer_reference=_acquirer_reference(answer),
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
            return replace(seen, verdict=Verdict.DECLINED, decline=declines.refund_decline(reason))
        case "canceled":
            return replace(seen, verdict=Verdict.CANCELED)
    raise UnreadableError("the refund has a status that is not known")


def _acquirer_reference(answer: Json) -> str:
    """Stripe tells it some days after a refund to a card (docs.stripe.com/refunds, destination_details)."""
    card = part(part(answer, "destination_details"), "card")
    known = card.get("reference_type") == "acquirer_reference_number"
    return optional(card, "reference")[:40] if known else ""


def failed(failure: http.FailedError, *, because: Decline | None = None, provider_reference: str = "") -> Outcome:
    """The outcome of a call that ended in `failure`; `because` is its decline when Stripe said a final no."""
    seen = Outcome(verdict=Verdict.UNKNOWN, provider_reference=provider_reference, detail=str(failure))
    match failure:
        case http.UnsentError():
            return replace(seen, verdict=Verdict.UNAVAILABLE)
        case RefusedError():
            codes = {**declines.codes(failure.error), "http_status": failure.status, "request_id": failure.request_id}
            outcome = replace(seen, verdict=failure.verdict, raw={**codes, **_card(failure.error)})
            if failure.verdict is not Verdict.DECLINED:
                return outcome
            return replace(outcome, decline=because or declines.decline(failure.error, otherwise="request_refused"))
    return seen


def was_confirmed(now: Outcome) -> bool:
    return now.verdict in {Verdict.APPROVED, Verdict.ACTION_REQUIRED, Verdict.PENDING, Verdict.CANCELED}


def has_ended(now: Outcome) -> bool:
    """Whether there is nothing left to capture or cancel."""
    return now.captured or now.verdict in {Verdict.PENDING, Verdict.CANCELED}
