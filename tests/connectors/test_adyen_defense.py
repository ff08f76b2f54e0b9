"""What goes over the wire to Adyen when a dispute is answered: which reason, which documents, and what comes back."""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from payments.connectors.adyen import defense, transport
from payments.connectors.base import Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import EvidenceDocument, EvidenceFile, EvidenceText, SubmitEvidence
from payments.kernel import ids
from tests.connectors.adyen_bench import AdyenBench
from tests.connectors.benches import just_now
from tests.connectors.relay import Passed, Relay
from tests.connectors.test_contract_disputes import PDF, acceptance, charged_back, evidence

SPEC: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs/adyen-disputes.openapi.json"
PATH: Final = "/adyen/ca/services/DisputeService/v30"
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Schema:
    """Adyen's OpenAPI document, closed: a field that it does not know is a mistake."""
    if not SPEC.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SPEC} is missing")
        pytest.skip(f"Adyen's OpenAPI document is not at {SPEC}")
    document: Schema = json.loads(SPEC.read_text())
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def judge(spec: Schema, passed: Passed) -> None:
    """Fail when the request is not one that Adyen documents."""
    documented = spec["paths"][passed.path.removeprefix(PATH)][passed.method.lower()]
    schema = documented["requestBody"]["content"]["application/json"]["schema"]
    jsonschema_rs.validate({**schema, "components": spec["components"]}, json.loads(passed.body))


def verbs(wire: Relay) -> list[str]:
    return [passed.path.removeprefix(f"{PATH}/") for passed in wire.passed]


def file(kind: EvidenceDocument, *, content_type: str = "application/pdf", content: bytes = PDF) -> EvidenceFile:
    return EvidenceFile(kind=kind, filename=f"{kind}.pdf", content_type=content_type, content=content)


# --- the wire ---


def test_every_request_is_one_that_adyen_documents(adyen: AdyenBench, wire: Relay, spec: Schema) -> None:
    payment, news = charged_back(adyen)
    ours, request = adyen.connector(base_url=wire.url), evidence(news, payment)
    assert ours.submit_evidence(request).verdict is Verdict.APPROVED
    other_payment, other = charged_back(adyen)
    accepting = acceptance(other, other_payment)
    assert ours.accept_dispute(accepting).verdict is Verdict.APPROVED

    assert verbs(wire) == [
        "retrieveApplicableDefenseReasons",
        "supplyDefenseDocument",
        "defendDispute",
        "acceptDispute",
    ]
    for passed in wire.passed:
        judge(spec, passed)
        said = json.loads(passed.body)
        assert said["merchantAccountCode"] == adyen.merchant_account
        assert said["disputePspReference"] in {news.reference, other.reference}
    assert [passed.headers.get("Idempotency-Key") for passed in wire.passed] == [
        None,
        f"{request.key}-supply",
        f"{request.key}-defend",
        f"{accepting.key}-accept",
    ]
    supplied = json.loads(wire.passed[1].body)["defenseDocuments"]
    assert {one["defenseDocumentTypeCode"]: one["contentType"] for one in supplied} == {
        "TIDorInvoice": "application/pdf",
        "DefenseMaterial": "application/pdf",
    }
    shown = {one["defenseDocumentTypeCode"]: base64.b64decode(one["content"]) for one in supplied}
    assert shown["TIDorInvoice"] == PDF
    assert b"(Ada Lovelace)" in shown["DefenseMaterial"]


def test_the_judge_would_notice(adyen: AdyenBench, wire: Relay, spec: Schema) -> None:
    payment, news = charged_back(adyen)
    adyen.connector(base_url=wire.url).accept_dispute(acceptance(news, payment))
    [passed] = wire.passed
    for change in ({"reason": "none"}, {"disputePspReference": None}):
        body = json.dumps(json.loads(passed.body) | change).encode()
        with pytest.raises(jsonschema_rs.ValidationError):
            judge(spec, Passed(passed.method, passed.path, "", {}, body))


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (401, {"errorCode": "000", "errorType": "security"}, "unavailable"),
        (403, {"errorCode": "010", "errorType": "security"}, "unavailable"),
        (429, {}, "unavailable"),
        (422, {"errorCode": "702", "errorType": "validation"}, "declined"),
        (500, {"errorCode": "905", "errorType": "configuration"}, "unknown"),
        (200, {"disputeServiceResult": {}}, "unknown"),
        (200, {"disputeServiceResult": {"success": "true"}}, "unknown"),
    ],
)
def test_what_an_answer_proves(
    adyen: AdyenBench, wire: Relay, status: int, error: dict[str, Any], verdict: str
) -> None:
    payment, news = charged_back(adyen)
    ours = adyen.connector(base_url=wire.url)
    for path in ("/acceptDispute", "/defendDispute"):
        wire.answer(path, status, {**error, "message": "for Ada Lovelace"})
    accepted, answered = ours.accept_dispute(acceptance(news, payment)), ours.submit_evidence(evidence(news, payment))
    assert (accepted.verdict, answered.verdict) == (verdict, verdict)
    assert "Lovelace" not in repr((accepted, answered))


