"""Delivering events to clients: signed, in order per object, again and again for three days."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog
from django.db import connection
from standardwebhooks import Webhook

from payments.kernel import clock, ids, meters, unit
from payments.kernel.jobs import Queue, Retry
from payments.webhooks import policy, shapes
from payments.webhooks.models import Delivery, DeliveryState, DeliveryTry, Endpoint, Event
from payments.webhooks.services import targets

log = structlog.get_logger(__name__)

IN_FLIGHT: Final = timedelta(seconds=1)
"""When to look again at an event whose predecessor is being delivered; the predecessor's end looks at once."""

LONGEST_LOOK: Final = timedelta(seconds=30)
"""When to look again, at the latest, at an event whose predecessor should have been delivered long ago."""

OUR_ERROR: Final = "an error on our side"
"""What the client reads of an attempt that raised; the log has the rest."""

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
    its time has not come. An error of ours is a failed attempt like any other: it ends after three days, and what
    comes after it flows.
    """
    unit.refuse_open_transaction("a webhook delivery")
    try:
        _deliver(delivery_id)
    except (Retry, unit.Stale):
        raise
    except Exception:
        log.exception("delivery_raised", delivery=delivery_id)
        _count_our_error(delivery_id)


def _deliver(delivery_id: str) -> None:
    turn = _turn(delivery_id)
    if turn is None:
        return
    delivery = turn.delivery
    if not delivery.endpoint.enabled:
        _fail(delivery, "the endpoint is disabled")
        return
    _wait_for(turn)
    reply = targets.post(delivery.endpoint.url, *_message(delivery))
    if reply.accepted:
        _record_success(delivery, reply)
    else:
        _record_failure(delivery, reply)


TURN: Final = """
    SELECT d.object_id, d.sequence, d.attempts, d.next_attempt_at, d.created_at,
           w.id, w.url, w.secret, w.enabled AND w.deleted_at IS NULL, w.failing_since, w.paused_until,
           w.previous_secret, w.previous_secret_until,
           e.id, e.type, e.created_at, e.data, e.previous,
           EXISTS (SELECT FROM payments_event
                    WHERE object_id = d.object_id AND sequence < d.sequence AND dispatched_at IS NULL),
           (SELECT next_attempt_at FROM payments_delivery
             WHERE endpoint_id = d.endpoint_id AND object_id = d.object_id AND state = 'pending'
               AND sequence < d.sequence ORDER BY sequence LIMIT 1)
      FROM payments_delivery d
      JOIN payments_endpoint w ON w.id = d.endpoint_id
      JOIN payments_event e ON e.id = d.event_id
     WHERE d.id = %s AND d.state = 'pending'
"""
"""A delivery, its endpoint, its event, whether an earlier event of the object is unplanned, and when one is due.

