"""Adyen's words and numbers, translated: amounts, results, refusals, failures, actions."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from moneyed import Money

from payments.connectors import answers, http
from payments.connectors.adyen import declines
from payments.connectors.base import Outcome, SavedMethod, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import money

Json = Mapping[str, Any]

KEY_IN_USE: Final = frozenset({"704", "705"})
"""Error codes of a key that another request came with: it is still being worked on, or had other contents.

Either way there was a first request, and this answer is not about it.
"""


class RefusedError(http.FailedError):
    """Adyen answered with an error. Its message is left out: it may repeat what was sent."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(f"HTTP {status} {declines.error_code(error)}".strip())
        self.status = status
        self.error = error

    @property
    def verdict(self) -> Verdict:
        """What the status proves.

        401, 403 and 429 come before execution: keys, roles and limits are checked first. 400, 404 and 422 are
        Adyen's final no where its own error says so, except for a key that is in use and for its internal errors.
        Everything else says nothing about the effect (docs.adyen.com/development-resources/error-codes).
        """
        if self.status in {401, 403, 429}:
            return Verdict.UNAVAILABLE
        understood = (
            declines.error_code(self.error) not in {"", *KEY_IN_USE} and self.error.get("errorType") != "internal"
        )
        if self.status in {400, 404, 422} and understood:
            return Verdict.DECLINED
        return Verdict.UNKNOWN


class UnreadableError(http.AmbiguousError):
    """An answer or a notification that does not say what Adyen's protocol lets it say."""


# --- amounts: docs.adyen.com/development-resources/currency-codes --------------------------------------------------

ZERO_DECIMAL: Final = frozenset(
    [
        "BYR", "CVE", "DJF", "GHC", "GNF", "IDR", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
        "XPF"
    ]
)  # fmt: skip
ONE_DECIMAL: Final = frozenset(["MRO"])
THREE_DECIMAL: Final = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])

# Every other currency has two decimals here, also CLP and ISK, which have none in ISO 4217: 5 CLP is 500.


def exponent(currency: str) -> int:
    """Decimals of the currency in Adyen's API; differs from ISO 4217 for CLP, ISK, IDR, CVE and a few more."""
    if currency in ZERO_DECIMAL:
        return 0
    if currency in ONE_DECIMAL:
        return 1
    return 3 if currency in THREE_DECIMAL else 2


def to_adyen(amount: Money) -> dict[str, Any]:
    """What Adyen calls this amount. `money.AmountInvalid` when it cannot say it: nothing is ever rounded."""
    currency = amount.currency.code
    money.to_minor(amount)
    scaled = amount.amount.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise money.AmountInvalid(f"Adyen cannot take {money.text(amount)}.")
    return {"currency": currency, "value": int(scaled)}


def cannot_say(amount: Money) -> str:
    """Why Adyen cannot take this amount, in words for people; "" when it can."""
    try:
        to_adyen(amount)
    except money.AmountInvalid as invalid:
        currency = amount.currency.code
        lost = money.exponent(currency) - exponent(currency)
        return f"{currency} amounts must end in {'0' * lost} here." if lost > 0 else invalid.detail
    return ""


def from_adyen(amount: object) -> Money:
    """What Adyen means by an amount; `UnreadableError` when it means nothing."""
    said = amount if isinstance(amount, Mapping) else {}
    value, currency = said.get("value"), said.get("currency")
    if type(value) is not int or not isinstance(currency, str) or currency not in money.EXPONENTS:
        raise UnreadableError("an amount is not an integer and a currency of ISO 4217")
    converted = answers.scaled(value, currency, exponent(currency))
    if converted is None:
        raise UnreadableError("an amount is not money of its currency")
    return converted


_CURRENCIES: Final = """
AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CLP CNY COP CRC CVE CZK
DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD ISK JMD JOD JPY KES
KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LYD MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR
PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STN SZL THB TND TOP TRY TTD TWD TZS
UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""
CURRENCIES: Final = frozenset(_CURRENCIES.split())
"""What can be paid at Adyen (docs.adyen.com/development-resources/currency-codes)."""

TOKEN: Final = re.compile(r"[A-Z0-9]{16}")
"""The ids of stored payment methods."""

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


def part(answer: Json, name: str) -> Json:
    """A field's object, empty when there is none."""
    value = answer.get(name)
    return value if isinstance(value, Mapping) else {}