@pytest.mark.parametrize("path", ["/retrieveApplicableDefenseReasons", "/supplyDefenseDocument"])
@pytest.mark.parametrize("status", [200, 500])
def test_what_fails_before_the_defense_proves_that_there_is_none(
    adyen: AdyenBench, wire: Relay, path: str, status: int
) -> None:
    payment, news = charged_back(adyen)
    wire.answer(path, status, b"<html>")
    outcome = adyen.connector(base_url=wire.url).submit_evidence(evidence(news, payment))
    assert outcome.verdict is Verdict.UNAVAILABLE, outcome
    assert "defendDispute" not in verbs(wire)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Dispute expired.", "dispute_closed"),
        ("Dispute is not defendable.", "dispute_closed"),
        ("The dispute was accepted already", "dispute_closed"),
        ("Unknown dispute", "request_refused"),
        ("Error retrieving dispute.", "request_refused"),
        ("Invalid defense reason.", "dispute_evidence_refused"),
        ("", "dispute_evidence_refused"),
    ],
)
def test_adyens_sentences_have_words_of_ours(adyen: AdyenBench, wire: Relay, said: str, code: str) -> None:
    payment, news = charged_back(adyen)
    wire.answer("/defendDispute", 200, {"disputeServiceResult": {"success": False, "errorMessage": said}})
    outcome = adyen.connector(base_url=wire.url).submit_evidence(evidence(news, payment))
    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES[code])
    assert said in outcome.detail


def test_what_is_looked_for_and_refused_may_be_our_own_doing(adyen: AdyenBench, wire: Relay) -> None:
    payment, news = charged_back(adyen)
    ours = adyen.connector(base_url=wire.url)
    for status in (200, 422, 500):
        error = {"errorCode": "702", "errorType": "validation"}
        wire.answer("/acceptDispute", status, {"disputeServiceResult": {"success": False}} if status == 200 else error)
        found = ours.find(acceptance(news, payment), provider_reference="", sent_at=just_now())
        assert (found.verdict, found.decline) == (Verdict.UNKNOWN, None)


def test_what_may_no_longer_be_repeated_is_not(adyen: AdyenBench, wire: Relay) -> None:
    payment, news = charged_back(adyen)
    ours, long_ago = adyen.connector(base_url=wire.url), just_now() - timedelta(days=7)
    for request in (acceptance(news, payment), evidence(news, payment)):
        found = ours.find(request, provider_reference="", sent_at=long_ago)
        assert (found.verdict, found.detail) == (Verdict.UNKNOWN, "only a notification of Adyen can tell")
    assert wire.passed == []


# --- what is shown for which reason ---

RECEIPT, SHIPPING, OTHER = (
    EvidenceDocument.RECEIPT,
    EvidenceDocument.SHIPPING_DOCUMENTATION,
    EvidenceDocument.OTHER,
)


def reason(code: str, **levels: str) -> dict[str, Any]:
    types = [
        {"defenseDocumentTypeCode": name, "requirementLevel": level.removeprefix("have "), "available": "have" in level}
        for name, level in levels.items()
    ]
    return {"defenseReasonCode": code, "satisfied": False, "defenseDocumentTypes": types}


GENERIC: Final = reason("SupplyDefenseMaterial", DefenseMaterial="Required")
DELIVERED: Final = reason("GoodsDelivered", TIDorInvoice="Optional", ProofOfDelivery="Required")
EITHER: Final = reason("Either", Invoice="OneOrMore", ShippingLabel="OneOrMore")
ANYTHING: Final = reason("Anything", GenericMaterial="AlternativeRequired")
HAVING: Final = reason("Having", TIDorInvoice="Optional", ProofOfDelivery="have Required")

PUBLISHED: Final = [
    reason("GoodsNotReturned", TIDorInvoice="Optional", GoodsNotReturned="Required"),
    reason("GoodsRepairedOrReplaced", TIDorInvoice="Optional", GoodsRepairedOrReplaced="Required"),
    reason("GoodsWereAsDescribed", GoodsWereAsDescribed="Required", TIDorInvoice="Required"),
    reason("SupplyDefenseMaterial", TIDorInvoice="Optional", DefenseMaterial="Required"),
]
"""As in Adyen's OpenAPI document."""
IN_ITS_PAGES: Final = reason(
    "SupplyDefenseMaterial",
    TIDorInvoice="Optional",
    DefenseMaterial="Required",
    AlternativeDefenseMaterial="AlternativeRequired",
)