Written by hand: making this query from expressions each time cost three quarters of a delivery.
"""


def _turn(delivery_id: str) -> _Turn | None:
    """The delivery with all that its turn depends on, in one query; None when it is done."""
    with connection.cursor() as cursor:
        cursor.execute(TURN, [ids.decode("wd", delivery_id)])
        row = cursor.fetchone()
    if row is None:
        return None
    about, where, what, (unplanned, ahead_at) = row[:5], row[5:13], row[13:18], row[18:]
    object_id, sequence, attempts, next_attempt_at, created_at = about
    endpoint_id, url, secret, enabled, failing_since, paused_until, previous_secret, previous_until = where
    endpoint = Endpoint(
        id=ids.encode("we", endpoint_id),
        url=url,
        secret=secret,
        enabled=enabled,
        failing_since=failing_since,
        paused_until=paused_until,
        previous_secret=previous_secret,
        previous_secret_until=previous_until,
    )
    event_id, type_, happened_at, data, previous = what
    event = Event(
        id=ids.encode("evt", event_id),
        type=type_,
        object_id=object_id,
        sequence=sequence,
        created_at=happened_at,
        data=orjson.loads(data),
        previous=previous and orjson.loads(previous),
    )
    delivery = Delivery(
        id=delivery_id,
        endpoint=endpoint,
        event=event,
        object_id=object_id,
        sequence=sequence,
        attempts=attempts,
        next_attempt_at=next_attempt_at,
        created_at=created_at,
    )
    return _Turn(delivery, unplanned, ahead_at)


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
        "webhook-signature": " ".join(
            Webhook(secret).sign(event.pk, now, body.decode()) for secret in _secrets(delivery.endpoint, now)
        ),
    }


def _secrets(endpoint: Endpoint, now: datetime) -> list[str]:
    """What signs: the new secret first, and the one before it while both are good (Standard Webhooks, rotation)."""
    until = endpoint.previous_secret_until
    both = endpoint.previous_secret and until is not None and now < until
    return [endpoint.secret, endpoint.previous_secret] if both else [endpoint.secret]


def _record_success(delivery: Delivery, reply: targets.Reply) -> None:
    with unit.work():
        _record(delivery, reply, DeliveryState.SUCCEEDED)
        if delivery.endpoint.failing_since is not None:
            Endpoint.objects.filter(pk=delivery.endpoint_id).update(failing_since=None, paused_until=None)
    meters.DELIVERIES.add("delivered")
    seconds = (clock.now() - delivery.event.created_at).total_seconds()
    meters.DELIVERED.took("again" if delivery.attempts else "first", seconds=seconds)


def _record_failure(delivery: Delivery, reply: targets.Reply) -> None:
    reason = _reason_to_disable(delivery.endpoint, reply)
    again_at = None if reason else _next_attempt(delivery)
    log.info("delivery_failed", delivery=delivery.pk, status=reply.status, error=reply.error, again_at=again_at)
    with unit.work():
        _record(delivery, reply, DeliveryState.PENDING if again_at else DeliveryState.FAILED, again_at)
        _note_failure(delivery.endpoint, reply, reason)
    meters.DELIVERIES.add("comes_again" if again_at else "given_up")
    _come_back(again_at, reply)


def _count_our_error(delivery_id: str) -> None:
    """A failed attempt that says nothing about the endpoint."""
    delivery = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.PENDING).first()
    if delivery is None:
        return
    reply, again_at = targets.Reply(None, error=OUR_ERROR), _next_attempt(delivery)
    with unit.work():
        _record(delivery, reply, DeliveryState.PENDING if again_at else DeliveryState.FAILED, again_at)
    _come_back(again_at, reply)


def _next_attempt(delivery: Delivery) -> datetime | None:
    return policy.next_attempt(
        first=delivery.created_at, attempts=delivery.attempts + 1, now=clock.now(), chance=_chance.random()
    )


def _come_back(again_at: datetime | None, reply: targets.Reply) -> None:
    if again_at:
        raise Retry(again_at - clock.now(), f"answer: {reply.status or reply.error}")


def _fail(delivery: Delivery, why: str) -> None:
    """Give up without an attempt."""
    with unit.work() as work:
        work.run(
            "UPDATE payments_delivery SET state = 'failed', next_attempt_at = NULL, last_error = %s WHERE id = %s",
            [why, ids.decode("wd", delivery.pk)],
        )
        _call_the_next(delivery)


def _record(delivery: Delivery, reply: targets.Reply, state: DeliveryState, again_at: datetime | None = None) -> None:
    """Write down how an attempt went, with the open unit; what ends a delivery lets the next one go."""
    succeeded, key = state is DeliveryState.SUCCEEDED, ids.decode("wd", delivery.pk)
    facts = {"status": reply.status, "error": reply.error, "response": reply.excerpt}
    unit.current().add(DeliveryTry(delivery_id=key, at=clock.now(), milliseconds=reply.milliseconds, **facts))
    unit.current().run(
        "UPDATE payments_delivery SET state = %s, attempts = attempts + 1, next_attempt_at = %s, last_status = %s,"
        " last_error = %s, response = %s, delivered_at = %s WHERE id = %s AND state = 'pending'",
        [
            state,
            again_at,
            reply.status,
            reply.error,
            reply.excerpt,
            clock.now() if succeeded else None,
            key,
        ],
    )
    if state is not DeliveryState.PENDING:
        _call_the_next(delivery)


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


CALL_THE_NEXT: Final = """
    WITH following AS (
        SELECT 'wd_' || replace(id::text, '-', '') AS delivery_id FROM payments_delivery
         WHERE endpoint_id = %s AND object_id = %s AND state = 'pending' AND sequence > %s
         ORDER BY sequence LIMIT 1)
    INSERT INTO payments_job (id, name, queue, arguments, state, due_at, unique_key, fence, attempts, last_error,
                              created_at)
    SELECT %s, 'deliver', %s, jsonb_build_object('delivery_id', delivery_id), 'ready', statement_timestamp(),
           'deliver:' || delivery_id, 0, 0, '', statement_timestamp()
      FROM following
        ON CONFLICT (unique_key) WHERE state = 'ready' DO UPDATE
       SET due_at = least(payments_job.due_at, statement_timestamp())
"""
"""Its waiting job is due at once. Where it runs in this moment, and has looked too early, another look follows."""


def _call_the_next(delivery: Delivery) -> None:
    """Let the next event of the same object to the same endpoint go at once, instead of at its next look."""
    unit.current().run(
        CALL_THE_NEXT,
        [ids.decode("we", delivery.endpoint_id), delivery.object_id, delivery.sequence, ids.uuid7(), Queue.DELIVERIES],
    )
