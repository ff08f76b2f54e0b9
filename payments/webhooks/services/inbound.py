"""Notifications from PSPs: verified, stored once, acknowledged, and only then acted upon."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DataError, connection
from psycopg.types.json import Jsonb

from payments.connectors.base import EventKind, NotificationRefused, PspEvent
from payments.gateway import accounts, calls, canaries
from payments.gateway.models import ProviderAccount
from payments.kernel import attention, clock, doorbell, effects, ids, meters, redaction, retention, tracing, unit
from payments.kernel.attention import AttentionKind
from payments.kernel.errors import Bug, Refusal
from payments.kernel.jobs import Queue, Retry
from payments.webhooks import dispatch
from payments.webhooks.models import CameBy, InboundEvent, InboundState

log = structlog.get_logger(__name__)

MAX_BYTES: Final = 256 * 1024
WAIT_AT_MOST: Final = timedelta(hours=6)
"""How long a notification may be ahead of what we know before a person is asked."""
LONGEST_LOOK: Final = timedelta(minutes=10)
LOOK_ALL_THE_SAME: Final = timedelta(hours=1)
"""How often it is read again when a person has been asked: what it waits for may still come, also by a deploy."""
GIVEN_UP_AFTER: Final = timedelta(days=30)
DONE: Final = (InboundState.PROCESSED, InboundState.IGNORED)


class NotificationUnsigned(Refusal):
    """The notification is not signed by this account's PSP, is too old or cannot be read; nothing of it was kept."""

    code, status = "notification_refused", 400


class NotUnderstood(Exception):
    """The connector cannot translate the notification: this release does not know what it says."""


class NotificationTooLarge(Refusal):
    """A notification is at most 256 kB."""

    code, status = "notification_too_large", 413


class NotificationAddressUnknown(Refusal):
    """There is no provider account at this address."""

    code, status = "notification_address_unknown", 404


def too_large() -> NotificationTooLarge:
    """What a notification beyond `MAX_BYTES` is told, also before all of it was read."""
    return NotificationTooLarge(f"The notification is larger than {MAX_BYTES} bytes.")


