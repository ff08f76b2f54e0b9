"""Payment methods other than cards: how each pays, in which currencies, what Stripe shows of it."""

import hashlib
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Type:
    """How a method pays.

    `flow`: redirect (the customer comes back paid), voucher and qr (paid within `seconds` or expired), await
    (approved in an app within `seconds`), debit (no step for the customer; `processing` for `seconds`).
    """

    flow: str
    currencies: frozenset[str] = frozenset()
    seconds: int = HOUR
    manual: bool = False
    refundable: bool = True


def _type(flow: str, currencies: str = "", seconds: int = HOUR, **more: bool) -> Type:
    return Type(flow, frozenset(currencies.split()), seconds, **more)


# Currencies: docs.stripe.com/payments/payment-methods/payment-method-support; manual capture: the API specification.
TYPES: dict[str, Type] = {
    "affirm": _type("redirect", "usd cad", manual=True),
    "afterpay_clearpay": _type("redirect", "aud cad gbp nzd usd", manual=True),
    "alipay": _type("redirect", "cny aud cad eur gbp hkd jpy myr nzd sgd usd"),
    "alma": _type("redirect", "eur", manual=True),
    "amazon_pay": _type("redirect", manual=True),
    "bacs_debit": _type("debit", "gbp", 3 * DAY),
    "bancontact": _type("redirect", "eur"),
    "billie": _type("redirect", "eur gbp", manual=True),
    "bizum": _type("redirect", "eur"),
    "blik": _type("await", "pln", 2 * MINUTE),
    "boleto": _type("voucher", "brl", 3 * DAY, refundable=False),
    "cashapp": _type("redirect", "usd", manual=True),
    "eps": _type("redirect", "eur"),
    "fpx": _type("redirect", "myr"),
    "grabpay": _type("redirect", "sgd myr"),
    "ideal": _type("redirect", "eur"),
    "kakao_pay": _type("redirect", "krw", manual=True),
    "klarna": _type("redirect", "aud cad chf czk dkk eur gbp nok nzd pln ron sek usd", manual=True),
    "konbini": _type("voucher", "jpy", 3 * DAY),
    "kr_card": _type("redirect", "krw", manual=True),
    "mb_way": _type("await", "eur", 5 * MINUTE),
    "mobilepay": _type("redirect", "dkk eur nok sek", manual=True),
    "multibanco": _type("voucher", "eur", 7 * DAY),
    "naver_pay": _type("redirect", "krw", manual=True),
    "oxxo": _type("voucher", "mxn", 5 * DAY, refundable=False),
    "p24": _type("redirect", "eur pln"),
    "paynow": _type("qr", "sgd"),
    "paypal": _type("redirect", manual=True),
    "pix": _type("qr", "brl", DAY),
    "promptpay": _type("qr", "thb"),
    "revolut_pay": _type("redirect", manual=True),
    "satispay": _type("redirect", "eur", manual=True),
    "sepa_debit": _type("debit", "eur", 3 * DAY),
    "swish": _type("await", "sek", 3 * MINUTE),
    "twint": _type("redirect", "chf"),
    "upi": _type("await", "inr", 5 * MINUTE),
    "us_bank_account": _type("debit", "usd", 4 * DAY),
    "wechat_pay": _type("qr", "cny aud cad chf dkk eur gbp hkd jpy nok sek sgd usd"),
    "zip": _type("redirect", "aud usd"),
}

_DETAILS: dict[str, Json] = {
    "bacs_debit": {"fingerprint": "bacs0001", "last4": "2345", "sort_code": "108800"},
    "boleto": {"tax_id": "00000000000000"},
    "cashapp": {"buyer_id": None, "cashtag": None},
    "eps": {"bank": None},
    "fpx": {"bank": "maybank2u"},
    "ideal": {"bank": None, "bic": None},
    "klarna": {"dob": None},
    "kr_card": {"brand": None, "last4": None},
    "naver_pay": {"buyer_id": None, "funding": "card"},
    "p24": {"bank": None},
    "paypal": {"country": None, "payer_email": None, "payer_id": None},
    "revolut_pay": {},
    "sepa_debit": {
        "bank_code": "37040044",
        "branch_code": "",
        "country": "DE",
        "fingerprint": "sepa0001",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": "3000",
    },
    "upi": {"vpa": None},
    "us_bank_account": {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": "ach0001",
        "last4": "6789",
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
    },
}
# What a bank debit does, by token and by the number of the account (docs.stripe.com/testing).
DEBITS = {
    "success": "success",
    "successDelayed": "success",
    "processing": "processing",
    "failed": "fail",
    "failedDelayed": "fail",
    "insufficientFunds": "fail",
    "exceedsWeeklyVolumeLimit": "fail",
    "exceedsWeeklyTransactionLimit": "fail",
    "accountClosed": "fail",
    "debitNotAuthorized": "fail",
    "disputed": "dispute",
    "dispute": "dispute",
}
_NUMBERS = {
    "DE08370400440532013003": "successDelayed",
    "DE62370400440532013001": "failed",
    "DE35370400440532013002": "disputed",
    "000111111113": "accountClosed",
    "000222222227": "insufficientFunds",
    "000333333335": "debitNotAuthorized",
    "000000000009": "processing",
}
_TOKENS = {"pm_sepaDebit_": "sepa_debit", "pm_usBankAccount_": "us_bank_account"}


def details(kind: str, given: Any) -> tuple[Json, str]:
    """What the payment method shows under its type's name, and what a debit of it will do."""
    shown = dict(_DETAILS.get(kind, {}))
    if not isinstance(given, dict):
        return shown, "success"
    shown.update({name: value for name, value in given.items() if name in shown})
    number = str(given.get("iban") or given.get("account_number") or "").replace(" ", "")
    if number and "last4" in shown:
        shown["last4"] = number[-4:]
        shown["fingerprint"] = hashlib.sha256(number.encode()).hexdigest()[:16]
    return shown, DEBITS[_NUMBERS.get(number, "success")]


def by_token(reference: str) -> tuple[str, Json, str] | None:
    """Type, details and behaviour of a documented bank debit token; None when it is none."""
    for prefix, kind in _TOKENS.items():
        if reference.startswith(prefix):
            name = reference.removeprefix(prefix).partition("_")[0]
            if name in DEBITS:
                return kind, dict(_DETAILS[kind]), DEBITS[name]
    return None
