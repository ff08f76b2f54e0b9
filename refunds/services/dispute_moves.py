"""What news of a dispute do to its rows, its payment, the ledger, the people who look after it, and the client."""

from datetime import datetime
from typing import Any, Final

from moneyed import Money

from payments.connectors.base import Verdict
from payments.connectors.disputes import DisputeNews, Movement, Stage, Standing
from payments.gateway import accounts, calls
from payments.gateway.models import ProviderCall
from payments.intents.selectors import Held as HeldPayment
from payments.kernel import attention, clock, ids, meters, money, unit
from payments.kernel.attention import AttentionKind
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.webhooks.services import outbox
from refunds import disputes, standing
from refunds.disputes import Held
from refunds.models import Answer, Dispute, DisputeMovement, DisputeStage, MovementKind
from refunds.services import moves
from refunds.states import AGAINST_US, ANSWERABLE, DISPUTE_EVENT, OPEN, DisputeStatus

RECIPES: Final = {
    MovementKind.WITHDRAWN: (postings.Event.DISPUTE_WITHDRAWN, postings.dispute_withdrawn, "was taken by"),
    MovementKind.REINSTATED: (postings.Event.DISPUTE_REINSTATED, postings.dispute_reinstated, "was given back by"),
    MovementKind.LOST: (postings.Event.DISPUTE_LOST, postings.dispute_lost, "is lost, taken by"),
    MovementKind.RECOVERED: (postings.Event.DISPUTE_RECOVERED, postings.dispute_recovered, "is no loss, taken by"),
}
"""How each kind of movement is booked, and told."""

TASKS: Final = (AttentionKind.DISPUTE_DUE, AttentionKind.DISPUTE_OVERDUE)


def begin(payment: HeldPayment, news: DisputeNews, at: datetime) -> Held:
    """Put a dispute that a PSP tells of on record, with the payment held; `apply` says the rest."""
    intent, attempt = payment.intent, payment.tried
    dispute = Dispute(
        client_id=intent.client_id,
        intent=intent,
        order_id=intent.order_id or "",
        attempt=attempt,
        account_id=attempt.account_id,
        provider_reference=news.reference,
        currency=intent.currency,
        amount_minor=attempt.amount_minor,
        stage=news.stage or Stage.CHARGEBACK,
        opened_at=at,
    )
    unit.current().add(dispute)
    held = Held(dispute, [], payment=payment)
    _learn(held, news, at)
    dispute.change(status=_status(held), closed_at=None if _status(held) in OPEN else clock.now())
    unit.after_commit(lambda: _count(dispute))
    return held


def _count(dispute: Dispute) -> None:
    account = accounts.name_of(dispute.account_id)
    meters.DISPUTES.add(account, "opened")
    meters.DISPUTED.add(account, dispute.currency, amount=dispute.amount_minor)


def apply(held: Held, news: DisputeNews, at: datetime, *, by: str) -> None:
    """Apply what the PSP says as of `at`, in the caller's unit with the payment held: once, whatever came before."""
    before = held.shape()
    told = []
    if not held.dispute.event_sequence:
        told = ["dispute.created", *([] if held.dispute.status in ANSWERABLE else [f"dispute.{held.dispute.status}"])]
    if at < held.dispute.opened_at:
        held.dispute.change(opened_at=at)
    _learn(held, news, at)
    told += _book(held, news, at, by)
    _believe_answer(held, by)
    follow(held, told, before, by=by)


def follow(held: Held, told: list[str], before: dict[str, Any], *, by: str) -> None:
    """Let status, loss, tasks and client follow what is known now; `told` are the events that the caller knows of."""
    status = str(held.dispute.status)
    _repeat(held, by)
    _settle_loss(held, by)
    _tasks(held, before, by)
    if held.dispute.status != status:
        told.append(f"dispute.{'needs_response' if held.dispute.status in ANSWERABLE else held.dispute.status}")
    if not told and held.shape() != before:
        told.append("dispute.updated")
    announce(held, *dict.fromkeys(told))


