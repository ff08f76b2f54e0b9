"""Warnings of fraud: somebody decides whether money goes back before it becomes a dispute."""

from payments.connectors.base import PspEvent
from payments.intents import selectors as intent_selectors
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.kernel import attention, audit, clock, money, unit
from payments.kernel.attention import AttentionKind
from payments.webhooks.dispatch import NotYet
from payments.webhooks.services import outbox
from refunds import selectors, shapes
from refunds.models import FraudDecision, FraudWarning, Refund
from refunds.services.refusals import FraudWarningDecided
from refunds.states import UNSENT


def accept(account_id: str, event: PspEvent) -> None:
    """Keep a PSP's warning, once, and ask a person; `NotYet` when we know no such payment."""
    said = event.fraud
    if said is None:
        return
    with unit.work():
        payment = intent_selectors.hold_with_attempt(_attempt_id(account_id, event, said.reference))
        known = FraudWarning.objects.filter(account_id=account_id, provider_reference=said.reference).first()
        if known is not None:
            if event.occurred_at > known.said_at:
                actionable = known.actionable if said.actionable is None else said.actionable
                known.change(said_at=event.occurred_at, actionable=actionable, kind=said.kind[:40] or known.kind)
            return
        intent = payment.intent
        row = FraudWarning(
            client_id=intent.client_id,
            intent=intent,
            order_id=intent.order_id or "",
            attempt=payment.tried,
            account_id=account_id,
            provider_reference=said.reference,
            kind=said.kind[:40],
            actionable=said.actionable,
            said_at=event.occurred_at,
            warned_at=event.occurred_at,
        )
        unit.current().add(row)
        _ask(row, intent)
        row.change(event_sequence=1)
        outbox.emit(row.pk, row.client_id, "fraud_warning.created", shapes.fraud_warning(row), row.event_sequence)


def _attempt_id(account_id: str, event: PspEvent, reference: str) -> str:
    attempts = PaymentAttempt.objects.filter(account_id=account_id, provider_reference=event.provider_reference)
    attempt = attempts.first() if event.provider_reference else None
    if attempt is None:
        raise NotYet(f"no attempt for {event.provider_reference}, warned of by {reference}")
    return attempt.pk


def _ask(row: FraudWarning, intent: PaymentIntent) -> None:
    """Where nothing is left to refund, or a dispute is there already, nobody has to decide anything."""
    left = selectors.refundable(intent)
    if intent.disputes.exists():
        _decide(row, FraudDecision.DISPUTED, by="notification", because="there is a dispute already")
    elif _has_gone_back(intent):
        _decide(row, FraudDecision.REFUNDED, by="notification", because="nothing is left to be refunded")
    else:
        can = "can be refunded" if money.to_minor(left) else "are left: a refund that can be taken back waits,"
        detail = f"{money.text(left)} {can} before it becomes a dispute: {row.kind or 'no kind given'}"
        attention.open_item(AttentionKind.FRAUD_WARNING, row.pk, detail)


def _has_gone_back(intent: PaymentIntent) -> bool:
    """Nothing is left, and none of it can still be taken back, or is decided about."""
    unsent = Refund.objects.filter(intent=intent, status__in=UNSENT)
    return not money.to_minor(selectors.refundable(intent)) and not unsent.exists()


def became_a_dispute(attempt_id: str, *, by: str) -> None:
    """Nobody decides any more, in the caller's unit: the bank has."""
    for row in FraudWarning.objects.filter(attempt_id=attempt_id, decision=""):
        _decide(row, FraudDecision.DISPUTED, by=by, because="the bank disputes the payment")


def keep(warning_id: str, *, because: str, by: str) -> None:
    """Keep the money, with the reason; `FraudWarningDecided` when somebody was quicker."""
    with unit.work():
        attempt_id = FraudWarning.objects.values_list("attempt_id", flat=True).get(pk=warning_id)
        intent_selectors.hold_with_attempt(attempt_id)
        row = FraudWarning.objects.get(pk=warning_id)
        if row.decision:
            raise FraudWarningDecided(f"It is decided: {row.get_decision_display()}.")
        _decide(row, FraudDecision.KEPT, by=by, because=because)
        audit.did("fraud_warning.kept", row.pk, because=because)


def look(warning_id: str) -> None:
    """Close a warning whose payment was given back meanwhile; nothing else happens."""
    with unit.work():
        attempt_id = FraudWarning.objects.values_list("attempt_id", flat=True).get(pk=warning_id)
        payment = intent_selectors.hold_with_attempt(attempt_id)
        row = FraudWarning.objects.get(pk=warning_id)
        if not row.decision and _has_gone_back(payment.intent):
            _decide(row, FraudDecision.REFUNDED, by="refunds", because="nothing is left to be refunded")


def _decide(row: FraudWarning, decision: FraudDecision, *, by: str, because: str) -> None:
    row.change(decision=decision, decided_by=by[:80], decided_because=because[:500], decided_at=clock.now())
    attention.close_items(row.pk, because=because, by=by[:80], kind=AttentionKind.FRAUD_WARNING)
