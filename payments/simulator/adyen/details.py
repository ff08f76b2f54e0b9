"""POST /payments/details: what the shopper brings back from a redirect or from native 3-D Secure."""

import base64
import binascii
from typing import Any

import orjson

from payments.simulator.adyen import answers, authorising, errors, objects, reading, refusals, waiting
from payments.simulator.adyen.calls import Call

Json = dict[str, Any]

# transStatus: authenticated, attempted. Source: EMV 3-D Secure protocol, table A.15.
PASSED = frozenset({"Y", "A"})
ANSWERS = {"fail": refusals.NOT_AUTHENTICATED, "cancel": refusals.SHOPPER_CANCELLED}


def finish(call: Call) -> Json:
    """The result. A second call finds the same; one for a payment nobody answered is refused."""
    details = reading.thing(call.body, "details")
    redirected = reading.text(details, "redirectResult") or reading.text(details, "payload")
    native = reading.text(details, "threeDSResult")
    if redirected:
        payment = _find(call, redirected)
        if payment.status == "waiting" and payment.card:
            _conclude(call, payment, payment.answered)
    elif native:
        said = _decoded(native)
        payment = _find(call, said.get("authorisationToken") or call.body.get("paymentData"))
        _advance(call, payment, said)
    elif call.body.get("paymentData"):
        payment = _find(call, call.body["paymentData"])
    else:
        raise errors.InvalidError("14_008", "Required object 'details' is not provided.")
    return answers.shown(call.shop, payment, call.base_url if payment.step == "challenge" else None)


def _find(call: Call, secret: object) -> objects.Payment:
    payment = call.shop.find(objects.Payment, waiting.behind(secret))
    if payment is None:
        raise errors.InvalidError("14_009", "Invalid payment details: they belong to no payment")
    return payment


def _decoded(text: str) -> Json:
    """What the 3-D Secure component says: base64 of JSON, or one of the words success, fail, cancel, fingerprint."""
    if text in {"success", "fail", "cancel"}:
        return {"transStatus": {"success": "Y", "fail": "N", "cancel": "U"}[text]}
    if text == "fingerprint":
        return {"threeDSCompInd": "Y"}
    try:
        said = orjson.loads(base64.b64decode(text + "==", validate=False))
    except (binascii.Error, ValueError):
        said = None
    if not isinstance(said, dict):
        raise errors.InvalidError("14_010", "Invalid threeDSResult")
    return said


def _advance(call: Call, payment: objects.Payment, said: Json) -> None:
    """From the fingerprint to the challenge, from the challenge to the issuer."""
    if payment.status != "waiting":
        return
    if payment.step == "fingerprint" and "transStatus" not in said:
        payment.step = "challenge"
        call.shop.save(payment)
        return
    _conclude(call, payment, "success" if said.get("transStatus") in PASSED else "fail")


def _conclude(call: Call, payment: objects.Payment, answered: str) -> None:
    if not answered:
        raise errors.InvalidError("14_011", "The shopper has not finished the authentication")
    if answered in ANSWERS:
        authorising.refuse(call.shop, payment, ANSWERS[answered])
        return
    payment.authenticated = True
    payment.fate |= call.fates("late_capture_failure")
    if call.outage:
        payment.planned = refusals.ISSUER_OUT.code
    authorising.decide(call.shop, payment)
