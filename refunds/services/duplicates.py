"""Giving back by itself what came too late: the order was paid otherwise, or canceled, or had expired."""

from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture
from payments.kernel import attention, audit, clock, jobs, money, unit
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.records import StateChange
from payments.methods import selectors as methods
from refunds import policy, selectors
from refunds.models import Origin, Reason, Refund
from refunds.services import moves
from refunds.states import UNSENT

WAITS: Final = timedelta(hours=1)
"""How often what waits for a person is looked at again; the person's word wakes it at once."""


def give_back(capture_id: str, *, part: int = 0, by: str = "platform") -> None:
    """Refund what is left of a capture, once however often it is asked; where the method cannot, a person is told.

    `part` (minor units) is what of it nobody has asked for, where that is not all of it.

    Beyond the limits of `policy` it waits, raising `Retry`, until somebody closes the attention item that asks for it.
    """
    with unit.work():
        capture = Capture.objects.get(pk=capture_id)
        payment = intent_selectors.hold_with_attempt(capture.attempt_id)
        if Refund.objects.filter(duplicate_of=capture).exists():
            return
        if not methods.offer(payment.tried.method, payment.tried.account_id).refund:
            _ask_for_a_transfer(capture, payment.tried.method, part)
            return
        left = [source.available for source in selectors.sources(payment) if source.attempt.pk == capture.attempt_id]
        amount = min(part or capture.amount_minor, sum(left))
        if not amount and _is_reserved_elsewhere(capture):
            raise jobs.Retry(WAITS, "a refund of money that a bank has taken reserves it, and will not be sent")
        waits = _why_it_waits(capture, amount) if amount else ""
        if waits:
            much = money.from_minor(amount, capture.currency)
            attention.open_item(AttentionKind.AUTO_REFUND_LIMIT, capture.pk, waits, amount=much)
        elif amount:
            held = moves.begin(
                payment,
                amount,
                reason=Reason.DUPLICATE,
                origin=Origin.DUPLICATE,
                requested_by=by,
                duplicate_of=capture,
            )
            jobs.enqueue("send_refund", refund_id=held.pk)
        if not waits:
            _end(capture, amount, part, by)
    if waits:
        raise jobs.Retry(WAITS, waits)


def stopped() -> QuerySet[AttentionItem]:
    """What waits for a person to say that it may go back."""
    return AttentionItem.objects.filter(kind=AttentionKind.AUTO_REFUND_LIMIT, closed_at__isnull=True)


def release(item_id: str, *, because: str, by: str) -> bool:
    """Say yes to a refund that a limit has stopped, on record with who said so and why; False when nothing waits."""
    with unit.work() as work:
        row = stopped().select_for_update().filter(pk=item_id).first()
        if row is None:
            return False
        attention.close_items(row.object_id, because=because, by=by, kind=AttentionKind.AUTO_REFUND_LIMIT)
        work.add(
            StateChange(object_id=row.object_id, from_state="stopped", to_state="released", event="release",
                        because=because, by=by, at=clock.now())
        )  # fmt: skip
        key, much = f"refund_duplicate:{row.object_id}", str(row.amount_minor or "")
        jobs.enqueue("refund_duplicate", unique=key, capture_id=row.object_id, amount=much)
        jobs.hasten("refund_duplicate", key)
        audit.did("refund.released", row.object_id, because=because)
    return True


def _ask_for_a_transfer(capture: Capture, method: str, part: int) -> None:
    """The method cannot give money back: finance does, by bank transfer."""
    owed = money.from_minor(part or capture.amount_minor, capture.currency)
    late = "were not asked for" if part else "came too late"
    why = f"{money.text(owed)} paid by {method} {late}, and {method} cannot give money back"
    attention.open_item(AttentionKind.OVERPAYMENT, capture.pk, why, amount=owed)


def _is_reserved_elsewhere(capture: Capture) -> bool:
    """Whether its own money is there, and only a refund that has not left yet stands for all that is left."""
    unsent = Refund.objects.filter(intent=capture.intent_id, status__in=UNSENT)
    return selectors.left_of(capture.attempt_id) > 0 and unsent.exists()


def _end(capture: Capture, amount: int, part: int, by: str) -> None:
    """Nothing is stopped any more; what a bank has taken has a person: should it come back, nobody else asks for it."""
    because = "it is given back" if amount else "nothing of it is left with us"
    if not amount and selectors.disputed(capture.attempt_id):
        owed = money.from_minor(part or capture.amount_minor, capture.currency)
        why = f"{money.text(owed)} came too late and are in dispute, or were lost to one: owed if they come back"
        attention.open_item(AttentionKind.OVERPAYMENT, capture.pk, why, amount=owed)
    attention.close_items(capture.pk, because=because, by=by, kind=AttentionKind.AUTO_REFUND_LIMIT)


def _why_it_waits(capture: Capture, amount: int) -> str:
    """Why a person has to say yes first; "" when nobody has to, or somebody has."""
    asked = AttentionItem.objects.filter(kind=AttentionKind.AUTO_REFUND_LIMIT, object_id=capture.pk)
    word = asked.order_by("-opened_at").first()
    if word is not None:
        return word.detail if word.closed_at is None else ""
    return _beyond(capture.currency, amount)


def _beyond(currency: str, amount: int) -> str:
    """Which limit this refund would break. Whoever asks holds the others off until he has committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('refunds.automatic'))")
    since = clock.now() - timedelta(hours=1)
    lately = Refund.objects.filter(origin=Origin.DUPLICATE, created_at__gte=since).aggregate(
        count=Count("pk"), amount=Sum("amount_minor", filter=Q(currency=currency))
    )
    if lately["count"] >= policy.AUTOMATIC_PER_HOUR:
        return f"more than {policy.AUTOMATIC_PER_HOUR} automatic refunds within an hour"
    most = policy.automatic_limit(currency)
    if (lately["amount"] or 0) + amount > money.to_minor(most):
        return f"automatic refunds of more than {money.text(most)} within an hour"
    return ""
