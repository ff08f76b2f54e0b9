"""Disputes: opened by test cards, answered with evidence, decided by the documented words in it."""

from decimal import Decimal
from typing import Any

from payments.simulator.clock import DAY
from payments.simulator.stripe import (
    balance,
    cards,
    charging,
    currencies,
    errors,
    events,
    funds,
    listing,
    objects,
    parameters,
    render,
)
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import ANY, BOOL, META, STR
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

UPDATE: parameters.Spec = {
    "evidence": {**dict.fromkeys(funds.EVIDENCE, STR), "enhanced_evidence": ANY},
    "metadata": META,
    "submit": BOOL,
    "intended_submission_method": STR,
    "expand": parameters.LIST,
}
LIST: parameters.Spec = {**parameters.PAGE, "charge": STR, "payment_intent": STR}

ANSWER_WITHIN = 7 * DAY
DECISION = 1
SLOW_DECISION = 60 * DAY
# 15.00 in major units of the settlement currency.
FEE = 15
NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6.1"}
OPEN = funds.OPEN_DISPUTE
REVIEW = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}


def open_dispute(shop: Shop, charge: objects.Charge, reason: str) -> None:
    """The customer's bank takes the money back (or, an inquiry, asks first)."""
    inquiry = reason == "inquiry"
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    card = render.payment_method(method).get("card", {})
    dispute = objects.Dispute(
        id=shop.new_id("du_1"),
        created=shop.now(),
        amount=_amount(shop, charge, cards.get(method.card)),
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        reason="fraudulent" if inquiry else reason,
        status="warning_needs_response" if inquiry else "needs_response",
        case_type="inquiry" if inquiry else "chargeback",
        due_by=shop.now() + ANSWER_WITHIN,
        network_reason_code=NETWORK_CODES.get(reason, "10.4"),
        brand=card.get("brand", "visa"),
    )
    if not inquiry:
        _withdraw(shop, dispute, charge)
    shop.save(dispute)
    tell(shop, dispute, "created")
    if not inquiry:
        tell(shop, dispute, "funds_withdrawn")
    shop.later(ANSWER_WITHIN, "dispute_due", dispute.id)


def _amount(shop: Shop, charge: objects.Charge, card: cards.Card) -> int:
    """The whole payment; several disputes share it, and the last one takes what is left."""
    before = shop.disputes_of(charge)
    if len(before) + 1 < len(card.disputes):
        return charge.amount_captured // len(card.disputes)
    return charge.amount_captured - sum(dispute.amount for dispute in before)


def _withdraw(shop: Shop, dispute: objects.Dispute, charge: objects.Charge) -> None:
    words = ("adjustment", "dispute", f"Chargeback withdrawal for {charge.id}")
    _book(shop, dispute, (-dispute.amount, _fee(shop)), words)
    charge.disputed = True
    shop.save(charge)


def _fee(shop: Shop) -> int:
    return currencies.minor(Decimal(FEE), shop.account.currency)


def _book(shop: Shop, dispute: objects.Dispute, money: tuple[int, int], words: balance.Words) -> None:
    """A movement of the dispute's: `money` is the customer's amount and the fee."""
    charge = shop.known(objects.Charge, dispute.charge)
    if row := balance.book_dispute(shop, charge, money, words, dispute.id):
        dispute.balance_transactions.append(row)


def tell(shop: Shop, dispute: objects.Dispute, event: str, previous: Json | None = None) -> None:
    """An event about the dispute."""
    charge = shop.known(objects.Charge, dispute.charge)
    kind = shop.known(objects.PaymentMethod, charge.payment_method).type
    events.emit(shop, f"charge.dispute.{event}", funds.dispute(dispute, shop), previous, kind)


def _move(shop: Shop, dispute: objects.Dispute, status: str) -> None:
    previous = {"status": dispute.status}
    dispute.status = status
    shop.save(dispute)
    tell(shop, dispute, "updated", previous)


def close_as(shop: Shop, dispute: objects.Dispute, status: str) -> None:
    """The dispute is over."""
    if status == "won" and dispute.balance_transactions:
        words = ("adjustment", "dispute_reversal", f"Chargeback reversal for {dispute.charge}")
        _book(shop, dispute, (dispute.amount, -_fee(shop)), words)
        dispute.status = status
        shop.save(dispute)
        tell(shop, dispute, "funds_reinstated")
    dispute.status = status
    shop.save(dispute)
    tell(shop, dispute, "closed")


