"""Delivering events to clients: signed, in order per object, again and again for three days."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from standardwebhooks import Webhook

from payments.kernel import clock, ids, unit
from payments.kernel.jobs import Retry
from payments.webhooks import policy, shapes
from payments.webhooks.models import Delivery, DeliveryState, Endpoint, Event
from payments.webhooks.services import targets

log = structlog.get_logger(__name__)

IN_FLIGHT: Final = timedelta(seconds=1)
"""When to look again at an event whose predecessor is being delivered; the predecessor's end looks at once."""

LONGEST_LOOK: Final = timedelta(seconds=30)
"""When to look again, at the latest, at an event whose predecessor should have been delivered long ago."""

_chance = secrets.SystemRandom()


@dataclass(frozen=True)
class _Turn:
    """A delivery that is to be made, and what has to happen before."""

    delivery: Delivery
    unplanned: bool
    ahead_at: datetime | None


def deliver(delivery_id: str) -> None:
    """Send one event to one endpoint, once everything before it of the same object is through; record the answer.

    At least once: an answer that is lost, here or on the way, means that the event is sent again. `Retry` while
    its time has not come.
    """
    turn = _turn(delivery_id)
    if turn is None:
        return
    delivery = turn.delivery
    if not delivery.endpoint.enabled or delivery.endpoint.deleted_at is not None:
        _fail(delivery, "the endpoint is disabled")
        return
    _wait_for(turn)
    reply = targets.post(delivery.endpoint.url, *_message(delivery))
    if reply.accepted:
        _record_success(delivery, reply)
    else:
        _record_failure(delivery, reply)


def _turn(delivery_id: str) -> _Turn | None:
    """The delivery with all that its turn depends on, in one query; None when it is done."""
    mine = {"object_id": OuterRef("object_id"), "sequence__lt": OuterRef("sequence")}
    ahead = Delivery.objects.filter(**mine, endpoint=OuterRef("endpoint"), state=DeliveryState.PENDING)
    row = (
        Delivery.objects.select_related("event", "endpoint")
        .annotate(
            unplanned=Exists(Event.objects.filter(**mine, dispatched_at__isnull=True)),
            ahead_at=Subquery(ahead.order_by("sequence").values("next_attempt_at")[:1]),
        )
        .filter(pk=delivery_id, state=DeliveryState.PENDING)
        .first()
    )
    return None if row is None else _Turn(row, row.unplanned, row.ahead_at)


def _wait_for(turn: _Turn) -> None:
    """Raise `Retry` while something else has to happen first."""
    now, endpoint = clock.now(), turn.delivery.endpoint
    if turn.unplanned:
        raise Retry(IN_FLIGHT, "an earlier event is not planned yet")
    if endpoint.paused_until is not None and endpoint.paused_until > now:
        raise Retry((endpoint.paused_until - now) * (1 + _chance.random()), "the endpoint gave no answer lately")
    if turn.ahead_at is not None:
        overdue = now - turn.ahead_at
        raise Retry(max(-overdue, min(overdue / 2, LONGEST_LOOK)) + IN_FLIGHT, "an earlier event is not delivered yet")
    due = turn.delivery.next_attempt_at
    if due is not None and due > now:
        raise Retry(due - now, "its next attempt is later")


def _message(delivery: Delivery) -> tuple[bytes, dict[str, str]]:
    """The body, serialised once, and the headers of Standard Webhooks 1.0 that sign these very bytes."""
    event, now = delivery.event, clock.now()
    body = orjson.dumps(shapes.event(event), option=orjson.OPT_UTC_Z)
    return body, {
        "content-type": "application/json",
        "user-agent": "Countinghouse-Webhooks/1",
        "webhook-id": event.pk,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(delivery.endpoint.secret).sign(event.pk, now, body.decode()),
    }


def _record_success(delivery: Delivery, reply: targets.Reply) -> None:
    now = clock.now()
    with unit.work():
        _record(delivery, reply, state=DeliveryState.SUCCEEDED, next_attempt_at=None, delivered_at=now)
        if delivery.endpoint.failing_since is not None:
            Endpoint.objects.filter(pk=delivery.endpoint_id).update(failing_since=None, paused_until=None)
        _call_the_next(delivery)


def _record_failure(delivery: Delivery, reply: targets.Reply) -> None:
    now = clock.now()
    again_at = policy.next_attempt(
        first=delivery.created_at, attempts=delivery.attempts + 1, now=now, chance=_chance.random()
    )
    reason = _reason_to_disable(delivery.endpoint, reply)
    over = again_at is None or bool(reason)
    log.info(
        "delivery_failed",
        delivery=delivery.pk,
        endpoint=delivery.endpoint_id,
        status=reply.status,
        error=reply.error,
        again_at=again_at,
    )
    with unit.work():
        _record(
            delivery,
            reply,
            state=DeliveryState.FAILED if over else DeliveryState.PENDING,
            next_attempt_at=None if over else again_at,
        )
        _note_failure(delivery.endpoint, reply, reason)
        if over:
            _call_the_next(delivery)
    if not over and again_at is not None:
        raise Retry(again_at - now, f"answer: {reply.status or reply.error}")


def _fail(delivery: Delivery, why: str) -> None:
    with unit.work():
        _only(delivery).update(state=DeliveryState.FAILED, next_attempt_at=None, last_error=why)
        _call_the_next(delivery)


def _only(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.PENDING)


def _record(delivery: Delivery, reply: targets.Reply, **changes: object) -> None:
    _only(delivery).update(
        attempts=delivery.attempts + 1,
        last_status=reply.status,
        last_error=reply.error,
        response=reply.excerpt,
        **changes,
    )


def _reason_to_disable(endpoint: Endpoint, reply: targets.Reply) -> str:
    if reply.gone:
        return "The endpoint answered 410 Gone."
    since = endpoint.failing_since
    if since is not None and clock.now() - since >= policy.DISABLE_AFTER:
        return f"No delivery succeeded since {since:%Y-%m-%d %H:%M} UTC."
    return ""


def _note_failure(endpoint: Endpoint, reply: targets.Reply, reason_to_disable: str) -> None:
    """What one failure says about the endpoint; written only when it is new, because the row serves all deliveries."""
    now, mine = clock.now(), Endpoint.objects.filter(pk=endpoint.pk)
    if endpoint.failing_since is None:
        mine.filter(failing_since__isnull=True).update(failing_since=now)
    if reply.status is None:
        mine.update(paused_until=now + policy.pause(now - (endpoint.failing_since or now)))
    if reason_to_disable:
        log.warning("webhook_endpoint_disabled", endpoint=endpoint.pk, reason=reason_to_disable)
        mine.filter(enabled=True).update(enabled=False, disabled_reason=reason_to_disable)


def _call_the_next(delivery: Delivery) -> None:
    """Let the next event of the same object to the same endpoint go at once, instead of at its next look."""
    unit.current().run(
        "UPDATE payments_job SET due_at = now() WHERE state = 'ready' AND unique_key ="
        " (SELECT 'deliver:wd_' || replace(id::text, '-', '') FROM payments_delivery"
        "   WHERE endpoint_id = %s AND object_id = %s AND state = 'pending' AND sequence > %s"
        "   ORDER BY sequence LIMIT 1)",
        [ids.decode("we", delivery.endpoint_id), delivery.object_id, delivery.sequence],
    )
