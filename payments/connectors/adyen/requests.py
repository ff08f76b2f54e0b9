"""What Adyen is asked for when a payment is made: the body of its request."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from payments.connectors.adyen import mapping
from payments.connectors.base import Authorize, Line, Shopper

Json = Mapping[str, Any]

BROWSER: Final[Mapping[str, str]] = {
    "accept_header": "acceptHeader",
    "color_depth": "colorDepth",
    "java_enabled": "javaEnabled",
    "language": "language",
    "screen_height": "screenHeight",
    "screen_width": "screenWidth",
    "time_zone_offset": "timeZoneOffset",
    "user_agent": "userAgent",
}
"""Our word, and Adyen's; its BrowserInfo requires every one."""


def payment(request: Authorize) -> dict[str, Any]:
    """The request to /payments. The capture mode is always said, whatever the account's default."""
    capture = {"captureDelayHours": 0} if request.capture else {"additionalData": _reserved(request)}
    stored, placed = request.saved_token or request.token, request.placed()
    given = {"storedPaymentMethodId": stored} if stored else placed.pop("paymentMethod", {})
    body: dict[str, Any] = {
        **(placed if not stored else {}),
        "amount": mapping.to_adyen(request.amount),
        "reference": request.reference,
        "paymentMethod": {"type": request.type, **given},
        "returnUrl": request.return_url,
        **capture,
        **_shopper(request.shopper),
        **_interaction(request, stored),
        **_browser(request.browser),
    }
    if request.metadata:
        body["metadata"] = dict(request.metadata)
    return body | items(request.lines)


PRE_AUTHORISED: Final = frozenset({"scheme"})
"""What can be held for longer, or with another amount, when it was a pre-authorisation from the beginning.

docs.adyen.com/online-payments/adjust-authorisation. It is also what a part of may be captured, and late.
"""


def _reserved(request: Authorize) -> dict[str, str]:
    more = {"authorisationType": "PreAuth"} if request.type in PRE_AUTHORISED else {}
    return {"manualCapture": "true", **more}


def _shopper(shopper: Shopper) -> dict[str, Any]:
    first, last = shopper.first_name, shopper.last_name
    said = {
        "shopperReference": shopper.reference,
        "shopperEmail": shopper.email,
        "countryCode": shopper.country,
        "shopperLocale": shopper.locale,
        "shopperIP": shopper.ip,
        "shopperName": {"firstName": first, "lastName": last} if first else None,
    }
    return {name: value for name, value in said.items() if value}


def _interaction(request: Authorize, stored: str) -> dict[str, Any]:
    """Who is there, and what is kept: a stored method is charged by the customer, or without one."""
    if request.off_session:
        return {"shopperInteraction": "ContAuth", "recurringProcessingModel": "UnscheduledCardOnFile"}
    if stored:
        return {"shopperInteraction": "ContAuth", "recurringProcessingModel": "CardOnFile"}
    if not request.save:
        return {"shopperInteraction": "Ecommerce"}
    model = "UnscheduledCardOnFile" if request.unattended else "CardOnFile"
    return {"shopperInteraction": "Ecommerce", "storePaymentMethod": True, "recurringProcessingModel": model}


def _browser(browser: Json) -> dict[str, Any]:
    """What 3-D Secure wants to know of a browser; an app says its channel only. Without a wish it is a redirect."""
    said: dict[str, Any] = {}
    if browser.get("native_three_ds") is True:
        said["authenticationData"] = {"threeDSRequestData": {"nativeThreeDS": "preferred"}}
    info = {BROWSER[name]: value for name, value in browser.items() if name in BROWSER}
    if len(info) == len(BROWSER):
        said["browserInfo"] = info
    for name in ("channel", "origin"):
        if isinstance(browser.get(name), str):
            said[name] = browser[name]
    return said


def items(lines: Sequence[Line]) -> dict[str, Any]:
    """What is bought, captured or given back, for who lends on it."""
    return {"lineItems": [_line(line) for line in lines]} if lines else {}


def _line(line: Line) -> dict[str, Any]:
    """Adyen counts by the piece; a line that does not divide evenly is said as one piece."""
    pieces = line.quantity if _divides(line.amount, line.quantity) and _divides(line.tax, line.quantity) else 1
    with_tax, tax = (mapping.to_adyen(whole)["value"] // pieces for whole in (line.amount, line.tax))
    name = line.name if pieces == line.quantity else f"{line.quantity} × {line.name}"
    return {
        "id": line.sku,
        "description": name,
        "quantity": pieces,
        "amountIncludingTax": with_tax,
        "amountExcludingTax": with_tax - tax,
        "taxAmount": tax,
    }


def _divides(whole: Any, pieces: int) -> bool:
    return bool(mapping.to_adyen(whole)["value"] % pieces == 0)
