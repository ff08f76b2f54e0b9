"""Adyen's notifications: proof of origin for every item, then translation of what is signed."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from payments.connectors.adyen import declines, disputes, mapping, reports
from payments.connectors.base import EventKind, NotificationRefused, Outcome, PspEvent, SavedMethod, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel.errors import Bug

Json = Mapping[str, Any]

HEADER: Final = "hmacsignature"
"""Signs the whole body of the newer kinds (tokens, notices of change), which have no items."""

SIGNED: Final = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")

PAYMENTS: Final = frozenset(["AUTHORISATION", "EXPIRE", "OFFER_CLOSED"])
CAPTURES: Final = frozenset(["CAPTURE", "CAPTURE_FAILED"])
CANCELS: Final = frozenset(["CANCELLATION", "TECHNICAL_CANCEL"])
REFUNDS: Final = frozenset(
    ["REFUND", "REFUND_FAILED", "REFUNDED_REVERSED", "REFUND_WITH_DATA", "POSTPONED_REFUND"],
)

REPORT: Final = "REPORT_AVAILABLE"

REPEATED: Final = disputes.REPEATED | {REPORT}
"""What may be told again of the same thing, and is news then: an event has its time in its key."""

KINDS: Final[Mapping[str, EventKind]] = {
    **dict.fromkeys(PAYMENTS, EventKind.PAYMENT_UPDATED),
    **dict.fromkeys(CAPTURES, EventKind.CAPTURE_UPDATED),
    **dict.fromkeys(CANCELS, EventKind.CANCEL_UPDATED),
    "AUTHORISATION_ADJUSTMENT": EventKind.ADJUSTMENT_UPDATED,
    "CANCEL_OR_REFUND": EventKind.REVERSAL_UPDATED,
    **dict.fromkeys(REFUNDS, EventKind.REFUND_UPDATED),
    "RECURRING_CONTRACT": EventKind.METHOD_UPDATED,
    **dict.fromkeys(disputes.EVENTS, EventKind.DISPUTE_UPDATED),
    disputes.FRAUD: EventKind.FRAUD_WARNING,
    REPORT: EventKind.SETTLEMENT_READY,
}
"""The event codes that mean something here; all others are unused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who may tell us something: the merchant account, its keys (several during a rotation) and its environment."""

    merchant_account: str
    keys: Sequence[bytes] = field(repr=False)
    livemode: bool


def keys(secrets: Sequence[str]) -> list[bytes]:
    """The HMAC keys as Adyen shows them: in hexadecimal."""
    try:
        return [binascii.a2b_hex(secret) for secret in secrets if secret]
    except ValueError:
        raise Bug("an HMAC key of Adyen is not hexadecimal") from None


def verify(body: bytes, headers: Mapping[str, str], origin: Origin) -> None:
    """Raise `NotificationRefused` unless every item is signed by one of the keys, ours, and of our environment.

    docs.adyen.com/development-resources/webhooks/verify-hmac-signatures. One genuine item vouches for no other.
    """
    told = _told(body, livemode=origin.livemode)
    if "notificationItems" not in told:
        header = next((value for name, value in headers.items() if name.lower() == HEADER), "")
        _require_signature(body, header, origin.keys)
        return
    for item in _items(told):
        signature = mapping.part(item, "additionalData").get("hmacSignature")
        _require_signature(_message(item), signature if isinstance(signature, str) else "", origin.keys)
        if item.get("merchantAccountCode") != origin.merchant_account:
            raise NotificationRefused("the notification is of another merchant account")


def _require_signature(message: bytes, signature: str, known: Sequence[bytes]) -> None:
    if not any([_matches(message, signature, key) for key in known]):  # noqa: C419  every key takes its time
        raise NotificationRefused("no signature of this account's keys")


def _matches(message: bytes, signature: str, key: bytes) -> bool:
    expected = base64.b64encode(hmac.new(key, message, sha256).digest())
    return hmac.compare_digest(expected, signature.encode(errors="replace"))


def _message(item: Json) -> bytes:
    """The signed fields, joined by colons, without any escaping; an original reference that is absent is empty.

    Adyen's own references have no colon: with one, the same signature would fit two notifications.
    """
    amount = mapping.part(item, "amount")
    fields = [item.get(name) or "" for name in SIGNED]
    fields += [str(amount.get("value")), amount.get("currency"), item.get("eventCode"), item.get("success")]
    signed = all(isinstance(value, str) for value in fields) and type(amount.get("value")) is int
    if not signed or not item.get("pspReference") or ":" in item["pspReference"] + fields[1]:
        raise NotificationRefused("a signed field is missing")
    return ":".join(fields).encode()


def _told(body: bytes, *, livemode: bool) -> dict[str, Any]:
    """The JSON object of our environment."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotificationRefused("the body is not JSON") from None
    if not isinstance(told, dict):
        raise NotificationRefused("the body is not a notification")
    said, ours = (told.get("live"), "true" if livemode else "false")
    if "notificationItems" not in told:
        said, ours = told.get("environment"), "live" if livemode else "test"
    if said != ours:
        raise NotificationRefused("the notification is of the other environment")
    return told


