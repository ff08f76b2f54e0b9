"""Reading a card out of a paymentMethod: test values, a wallet's token, or a stored one."""

from typing import Any

from payments.simulator.adyen import cards, errors, objects, refusals

Json = dict[str, Any]

TEST = "test_"
# Where a wallet puts what stands for the card; a text that begins with test_ names a test card there too.
WALLETS = {"applepay": "applePayToken", "googlepay": "googlePayToken"}
FIELDS = {
    "number": "encryptedCardNumber",
    "expiryMonth": "encryptedExpiryMonth",
    "expiryYear": "encryptedExpiryYear",
    "cvc": "encryptedSecurityCode",
}


def given(method: Json) -> bool:
    """Whether card details are in it."""
    return bool(method.get("encryptedCardNumber") or method.get("number"))


def _value(method: Json, plain: str) -> str:
    """The field as such or in its encrypted form, which here is test_ and the value."""
    name = FIELDS[plain]
    value = method.get(name)
    if value is None:
        return str(method.get(plain) or "")
    if not isinstance(value, str) or not value.startswith(TEST):
        raise errors.InvalidError("174", f"Unable to decrypt data: {name}")
    return value.removeprefix(TEST)


def _card(digits: str) -> cards.Card:
    card = cards.by_number(digits.replace(" ", ""))
    if card is None:
        raise errors.InvalidError("101", "Invalid card number")
    return card


def read(method: Json) -> tuple[Json, refusals.Outcome]:
    """The card as it is kept, and what its issuer thinks of the details."""
    card = _card(_value(method, "number"))
    month, year, cvc = (_value(method, name) for name in ("expiryMonth", "expiryYear", "cvc"))
    if not month.isdigit() or not 1 <= int(month) <= 12:
        raise errors.InvalidError("140", "Expiry month should be between 1 and 12 inclusive or missing")
    if not year.isdigit() or len(year) != 4:
        raise errors.InvalidError("141", "Expiry year should be a 4 digit number greater than 2000")
    return _kept(card, month.rjust(2, "0"), year, method), _judged(card, month, year, cvc)


def issuer(method: Json) -> str | None:
    """The first six digits of the card that a request is about, where it has one."""
    given = method.get("encryptedCardNumber") or method.get("number")
    return given.removeprefix(TEST).replace(" ", "")[:6] if isinstance(given, str) else None


def _kept(card: cards.Card, month: str, year: str, method: Json) -> Json:
    return {
        "last4": card.number[-4:],
        "bin": card.number[:6],
        "brand": card.brand,
        "country": card.country,
        "funding": card.funding,
        "month": month,
        "year": year,
        "holder": str(method.get("holderName") or ""),
        "enrolled": card.enrolled,
    }


def _judged(card: cards.Card, month: str, year: str, cvc: str) -> refusals.Outcome:
    if not card.known:
        return refusals.BAD_NUMBER
    if (month.rjust(2, "0"), year) != (cards.MONTH, cards.YEAR):
        return refusals.EXPIRED
    if cvc and card.cvc and cvc != card.cvc:
        return refusals.BAD_CVC
    return refusals.OUTCOMES[1]


def from_wallet(method: Json) -> Json:
    """The card in the phone; its bank has recognised the shopper already."""
    token = method.get(WALLETS[method["type"]])
    if not isinstance(token, str) or not token:
        raise errors.InvalidError("14_004", f"Missing payment method details: {WALLETS[method['type']]}")
    card = _card(token.removeprefix(TEST)) if token.startswith(TEST) else cards.PLAIN
    return {**_kept(card, cards.MONTH, cards.YEAR, method), "enrolled": False}


def from_token(token: objects.Token, method: Json) -> tuple[Json, refusals.Outcome]:
    """A stored card; only its security code may be asked for again."""
    if not token.card:
        return {}, refusals.OUTCOMES[1]
    cvc = _value(method, "cvc")
    card = cards.Card("", token.card["brand"], cvc="7373" if token.card["brand"] == "amex" else "737")
    wrong = bool(cvc) and cvc != card.cvc and token.card["brand"] != "cup"
    return dict(token.card), refusals.BAD_CVC if wrong else refusals.OUTCOMES[1]
