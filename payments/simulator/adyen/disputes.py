"""Disputes: opened by a word of the tester's, followed step by step, answered through the Disputes API v30."""

import functools
from collections.abc import Callable
from typing import Any

from payments.simulator.adyen import capturing, money, notifications, objects
from payments.simulator.adyen.calls import Call
from payments.simulator.adyen.shop import Shop
from payments.simulator.clock import DAY

Json = dict[str, Any]

HOUR = 3_600
ANSWER_WITHIN = 14 * DAY
# Reason codes and texts: Visa 10.4, Mastercard 4853, the others by their own words.
CODES = {
    "visa": ("10.4", "Other Fraud-Card Absent Environment"),
    "mc": ("4853", "Cardholder Dispute"),
    "sepadirectdebit": ("MS03", "No reason specified"),
}
OTHER = ("F10", "Other")
UNDEFENDABLE = frozenset({"sepadirectdebit"})

_BEGIN = ((0, "notify"), (HOUR, "charge_back"))
PLANS: dict[str, tuple[tuple[float, str], ...]] = {
    "CHARGEBACK": (*_BEGIN, (ANSWER_WITHIN, "end")),
    "CHARGEBACK_WON": (*_BEGIN, (DAY, "reverse")),
    "CHARGEBACK_LOST": (*_BEGIN, (DAY, "reverse"), (30 * DAY, "second")),
    "PREARBITRATION_WON": (*_BEGIN, (DAY, "reverse"), (20 * DAY, "prearbitration"), (10 * DAY, "win")),
    "PREARBITRATION_LOST": (*_BEGIN, (DAY, "reverse"), (20 * DAY, "prearbitration"), (10 * DAY, "lose")),
    "REQUEST_FOR_INFORMATION": ((0, "ask"), (ANSWER_WITHIN, "charge_back"), (ANSWER_WITHIN, "end")),
    "defended": ((0, "supplied"), (DAY, "reverse")),
    "informed": ((0, "supplied"), (DAY, "close")),
    "accepted": ((0, "charge_back"),),
}
STATUS = {
    "open": "Undefended",
    "information": "Undefended",
    "charged_back": "Undefended",
    "defended": "Pending",
    "won": "Won",
    "lost": "Lost",
    "accepted": "Accepted",
}
ANSWERABLE = frozenset({"open", "information", "charged_back"})


def begin(shop: Shop, payment: objects.Payment, word: str) -> None:
    """The shopper's bank has something to say about the payment."""
    code, reason = CODES.get(payment.variant, CODES.get(payment.method, OTHER))
    if word == "NOTIFICATION_OF_FRAUD":
        more = {"nofReasonCode": "6", "nofSchemeCode": payment.variant}
        news = notifications.about(
            payment, word, psp=shop.new_psp(), original=payment.id, reason="Fraudulent Use of Account Number", more=more
        )
        notifications.tell(shop, news)
        return
    amount = capturing.refundable(payment)
    if amount <= 0:
        return
    dispute = objects.Dispute(
        id=shop.new_psp(),
        created=shop.now(),
        payment=payment.id,
        amount=amount,
        currency=payment.currency,
        reason=reason,
        code=code,
        plan=word,
        due=shop.now() + ANSWER_WITHIN,
    )
    shop.save(dispute)
    _next(shop, dispute, 0)


def _next(shop: Shop, dispute: objects.Dispute, place: int) -> None:
    """Do the step, or let it be done when its time has come."""
    plan = PLANS[dispute.plan]
    if place >= len(plan):
        return
    seconds, _ = plan[place]
    if seconds:
        shop.later(seconds, f"dispute_step.{dispute.turn}.{place}", dispute.id)
    else:
        step(shop, dispute, f"{dispute.turn}.{place}")


def step(shop: Shop, dispute: objects.Dispute, detail: str) -> None:
    """One step of the plan; `detail` is turn and place."""
    turn, place = (int(number) for number in detail.split("."))
    if turn != dispute.turn:
        return
    _STEPS[PLANS[dispute.plan][place][1]](shop, dispute)
    _next(shop, dispute, place + 1)


def _tell(shop: Shop, dispute: objects.Dispute, event: str) -> None:
    payment = shop.known(objects.Payment, dispute.payment)
    more = {
        "chargebackReasonCode": dispute.code,
        "chargebackSchemeCode": payment.variant,
        "disputeStatus": STATUS[dispute.status],
        "defendable": "false" if payment.method in UNDEFENDABLE else "true",
        "defensePeriodEndsAt": notifications.moment(dispute.due),
        "grossValue": str(dispute.amount),
        "grossCurrency": dispute.currency,
    }
    news = notifications.about(
        payment, event, psp=dispute.id, original=payment.id, amount=dispute.amount, reason=dispute.reason, more=more
    )
    notifications.tell(shop, news)


def _move(shop: Shop, dispute: objects.Dispute, kind: str, amount: int) -> None:
    """Money is taken (below 0) or given back."""
    payment = shop.known(objects.Payment, dispute.payment)
    payment.disputed -= amount
    dispute.deducted -= amount
    shop.save(payment)
    money.book(shop, payment, kind, amount, dispute.id)


def _become(status: str, event: str) -> Callable[[Shop, objects.Dispute], None]:
    def become(shop: Shop, dispute: objects.Dispute) -> None:
        dispute.status = status
        shop.save(dispute)
        _tell(shop, dispute, event)

    return become


