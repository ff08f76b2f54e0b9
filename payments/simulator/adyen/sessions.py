"""Sessions: the merchant opens one, the shopper pays inside it, the merchant asks for the result."""

from typing import Any

from payments.simulator.adyen import answers, errors, notifications, objects, payments, reading
from payments.simulator.adyen.calls import Call
from payments.simulator.adyen.shop import Shop

Json = dict[str, Any]

LIFE = 3_600
MODES = ("embedded", "hosted")
# What the shopper's side may not bring along: the session has settled it.
SETTLED = frozenset({"merchantAccount", "amount", "reference", "returnUrl"})
SHOWN = ("countryCode", "shopperReference")


def create(call: Call) -> Json:
    """POST /sessions"""
    body = call.body
    reading.amount(body, least=0)
    reference = reading.reference(body)
    if not reading.text(body, "returnUrl"):
        raise errors.InvalidError("14_030", "Return URL is missing.")
    mode = reading.text(body, "mode") or "embedded"
    if mode not in MODES:
        raise errors.unreadable(f"Field 'mode' must be one of {', '.join(MODES)}")
    now = call.shop.now()
    session = objects.Session(f"CS{call.shop.new_psp()}", now, now + LIFE, reference, body)
    call.shop.save(session)
    answer: Json = {
        "id": session.id,
        "amount": body["amount"],
        "expiresAt": notifications.moment(session.expires),
        "merchantAccount": call.shop.merchant,
        "reference": reference,
        "returnUrl": body["returnUrl"],
        "mode": mode,
        "sessionData": f"Ab02b4c0!{session.id}",
        **{name: text for name in SHOWN if (text := reading.text(body, name))},
    }
    if metadata := reading.metadata(body):
        answer["metadata"] = metadata
    if mode == "hosted":
        answer["url"] = f"{call.base_url}/_sim/adyen/sessions/{session.id}"
    return answer


def retrieve(call: Call) -> Json:
    """GET /sessions/{id}?sessionResult="""
    session = call.shop.find(objects.Session, call.args[0])
    if session is None:
        raise errors.missing("Session not found")
    if not call.query.get("sessionResult"):
        raise errors.InvalidError("14_012", "Required parameter 'sessionResult' is not provided.")
    found = [call.shop.known(objects.Payment, psp) for psp in session.payments]
    paid = [payment for payment in found if answers.result(payment) in {"Authorised", "Received", "Pending"}]
    answer: Json = {"id": session.id, "reference": session.reference, "status": _status(call.shop, session, found)}
    if paid:
        answer["payments"] = [
            {
                "amount": {"value": payment.amount, "currency": payment.currency},
                "paymentMethod": {"type": payment.method},
                "pspReference": payment.id,
                "resultCode": answers.result(payment),
            }
            for payment in paid
        ]
    return answer


def _status(shop: Shop, session: objects.Session, found: list[objects.Payment]) -> str:
    states = {payment.status for payment in found}
    if any(payment.authorised for payment in found):
        return "completed"
    if states & {"waiting", "received"}:
        return "paymentPending"
    if shop.now() >= session.expires:
        return "expired"
    return "refused" if found else "active"


def pay(shop: Shop, session: objects.Session, brought: Json, base_url: str) -> Json:
    """The shopper pays with what they brought, as Adyen's component would. Raises AdyenError."""
    if shop.now() >= session.expires:
        raise errors.InvalidError("14_014", "The session has expired")
    body = {**session.given, **{name: value for name, value in brought.items() if name not in SETTLED}}
    payment = payments.make(shop, body)
    payment.session = session.id
    payments.begin(shop, payment, body)
    session.payments.append(payment.id)
    shop.save(session)
    return {**answers.shown(shop, payment, base_url), "sessionResult": f"X3XtfGC9!{session.id}"}
