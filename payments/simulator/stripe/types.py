"""Payment methods other than cards: how each behaves, and the details Stripe shows of it."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Type:
    """How a method pays: `redirect` (customer returns paid), `voucher`, `qr`, `await` or `debit` (no customer step)."""

    flow: str
    currencies: frozenset[str] = frozenset()
    manual: bool = False
    refundable: bool = True
    # A debit is `processing` for so long; a voucher or QR code can be paid for so long. Seconds.
    seconds: int = 0


def _of(*codes: str) -> frozenset[str]:
    return frozenset(codes)


TYPES: dict[str, Type] = {
    "alipay": Type("redirect", _of("cny", "aud", "cad", "eur", "gbp", "hkd", "jpy", "myr", "nzd", "sgd", "usd")),
    "bancontact": Type("redirect", _of("eur")),
    "cashapp": Type("redirect", _of("usd"), manual=True),
    "ideal": Type("redirect", _of("eur")),
    "klarna": Type(
        "redirect",
        _of("aud", "cad", "chf", "czk", "dkk", "eur", "gbp", "nok", "nzd", "pln", "ron", "sek", "usd"),
        manual=True,
    ),
    "p24": Type("redirect", _of("eur", "pln")),
    "paypal": Type("redirect", manual=True),
    "twint": Type("redirect", _of("chf")),
}


def details(kind: str, given: Any) -> Json:
    """What the payment method object shows under its type's name."""
    shown = dict(_DETAILS.get(kind, {}))
    if isinstance(given, dict):
        shown.update({name: value for name, value in given.items() if name in shown})
    return shown


_DETAILS: dict[str, Json] = {
    "ideal": {"bank": None, "bic": None},
    "p24": {"bank": None},
    "paypal": {"country": None, "payer_email": None, "payer_id": None},
    "klarna": {"dob": None},
    "cashapp": {"buyer_id": None, "cashtag": None},
}


def by_token(reference: str) -> tuple[str, Json] | None:
    """Type and details of a documented token of another type than card; None when it is none."""
    del reference
    return None