def due(shop: Shop, dispute: objects.Dispute) -> None:
    """Nobody has answered in time: a chargeback is lost, an inquiry fades away."""
    if dispute.status in OPEN:
        close_as(shop, dispute, "lost" if dispute.status == "needs_response" else "warning_closed")


def decide(shop: Shop, dispute: objects.Dispute) -> None:
    """The bank has read the evidence."""
    if dispute.status not in REVIEW.values():
        return
    text = dispute.evidence.get("uncategorized_text", "")
    inquiry = dispute.case_type == "inquiry"
    if inquiry and text == "escalate_inquiry_evidence":
        dispute.case_type = "chargeback"
        _withdraw(shop, dispute, shop.known(objects.Charge, dispute.charge))
        _move(shop, dispute, "needs_response")
        tell(shop, dispute, "funds_withdrawn")
    elif inquiry and text != "losing_evidence":
        close_as(shop, dispute, "warning_closed")
    else:
        close_as(shop, dispute, "won" if text == "winning_evidence" else "lost")


def retrieve(call: Call) -> Json:
    """GET /v1/disputes/{id}"""
    return funds.dispute(call.shop.get(objects.Dispute, call.args[0]), call.shop)


def update(call: Call) -> Json:
    """POST /v1/disputes/{id}: evidence; unless submit=false it goes to the bank at once."""
    shop, params = call.shop, call.params
    dispute = shop.get(objects.Dispute, call.args[0])
    given = params.get("evidence")
    if given and dispute.status not in OPEN:
        raise errors.RefusedError("This dispute is already closed or under review.", param="evidence")
    _check_files(shop, given or {})
    dispute.metadata = parameters.merged(dispute.metadata, params.get("metadata"))
    if given:
        dispute.evidence.update({name: value for name, value in given.items() if value is not None})
    if given and params.get("submit") is not False:
        dispute.submissions += 1
        _move(shop, dispute, REVIEW[dispute.status])
        known = dispute.evidence.get("uncategorized_text", "").endswith("_evidence")
        shop.later(DECISION if known else SLOW_DECISION, "decide_dispute", dispute.id)
    else:
        _move(shop, dispute, dispute.status)
    return funds.dispute(dispute, shop)


def _check_files(shop: Shop, given: Json) -> None:
    """Documents are told by the ids of their files."""
    for name in funds.EVIDENCE_FILES:
        if given.get(name) is not None and shop.find(objects.File, given[name]) is None:
            raise errors.MissingError("file upload", given[name], f"evidence[{name}]", 400)


def close(call: Call) -> Json:
    """POST /v1/disputes/{id}/close: accept the loss; it cannot be taken back."""
    dispute = call.shop.get(objects.Dispute, call.args[0])
    if dispute.status not in OPEN:
        raise errors.RefusedError("This dispute is already closed.")
    close_as(call.shop, dispute, "lost" if dispute.status == "needs_response" else "warning_closed")
    return funds.dispute(dispute, call.shop)


def list_all(call: Call) -> Json:
    """GET /v1/disputes?charge=&payment_intent="""
    charge, intent = call.params.get("charge"), call.params.get("payment_intent")
    rows = (
        record
        for record in call.shop.newest(objects.Dispute)
        if charge in {None, record.charge} and intent in {None, record.payment_intent}
    )
    return listing.page(rows, call.params, lambda record: funds.dispute(record, call.shop), "/v1/disputes")


def warn(shop: Shop, charge: objects.Charge) -> None:
    """The issuer reports fraud; no money moves yet."""
    warning = {
        "id": shop.new_id("issfr_1"),
        "object": "radar.early_fraud_warning",
        "actionable": True,
        "charge": charge.id,
        "created": shop.now(),
        "fraud_type": "misc",
        "livemode": False,
        "payment_intent": charge.payment_intent,
    }
    events.emit(shop, "radar.early_fraud_warning.created", warning)
    charging.tell_charge(shop, charge, "updated")