def _charge_back(shop: Shop, dispute: objects.Dispute) -> None:
    payment = shop.known(objects.Payment, dispute.payment)
    dispute.amount = min(dispute.amount, capturing.refundable(payment))
    if dispute.amount <= 0:
        # It was refunded meanwhile: nothing is left to take.
        dispute.amount, dispute.status, dispute.turn = 0, "won", dispute.turn + 1
        shop.save(dispute)
        return
    _move(shop, dispute, "Chargeback", -dispute.amount)
    if dispute.status != "accepted":
        dispute.status, dispute.due = "charged_back", shop.now() + ANSWER_WITHIN
    shop.save(dispute)
    _tell(shop, dispute, "CHARGEBACK")


def _reverse(shop: Shop, dispute: objects.Dispute) -> None:
    _move(shop, dispute, "ChargebackReversed", dispute.amount)
    _become("won", "CHARGEBACK_REVERSED")(shop, dispute)


def _second(shop: Shop, dispute: objects.Dispute) -> None:
    _move(shop, dispute, "SecondChargeback", -dispute.amount)
    _become("lost", "SECOND_CHARGEBACK")(shop, dispute)


def _lose(shop: Shop, dispute: objects.Dispute) -> None:
    _second(shop, dispute)
    _become("lost", "PREARBITRATION_LOST")(shop, dispute)


def _close(shop: Shop, dispute: objects.Dispute) -> None:
    dispute.status = "won"
    shop.save(dispute)


_STEPS: dict[str, Callable[[Shop, objects.Dispute], None]] = {
    "notify": lambda shop, dispute: _tell(shop, dispute, "NOTIFICATION_OF_CHARGEBACK"),
    "ask": _become("information", "REQUEST_FOR_INFORMATION"),
    "charge_back": _charge_back,
    "supplied": _become("defended", "INFORMATION_SUPPLIED"),
    "reverse": _reverse,
    "second": _second,
    "prearbitration": _become("open", "PREARBITRATION_OPEN"),
    "win": _become("won", "PREARBITRATION_WON"),
    "lose": _lose,
    "close": _close,
    "end": _become("lost", "DISPUTE_DEFENSE_PERIOD_ENDED"),
}

DOCUMENT, INVOICE = "DefenseMaterial", "TIDorInvoice"
LEVELS = {DOCUMENT: "Required", INVOICE: "Optional"}
REASONS = ("SERVICES_PROVIDED", "CANCELLED_REFUNDED")


def _result(problem: str = "") -> Json:
    result: Json = {"success": not problem}
    if problem:
        result["errorMessage"] = problem
    return {"disputeServiceResult": result}


Answer = Callable[[Call, objects.Dispute], Json]


def _about(answer: Answer) -> Callable[[Call], Json]:
    """An operation on one dispute; one that nobody has is no error at Adyen, but a result."""

    @functools.wraps(answer)
    def run(call: Call) -> Json:
        dispute = call.shop.find(objects.Dispute, str(call.body.get("disputePspReference")))
        return answer(call, dispute) if dispute is not None else _result("Unknown dispute")

    return run


def _defendable(call: Call, dispute: objects.Dispute) -> bool:
    payment = call.shop.known(objects.Payment, dispute.payment)
    return dispute.status in ANSWERABLE and payment.method not in UNDEFENDABLE


@_about
def reasons(call: Call, dispute: objects.Dispute) -> Json:
    """retrieveApplicableDefenseReasons"""
    if not _defendable(call, dispute):
        return _result("This dispute cannot be defended")
    types = [
        {"defenseDocumentTypeCode": code, "requirementLevel": level, "available": code in dispute.documents}
        for code, level in LEVELS.items()
    ]
    there = DOCUMENT in dispute.documents
    listed = [{"defenseReasonCode": r, "satisfied": there, "defenseDocumentTypes": types} for r in REASONS]
    return {**_result(), "defenseReasons": listed}


@_about
def supply(call: Call, dispute: objects.Dispute) -> Json:
    """supplyDefenseDocument"""
    given = call.body.get("defenseDocuments")
    codes = (
        [str(d.get("defenseDocumentTypeCode")) for d in given if isinstance(d, dict)] if isinstance(given, list) else []
    )
    if not _defendable(call, dispute):
        return _result("This dispute cannot be defended")
    if not codes or not set(codes) <= LEVELS.keys():
        return _result(f"Documents of the types {DOCUMENT} and {INVOICE} are expected")
    dispute.documents = sorted({*dispute.documents, *codes})
    call.shop.save(dispute)
    return _result()


@_about
def remove(call: Call, dispute: objects.Dispute) -> Json:
    """deleteDisputeDefenseDocument"""
    if call.body.get("defenseDocumentType") not in dispute.documents:
        return _result("No such document")
    dispute.documents.remove(call.body["defenseDocumentType"])
    call.shop.save(dispute)
    return _result()


@_about
def defend(call: Call, dispute: objects.Dispute) -> Json:
    """defendDispute: with the document supplied before, the case is won a day later."""
    if not _defendable(call, dispute):
        return _result("This dispute cannot be defended")
    if call.body.get("defenseReasonCode") not in REASONS or DOCUMENT not in dispute.documents:
        return _result("The defense reason is not applicable, or its document is missing")
    _turn(call.shop, dispute, "informed" if dispute.status == "information" else "defended")
    return _result()


@_about
def accept(call: Call, dispute: objects.Dispute) -> Json:
    """acceptDispute: it cannot be taken back."""
    if dispute.status not in ANSWERABLE:
        return _result("This dispute cannot be accepted")
    taken, dispute.status = dispute.deducted > 0, "accepted"
    if taken:
        dispute.turn += 1
        call.shop.save(dispute)
    else:
        _turn(call.shop, dispute, "accepted")
    return _result()


def _turn(shop: Shop, dispute: objects.Dispute, plan: str) -> None:
    dispute.turn += 1
    dispute.plan = plan
    shop.save(dispute)
    _next(shop, dispute, 0)