def _items(told: Json) -> list[dict[str, Any]]:
    wrapped = told["notificationItems"]
    if not isinstance(wrapped, list) or not wrapped:
        raise NotificationRefused("the notification has no items")
    items = [one.get("NotificationRequestItem") if isinstance(one, dict) else None for one in wrapped]
    if not all(isinstance(item, dict) for item in items):
        raise NotificationRefused("an item is not one")
    return [item for item in items if item is not None]


def read(body: bytes, origin: Origin) -> list[PspEvent]:
    """Translate a verified body, item by item. An item that is not understood says so."""
    told = _told(body, livemode=origin.livemode)
    if "notificationItems" not in told:
        return [_without_items(told, body, origin)]
    return [_event(item) for item in _items(told)]


TOKEN_KINDS: Final = {"recurring.token.updated": False, "recurring.token.disabled": True}
"""What is told of a token after it was made, and whether it is gone since."""


def _without_items(told: Json, body: bytes, origin: Origin) -> PspEvent:
    """A kind without items, whose whole body is signed: news of a token of ours, or kept and counted."""
    event, said = _unused(told, body), mapping.part(told, "data")
    token = mapping.optional(said, "storedPaymentMethodId")
    if event.type not in TOKEN_KINDS or not token or said.get("merchantAccount") != origin.merchant_account:
        return event
    gone = TOKEN_KINDS[event.type]
    return replace(event, kind=EventKind.METHOD_UPDATED, saved=SavedMethod(token=token), gone=gone)


def _unused(told: Json, body: bytes) -> PspEvent:
    """A kind that nothing here acts on."""
    kind = mapping.optional(told, "type")[:80] or "unknown"
    known = mapping.optional(told, "eventId") or hashlib.sha256(body).hexdigest()
    occurred_at = _occurred_at(told.get("createdAt")) or datetime.fromtimestamp(0, UTC)
    return PspEvent(kind=EventKind.UNUSED, event_key=f"{kind}:{known}", type=kind, occurred_at=occurred_at)


def _event(item: Json) -> PspEvent:
    code, reference, success = item["eventCode"], item["pspReference"], item["success"]
    again = f":{mapping.optional(item, 'eventDate')}" if code in REPEATED else ""
    envelope = PspEvent(
        kind=KINDS.get(code, EventKind.UNUSED),
        event_key=f"{code}:{reference}:{success}{again}",
        type=code,
        occurred_at=_occurred_at(item.get("eventDate")) or datetime.fromtimestamp(0, UTC),
        reference=item.get("merchantReference") or "",
        provider_reference=item.get("originalReference") or reference,
    )
    if envelope.kind is EventKind.UNUSED:
        return replace(envelope, reference="")
    try:
        if success not in {"true", "false"}:
            raise mapping.UnreadableError("success is neither true nor false")
        return TRANSLATORS[envelope.kind](envelope, item, success == "true")
    except mapping.UnreadableError as error:
        return replace(envelope, problem=str(error))


