"""Stripe's notifications: proof of origin over the raw body, then translation."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from payments.connectors.base import EventKind, NotificationRefused, PspEvent
from payments.connectors.stripe import disputes, mapping, payouts

HEADER: Final = "stripe-signature"

TOLERANCE_SECONDS: Final = 300
"""How far a signature's time may be from ours, in both directions: Stripe signs each delivery anew."""

KINDS: Final[Mapping[str, EventKind]] = {
    "payment_intent.requires_action": EventKind.PAYMENT_UPDATED,
    "payment_intent.processing": EventKind.PAYMENT_UPDATED,
    "payment_intent.amount_capturable_updated": EventKind.PAYMENT_UPDATED,
    "payment_intent.succeeded": EventKind.PAYMENT_UPDATED,
    "payment_intent.payment_failed": EventKind.PAYMENT_UPDATED,
    "payment_intent.canceled": EventKind.PAYMENT_UPDATED,
    "refund.created": EventKind.REFUND_UPDATED,
    "refund.updated": EventKind.REFUND_UPDATED,
    "refund.failed": EventKind.REFUND_UPDATED,
    "charge.refund.updated": EventKind.REFUND_UPDATED,
    "payment_method.updated": EventKind.METHOD_UPDATED,
    "payment_method.automatically_updated": EventKind.METHOD_UPDATED,
    "payment_method.detached": EventKind.METHOD_UPDATED,
    "charge.dispute.created": EventKind.DISPUTE_UPDATED,
    "charge.dispute.updated": EventKind.DISPUTE_UPDATED,
    "charge.dispute.funds_withdrawn": EventKind.DISPUTE_UPDATED,
    "charge.dispute.funds_reinstated": EventKind.DISPUTE_UPDATED,
    "charge.dispute.closed": EventKind.DISPUTE_UPDATED,
    "radar.early_fraud_warning.created": EventKind.FRAUD_WARNING,
    "radar.early_fraud_warning.updated": EventKind.FRAUD_WARNING,
    "payout.created": EventKind.PAYOUT_UPDATED,
    "payout.updated": EventKind.PAYOUT_UPDATED,
    "payout.paid": EventKind.PAYOUT_UPDATED,
    "payout.failed": EventKind.PAYOUT_UPDATED,
    "payout.canceled": EventKind.PAYOUT_UPDATED,
    "payout.reconciliation_completed": EventKind.SETTLEMENT_READY,
    "reporting.report_run.succeeded": EventKind.SETTLEMENT_READY,
}
"""The types that mean something here; all others are unused."""

ASKED_DAILY: Final = frozenset([EventKind.PAYOUT_UPDATED, EventKind.SETTLEMENT_READY])
RETOLD: Final = sorted(name for name, kind in KINDS.items() if kind not in ASKED_DAILY)
"""What is looked for when letters were lost. Settlement is asked about all the same, and a list takes 20 types."""

OLDEST_VERSION: Final = date(2025, 3, 31)
"""Before it, Stripe told what a partial capture left, and a canceled payment, as a refund of money never taken.

Events speak the version of their webhook endpoint (docs.stripe.com/changelog/basil, /webhooks/versioning).
"""


def verify(body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str], now: datetime) -> None:
    """Raise `NotificationRefused` unless one of the secrets signed this body, and did so about now.

    docs.stripe.com/webhooks/signatures: HMAC-SHA256 over "<t>.<raw body>" in hexadecimal; any v1 entry may match.
    """
    header = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    signed_at, signatures = _parts(header)
    known = [secret for secret in secrets if secret]
    if not any(_matches(body, signed_at, signature, secret) for secret in known for signature in signatures):
        raise NotificationRefused("no signature of this account's secrets")
    if abs(now.timestamp() - int(signed_at)) > TOLERANCE_SECONDS:
        raise NotificationRefused("the signature is too old, or from the future")


def _parts(header: str) -> tuple[str, list[str]]:
    """The time as it was written, and the v1 signatures of `t=1,v1=abc,v1=def,v0=...`."""
    entries = [entry.strip().partition("=") for entry in header.split(",")]
    times = [value for name, _, value in entries if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()) or len(times[0]) > 12:
        raise NotificationRefused("the signature header has no time")
    return times[0], [value for name, _, value in entries if name == "v1"]