def announce(held: Held, *types: str) -> None:
    """Write events with the open unit, with the next numbers of this dispute's events."""
    dispute = held.dispute
    for type_ in types:
        dispute.change(event_sequence=dispute.event_sequence + 1)
        outbox.emit(dispute.pk, dispute.client_id, type_, held.shape(), dispute.event_sequence)


# --- what is known --------------------------------------------------------------------------------------------------


def _learn(held: Held, news: DisputeNews, at: datetime) -> None:
    """Keep what the news say, unless later ones have said it otherwise; a stage that is new has its row."""
    dispute = held.dispute
    facts = {
        "standing": news.standing,
        "amount": None if news.amount is None else money.to_minor(news.amount),
        "reason": news.reason,
        "network_reason_code": news.network_reason_code[:24],
        "respond_by": None if news.respond_by is None else news.respond_by.isoformat(),
        "defendable": news.defendable,
        **{f"raw.{name}": value[:200] for name, value in news.raw.items()},
    }
    said = standing.merged(dispute.said, facts, at, news.stage or dispute.stage)
    if said != dispute.said:
        dispute.change(said=said)
    stage = standing.value(said, "stage")
    if all(row.stage != stage for row in held.stages):
        row = DisputeStage(dispute=dispute, stage=stage)
        unit.current().add(row)
        held.stages.append(row)
        held.files[row.pk] = []


def _repeat(held: Held, by: str) -> None:
    """Let the columns of the dispute repeat what was said, and its status follow."""
    dispute, said, status = held.dispute, held.dispute.said, _status(held)
    facts = {
        "stage": standing.value(said, "stage"),
        "amount_minor": standing.value(said, "amount", dispute.amount_minor),
        "reason": standing.value(said, "reason", dispute.reason),
        "network_reason_code": standing.value(said, "network_reason_code", ""),
        "respond_by": standing.respond_by(said),
        "defendable": standing.value(said, "defendable"),
        "closed_at": None if status in OPEN else (dispute.closed_at or clock.now()),
    }
    changed = {name: value for name, value in facts.items() if getattr(dispute, name) != value}
    if dispute.status != status:
        word = standing.value(said, "standing", Standing.NEEDS_RESPONSE)
        ours = word == Standing.NEEDS_RESPONSE and held.latest.answered_at
        because = "the PSP has our answer" if ours else f"the PSP says {word}"
        dispute.advance(DISPUTE_EVENT[status], because=because, by=by, **changed)
    elif changed:
        dispute.change(**changed)


def _status(held: Held) -> DisputeStatus:
    latest, said = held.latest, held.dispute.said
    answer = latest.answer if latest.answered_at else ""
    return standing.status(latest.stage, standing.value(said, "standing", ""), answer)


def _believe_answer(held: Held, by: str) -> None:
    """What news prove of an answer whose fate we do not know: the PSP has it, or, when the time ran out, never will."""
    stage, said = held.latest, standing.value(held.dispute.said, "standing", "")
    if not stage.call_id or stage.answered_at or said in ("", Standing.NEEDS_RESPONSE):
        return
    call = ProviderCall.objects.get(pk=stage.call_id)
    silent = stage.answer == Answer.SUBMIT and said == Standing.EXPIRED
    if call.look_at is not None:
        calls.close(call, Verdict.DECLINED if silent else Verdict.APPROVED, by)
    if silent:
        forget_answer(stage)
    else:
        stage.change(answered_at=clock.now())


def forget_answer(stage: DisputeStage) -> None:
    """It is not answered after all; the evidence stays, to be corrected and submitted again."""
    stage.change(answer="", answer_by="", answer_because="", answer_at=None, call_id="")


# --- money ----------------------------------------------------------------------------------------------------------