def payment(answer: Json, *, captured: bool | None) -> Outcome:
    """What the answer to /payments or /payments/details says; `captured` is what was asked for.

    Any action is the customer's to take, whatever the result code: Adyen sends one with Pending for QR codes and apps.
    """
    result = text(answer, "resultCode")
    raw: dict[str, Any] = {"result_code": result, **_refusal(answer), **_card(answer)}
    seen = Outcome(verdict=Verdict.PENDING, provider_reference=optional(answer, "pspReference"), raw=raw)
    match result:
        case "Authorised" | "PartiallyAuthorised":
            amount, reference = from_adyen(answer.get("amount")), text(answer, "pspReference")
            verdict = Verdict.APPROVED
            seen = replace(seen, verdict=verdict, provider_reference=reference, amount=amount, captured=captured)
            return replace(seen, saved=_saved(answer))
        case "Refused" | "Error" | "Cancelled":
            code = raw.get("code") or ("4" if result == "Error" else "15" if result == "Cancelled" else "2")
            return replace(seen, verdict=Verdict.DECLINED, decline=declines.decline(code), raw={**raw, "code": code})
        case "RedirectShopper" | "IdentifyShopper" | "ChallengeShopper" | "PresentToShopper":
            return _action_required(seen, part(answer, "action"))
        case "Pending" | "Received":
            return _action_required(seen, part(answer, "action")) if part(answer, "action") else seen
    raise UnreadableError("the payment has a result that is not known")


def _refusal(answer: Json) -> dict[str, str]:
    said = {"refusal_reason": answer.get("refusalReason"), "code": answer.get("refusalReasonCode")}
    said["refusal_reason_raw"] = part(answer, "additionalData").get("refusalReasonRaw")
    return {name: value[:200] for name, value in said.items() if isinstance(value, str) and value}


def _card(answer: Json) -> dict[str, Any]:
    """What customers know their card by, where Adyen's additional data tell it."""
    last4 = optional(part(answer, "additionalData"), "cardSummary")
    if len(last4) != 4:
        return {}
    known = {"brand": optional(part(answer, "paymentMethod"), "brand")[:24], "last4": last4}
    return {"card": known | issuer(answer)}


def issuer(answer: Json) -> dict[str, str]:
    """Who has issued the card, where Adyen's additional data tell it: switched on in its Customer Area."""
    said = part(answer, "additionalData")
    name = answers.issuer(said.get("cardIssuingBank"), said.get("cardBin"), said.get("issuerBin"))
    return {"issuer": name} if name else {}


def _saved(answer: Json) -> SavedMethod | None:
    """The method that Adyen keeps since this payment, if it keeps one."""
    said = part(answer, "additionalData")
    token = optional(said, "tokenization.storedPaymentMethodId") or optional(said, "recurring.recurringDetailReference")
    if not token:
        return None
    month, _, year = optional(said, "expiryDate").partition("/")
    return SavedMethod(
        token=token,
        brand=optional(part(answer, "paymentMethod"), "brand")[:24],
        last4=optional(said, "cardSummary")[:4],
        exp_month=int(month) if month.isdecimal() else None,
        exp_year=int(year) if year.isdecimal() else None,
        fingerprint=optional(said, "alias"),
    )


def kept(answer: Json, token: str) -> Outcome:
    """What Adyen keeps under a token, among all that it keeps for a shopper."""
    stored = answer.get("storedPaymentMethods", [])
    if not isinstance(stored, list) or optional(answer, "shopperReference") == "":
        raise UnreadableError("the answer is no list of stored payment methods")
    found = [one for one in stored if isinstance(one, Mapping) and one.get("id") == token]
    if not found:
        return Outcome(verdict=Verdict.DECLINED, decline=DECLINES["payment_method_invalid"], detail="Adyen has no such")
    month, year = optional(found[0], "expiryMonth"), optional(found[0], "expiryYear")
    saved = SavedMethod(
        token=token,
        brand=optional(found[0], "brand")[:24],
        last4=(optional(found[0], "lastFour") or optional(found[0], "iban"))[-4:],
        exp_month=int(month) if month.isdecimal() else None,
        exp_year=int(year) if year.isdecimal() else None,
    )
    return Outcome(verdict=Verdict.APPROVED, saved=saved)


