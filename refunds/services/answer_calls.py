"""Telling a PSP our answer to a dispute: write, call, record; and settling a call whose outcome is not known."""

from datetime import timedelta
from typing import Final

from payments.connectors.base import Outcome, Verdict
from payments.connectors.disputes import (
    AcceptDispute,
    EvidenceDocument,
    EvidenceFile,
    EvidenceText,
    SubmitEvidence,
)
from payments.gateway import accounts, calls
from payments.gateway.models import ProviderCall
from payments.kernel import attention, clock, crashpoints, ids, jobs, unit
from payments.kernel.attention import AttentionKind
from refunds import disputes
from refunds.disputes import DisputeWithStages, Held
from refunds.models import Answer, DisputeStage
from refunds.services import dispute_moves, filing

PAUSE: Final = timedelta(minutes=5)
"""How soon an answer of which nothing reached the PSP is sent again."""
NEEDS_A_PERSON_AFTER: Final = timedelta(minutes=2)
TAKEN: Final = (Verdict.APPROVED, Verdict.PENDING)
REFUSED: Final = (Verdict.DECLINED, Verdict.CANCELED)


def send(stage_id: str, *, by: str = "sending") -> None:
    """Tell the PSP the answer to a stage, once: nothing happens when a call has been opened for it, or none is wished.

    The call is on record before the request leaves; a crash on any line leaves rows that recovery can ask about.
    """
    with unit.work():
        held, stage = _hold(stage_id)
        if not stage.answer or stage.call_id or stage.answered_at:
            return
        account = accounts.account(held.dispute.account_id)
        request = _request(held, stage, ids.new("call"))
        stage.change(call_id=request.key)
        call = calls.open_call(account, request, owner_id=held.dispute.pk)
        crashpoints.reach("answer.opened")
    crashpoints.reach("answer.committed")
    outcome = calls.send(account, request, interactive=False)
    crashpoints.reach("answer.answered")
    _settle(stage_id, call.pk, outcome, by=by, first_hand=True)
    crashpoints.reach("answer.recorded")


def recover(call_id: str, *, by: str = "recovery") -> None:
    """Ask the PSP what became of an answer, and apply it. Nothing happens when none is awaited."""
    call = ProviderCall.objects.get(pk=call_id)
    if call.look_at is None:
        return
    stage = DisputeStage.objects.filter(call_id=call_id).first()
    if stage is None:
        _ask_a_person(call)
        return
    held = disputes.held_for_reading(stage.dispute_id)
    outcome = calls.find(call, _request(held, stage, call.pk), provider_reference=held.dispute.provider_reference)
    _settle(stage.pk, call.pk, outcome, by=by)
    if outcome.verdict is Verdict.UNKNOWN and clock.now() - call.sent_at >= NEEDS_A_PERSON_AFTER:
        why = f"whether the PSP has our answer to the dispute is unknown since {call.sent_at:%Y-%m-%d %H:%M:%S} UTC"
        with unit.work():
            attention.open_item(AttentionKind.UNKNOWN_OUTCOME, stage.dispute_id, why)


def _ask_a_person(call: ProviderCall) -> None:
    """Nothing of ours has sent this call: nobody but a person can find out."""
    why = f"the PSP's answer to the {call.kind} is unknown since {call.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    with unit.work():
        attention.open_item(AttentionKind.UNKNOWN_OUTCOME, call.owner_id, why)


def _hold(stage_id: str) -> tuple[Held, DisputeStage]:
    held = disputes.hold(DisputeStage.objects.values_list("dispute_id", flat=True).get(pk=stage_id))
    return held, next(row for row in held.stages if row.pk == stage_id)


def _request(held: DisputeWithStages, stage: DisputeStage, key: str) -> SubmitEvidence | AcceptDispute:
    """What we ask, rebuilt from the rows: a repetition is the same request, byte for byte."""
    dispute = held.dispute
    names = {
        "key": key,
        "reference": dispute.pk,
        "provider_reference": dispute.attempt.provider_reference,
        "dispute_reference": dispute.provider_reference,
    }
    if stage.answer == Answer.ACCEPT:
        return AcceptDispute(**names)
    files = [
        EvidenceFile(
            kind=EvidenceDocument(row.kind),
            filename=row.filename,
            content_type=row.content_type,
            content=filing.read(row.sha256),
        )
        for row in held.files[stage.pk]
    ]
    texts = {EvidenceText(kind): text for kind, text in sorted(stage.texts.items())}
    return SubmitEvidence(**names, texts=texts, files=files)


def _settle(stage_id: str, call_id: str, outcome: Outcome, *, by: str, first_hand: bool = False) -> None:
    """Record a call's answer and what follows, in one commit, on the rows as they are now."""
    with unit.work():
        held, stage = _hold(stage_id)
        call = ProviderCall.objects.get(pk=call_id)
        if first_hand:
            outcome = calls.first_hand(call, outcome)
        if call.look_at is not None:
            calls.answer(call, outcome)
        if stage.call_id == call_id and not stage.answered_at:
            _apply(held, stage, outcome, by)


def _apply(held: Held, stage: DisputeStage, outcome: Outcome, by: str) -> None:
    dispute, before = held.dispute, held.shape()
    if outcome.verdict in TAKEN:
        stage.change(answered_at=clock.now())
        for kind in (AttentionKind.DISPUTE_REFUSED, AttentionKind.UNKNOWN_OUTCOME):
            attention.close_items(dispute.pk, because="the PSP has the answer", by=by, kind=kind)
        told = ["dispute.evidence_submitted"] if stage.answer == Answer.SUBMIT else []
        dispute_moves.follow(held, told, before, by=by)
    elif outcome.verdict in REFUSED:
        code = outcome.decline.decline_code if outcome.decline else "declined"
        why = f"{stage.get_answer_display()}, but the PSP refuses it: {code} {outcome.detail}".strip()
        dispute_moves.forget_answer(stage)
        attention.open_anew(AttentionKind.DISPUTE_REFUSED, dispute.pk, why)
        dispute_moves.follow(held, [], before, by=by)
    elif outcome.verdict is Verdict.UNAVAILABLE:
        stage.change(call_id="")
        jobs.enqueue("answer_dispute", run_at=clock.now() + PAUSE, stage_id=stage.pk)