def _matches(body: bytes, signed_at: str, signature: str, secret: str) -> bool:
    expected = hmac.new(secret.encode(), signed_at.encode() + b"." + body, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def read(body: bytes, *, livemode: bool) -> PspEvent:
    """Translate a verified body; `NotificationRefused` when it is no event or of the other environment.

    An event that is not understood says so: Stripe would not send it for longer than some days.
    """
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotificationRefused("the body is not JSON") from None
    if not isinstance(event, dict) or event.get("object") != "event":
        raise NotificationRefused("the body is not an event")
    if event.get("livemode") is not livemode:
        raise NotificationRefused("the event is of the other environment (livemode)")
    try:
        envelope = _envelope(event)
    except mapping.UnreadableError as error:
        raise NotificationRefused(f"unreadable event: {error}") from None
    try:
        return _translated(envelope, event)
    except mapping.UnreadableError as error:
        return replace(envelope, problem=str(error))


def _envelope(event: dict[str, Any]) -> PspEvent:
    return PspEvent(
        kind=KINDS.get(mapping.text(event, "type"), EventKind.UNUSED),
        event_key=mapping.text(event, "id"),
        type=event["type"],
        occurred_at=_occurred_at(event.get("created")),
    )


def _translated(envelope: PspEvent, event: dict[str, Any]) -> PspEvent:
    if envelope.kind is EventKind.UNUSED:
        return envelope
    require_version(event.get("api_version"))
    return TRANSLATORS[envelope.kind](envelope, _subject(event))


def require_version(version: object) -> None:
    """Raise `mapping.UnreadableError` for a version of the API that is too old to be understood."""
    """A version is a date, and since 2024 a name after it."""
    try:
        understood = date.fromisoformat(str(version)[:10]) >= OLDEST_VERSION
    except ValueError:
        understood = False
    if not understood:
        raise mapping.UnreadableError(
            f"told in version {version!a:.40} of the API, understood from {OLDEST_VERSION} on:"
            " update the webhook endpoint"
        )


def _subject(event: dict[str, Any]) -> dict[str, Any]:
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    if not isinstance(subject, dict):
        raise mapping.UnreadableError("the event is about nothing")
    return subject


def _about_payment(event: PspEvent, intent: dict[str, Any]) -> PspEvent:
    outcome = mapping.payment(intent)
    reference = mapping.reference(intent, "attempt")
    return replace(event, reference=reference, provider_reference=outcome.provider_reference, outcome=outcome)


def _about_refund(event: PspEvent, refund: dict[str, Any]) -> PspEvent:
    outcome = mapping.refund(refund)
    return replace(
        event,
        reference=mapping.reference(refund, "refund"),
        provider_reference=mapping.expandable(refund, "payment_intent"),
        modification_reference=outcome.provider_reference,
        outcome=outcome,
    )


def _about_method(event: PspEvent, method: dict[str, Any]) -> PspEvent:
    return replace(event, saved=mapping.saved(method), gone=event.type == "payment_method.detached")


def _about_dispute(event: PspEvent, dispute: dict[str, Any]) -> PspEvent:
    news = disputes.news(dispute)
    payment = mapping.expandable(dispute, "payment_intent")
    return replace(event, provider_reference=payment, modification_reference=news.reference, dispute=news)


def _about_fraud(event: PspEvent, said: dict[str, Any]) -> PspEvent:
    warning = disputes.warning(said)
    payment = mapping.expandable(said, "payment_intent")
    return replace(event, provider_reference=payment, modification_reference=warning.reference, fraud=warning)


def _about_payout(event: PspEvent, payout: dict[str, Any]) -> PspEvent:
    return replace(event, payout=payouts.news(payout))


def _about_file(event: PspEvent, subject: dict[str, Any]) -> PspEvent:
    """A payout that is sorted, or a run of its report that has ended; runs of other reports are somebody else's."""
    if subject.get("object") == "payout":
        wanted = payouts.is_itemised(subject)
        file = payouts.announced(subject) if wanted else None
    else:
        wanted, file = subject.get("report_type") == payouts.REPORT, None
    return replace(event, settlement=file) if wanted else replace(event, kind=EventKind.UNUSED)


TRANSLATORS: Final[Mapping[EventKind, Callable[[PspEvent, dict[str, Any]], PspEvent]]] = {
    EventKind.PAYMENT_UPDATED: _about_payment,
    EventKind.REFUND_UPDATED: _about_refund,
    EventKind.METHOD_UPDATED: _about_method,
    EventKind.DISPUTE_UPDATED: _about_dispute,
    EventKind.FRAUD_WARNING: _about_fraud,
    EventKind.PAYOUT_UPDATED: _about_payout,
    EventKind.SETTLEMENT_READY: _about_file,
}


def _occurred_at(created: object) -> datetime:
    if type(created) is not int:
        raise mapping.UnreadableError("created is missing")
    try:
        return datetime.fromtimestamp(created, tz=UTC)
    except (OverflowError, OSError, ValueError):
        raise mapping.UnreadableError("created is no time") from None
