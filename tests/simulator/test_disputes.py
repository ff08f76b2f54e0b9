"""Disputes: money goes back to the customer, and returns when the evidence convinces."""

import io

import pytest
import stripe

from tests.simulator import process


def disputed(merchant: process.Merchant, token: str = "pm_card_createDispute") -> stripe.Dispute:
    intent = merchant.pay(token, capture_method="automatic")
    merchant.happened("charge.dispute.created")
    return merchant.v1.disputes.list(params={"payment_intent": intent.id}).data[0]


def test_a_chargeback_takes_the_money_and_a_fee(merchant: process.Merchant) -> None:
    dispute = disputed(merchant)

    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 2_000)
    row = dispute.balance_transactions[0]
    assert (row.amount, row.fee, row.net, row.reporting_category) == (-2_000, 1_500, -3_500, "dispute")
    assert not dispute.is_charge_refundable
    charge = merchant.v1.charges.retrieve(str(dispute.charge))
    assert charge.disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.refunds.create(params={"charge": charge.id})
    assert refused.value.code == "charge_disputed"
    assert merchant.events()[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    line = next(line for line in merchant.book() if line["object"] == "dispute")
    assert (line["id"], line["amount"], line["status"]) == (dispute.id, 2_000, "needs_response")


def test_evidence_that_wins(merchant: process.Merchant) -> None:
    dispute = disputed(merchant)
    sent = merchant.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "winning_evidence"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    merchant.happened("charge.dispute.closed")
    dispute = merchant.v1.disputes.retrieve(dispute.id)
    assert dispute.status == "won"
    assert [row.net for row in dispute.balance_transactions] == [-3_500, 3_500]
    assert merchant.events()[-2:] == ["charge.dispute.funds_reinstated", "charge.dispute.closed"]


def test_evidence_that_loses(merchant: process.Merchant) -> None:
    dispute = disputed(merchant, "pm_card_createDisputeProductNotReceived")
    assert dispute.reason == "product_not_received"
    merchant.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "losing_evidence"}})
    merchant.happened("charge.dispute.closed")
    assert merchant.v1.disputes.retrieve(dispute.id).status == "lost"


def test_a_draft_is_not_sent(merchant: process.Merchant) -> None:
    dispute = disputed(merchant)
    draft = merchant.v1.disputes.update(dispute.id, params={"evidence": {"customer_name": "Ann"}, "submit": False})
    assert (draft.status, draft.evidence.customer_name) == ("needs_response", "Ann")


def test_an_inquiry_moves_no_money_until_it_escalates(merchant: process.Merchant) -> None:
    dispute = disputed(merchant, "pm_card_createDisputeInquiry")
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert dispute.is_charge_refundable
    merchant.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    merchant.happened("charge.dispute.funds_withdrawn")
    assert merchant.v1.disputes.retrieve(dispute.id).status == "needs_response"


def test_the_loss_is_accepted(merchant: process.Merchant) -> None:
    dispute = disputed(merchant)
    assert merchant.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        merchant.v1.disputes.close(dispute.id)


def test_several_disputes_on_one_charge(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_createMultipleDisputes", capture_method="automatic")

    def both() -> list[stripe.Dispute]:
        found = merchant.v1.disputes.list(params={"payment_intent": intent.id}).data
        return found if len(found) == 2 else []

    found = process.until(both, "two disputes")
    assert sum(dispute.amount for dispute in found) == 2_000


def test_nobody_answers_in_time(own: process.Simulator) -> None:
    merchant = own.merchant()
    dispute = disputed(merchant)
    own.advance(8 * 86_400)
    assert merchant.v1.disputes.retrieve(dispute.id).status == "lost"


def test_the_issuer_warns_of_fraud(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_createIssuerFraudRecord")
    warning = merchant.happened("radar.early_fraud_warning.created")["data"]["object"]
    assert (warning["charge"], warning["payment_intent"]) == (intent.latest_charge, intent.id)


PDF = b"%PDF-1.4\r\n--\x00\xff\r\n%%EOF\r\n"


def upload(merchant: process.Merchant, content: bytes = PDF, key: str | None = None) -> stripe.File:
    """A document as evidence; each time the form has another boundary."""
    options: stripe.RequestOptions = {"idempotency_key": key} if key else {}
    params: stripe.params.FileCreateParams = {"purpose": "dispute_evidence", "file": io.BytesIO(content)}
    return merchant.v1.files.create(params=params, options=options)


def test_a_document_is_uploaded_and_shown(merchant: process.Merchant) -> None:
    file = upload(merchant)
    assert (file.purpose, file.size, file.type, file.url) == ("dispute_evidence", len(PDF), "pdf", None)
    assert merchant.v1.files.retrieve(file.id).id == file.id
    dispute = disputed(merchant)
    sent = merchant.v1.disputes.update(dispute.id, params={"evidence": {"receipt": file.id}})
    assert (sent.status, sent.evidence.receipt) == ("under_review", file.id)


def test_the_same_document_under_the_same_key_is_one(merchant: process.Merchant) -> None:
    assert upload(merchant, key="once").id == upload(merchant, key="once").id
    with pytest.raises(stripe.IdempotencyError):
        upload(merchant, PDF + b"more", key="once")


@pytest.mark.parametrize("params", [{"file": io.BytesIO(PDF)}, {"purpose": "dispute_evidence"}])
def test_a_form_that_lacks_something_is_refused(merchant: process.Merchant, params: dict[str, object]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.files.create(params=params)  # type: ignore[arg-type]
    assert refused.value.code == "parameter_missing"


def test_what_is_no_document_is_no_evidence(merchant: process.Merchant) -> None:
    for content in (b"PK\x03\x04", b""):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            upload(merchant, content)
        assert refused.value.param == "file"
    with pytest.raises(stripe.InvalidRequestError):
        merchant.v1.files.create(params={"purpose": "identity_document", "file": io.BytesIO(PDF)})


def test_a_file_that_is_not_there_is_no_evidence(merchant: process.Merchant) -> None:
    dispute = disputed(merchant)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.disputes.update(dispute.id, params={"evidence": {"receipt": "file_nobody"}})
    assert (refused.value.param, refused.value.code) == ("evidence[receipt]", "resource_missing")
    assert merchant.v1.disputes.retrieve(dispute.id).status == "needs_response"


def test_what_is_only_held_is_disputed_once_it_was_taken(own: process.Simulator) -> None:
    merchant = own.merchant()
    intent = merchant.pay("pm_card_createDispute", capture_method="manual")
    own.advance(3_600)
    assert "charge.dispute.created" not in merchant.events()

    merchant.v1.payment_intents.capture(intent.id, params={"amount_to_capture": 1_500})
    own.advance(3_600)
    dispute = merchant.v1.disputes.list(params={"payment_intent": intent.id}).data[0]
    assert dispute.amount == 1_500, "as much as was taken, and not nothing"
