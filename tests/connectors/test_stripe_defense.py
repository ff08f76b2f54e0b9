"""What goes over the wire to Stripe when a dispute is answered, and what is made of what comes back."""

from dataclasses import replace
from typing import Any, Final

import pytest
from moneyed import Money

from payments.connectors.base import Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import (
    AcceptDispute,
    EvidenceDocument,
    EvidenceFile,
    EvidenceText,
    SubmitEvidence,
)
from payments.connectors.stripe import requests
from payments.kernel import ids
from payments.simulator.stripe import forms
from tests.connectors.benches import StripeBench, just_now
from tests.connectors.relay import Relay
from tests.connectors.test_contract_disputes import PDF, acceptance, charged_back, disputed, evidence
from tests.connectors.test_stripe_requests import FORM, Schema, judge, nested, spec, typed

__all__ = ["spec"]

TEXTS: Final = {
    "product_description": "product_description",
    "customer_name": "customer_name",
    "customer_email": "customer_email_address",
    "customer_ip": "customer_purchase_ip",
    "billing_address": "billing_address",
    "shipping_address": "shipping_address",
    "shipping_carrier": "shipping_carrier",
    "shipping_date": "shipping_date",
    "shipping_tracking": "shipping_tracking_number",
    "service_date": "service_date",
    "access_log": "access_activity_log",
    "refund_policy_disclosure": "refund_policy_disclosure",
    "refund_refusal": "refund_refusal_explanation",
    "duplicate_charge_id": "duplicate_charge_id",
    "duplicate_explanation": "duplicate_charge_explanation",
    "other": "uncategorized_text",
}
DOCUMENTS: Final = {
    "receipt": "receipt",
    "shipping_documentation": "shipping_documentation",
    "service_documentation": "service_documentation",
    "customer_communication": "customer_communication",
    "customer_signature": "customer_signature",
    "refund_policy": "refund_policy",
    "duplicate_documentation": "duplicate_charge_documentation",
    "other": "uncategorized_file",
}


def whole(dispute: str) -> SubmitEvidence:
    """Everything that there is to say and to show."""
    return SubmitEvidence(
        key=ids.uuid7().hex,
        reference="dp_1",
        provider_reference="pi_1",
        dispute_reference=dispute,
        texts={name: f"{name} & more: ä€" for name in EvidenceText},
        files=[
            EvidenceFile(kind=kind, filename=f"{kind}.pdf", content_type="application/pdf", content=PDF)
            for kind in EvidenceDocument
        ],
    )


def test_every_evidence_of_ours_has_its_name_at_stripe(spec: Schema) -> None:
    assert requests.TEXTS == TEXTS
    assert requests.DOCUMENTS == DOCUMENTS
    operation = spec["paths"]["/v1/disputes/{dispute}"]["post"]["requestBody"]["content"][FORM]["schema"]
    known = operation["properties"]["evidence"]["properties"]
    assert {*TEXTS.values(), *DOCUMENTS.values()} <= known.keys()


def test_every_request_is_one_that_stripe_documents(stripe_bench: StripeBench, wire: Relay, spec: Schema) -> None:
    payment, news = charged_back(stripe_bench)
    _, other = disputed(stripe_bench)
    ours = stripe_bench.connector(base_url=wire.url)
    request = whole(news.reference)
    assert ours.submit_evidence(request).verdict is Verdict.APPROVED
    assert ours.find(request, provider_reference="", sent_at=just_now().replace(year=2020)).verdict is Verdict.APPROVED
    assert ours.accept_dispute(acceptance(other, payment)).verdict is Verdict.APPROVED

    uploads = [passed for passed in wire.passed if passed.path == "/v1/files"]
    assert len(uploads) == len(EvidenceDocument)
    for passed in wire.passed:
        if passed not in uploads:
            judge(spec, passed)
    [update] = [nested(passed.body) for passed in wire.passed if passed.path.endswith(news.reference) and passed.body]
    assert update["submit"] == "true"
    assert update["metadata"] == {"evidence": request.key}
    said = {theirs: f"{ours} & more: ä€" for ours, theirs in TEXTS.items()}
    assert {name: update["evidence"][name] for name in TEXTS.values()} == said
    shown = {update["evidence"][name] for name in DOCUMENTS.values()}
    assert len(shown) == len(DOCUMENTS)
    assert all(each.startswith("file_") for each in shown)