CHOICES: Final = [
    (PUBLISHED, [SHIPPING], "SupplyDefenseMaterial", {"DefenseMaterial": SHIPPING}),
    (PUBLISHED, [RECEIPT, OTHER], "SupplyDefenseMaterial", {"TIDorInvoice": RECEIPT, "DefenseMaterial": OTHER}),
    ([IN_ITS_PAGES], [OTHER], "SupplyDefenseMaterial", {"DefenseMaterial": OTHER}),
    (
        [IN_ITS_PAGES],
        [RECEIPT, SHIPPING, OTHER],
        "SupplyDefenseMaterial",
        {"TIDorInvoice": RECEIPT, "DefenseMaterial": SHIPPING, "AlternativeDefenseMaterial": OTHER},
    ),
    ([reason("R", Letters="Required", Alternative="AlternativeRequired")], [OTHER], "R", {"Alternative": OTHER}),
    ([GENERIC], [OTHER], "SupplyDefenseMaterial", {"DefenseMaterial": OTHER}),
    ([GENERIC, DELIVERED], [SHIPPING], "GoodsDelivered", {"ProofOfDelivery": SHIPPING}),
    ([GENERIC, DELIVERED], [RECEIPT], "SupplyDefenseMaterial", {"DefenseMaterial": RECEIPT}),
    ([DELIVERED], [RECEIPT, SHIPPING], "GoodsDelivered", {"TIDorInvoice": RECEIPT, "ProofOfDelivery": SHIPPING}),
    ([EITHER], [SHIPPING], "Either", {"ShippingLabel": SHIPPING}),
    ([ANYTHING], [OTHER], "Anything", {"GenericMaterial": OTHER}),
    ([HAVING], [RECEIPT], "Having", {"TIDorInvoice": RECEIPT}),
]


@pytest.mark.parametrize(("reasons", "kinds", "chosen", "placed"), CHOICES)
def test_the_reason_is_one_for_which_everything_is_shown(
    reasons: list[dict[str, Any]],
    kinds: Sequence[EvidenceDocument],
    chosen: str,
    placed: dict[str, EvidenceDocument],
) -> None:
    plan = defense.choose(reasons, [file(kind) for kind in kinds])
    assert plan.reason == chosen
    assert {code: piece.kind for code, piece in plan.documents.items()} == placed


@pytest.mark.parametrize(
    ("reasons", "kinds"),
    [
        ([], [OTHER]),
        (None, [OTHER]),
        ([DELIVERED], [RECEIPT]),
        ([DELIVERED], [SHIPPING, OTHER]),
        ([GENERIC], [RECEIPT, OTHER]),
        ([EITHER], [OTHER]),
    ],
)
def test_nothing_is_left_out_in_silence(reasons: Any, kinds: Sequence[EvidenceDocument]) -> None:
    with pytest.raises(defense.RefusedHereError, match="no defense reason for just these documents"):
        defense.choose(reasons, [file(kind) for kind in kinds])


def test_a_photograph_has_adyens_own_name(adyen: AdyenBench, wire: Relay) -> None:
    payment, news = charged_back(adyen)
    photograph = file(OTHER, content_type="image/jpeg", content=b"\xff\xd8\xff")
    request = replace(evidence(news, payment), texts={}, files=[photograph])
    assert adyen.connector(base_url=wire.url).submit_evidence(request).verdict is Verdict.APPROVED
    [supplied] = json.loads(wire.passed[1].body)["defenseDocuments"]
    assert (supplied["contentType"], supplied["defenseDocumentTypeCode"]) == ("image/jpg", "DefenseMaterial")


def test_every_document_of_ours_is_looked_for() -> None:
    assert defense.WORDS.keys() == set(EvidenceDocument)


@pytest.mark.parametrize(
    ("files", "texts", "why"),
    [
        ([file(OTHER, content_type="image/png")], {}, "Adyen takes PDF"),
        ([file(OTHER, content=bytes(2_000_001))], {}, "2000001 bytes"),
        ([file(RECEIPT), file(SHIPPING)], {EvidenceText.OTHER: "and more"}, "no defense reason"),
        ([], {EvidenceText.CUSTOMER_NAME: "李雷"}, "give it as a document"),
    ],
)
def test_what_adyen_would_not_take_is_refused_before_anything_is_supplied(
    adyen: AdyenBench, wire: Relay, files: list[EvidenceFile], texts: dict[EvidenceText, str], why: str
) -> None:
    payment, news = charged_back(adyen)
    request = SubmitEvidence(
        key=ids.uuid7().hex,
        reference="dp_1",
        provider_reference=payment,
        dispute_reference=news.reference,
        texts=texts,
        files=files,
    )
    outcome = adyen.connector(base_url=wire.url).submit_evidence(request)

    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["dispute_evidence_refused"])
    assert why in outcome.detail
    assert not {"supplyDefenseDocument", "defendDispute"} & set(verbs(wire))


# --- where it answers ---


@pytest.mark.parametrize(
    ("livemode", "base_url", "address"),
    [
        (False, None, "https://ca-test.adyen.com/ca/services/DisputeService/v30"),
        (True, None, "https://ca-live.adyen.com/ca/services/DisputeService/v30"),
        (False, "http://127.0.0.1:9/adyen/v72", "http://127.0.0.1:9/adyen/ca/services/DisputeService/v30"),
        (True, "https://psp.example", "https://psp.example/ca/services/DisputeService/v30"),
    ],
)
def test_disputes_have_an_address_of_their_own(livemode: bool, base_url: str | None, address: str) -> None:  # noqa: FBT001
    assert transport.disputes_address(livemode=livemode, base_url=base_url) == address