def _book(held: Held, news: DisputeNews, at: datetime, by: str) -> list[str]:
    """Book the movements that are new; the events that tell of them."""
    told, known = [], disputes.booked(held.dispute.account_id, [one.key for one in news.movements])
    for one in {one.key: one for one in news.movements}.values():
        if one.key in known:
            _must_agree(held, known[one.key], one)
            continue
        kind = MovementKind.WITHDRAWN if one.withdrawn else MovementKind.REINSTATED
        _move(held, kind, one.amount, at, by=by, key=one.key)
        told.append("dispute.funds_withdrawn" if one.withdrawn else "dispute.funds_reinstated")
    return told


def _must_agree(held: Held, row: DisputeMovement, said: Movement) -> None:
    """Amount integrity: a movement that is told with another amount is not booked again, and a person looks at it."""
    if row.amount != said.amount or (row.kind == MovementKind.WITHDRAWN) is not said.withdrawn:
        why = f"{said.key} was booked as {money.text(row.amount)} {row.kind}, and is now {money.text(said.amount)}"
        attention.open_item(AttentionKind.AMOUNT_DIFFERS, held.dispute.pk, why)


def _move(held: Held, kind: MovementKind, amount: Money, at: datetime, *, by: str, key: str = "") -> None:
    """One movement: its row, its posting, the dispute's sums, and what of the payment is in dispute or lost to one."""
    dispute, minor, new = held.dispute, money.to_minor(amount), ids.new("dpm")
    row = DisputeMovement(
        id=new,
        dispute=dispute,
        account_id=dispute.account_id,
        key=key or new,
        kind=kind,
        currency=dispute.currency,
        amount_minor=minor,
        moved_at=at,
        told_by=by[:80],
    )
    unit.current().add(row)
    code = accounts.account(dispute.account_id).code
    event, recipe, words = RECIPES[kind]
    ledger.post(
        event,
        row.pk,
        recipe(code, amount),
        narrative=f"Disputed {money.text(amount)} {words} {code}",
        refs={
            "dispute": dispute.pk,
            "intent": dispute.intent_id,
            "attempt": dispute.attempt_id,
            "order": dispute.order_id,
        },
        effective_at=at,
    )
    if kind in (MovementKind.LOST, MovementKind.RECOVERED):
        dispute.change(amount_lost_minor=dispute.amount_lost_minor + (minor if kind == MovementKind.LOST else -minor))
        return
    before = dispute.amount_withdrawn_minor
    after = before + (minor if kind == MovementKind.WITHDRAWN else -minor)
    dispute.change(amount_withdrawn_minor=after)
    # what came back before it was heard to be taken counts only together with that
    if delta := max(after, 0) - max(before, 0):
        moves.shift(held.payment.intent, disputed=delta)


def _settle_loss(held: Held, by: str) -> None:
    """What is withdrawn is a loss while the dispute stands against us, and none while it does not."""
    dispute, now = held.dispute, clock.now()
    lost = max(dispute.amount_withdrawn_minor, 0) if dispute.status in AGAINST_US else 0
    delta = lost - dispute.amount_lost_minor
    if delta:
        kind = MovementKind.LOST if delta > 0 else MovementKind.RECOVERED
        _move(held, kind, money.from_minor(abs(delta), dispute.currency), now, by=by)


# --- people ---------------------------------------------------------------------------------------------------------


def _tasks(held: Held, before: dict[str, Any], by: str) -> None:
    """When it is looked at next; and nobody is asked any more for what is done.

    What a person has already stays with that person until something changes.
    """
    dispute = held.dispute
    decisive = ("status", "respond_by", "defendable")
    if dispute.event_sequence and all(before[name] == getattr(dispute, name) for name in decisive):
        return
    status = DisputeStatus.UNDER_REVIEW if _only_waits(dispute) else dispute.status
    dispute.change(look_at=standing.look_at(status, dispute.respond_by, clock.now()))
    if dispute.status not in ANSWERABLE:
        for kind in TASKS:
            attention.close_items(dispute.pk, because=f"the dispute is {dispute.status}", by=by[:80], kind=kind)


def _only_waits(dispute: Dispute) -> bool:
    """Nothing can be said against it: the bank decides alone."""
    return dispute.status in ANSWERABLE and dispute.defendable is False