def _about_payment(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """AUTHORISATION does not say whether the money is taken or reserved: that is as it was asked for."""
    seen = Outcome(verdict=Verdict.CANCELED, provider_reference=event.provider_reference, raw=_raw(item))
    match event.type:
        case "AUTHORISATION" if success:
            amount = mapping.from_adyen(item["amount"])
            outcome = replace(seen, verdict=Verdict.APPROVED, amount=amount, captured=None)
        case "AUTHORISATION":
            outcome = _refused(seen, item)
        case "OFFER_CLOSED":
            # no reservation ends here: a voucher that is paid all the same is still money that is wanted
            outcome = replace(seen, verdict=Verdict.DECLINED, decline=DECLINES["payment_expired"])
        case _:
            outcome = replace(seen, detail="the authorisation expired at Adyen")
    return replace(event, outcome=outcome)


def _refused(seen: Outcome, item: Json) -> Outcome:
    code = declines.refusal_code(item.get("reason"))
    raw = {**seen.raw, **({"code": code} if code else {})}
    return replace(seen, verdict=Verdict.DECLINED, decline=declines.decline(code), raw=raw)


def _about_capture(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """CAPTURE_FAILED arrives with success "true" and means that captured money has failed to come."""
    late = event.type == "CAPTURE_FAILED"
    if late and not success:
        raise mapping.UnreadableError("a capture that failed has no success false")
    outcome = Outcome(
        verdict=Verdict.APPROVED if success and not late else Verdict.DECLINED,
        provider_reference=event.provider_reference,
        modification=item["pspReference"],
        amount=mapping.from_adyen(item["amount"]),
        captured=success,
        decline=None if success and not late else declines.capture_decline(item.get("reason")),
        detail=_because(item) if late or not success else "",
        raw=_raw(item),
    )
    return _modified(event, item, outcome)


def _about_cancel(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    outcome = Outcome(
        verdict=Verdict.CANCELED if success else Verdict.DECLINED,
        provider_reference=event.provider_reference if item.get("originalReference") else "",
        modification=item["pspReference"],
        decline=None if success else DECLINES["request_refused"],
        detail="canceled at Adyen" if success else _because(item),
        raw=_raw(item),
    )
    return _modified(replace(event, provider_reference=outcome.provider_reference), item, outcome)


def _about_adjustment(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """What is authorised since, or that it stays as it was."""
    outcome = Outcome(
        verdict=Verdict.APPROVED if success else Verdict.DECLINED,
        provider_reference=event.provider_reference,
        modification=item["pspReference"],
        amount=mapping.from_adyen(item["amount"]),
        decline=None if success else DECLINES["request_refused"],
        detail="" if success else _because(item),
        raw=_raw(item),
    )
    return _modified(event, item, outcome)


REVERSALS: Final = {"cancel": Verdict.CANCELED, "refund": Verdict.APPROVED}


def _about_reversal(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """That it was undone is signed. Which of both it took is not, and decides no money: nothing of it is left."""
    action = mapping.optional(mapping.part(item, "additionalData"), "modification.action")
    if success and action not in REVERSALS:
        raise mapping.UnreadableError("whether it canceled or refunded is not said")
    outcome = Outcome(
        verdict=REVERSALS[action] if success else Verdict.DECLINED,
        provider_reference=event.provider_reference,
        modification=item["pspReference"],
        amount=mapping.from_adyen(item["amount"]),
        captured=success and action == "refund",
        decline=None if success else DECLINES["request_refused"],
        detail=f"undone at Adyen: {action}" if success else _because(item),
        raw=_raw(item),
    )
    return _modified(event, item, outcome)


def _about_refund(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """REFUND_FAILED and REFUNDED_REVERSED arrive with success "true" and mean that the money is ours again."""
    late = event.type in {"REFUND_FAILED", "REFUNDED_REVERSED"}
    if success and event.type == "POSTPONED_REFUND":
        verdict = Verdict.PENDING
    else:
        verdict = Verdict.APPROVED if success and not late else Verdict.DECLINED
    if late and not success:
        raise mapping.UnreadableError("a refund that failed has no success false")
    because = DECLINES["refund_method_closed"] if late else declines.refund_decline(item.get("reason"))
    outcome = Outcome(
        verdict=verdict,
        provider_reference=item["pspReference"],
        amount=mapping.from_adyen(item["amount"]),
        decline=because if verdict is Verdict.DECLINED else None,
        acquirer_reference=_acquirer_reference(item),
        raw=_raw(item),
    )
    return _modified(event, item, outcome)


def _acquirer_reference(item: Json) -> str:
    """Told where the webhook's setting Include ARN is on (docs.adyen.com, webhooks, additional settings).

    It is not signed, and only for people: what is no number is left out.
    """
    said = mapping.optional(mapping.part(item, "additionalData"), "arn")
    return said if said.isascii() and said.isdigit() and len(said) <= 40 else ""


def _modified(event: PspEvent, item: Json, outcome: Outcome) -> PspEvent:
    return replace(event, modification_reference=item["pspReference"], outcome=outcome)


def _about_method(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """What is signed is the token, and for which payment it was made; what card it is Adyen says when it is asked."""
    return replace(event, saved=SavedMethod(token=item["pspReference"]) if success else None)


def _about_dispute(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """The later letters of a dispute may leave out which payment it is about: `pspReference` is the dispute's."""
    if not success:
        raise mapping.UnreadableError("news of a dispute have no success false")
    fraud = event.kind is EventKind.FRAUD_WARNING
    return replace(
        event,
        provider_reference=item.get("originalReference") or "",
        modification_reference=item["pspReference"],
        dispute=None if fraud else disputes.news(item, event.type),
        fraud=disputes.warning(item) if fraud else None,
    )


def _about_report(event: PspEvent, item: Json, success: bool) -> PspEvent:  # noqa: FBT001
    """The file's name stands where a reference would, else at the end of its address.

    The address is not signed: it is not followed, and all that is taken from it is the number of a batch, which our own
    address of reports is asked for. Other reports are fetched when they are wanted.
    """
    address = mapping.optional(item, "reason")
    found = reports.named(item["pspReference"]) or reports.named(address.rpartition("/")[2])
    if not found or not success:
        return replace(event, kind=EventKind.UNUSED, reference="")
    return replace(event, reference="", provider_reference="", settlement=found)


TRANSLATORS: Final[Mapping[EventKind, Callable[[PspEvent, Json, bool], PspEvent]]] = {
    EventKind.PAYMENT_UPDATED: _about_payment,
    EventKind.CAPTURE_UPDATED: _about_capture,
    EventKind.CANCEL_UPDATED: _about_cancel,
    EventKind.ADJUSTMENT_UPDATED: _about_adjustment,
    EventKind.REVERSAL_UPDATED: _about_reversal,
    EventKind.REFUND_UPDATED: _about_refund,
    EventKind.METHOD_UPDATED: _about_method,
    EventKind.DISPUTE_UPDATED: _about_dispute,
    EventKind.FRAUD_WARNING: _about_dispute,
    EventKind.SETTLEMENT_READY: _about_report,
}


def _because(item: Json) -> str:
    reason = mapping.optional(item, "reason")
    return f"Adyen says: {reason[:200]}" if reason not in {"", "null"} else "Adyen gives no reason"


def _raw(item: Json) -> dict[str, str]:
    """For people. Of an authorisation's reason nothing is kept when it holds a card's digits and expiry."""
    kept = {"event": item["eventCode"], "success": item["success"], "psp_reference": item["pspReference"]}
    reason = mapping.optional(item, "reason")
    told = reason not in {"", "null"} and not (item["eventCode"] == "AUTHORISATION" and item["success"] == "true")
    return kept | ({"reason": reason[:200]} if told else {})


def _occurred_at(said: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None
