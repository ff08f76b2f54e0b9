"""Payments that wait for the shopper: what is shown, and what happens to one who was told what to do."""

import base64
from typing import Any

from payments.simulator.adyen import methods, notifications, objects, words
from payments.simulator.adyen.shop import Shop
from payments.simulator.tables import dumps

Json = dict[str, Any]

# Who has to approve in an app does so after a moment, unless a word says otherwise.
APPROVED_AFTER = 3.0
SOON = 1.0
OVERDUE_BY = 3_600
STEPS = {"card": "redirect", "redirect_voucher": "redirect", "wallet": "redirect"}
RESULTS = {
    "redirect": "RedirectShopper",
    "fingerprint": "IdentifyShopper",
    "challenge": "ChallengeShopper",
    "voucher": "PresentToShopper",
    "qr": "Pending",
    "await": "Pending",
}


def start(shop: Shop, payment: objects.Payment, step: str = "") -> None:
    """From now on the shopper has time."""
    method = methods.METHODS[payment.method]
    payment.step = step or STEPS.get(method.flow, method.flow)
    payment.attempt += 1
    shop.save(payment)
    shop.later(method.seconds, f"close_offer.{payment.attempt}", payment.id)
    _act(shop, payment, method)


def _act(shop: Shop, payment: objects.Payment, method: methods.Method) -> None:
    match payment.word:
        case words.PAY:
            shop.later(SOON, "pay", payment.id)
        case words.PAY_LATE:
            shop.later(method.seconds * 0.8, "pay", payment.id)
        case words.PAY_OVERDUE:
            shop.later(method.seconds + OVERDUE_BY, "pay", payment.id)
        case words.FAIL:
            shop.later(SOON, "fail", payment.id)
        case words.EXPIRE:
            pass
        case _ if payment.step == "await":
            shop.later(APPROVED_AFTER, "pay", payment.id)


def collect(shop: Shop, payment: objects.Payment) -> None:
    """Hand a debit to the bank: a while later it has accepted, or it has not."""
    payment.status = "received"
    shop.save(payment)
    if payment.word != words.EXPIRE:
        late = 86_400 if payment.word == words.PAY_LATE else methods.METHODS[payment.method].seconds
        shop.later(late, "fail" if payment.word == words.FAIL else "pay", payment.id)


def secret(payment: objects.Payment) -> str:
    """Opaque to the merchant: leads back to the payment."""
    return f"Ab02b4c0!{payment.id}"


def behind(secret_: object) -> str:
    """The payment that such a secret leads to."""
    return str(secret_).rpartition("!")[2]


def page(payment: objects.Payment, base_url: str) -> str:
    """Where the shopper answers."""
    kind = "3ds" if payment.card else "pay"
    return f"{base_url}/_sim/adyen/{kind}/{payment.id}"


def action(payment: objects.Payment, base_url: str, merchant: str) -> Json:
    """The action of the answer, for the shopper's side."""
    return {
        "paymentMethodType": payment.method,
        **_ACTIONS[payment.step](payment, page(payment, base_url), merchant),
    }


def _expires(payment: objects.Payment) -> str:
    return notifications.moment(payment.created + methods.METHODS[payment.method].seconds)


def _redirect(_payment: objects.Payment, url: str, _merchant: str) -> Json:
    return {"type": "redirect", "method": "GET", "url": url}


def _three_ds(payment: objects.Payment, url: str, _merchant: str) -> Json:
    server = {"threeDSServerTransID": f"8a01bb7b-0000-4000-8000-{payment.id[-12:].lower()}", "messageVersion": "2.2.0"}
    if payment.step == "fingerprint":
        content = {**server, "threeDSMethodURL": url, "threeDSMethodNotificationURL": url}
    else:
        content = {**server, "acsURL": url, "acsTransID": payment.id, "acsReferenceNumber": "SIMULATOR"}
    return {
        "type": "threeDS2",
        "subtype": payment.step,
        "token": base64.b64encode(dumps(content)).decode(),
        "paymentData": secret(payment),
        "authorisationToken": secret(payment),
    }


def _voucher(payment: objects.Payment, url: str, merchant: str) -> Json:
    total = {"value": payment.amount, "currency": payment.currency}
    shown: Json = {
        "type": "voucher",
        "reference": f"{int(payment.id, 36) % 10**12:012d}",
        "expiresAt": _expires(payment),
        "totalAmount": total,
        "initialAmount": total,
        "merchantName": merchant,
        "downloadUrl": url,
        "instructionsUrl": url,
        "merchantReference": payment.reference,
    }
    if payment.method == "multibanco":
        shown["entity"] = "12101"
    if payment.method == "oxxo":
        shown["alternativeReference"] = shown["reference"][::-1]
    if payment.method.startswith("econtext"):
        shown["collectionInstitutionNumber"] = "58091"
    return shown


def _qr_code(payment: objects.Payment, url: str, _merchant: str) -> Json:
    return {
        "type": "qrCode",
        "qrCodeData": url if payment.method != "pix" else f"00020126br.gov.bcb.pix{payment.id}",
        "expiresAt": _expires(payment),
        "paymentData": secret(payment),
        "url": url,
    }


def _await(payment: objects.Payment, url: str, _merchant: str) -> Json:
    return {"type": "await", "paymentData": secret(payment), "url": url}


_ACTIONS = {
    "redirect": _redirect,
    "fingerprint": _three_ds,
    "challenge": _three_ds,
    "voucher": _voucher,
    "qr": _qr_code,
    "await": _await,
}
