"""What a PSP tells of disputes and suspicions is a person's business."""

from payments.connectors.base import PspEvent
from payments.gateway.models import ProviderCall
from payments.intents.models import PaymentAttempt
from payments.kernel import attention, unit
from payments.webhooks.dispatch import NotYet


def ask_a_person(account_id: str, event: PspEvent) -> None:
    """Put it in the queue, with the payment that it is about; `NotYet` when we know no such payment."""
    paid = PaymentAttempt.objects.filter(account_id=account_id, provider_reference=event.provider_reference)
    attempt = paid.first() if event.provider_reference else None
    if attempt is None:
        raise NotYet(f"no attempt for {event.provider_reference}")
    why = f"{event.type}: look at {event.modification_reference} in the PSP's own pages"
    with unit.work():
        attention.open_item(attention.AttentionKind.UNMATCHED_EVENT, attempt.pk, why)


def answer_is_unknown(call_id: str) -> None:
    """Nobody but a person can find out."""
    call = ProviderCall.objects.get(pk=call_id)
    why = f"the PSP's answer to the {call.kind} is unknown since {call.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    with unit.work():
        attention.open_item(attention.AttentionKind.UNKNOWN_OUTCOME, call.owner_id, why)
