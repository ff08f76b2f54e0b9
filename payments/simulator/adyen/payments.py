"""POST /payments: a card at once or after 3-D Secure, a stored method, or a method that waits for the shopper."""

from typing import Any

from payments.simulator.adyen import (
    accounting,
    answers,
    authorising,
    carding,
    currencies,
    errors,
    methods,
    objects,
    reading,
    refusals,
    waiting,
    words,
)
from payments.simulator.adyen.calls import Call
from payments.simulator.adyen.shop import Shop

Json = dict[str, Any]

LONGEST_DELAY = 672
ABSENT_SHOPPER = frozenset({"ContAuth", "Moto"})


def create(call: Call) -> Json:
    """The answer says what happened so far; the AUTHORISATION notification says how it ended."""
    payment = make(call.shop, call.body)
    payment.amount = call.wrong(payment.amount)
    payment.idempotency_key = call.idempotency_key
    payment.fate = call.fates("late_capture_failure")
    if call.outage:
        payment.planned = refusals.ISSUER_OUT.code
    begin(call.shop, payment, call.body)
    return answers.shown(call.shop, payment, call.base_url)


def make(shop: Shop, body: Json) -> objects.Payment:
    """The payment that the request describes, not yet saved. Raises AdyenError."""
    given = reading.thing(body, "paymentMethod")
    if not given:
        raise errors.InvalidError("14_006", "Required object 'paymentMethod' is not provided.")
    value, currency = reading.amount(body, least=0)
    token = _token(shop, body, given)
    method = _method(given, token, currency)
    payment = objects.Payment(
        id=shop.new_psp(),
        created=shop.now(),
        amount=value,
        currency=currency,
        reference=reading.reference(body),
        method=method,
        variant=method,
        return_url=reading.text(body, "returnUrl") or "",
        country=reading.text(body, "countryCode"),
        shopper=reading.text(body, "shopperReference"),
        store=_stores(body, token),
        token=token.id if token else None,
        word=words.word(body),
        capture_delay=_capture_delay(shop, body, method),
        pre_authorised=reading.thing(body, "additionalData").get("authorisationType") == "PreAuth",
        metadata=reading.metadata(body),
    )
    if not payment.return_url:
        raise errors.InvalidError("14_030", "Return URL is missing.")
    if payment.store and not payment.shopper:
        raise errors.InvalidError("14_007", "Required field 'shopperReference' is not provided.")
    _details(payment, given, token)
    outcome = words.outcome(body)
    if outcome:
        payment.planned = outcome.code
    if payment.amount == 0 and not (payment.store or payment.card):
        raise errors.InvalidError("137", "Invalid amount specified")
    return payment


def _token(shop: Shop, body: Json, given: Json) -> objects.Token | None:
    token_id = given.get("storedPaymentMethodId") or given.get("recurringDetailReference")
    if not token_id:
        return None
    shopper = reading.text(body, "shopperReference")
    if not shopper:
        raise errors.InvalidError("14_007", "Required field 'shopperReference' is not provided.")
    token = shop.find(objects.Token, str(token_id))
    if token is None or token.shopper != shopper:
        raise errors.InvalidError("800", "Contract not found")
    return token


def _method(given: Json, token: objects.Token | None, currency: str) -> str:
    name = str(given.get("type") or (token.method if token else ""))
    if name in {"card", "networkToken"}:
        name = "scheme"
    method = methods.METHODS.get(name)
    if method is None or (method.currencies and currency not in method.currencies):
        raise errors.AdyenError(
            500,
            "905_1",
            f"Could not find an acquirer account for the provided txvariant ({name}), currency ({currency}), "
            "and action (AUTH).",
            "configuration",
        )
    return name


def _stores(body: Json, token: objects.Token | None) -> bool:
    asked = any(body.get(name) is True for name in ("storePaymentMethod", "enableRecurring", "enableOneClick"))
    return asked and token is None


def _capture_delay(shop: Shop, body: Json, name: str) -> int | None:
    """Hours; None when the merchant captures. Methods without separate capture are always captured at once."""
    if not methods.METHODS[name].manual:
        return 0
    if str(reading.thing(body, "additionalData").get("manualCapture", "")).lower() == "true":
        return None
    delay = body.get("captureDelayHours", shop.setting("capture_delay_hours", 0))
    if delay is None or delay == "manual":
        return None
    if not isinstance(delay, int) or isinstance(delay, bool) or not 0 <= delay <= LONGEST_DELAY:
        raise errors.InvalidError("14_013", "Invalid captureDelayHours")
    return delay


