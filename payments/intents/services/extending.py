"""Holding a reservation for longer: before it expires, while somebody waits for it, and not for ever."""

from datetime import timedelta
from typing import Final

import structlog
from django.db.models import Exists, Q

from payments.connectors.base import Verdict
from payments.gateway import accounts, calls
from payments.gateway.models import CallKind, ProviderCall
from payments.intents import selectors
from payments.intents.models import PaymentAttempt
from payments.intents.selectors import Held
from payments.intents.services import moves, outcomes, requests
from payments.intents.states import AttemptStatus, IntentStatus
from payments.kernel import audit, clock, crashpoints, ids, jobs, rounds, unit
from payments.kernel.attention import AttentionItem, AttentionKind, NotOffered
from payments.methods import selectors as methods

log = structlog.get_logger(__name__)

EXTENDS_AFTER: Final = timedelta(days=5)
"""A day before a person is asked about it, so that whoever refuses has refused by then."""

EXTENDS_FOR: Final = timedelta(days=21)
"""By itself no reservation this old is extended: why nobody has captured it for three weeks is a person's matter."""


def extend_due() -> None:
    """Ask for more time for what soon expires, is still waited for, and can be held for longer: once every five days.

    What the PSP has refused once is not asked for again by itself.
    """
    able = Q()
    for psp, codes in methods.extending().items():
        able |= Q(account__psp=psp, method__in=codes)
    now = clock.now()
    asked = ProviderCall.objects.filter(owner_id=rounds.written("att"), kind=CallKind.ADJUST)
    asked = asked.filter(Q(sent_at__gte=now - EXTENDS_AFTER) | Q(verdict=Verdict.DECLINED) | Q(look_at__isnull=False))
    due = selectors.reservations_older(EXTENDS_AFTER).filter(able, authorized_at__gte=now - EXTENDS_FOR)
    waited_for = due.filter(intent__status=IntentStatus.REQUIRES_CAPTURE, intent__cancel_reason="")
    rounds.each(waited_for.exclude(Exists(asked)), "authorized_at", _wish)


def _wish(attempt_id: str) -> None:
    with unit.work():
        jobs.enqueue("extend_reservation", unique=f"extend_reservation:{attempt_id}", attempt_id=attempt_id)


def extend(attempt_id: str, *, by: str = "upkeep") -> None:
    """Ask the PSP to hold a reservation for longer: write, call, record. Nothing happens where that is not to be done.

    What is reserved stays as it is; that it is held for longer counts when the PSP has said so.
    """
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        if why := _why_not(held):
            log.info("not_extended", attempt=attempt_id, why=why)
            return
        account = accounts.account(held.tried.account_id)
        request = requests.adjust(held.tried, held.intent.amount_capturable, ids.new("call"))
        call = calls.open_call(account, request, owner_id=attempt_id)
        crashpoints.reach("adjust.opened")
    crashpoints.reach("adjust.committed")
    outcome = calls.send(account, request, interactive=False)
    crashpoints.reach("adjust.answered")
    if outcome.verdict is Verdict.UNAVAILABLE:
        with unit.work():
            calls.close(selectors.call(call.pk), Verdict.UNAVAILABLE, "not reached")
        raise jobs.Retry(timedelta(minutes=15), "the provider could not be reached")
    outcomes.record(held, call, outcome, outcomes.Sender(point="adjust", by=by))


def _why_not(held: Held) -> str:
    """Why it is not extended, in plain words; "" when it may be."""
    attempt, intent = held.tried, held.intent
    current = intent.latest_attempt_id == attempt.pk and intent.status == IntentStatus.REQUIRES_CAPTURE
    if attempt.status != AttemptStatus.AUTHORIZED or not current:
        return "Nothing of it waits to be captured."
    if intent.cancel_reason or not moves.fits_order(held, intent.amount_capturable_minor):
        return "Nobody needs it any more: it is being canceled, or its order was paid otherwise or has ended."
    code = accounts.account(attempt.account_id).code
    if not methods.offer(attempt.method, attempt.account_id).extends:
        return f"{code} holds no {attempt.method} payment for longer."
    if selectors.adjustment_in_flight(attempt.pk):
        return f"{code} was asked to hold it for longer, and has not said yet whether it does."
    return ""


def extend_by_hand(item_id: str, *, by: str) -> None:
    """Ask once more for what expires soon, also when the PSP has refused; the item closes when it holds it for longer.

    Refuses, in words for people, what cannot be held for longer or need not be.
    """
    expiring = AttentionItem.objects.filter(kind=AttentionKind.AUTHORIZATION_EXPIRING, closed_at__isnull=True)
    attempt_id = expiring.filter(pk=item_id).values_list("object_id", flat=True).first()
    if attempt_id is None:
        raise NotOffered("Nothing waits here to be held for longer.")
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        if why := _why_not(held):
            raise NotOffered(why)
        log.info("extend_by_hand", attempt=attempt_id, by=by)
        audit.did("reservation.extension_asked", attempt_id)
        jobs.enqueue("extend_reservation", unique=f"extend_reservation:{attempt_id}", attempt_id=attempt_id)


def may_be_extended(item: AttentionItem) -> bool:
    """Whether it is about a reservation that expires soon, and that its PSP could be asked to hold for longer."""
    if item.kind != AttentionKind.AUTHORIZATION_EXPIRING:
        return False
    attempt = PaymentAttempt.objects.select_related("intent__order").filter(pk=item.object_id).first()
    return attempt is not None and not _why_not(Held(attempt.intent, attempt.intent.order, attempt))