def receive(psp: str, account_code: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Verify a notification and store it, once for ever; the acknowledgement that the PSP wants to read.

    A repetition changes nothing. Raises the refusals of this module.
    """
    try:
        if len(body) > MAX_BYTES:
            raise too_large()
        account = _account(psp, account_code)
        return _received(account, body, headers)
    except Refusal as refusal:
        meters.NOTIFICATIONS.add(meters.known(account_code, accounts.codes()), refusal.code)
        raise


def _received(account: ProviderAccount, body: bytes, headers: Mapping[str, str]) -> str:
    connector = accounts.connector(account)
    try:
        events = connector.read_notification(body, headers, now=clock.now())
    except NotificationRefused as refused:
        log.warning("notification_refused", account=account.code, why=str(refused), bytes=len(body))
        raise NotificationUnsigned("The notification was refused.") from refused
    try:
        for event in events:
            new = store(account.pk, event, body, came_by=CameBy.WEBHOOK)
            meters.NOTIFICATIONS.add(account.code, "stored" if new else "known")
    except DataError as error:  # a key or a type longer than any that the PSP makes, or with a NUL
        log.warning("notification_refused", account=account.code, why=str(error), bytes=len(body))
        raise NotificationUnsigned("The notification was refused.") from error
    return connector.acknowledgement


def _account(psp: str, code: str) -> ProviderAccount:
    """Also a disabled one: what it began still ends."""
    try:
        account = accounts.account(code)
    except accounts.ProviderAccountUnknown:
        raise NotificationAddressUnknown("There is no provider account at this address.") from None
    if (account.psp, account.code) != (psp, code):
        raise NotificationAddressUnknown("There is no provider account at this address.")
    return account


STORE: Final = """
    WITH stored AS (
        INSERT INTO payments_inboundevent (id, provider_account_id, event_key, type, kind, came_by, body,
                                           provider_reference, state, attempts, note, received_at)
        VALUES (%(id)s, %(account)s, %(key)s, %(type)s, %(kind)s, %(came_by)s, %(body)s, %(reference)s, %(state)s, 0,
                '', %(now)s)
        ON CONFLICT DO NOTHING RETURNING id, state, received_at),
    wished AS (
        INSERT INTO payments_job (id, name, queue, arguments, state, due_at, fence, attempts, last_error, created_at,
                                  traceparent)
        SELECT %(job)s, 'process_inbound', %(queue)s,
               jsonb_build_object('inbound_id', 'in_' || replace(id::text, '-', '')), 'ready', received_at, 0, 0, '',
               received_at, %(trace)s
          FROM stored WHERE state = 'received')
    SELECT FROM stored
"""
"""A notification and its job, when it is new: one statement is one transaction and one round trip.

A copy that arrives in the same moment waits for the first one to be committed.
"""


def store(account_id: str, event: PspEvent, body: bytes, *, came_by: CameBy) -> str | None:
    """Keep what a PSP has to tell; its id, or None when it is known already.

    What nothing acts on is kept and counted, and needs no job.
    """
    facts: dict[str, Any] = {
        "id": ids.uuid7(),
        "account": ids.decode("pa", account_id),
        "key": event.event_key,
        "type": event.type,
        "kind": event.kind,
        "came_by": came_by,
        "body": body,
        "reference": event.provider_reference,
        "state": InboundState.IGNORED if event.kind is EventKind.UNUSED else InboundState.RECEIVED,
        "now": clock.now(),
        "job": ids.uuid7(),
        "queue": Queue.WEBHOOKS,
        "trace": tracing.here(),
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, facts)
        stored = cursor.fetchone()
    if stored is None:
        return None
    if facts["state"] == InboundState.RECEIVED:
        doorbell.ring(Queue.WEBHOOKS)
    return ids.encode("in", facts["id"])


def process(inbound_id: str) -> None:
    """Act on a stored notification; doing it again does no harm.

    What is read is what the PSP signed, translated anew. A handler that says `NotYet` is asked again for hours, and
    then a person is too; about a notification that is not understood, at once.
    """
    row = InboundEvent.objects.get(pk=inbound_id)
    if row.state in DONE:
        return
    try:
        with unit.joined_by(Keeping("payments_inboundevent", ids.decode("in", row.pk))):
            state = act(row)
    except dispatch.NotYet as reason:
        _wait(row, InboundState.WAITING, str(reason))
    except NotUnderstood as reason:
        _wait(row, InboundState.FAILED, str(reason))
    except (Retry, unit.Stale):
        raise
    except Exception as error:
        settle(row, InboundState.FAILED, f"{type(error).__name__}: {error}")
        raise
    else:
        settle(row, state)


class Keeping:
    """Writes on a row, with every unit of a handler, what that unit writes: both are there, or neither is."""

    def __init__(self, table: str, key: UUID) -> None:
        self._sql = f"UPDATE {table} SET effects = coalesce(effects, '[]') || %s WHERE id = %s"  # noqa: S608  ours
        self._key = key

    def contribute(self, work: unit.Unit, result: object) -> None:  # noqa: ARG002  the protocol
        """Add the list, where it is not empty."""
        found = effects.of(work)
        if found:
            work.run(self._sql, [Jsonb(found), self._key])


BODIES: Final = retention.declare(
    "notification_bodies",
    "payments_inboundevent",
    "What PSPs sent, once it was acted upon: the body is emptied, that it came and what it changed stay."
    " Days: `RAW_KEPT_DAYS`.",
    retention.kept_days("RAW_KEPT_DAYS"),
    "UPDATE payments_inboundevent SET body = '' WHERE id IN"
    " (SELECT id FROM payments_inboundevent WHERE body <> '' AND state IN ('processed', 'ignored') AND id < %(before)s"
    " ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)",
)


def forget(provider_references: Sequence[str]) -> None:
    """Take away what PSPs sent about these payments, where it was acted upon; that they sent it, and when, stays."""
    rows = InboundEvent.objects.filter(provider_reference__in=provider_references, state__in=DONE)
    rows.exclude(body=b"").update(body=b"")


def act(row: InboundEvent) -> InboundState:
    """Hand the notification to its handler, also once more; the state that it is in afterwards.

    Raises what the handler raises, and `NotUnderstood`.
    """
    if not row.body:
        raise NotUnderstood("What the PSP sent was taken away: its time was over, or the customer was erased.")
    account = accounts.account(row.provider_account_id)
    event = _find(row.event_key, accounts.connector(account, interactive=False).translate_notification(bytes(row.body)))
    if event.problem:
        raise NotUnderstood(event.problem)
    handler = dispatch.handler_of(event.kind)
    if handler is None or canaries.is_one(event.reference):
        return InboundState.IGNORED
    handler(account.pk, event)
    return InboundState.PROCESSED


def _find(key: str, events: Iterable[PspEvent]) -> PspEvent:
    """One notification may tell of several events."""
    for event in events:
        if event.event_key == key:
            return event if event.outcome is None else replace(event, outcome=calls.discreet(event.outcome))
    raise Bug(f"the notification no longer tells of {key!r}")


def _wait(row: InboundEvent, state: InboundState, why: str) -> None:
    """Look again later, for a month; a person is asked after some hours, and at once for what is not understood."""
    waited = clock.now() - row.received_at
    needs_a_person = state == InboundState.FAILED or waited >= WAIT_AT_MOST
    with unit.work():
        _update(row, state, why)
        if needs_a_person:
            attention.open_item(AttentionKind.UNMATCHED_EVENT, row.pk, f"{row.type} {row.event_key}: {why}")
    if waited < GIVEN_UP_AFTER:
        soon = min(max(waited, timedelta(seconds=1)), LONGEST_LOOK)
        raise Retry(LOOK_ALL_THE_SAME if needs_a_person else soon, why)


def settle(row: InboundEvent, state: InboundState, note: str = "") -> None:
    """Write down how it ended; what a person was asked about it is closed when it is done."""
    with unit.work():
        _update(row, state, note)
        if row.state != InboundState.RECEIVED and state in DONE:
            attention.close_items(
                row.pk, because="the notification was matched", by="webhooks", kind=AttentionKind.UNMATCHED_EVENT
            )
    if state in DONE and row.state not in DONE:
        seconds = (clock.now() - row.received_at).total_seconds()
        meters.NOTIFIED.took(accounts.name_of(row.provider_account_id), seconds=seconds)


def _update(row: InboundEvent, state: InboundState, note: str) -> None:
    now = clock.now()
    unit.current().run(
        "UPDATE payments_inboundevent SET state = %s, note = %s, attempts = attempts + 1, processed_at = %s"
        " WHERE id = %s",
        [state, redaction.text(note), now if state in DONE else None, ids.decode("in", row.pk)],
    )