def _details(payment: objects.Payment, given: Json, token: objects.Token | None) -> None:
    """Fill in the card, if it is one."""
    outcome = refusals.OUTCOMES[1]
    if token:
        payment.card, outcome = carding.from_token(token, given)
        payment.bank = dict(token.bank)
    elif methods.METHODS[payment.method].flow == "debit":
        payment.bank = {name: given[name] for name in ("iban", "ownerName") if isinstance(given.get(name), str)}
    elif payment.method in carding.WALLETS:
        payment.card = carding.from_wallet(given)
    elif payment.method in {"scheme", "bcmc"} and carding.given(given):
        payment.card, outcome = carding.read(given)
    elif payment.method == "scheme":
        raise errors.InvalidError("14_004", "Missing payment method details: encryptedCardNumber")
    if payment.card:
        payment.variant = payment.card["brand"]
        if payment.method in carding.WALLETS:
            payment.variant = f"{payment.card['brand']}_{payment.method}"
    payment.planned = outcome.code


def begin(shop: Shop, payment: objects.Payment, body: Json) -> None:
    """Decide, or let the shopper have the next step."""
    accounting.note(shop, payment, "Received", payment.amount)
    flow = methods.METHODS[payment.method].flow
    if payment.card:
        if step := _authentication(payment, body):
            waiting.start(shop, payment, step)
        else:
            authorising.decide(shop, payment)
    elif payment.token or flow == "debit":
        waiting.collect(shop, payment) if flow == "debit" else authorising.decide(shop, payment)
    else:
        waiting.start(shop, payment)


def _authentication(payment: objects.Payment, body: Json) -> str:
    """How the shopper has to prove who they are; empty when not, or not there."""
    if not payment.card["enrolled"] or payment.word == words.FRICTIONLESS:
        return ""
    # Who pays with what is stored, with one click, is there: CardOnFile. The other models are the merchant's.
    if body.get("shopperInteraction") in ABSENT_SHOPPER and body.get("recurringProcessingModel") != "CardOnFile":
        return ""
    wish = reading.thing(reading.thing(body, "authenticationData"), "threeDSRequestData").get("nativeThreeDS")
    native = wish == "preferred" or str(reading.thing(body, "additionalData").get("allow3DS2", "")).lower() == "true"
    return "fingerprint" if native else "redirect"


def available(call: Call) -> Json:
    """POST /paymentMethods: what fits amount and country, and what the shopper has stored."""
    body = call.body
    currency = reading.thing(body, "amount").get("currency")
    if currency is not None and not currencies.known(str(currency)):
        raise errors.InvalidError("138", "Currency Not Supported")
    allowed, blocked = reading.names(body, "allowedPaymentMethods"), reading.names(body, "blockedPaymentMethods")
    country = reading.text(body, "countryCode")
    shown = []
    for name, method in methods.METHODS.items():
        if not methods.fits(method, currency, country) or name in blocked:
            continue
        if allowed and name not in allowed:
            continue
        entry: Json = {"type": name, "name": method.name}
        if method.flow in {"card", "wallet"}:
            entry["brands"] = ["visa", "mc", "amex"]
        shown.append(entry)
    stored = [
        {key: value for key, value in resource(token).items() if key in _STORED}
        | {"supportedShopperInteractions": ["Ecommerce", "ContAuth"]}
        for token in call.shop.tokens(reading.text(body, "shopperReference") or "")
    ]
    return {"paymentMethods": shown, **({"storedPaymentMethods": stored} if stored else {})}


_STORED = frozenset(
    {"id", "type", "name", "brand", "lastFour", "expiryMonth", "expiryYear", "holderName"}
    | {"supportedRecurringProcessingModels"}
)


def resource(token: objects.Token) -> Json:
    """StoredPaymentMethodResource."""
    card = token.card
    shown: Json = {
        "id": token.id,
        "type": token.method,
        "name": methods.METHODS[token.method].name,
        "shopperReference": token.shopper,
        "supportedRecurringProcessingModels": ["CardOnFile", "Subscription", "UnscheduledCardOnFile"],
    }
    if card:
        shown |= {
            "brand": card["brand"],
            "lastFour": card["last4"],
            "expiryMonth": card["month"],
            "expiryYear": card["year"],
            "holderName": card["holder"],
        }
    return shown | token.bank