def test_a_document_is_uploaded_as_stripe_documents_it(stripe_bench: StripeBench, wire: Relay, spec: Schema) -> None:
    payment, news = charged_back(stripe_bench)
    content = b"%PDF-1.4\r\n\x00\xff--not a boundary\r\n%%EOF"
    request = evidence(news, payment)
    file = replace(request.files[0], filename='rec"eipt\r\n.pdf', content=content)
    ours = stripe_bench.connector(base_url=wire.url)
    assert ours.submit_evidence(replace(request, files=[file])).verdict is Verdict.APPROVED

    passed = wire.passed[0]
    assert (passed.method, passed.path) == ("POST", "/v1/files")
    kind = passed.headers["Content-Type"]
    sent = forms.multipart(kind, passed.body)
    assert sent["file"]["content"] == content
    schema = spec["paths"]["/v1/files"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert sent.keys() <= schema["properties"].keys()
    assert sent.keys() >= set(schema["required"])
    assert typed(sent["purpose"], schema["properties"]["purpose"]) == "dispute_evidence"
    assert kind.startswith("multipart/form-data; boundary=")


def test_every_post_carries_a_key_derived_from_ours(stripe_bench: StripeBench, wire: Relay) -> None:
    payment, news = charged_back(stripe_bench)
    _, other = disputed(stripe_bench)
    ours, request, accepting = stripe_bench.connector(base_url=wire.url), evidence(news, payment), acceptance(other, "")
    ours.submit_evidence(request)
    ours.accept_dispute(accepting)

    assert [passed.headers.get("Idempotency-Key") for passed in wire.passed] == [
        f"{request.key}-receipt",
        f"{request.key}-evidence",
        f"{accepting.key}-close",
    ]


def refused(code: str = "") -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "code": code, "message": "of Ada Lovelace"}}


def test_a_document_that_stripe_refuses_is_told_and_nothing_is_submitted(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    payment, news = charged_back(stripe_bench)
    request = evidence(news, payment)
    word = replace(request.files[0], content=b"PK\x03\x04 a text of a word processor")
    outcome = stripe_bench.connector(base_url=wire.url).submit_evidence(replace(request, files=[word]))

    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["dispute_evidence_refused"])
    assert [passed.path for passed in wire.passed] == ["/v1/files"]


def test_evidence_that_is_refused_while_the_dispute_waits_is_not_called_closed(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    payment, news = charged_back(stripe_bench)
    wire.answer(f"POST /v1/disputes/{news.reference}", 400, refused())
    request = evidence(news, payment, documents=False)
    outcome = stripe_bench.connector(base_url=wire.url).submit_evidence(request)

    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["dispute_evidence_refused"])
    assert "Lovelace" not in repr(outcome)


def test_a_refusal_that_cannot_be_looked_into_leaves_it_open(stripe_bench: StripeBench, wire: Relay) -> None:
    payment, news = charged_back(stripe_bench)
    ours = stripe_bench.connector(base_url=wire.url)
    for path in (f"POST /v1/disputes/{news.reference}", f"POST /v1/disputes/{news.reference}/close"):
        wire.answer(path, 400, refused())
        wire.answer(f"GET /v1/disputes/{news.reference}", 500, refused())
        request = acceptance(news, payment) if path.endswith("close") else evidence(news, payment, documents=False)
        answered = ours.accept_dispute(request) if isinstance(request, AcceptDispute) else ours.submit_evidence(request)
        assert answered.verdict is Verdict.UNKNOWN, answered


@pytest.mark.parametrize(("status", "verdict"), [(401, "unavailable"), (409, "unknown"), (429, "unavailable")])
def test_what_a_status_proves(stripe_bench: StripeBench, wire: Relay, status: int, verdict: str) -> None:
    payment, news = charged_back(stripe_bench)
    ours = stripe_bench.connector(base_url=wire.url)
    wire.answer("/close", status, refused())
    assert ours.accept_dispute(acceptance(news, payment)).verdict == verdict
    wire.answer(f"POST /v1/disputes/{news.reference}", status, refused())
    assert ours.submit_evidence(evidence(news, payment, documents=False)).verdict == verdict


def test_an_upload_that_fails_while_an_answer_is_looked_for_proves_nothing(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    payment, news = charged_back(stripe_bench)
    ours, request = stripe_bench.connector(base_url=wire.url), evidence(news, payment)
    wire.answer("/v1/files", 500, refused())
    assert ours.find(request, provider_reference="", sent_at=just_now()).verdict is Verdict.UNKNOWN
    assert news.amount == Money("30.00", "EUR")


def test_what_is_said_of_a_customer_is_not_told_by_the_request_itself() -> None:
    told = repr(whole("du_1"))
    assert "more" not in told
    assert "PDF" not in told


def test_it_goes_to_stripes_address_of_files_where_there_is_no_other(stripe_bench: StripeBench) -> None:
    file = evidence(charged_back(stripe_bench)[1], "").files[0]
    asked = requests.upload(file)
    assert (asked["base"], asked["content_type"], asked["purpose"]) == (
        "files",
        "multipart/form-data",
        "dispute_evidence",
    )
    assert asked["file"].read() == PDF
