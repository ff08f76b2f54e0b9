"""Answering disputes at Adyen: choose a defense reason, supply its documents, defend; or accept."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from payments.connectors import answers, http
from payments.connectors.adyen import letter, mapping
from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import AcceptDispute, EvidenceDocument, EvidenceFile, SubmitEvidence

Json = Mapping[str, Any]

CONTENT_TYPES: Final = {"application/pdf": ("application/pdf", 2_000_000), "image/jpeg": ("image/jpg", 10_000_000)}
"""What Adyen's schemes take: Adyen's name of it, and the most bytes."""

GENERIC: Final = frozenset(["DefenseMaterial"])
"""Types of documents for whatever there is to show; so is every `AlternativeRequired` one."""

WORDS: Final[Mapping[EvidenceDocument, tuple[str, ...]]] = {
    EvidenceDocument.RECEIPT: ("invoice", "receipt"),
    EvidenceDocument.SHIPPING_DOCUMENTATION: ("deliver", "shipp"),
    EvidenceDocument.SERVICE_DOCUMENTATION: ("serviceprovided", "servicesprovided", "proofofservice"),
    EvidenceDocument.CUSTOMER_COMMUNICATION: ("communication", "correspondence", "letter"),
    EvidenceDocument.CUSTOMER_SIGNATURE: ("signature", "identification"),
    EvidenceDocument.REFUND_POLICY: ("terms", "policy", "disclosure", "cancel"),
    EvidenceDocument.DUPLICATE_DOCUMENTATION: ("duplicate", "separate", "othertransaction", "additionaltransaction"),
    EvidenceDocument.OTHER: (),
}
"""What Adyen's names of document types have in them, which differ by scheme and reason, for each of ours."""

CLOSED: Final = ("expired", "not defendable", "cannot be defended", "cannot be accepted", "already")
"""In Adyen's sentences about a dispute that can be answered no more (disputes-api-reference)."""

NOT_OURS: Final = ("unknown dispute", "error retrieving")
"""In its sentences about a dispute that it does not find."""


class Ask(Protocol):
    """One request about a dispute, answered by a JSON object; it raises `http.FailedError`."""

    def __call__(self, verb: str, reference: str, *, key: str = "", more: Json | None = None) -> Json: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """A defense reason, and what is shown for it by Adyen's types of documents."""

    reason: str
    documents: Mapping[str, EvidenceFile]
    generic: int


class RefusedHereError(http.UnsentError):
    """Nothing was sent: what was given does not fit."""


def submit(ask: Ask, request: SubmitEvidence) -> Outcome:
    """Until Adyen is told to defend nothing is: what goes wrong before is proof that nothing was answered."""
    reference = request.dispute_reference
    try:
        plan = _supplied(ask, request)
    except RefusedHereError as refusal:
        return answers.refused_here("dispute_evidence_refused", str(refusal))
    except http.FailedError as failure:
        outcome = mapping.failed(failure, provider_reference=reference)
        return outcome if outcome.decline else replace(outcome, verdict=Verdict.UNAVAILABLE)
    if isinstance(plan, Outcome):
        return plan
    return _defended(ask, request, plan)


def accept(ask: Ask, request: AcceptDispute) -> Outcome:
    """Adyen says at once whether it could be accepted; that the defense has ended a notification tells."""
    answer = ask("accept_dispute", request.dispute_reference, key=f"{request.key}-accept")
    return _result(answer, request.dispute_reference, otherwise="dispute_closed")


def again(ask: Ask, request: SubmitEvidence | AcceptDispute) -> Outcome:
    """Repeat it. A refusal now may come of the first request, so that only a notification can tell."""
    try:
        repeated = accept(ask, request) if isinstance(request, AcceptDispute) else submit(ask, request)
    except mapping.RefusedError as refusal:
        repeated = mapping.failed(refusal, provider_reference=request.dispute_reference)
    if repeated.verdict is Verdict.APPROVED:
        return repeated
    detail = f"{repeated.detail}; only a notification of Adyen can tell".removeprefix("; ")
    return replace(repeated, verdict=Verdict.UNKNOWN, decline=None, detail=detail)


def _supplied(ask: Ask, request: SubmitEvidence) -> Plan | Outcome:
    """The plan, once its documents are at Adyen; or why it cannot be."""
    reference, pieces = request.dispute_reference, _pieces(request)
    answer = ask("retrieve_applicable_defense_reasons", reference)
    refused = _result(answer, reference, otherwise="dispute_closed")
    if refused.verdict is not Verdict.APPROVED:
        return refused
    plan = choose(answer.get("defenseReasons"), pieces)
    documents = [
        {
            "defenseDocumentTypeCode": code,
            "contentType": CONTENT_TYPES[piece.content_type][0],
            "content": base64.b64encode(piece.content).decode(),
        }
        for code, piece in plan.documents.items()
    ]
    more = {"defenseDocuments": documents}
    answer = ask("supply_defense_document", reference, key=f"{request.key}-supply", more=more)
    refused = _result(answer, reference, otherwise="dispute_evidence_refused")
    return plan if refused.verdict is Verdict.APPROVED else refused


