"""Answering disputes at Stripe: the documents first, then everything at once; or giving one up."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from payments.connectors import answers, http
from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import AcceptDispute, SubmitEvidence
from payments.connectors.stripe import disputes, mapping, requests

Json = Mapping[str, Any]

GIVEN_UP: Final = frozenset(["lost", "warning_closed"])
"""What a dispute is once it was closed by us, or decided against us."""


class Ask(Protocol):
    """One request to Stripe, answered by a JSON object; it raises `http.FailedError`."""

    def __call__(self, verb: requests.Verb, *ids: str, key: str = "", params: Json | None = None) -> Json: ...


def submit(ask: Ask, request: SubmitEvidence) -> Outcome:
    """Until all of it is submitted no bank sees any: what goes wrong before is proof that nothing was answered."""
    if not any(request.texts.values()) and not request.files:
        return answers.refused_here("dispute_evidence_refused", "there is nothing to submit")
    try:
        params = _params(ask, request)
    except http.FailedError as failure:
        outcome = mapping.failed(failure, because=DECLINES["dispute_evidence_refused"])
        return outcome if outcome.decline else replace(outcome, verdict=Verdict.UNAVAILABLE)
    return _submitted(ask, request, params)


def _params(ask: Ask, request: SubmitEvidence) -> dict[str, Any]:
    uploaded = {
        file.kind: mapping.text(
            ask(requests.UPLOAD, key=f"{request.key}-{file.kind}", params=requests.upload(file)), "id"
        )
        for file in request.files
    }
    return requests.evidence(request, uploaded)


def _submitted(ask: Ask, request: SubmitEvidence, params: Json) -> Outcome:
    """When Stripe refuses, the dispute itself says whether it is closed, or was answered by this very request."""
    reference = request.dispute_reference
    try:
        return _took(ask(requests.SUBMIT, reference, key=f"{request.key}-evidence", params=params))
    except mapping.RefusedError as refusal:
        if refusal.verdict is not Verdict.DECLINED or refusal.status == 404:
            raise
        declined = mapping.failed(refusal, because=DECLINES["dispute_evidence_refused"], provider_reference=reference)
    return _evidence_seen(ask, request) or declined


def _evidence_seen(ask: Ask, request: SubmitEvidence) -> Outcome | None:
    """What the dispute shows of this answer: that it was given, or that it can be given no more."""
    now = _look(ask, request.dispute_reference)
    if mapping.reference(now, "evidence") == request.key:
        return _took(now)
    return None if now.get("status") in disputes.ANSWERABLE else _closed(now)


def accept(ask: Ask, request: AcceptDispute) -> Outcome:
    """Close it: Stripe calls that lost from then on."""
    reference = request.dispute_reference
    try:
        return _took(ask(requests.CLOSE, reference, key=f"{request.key}-close"))
    except mapping.RefusedError as refusal:
        if refusal.verdict is not Verdict.DECLINED or refusal.status == 404:
            raise
        declined = mapping.failed(refusal, provider_reference=reference)
    now = _look(ask, reference)
    return declined if now.get("status") in disputes.ANSWERABLE else _closed(now)


def _end_seen(ask: Ask, request: AcceptDispute) -> Outcome | None:
    """What the dispute shows of having been accepted: one that is lost does not say how, and it is all the same."""
    now = _look(ask, request.dispute_reference)
    if now.get("status") in GIVEN_UP:
        return replace(_took(now), detail="it is lost; whether by being accepted, Stripe does not say")
    return None if now.get("status") in disputes.ANSWERABLE else _closed(now)


def recovery(
    ask: Ask, request: SubmitEvidence | AcceptDispute
) -> tuple[Callable[[], Outcome], Callable[[], Outcome | None]]:
    """How a call is repeated under its own keys, and how the dispute shows what it has left.

    A document that cannot be uploaded again proves nothing: the first request may have been taken.
    """
    if isinstance(request, AcceptDispute):
        return (lambda: accept(ask, request)), (lambda: _end_seen(ask, request))
    return (lambda: _submitted(ask, request, _params(ask, request))), (lambda: _evidence_seen(ask, request))


def _look(ask: Ask, reference: str) -> Json:
    """The dispute as it is. A question that fails leaves everything open, whatever the reason."""
    try:
        return ask(requests.DISPUTE, reference)
    except http.FailedError as failure:
        raise http.AmbiguousError(f"the dispute cannot be read: {failure}") from failure


def _took(now: Json) -> Outcome:
    if now.get("object") != "dispute":
        raise mapping.UnreadableError("the answer is not a dispute")
    count = mapping.part(now, "evidence_details").get("submission_count")
    raw = {"status": mapping.text(now, "status"), "submissions": count}
    return Outcome(verdict=Verdict.APPROVED, provider_reference=mapping.text(now, "id"), raw=raw)


def _closed(now: Json) -> Outcome:
    detail = f"the dispute is {mapping.text(now, 'status')}"
    return replace(_took(now), verdict=Verdict.DECLINED, decline=DECLINES["dispute_closed"], detail=detail)