# --- actions -------------------------------------------------------------------------------------------------------

WAITS_SECONDS: Final = {"blik": 120}
"""How long an app waits for its customer, where Adyen's pages say so."""


def _action_required(seen: Outcome, action: Json) -> Outcome:
    """What the customer is to do, in our words; of what is no page, the PSP's own component shows the payload.

    The reference of a step is none to go by: the payment that it ends in may have another one.
    """
    kind = text(action, "type")
    method, expires = optional(action, "paymentMethodType"), moment(optional(action, "expiresAt"))
    asked: dict[str, Any]
    match kind:
        case "redirect":
            asked = {"type": "redirect", "url": text(action, "url")}
            if optional(action, "method").upper() == "POST":
                asked |= {"method": "POST", "data": dict(part(action, "data"))}
        case "qrCode":
            asked = {"type": "qr", "data": text(action, "qrCodeData"), "expires_at": _iso(expires)}
        case "voucher" | "bankTransfer":
            asked = {"type": "voucher", **_voucher(action), "expires_at": _iso(expires)}
        case "await":
            waits = WAITS_SECONDS.get(method)
            expires = datetime.fromtimestamp(int(time.time()) + waits, UTC) if waits else expires
            asked = {"type": "await", "until": _iso(expires)}
        case _:
            asked = {"type": "provider_sdk", "provider": "adyen", "payload": dict(action)}
    step = {"action": kind, "method": method, "step_reference": seen.provider_reference}
    raw = {**seen.raw, **{name: value for name, value in step.items() if value}}
    nameless = replace(seen, verdict=Verdict.ACTION_REQUIRED, provider_reference="", raw=raw)
    return replace(nameless, next_action=asked, expires_at=expires)


def _voucher(action: Json) -> dict[str, Any]:
    names = ("reference", "entity", "issuer", "alternativeReference", "collectionInstitutionNumber", "beneficiary")
    said = {re.sub(r"([A-Z])", r"_\1", name).lower(): optional(action, name) for name in (*names, "iban", "bic")}
    url = optional(action, "downloadUrl") or optional(action, "instructionsUrl") or optional(action, "url")
    return {"url": url or None, **{name: value for name, value in said.items() if value}}


def moment(said: str) -> datetime | None:
    """A time, None when it is none. Adyen writes vouchers' ends without a zone: they are read as UTC."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


# --- modifications and failures ------------------------------------------------------------------------------------


def received(answer: Json) -> Outcome:
    """Adyen has taken a modification on; what becomes of it is told by a notification."""
    if answer.get("status") != "received":
        raise UnreadableError("the modification has a status that is not known")
    amount = from_adyen(answer["amount"]) if "amount" in answer else None
    modification = text(answer, "pspReference")
    raw = {"status": "received", "modification": modification}
    reference = optional(answer, "paymentPspReference")
    detail = "Adyen will tell what came of it"
    return Outcome(
        verdict=Verdict.PENDING,
        provider_reference=reference,
        modification=modification,
        amount=amount,
        detail=detail,
        raw=raw,
    )


def failed(failure: http.FailedError, *, provider_reference: str = "") -> Outcome:
    """The outcome of a call that ended in `failure`."""
    seen = Outcome(verdict=Verdict.UNKNOWN, provider_reference=provider_reference, detail=str(failure))
    match failure:
        case http.UnsentError():
            return replace(seen, verdict=Verdict.UNAVAILABLE)
        case RefusedError():
            code = declines.error_code(failure.error)
            names = {"error_type": "errorType", "psp_reference": "pspReference"}
            said = {ours: optional(failure.error, theirs) for ours, theirs in names.items()}
            raw = {
                "code": code,
                "http_status": failure.status,
                **{name: value for name, value in said.items() if value},
            }
            outcome = replace(seen, verdict=failure.verdict, raw=raw)
            if failure.verdict is not Verdict.DECLINED:
                return outcome
            return replace(outcome, decline=declines.refused_request(code))
    return seen