def _defended(ask: Ask, request: SubmitEvidence, plan: Plan) -> Outcome:
    reference, more = request.dispute_reference, {"defenseReasonCode": plan.reason}
    answer = ask("defend_dispute", reference, key=f"{request.key}-defend", more=more)
    done = _result(answer, reference, otherwise="dispute_evidence_refused")
    return replace(done, raw={**done.raw, "defense_reason": plan.reason, "documents": sorted(plan.documents)})


def _result(answer: Json, reference: str, *, otherwise: str) -> Outcome:
    """Adyen refuses with a success as well: its result says so, in a sentence."""
    result = mapping.part(answer, "disputeServiceResult")
    seen = Outcome(verdict=Verdict.APPROVED, provider_reference=reference)
    match result.get("success"):
        case True:
            return seen
        case False:
            said = mapping.optional(result, "errorMessage")[:200]
            detail = f"Adyen says: {said}" if said else "Adyen gives no reason"
            return replace(seen, verdict=Verdict.DECLINED, decline=DECLINES[_code(said, otherwise)], detail=detail)
    raise mapping.UnreadableError("the answer about a dispute says neither success nor failure")


def _code(said: str, otherwise: str) -> str:
    """Adyen's sentence in a word of ours."""
    if any(words in said.lower() for words in NOT_OURS):
        return "request_refused"
    return "dispute_closed" if any(words in said.lower() for words in CLOSED) else otherwise


# --- what is shown for which reason --------------------------------------------------------------------------------


def _pieces(request: SubmitEvidence) -> list[EvidenceFile]:
    """Adyen takes documents only: what is said becomes one."""
    for file in request.files:
        _, most = CONTENT_TYPES.get(file.content_type, ("", 0))
        if len(file.content) > most:
            raise RefusedHereError(
                f"{file.filename} is {len(file.content)} bytes of {file.content_type}: Adyen takes PDF of 2 MB"
                " and JPEG of 10 MB"
            )
    said = {name: text for name, text in request.texts.items() if text}
    written = [_letter(said)] if said else []
    if not written and not request.files:
        raise RefusedHereError("there is nothing to submit")
    return [*request.files, *written]


def _letter(said: Mapping[Any, str]) -> EvidenceFile:
    lines = [(name.replace("_", " ").capitalize(), text) for name, text in said.items()]
    try:
        content = letter.pdf("Answer to the dispute", lines)
    except letter.NotWritableError as unwritable:
        raise RefusedHereError(f"{unwritable}: give it as a document") from None
    kind = EvidenceDocument.OTHER
    return EvidenceFile(kind=kind, filename="answer.pdf", content_type="application/pdf", content=content)


def choose(reasons: object, pieces: Sequence[EvidenceFile]) -> Plan:
    """The reason for which all of this can be shown, and nothing is missing; the least of it in a generic place.

    `RefusedHereError` when there is none: a document that Adyen would not see is not left out in silence.
    """
    listed = [reason for reason in reasons if isinstance(reason, Mapping)] if isinstance(reasons, list) else []
    plans = [plan for reason in listed if (plan := _plan(reason, pieces)) is not None]
    if not plans:
        wanted = "; ".join(f"{mapping.optional(r, 'defenseReasonCode')}: {_wants(r)}" for r in listed)
        raise RefusedHereError(
            f"Adyen has no defense reason for just these documents (it has {wanted or 'none'})"[:500]
        )
    return min(plans, key=lambda plan: plan.generic)


def _types(reason: Json) -> list[Json]:
    types = reason.get("defenseDocumentTypes")
    return [one for one in types if isinstance(one, Mapping)] if isinstance(types, list) else []


def _wants(reason: Json) -> str:
    return ", ".join(
        f"{mapping.optional(one, 'defenseDocumentTypeCode')} ({mapping.optional(one, 'requirementLevel').lower()})"
        for one in _types(reason)
    )


def _plan(reason: Json, pieces: Sequence[EvidenceFile]) -> Plan | None:
    """Each piece at the first free place that is named for its kind, else at one for whatever there is."""
    levels = {
        mapping.text(t, "defenseDocumentTypeCode"): mapping.optional(t, "requirementLevel") for t in _types(reason)
    }
    there = {mapping.text(t, "defenseDocumentTypeCode") for t in _types(reason) if t.get("available") is True}
    placed: dict[str, EvidenceFile] = {}
    generic = 0
    for piece in pieces:
        free = [code for code in levels if code not in placed]
        named = [code for code in free if any(word in code.lower() for word in WORDS[piece.kind])]
        others = [code for code in free if code in GENERIC or levels[code] == "AlternativeRequired"]
        if not named and not others:
            return None
        generic += not named
        placed[(named or others)[0]] = piece
    if not _complete(levels, placed.keys() | there):
        return None
    return Plan(mapping.text(reason, "defenseReasonCode"), placed, generic)


def _complete(levels: Mapping[str, str], shown: set[str]) -> bool:
    """Whether Adyen would find everything that it requires, or the document that stands for all of it."""

    def of(level: str) -> set[str]:
        return {code for code, wanted in levels.items() if wanted == level}

    some = of("OneOrMore")
    return bool(of("AlternativeRequired") & shown) or (of("Required") <= shown and (not some or bool(some & shown)))
