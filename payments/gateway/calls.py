"""Write, call, record: a call is on record before its request leaves, and its answer is recorded after."""

import dataclasses
import hashlib
import time
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from django.db import connection
from moneyed import Money

from payments.connectors.base import (
    Adjust,
    AnyRequest,
    Authorize,
    Cancel,
    Capture,
    Complete,
    Connector,
    Outcome,
    Refund,
    Reverse,
    Verdict,
)
from payments.connectors.disputes import AcceptDispute, SubmitEvidence
from payments.gateway import accounts, circuits, limits
from payments.gateway.models import CallKind, ProviderAccount, ProviderCall
from payments.kernel import attention, clock, jobs, meters, redaction, tracing, unit

log = structlog.get_logger(__name__)

LOOKS: Final = tuple(timedelta(seconds=s) for s in (5, 15, 45, 120, 300, 900, 3600))
"""When recovery looks at an unknown call: after each of these, then hourly, and never gives up."""

ANSWER_OVERDUE: Final = timedelta(seconds=55)
"""A call without any answer after this long is asked about.

Mostly its process has died: an interactive one takes 4 requests of 12 s. One of a job may take longer
(`http.LONGEST_QUESTION_SECONDS`); then both ask, under the same key, and the rows' versions let one of them record.
"""

KINDS: Final[dict[type, CallKind]] = {
    Authorize: CallKind.AUTHORIZE,
    Complete: CallKind.COMPLETE,
    Capture: CallKind.CAPTURE,
    Cancel: CallKind.CANCEL,
    Adjust: CallKind.ADJUST,
    Reverse: CallKind.REVERSE,
    Refund: CallKind.REFUND,
    SubmitEvidence: CallKind.DEFEND,
    AcceptDispute: CallKind.ACCEPT,
}
"""What is put on record: whatever may move money at one of the PSPs, or lose it for good."""

ASK_AGAIN: Final = (timedelta(minutes=15), timedelta(hours=1))
"""When to ask about what waits for a customer or for the PSP: a notification may have been lost. Then hourly."""

UNANSWERED: Final = (Verdict.UNKNOWN, Verdict.UNAVAILABLE)
MODIFICATIONS: Final = (CallKind.CAPTURE, CallKind.CANCEL, CallKind.ADJUST, CallKind.REVERSE, CallKind.REFUND)
NOTIFICATION_OVERDUE: Final = timedelta(days=1)

ASKED_LATER: Final = {Verdict.UNKNOWN: LOOKS, Verdict.ACTION_REQUIRED: ASK_AGAIN, Verdict.PENDING: ASK_AGAIN}
"""After which answers the PSP is asked again, and when."""


def open_call(account: ProviderAccount, request: AnyRequest, *, owner_id: str) -> ProviderCall:
    """Put the call that is about to be made on record, in the open unit; `request.key` is its id."""
    call = ProviderCall(
        id=request.key,
        account_id=account.pk,
        kind=KINDS[type(request)],
        owner_id=owner_id,
        body_hash=_body_hash(request),
        given=_given(request),
        region=account.region,
        sent_at=clock.now(),
        look_at=clock.now() + ANSWER_OVERDUE,
    )
    unit.current().add(call)
    return call


def send(account: ProviderAccount, request: AnyRequest, *, interactive: bool = True) -> Outcome:
    """Make the call. No transaction may be open; the answer is a value, also when there is none."""
    unit.refuse_open_transaction("a call to a PSP")
    kind = KINDS[type(request)]
    circuits.begin(account.code, kind)
    began = time.perf_counter()
    about = {"account": account.code, "call_id": request.key, "object_id": getattr(request, "reference", "")}
    with structlog.contextvars.bound_contextvars(**about), _span(account, kind):
        outcome = discreet(_sent(accounts.connector(account, interactive=interactive), request))
        _took(account, kind, outcome, began)
    circuits.note(account.code, kind, outcome)
    return outcome


Behind = Adjust | Refund | SubmitEvidence | AcceptDispute
"""Where an account's limit is near, these leave after payments: no customer waits at a shop for them."""


def _sent(connector: Connector, request: AnyRequest) -> Outcome:
    match request:
        case Authorize():
            return connector.authorize(request)
        case Complete():
            return connector.complete_action(request)
        case Capture():
            return connector.capture(request)
        case Cancel():
            return connector.cancel(request)
        case Reverse():
            return connector.reverse(request)
    with limits.behind(limits.Priority.REFUNDS):
        return _sent_behind(connector, request)


def _sent_behind(connector: Connector, request: Behind) -> Outcome:
    match request:
        case Adjust():
            return connector.adjust(request)
        case Refund():
            return connector.refund(request)
        case SubmitEvidence():
            return connector.submit_evidence(request)
        case AcceptDispute():
            return connector.accept_dispute(request)


def find(call: ProviderCall, request: AnyRequest, *, provider_reference: str, interactive: bool = False) -> Outcome:
    """Ask the PSP what became of a call; `interactive` while somebody waits for the answer.

    A request that cannot be rebuilt as it was committed (a deploy has changed it) is never repeated.
    """
    unit.refuse_open_transaction("a question to a PSP")
    same = _body_hash(request) == call.body_hash
    if not same:
        log.error("request_changed", call=call.pk, kind=call.kind)
    account, began = accounts.account(call.account_id), time.perf_counter()
    connector = accounts.connector(account, interactive=interactive, region=call.region)
    behind = isinstance(request, Behind)
    rank = limits.Priority.REFUNDS if behind else limits.Priority.PAYMENTS
    with limits.behind(rank), _span(account, "find", call_id=call.pk):
        found = connector.find(request, provider_reference=provider_reference, sent_at=call.sent_at, may_repeat=same)
        _took(account, "find", found, began)
    return discreet(found)


def _span(account: ProviderAccount, operation: str, **ids: str) -> AbstractContextManager[None]:
    facts = {"account": account.code, "psp": account.psp, "operation": str(operation), **ids}
    return tracing.span(f"psp {operation}", tracing.Kind.CLIENT, facts)


def _took(account: ProviderAccount, operation: str, outcome: Outcome, began: float) -> None:
    """Count what came of it, and how long it took since that moment of `time.perf_counter`."""
    meters.call_took(account.code, operation, outcome.verdict, began)
    tracing.tell({"outcome": outcome.verdict.value})
    if outcome.verdict in UNANSWERED:
        tracing.failed(outcome.verdict.value)


def discreet(outcome: Outcome) -> Outcome:
    """What a PSP says, without card numbers and secrets that its texts repeat: what is recorded goes by this."""
    return dataclasses.replace(outcome, raw=redaction.texts(outcome.raw), detail=redaction.text(outcome.detail))


def first_hand(call: ProviderCall, outcome: Outcome) -> Outcome:
    """What the answer to whoever made the call still proves.

    Once recovery has looked, it may have sent the request again: that nothing came of the first one proves nothing.
    Nor does it that an answer to a dispute was refused: the repetition may have been taken, and there is one answer.
    """
    answers = call.kind in (CallKind.DEFEND, CallKind.ACCEPT) and outcome.verdict is Verdict.DECLINED
    if call.looks and (answers or outcome.verdict is Verdict.UNAVAILABLE):
        return dataclasses.replace(outcome, verdict=Verdict.UNKNOWN, decline=None)
    return outcome


def answer(call: ProviderCall, outcome: Outcome) -> None:
    """Record the answer with the open unit; what is open is asked about again, ever later.

    What waits after a customer's action was completed is asked about by the call that authorised.
    """
    waits = ASKED_LATER.get(outcome.verdict)
    if call.kind == CallKind.COMPLETE and outcome.verdict is not Verdict.UNKNOWN:
        waits = None
    if waits is None and call.looks:
        _no_longer_unknown(call, f"the PSP says {outcome.verdict}")
    call.change(
        answered_at=clock.now(),
        verdict=outcome.verdict,
        provider_reference=outcome.provider_reference or call.provider_reference,
        raw={**outcome.raw, **_said(outcome)},
        **({} if outcome.verdict is Verdict.UNKNOWN else _forgotten(call)),
        latency_ms=outcome.latency_ms,
        look_at=clock.now() + waits[min(call.looks, len(waits) - 1)] if waits else None,
    )


def _said(outcome: Outcome) -> dict[str, str]:
    said = {"detail": outcome.detail, "modification": outcome.modification}
    return {name: text for name, text in said.items() if text}


def _no_longer_unknown(call: ProviderCall, because: str) -> None:
    attention.close_items(call.owner_id, because=because, by="recovery", kind=attention.AttentionKind.UNKNOWN_OUTCOME)


def close(call: ProviderCall, verdict: Verdict, why: str, *, modification: str = "") -> None:
    """Record that evidence from elsewhere (a notification) has answered the call; `modification` is the PSP's id."""
    if call.looks:
        _no_longer_unknown(call, why)
    raw = {**call.raw, "closed_by": why, **({"modification": modification} if modification else {})}
    call.change(answered_at=call.answered_at or clock.now(), verdict=verdict, look_at=None, raw=raw, **_forgotten(call))


def _forgotten(call: ProviderCall) -> dict[str, object]:
    """What the customer's fields said is no longer needed."""
    return {"given": {}, "plain_given": {}} if call.plain_given else {"given": {}}


def only_told(call: ProviderCall) -> bool:
    """True for a call that its PSP has answered with "later", when that PSP cannot be asked again."""
    return call.verdict in (Verdict.ACTION_REQUIRED, Verdict.PENDING) and not can_be_asked(call)


def can_be_asked(call: ProviderCall) -> bool:
    """Whether the call's PSP says how a payment stands when it is asked."""
    return accounts.connector(accounts.account(call.account_id), interactive=False).can_be_asked


def wait_on(call: ProviderCall) -> None:
    """Wait for the notification; when that of a modification does not come within a day, a person looks for it."""
    waits = ASK_AGAIN[min(call.looks, len(ASK_AGAIN) - 1)]
    with unit.work():
        call.change(look_at=clock.now() + waits)
        if call.kind in MODIFICATIONS and clock.now() - call.sent_at >= NOTIFICATION_OVERDUE:
            why = f"the PSP has the {call.kind} since {call.sent_at:%Y-%m-%d %H:%M} UTC and says no more"
            attention.open_item(attention.AttentionKind.UNKNOWN_OUTCOME, call.owner_id, why)


GIVEN: Final = ("details", "browser")
"""What a customer's own fields say."""


def _given(request: AnyRequest) -> dict[str, Any]:
    """What no other row has, and a repetition needs."""
    said = {name: dict(getattr(request, name, {})) for name in GIVEN}
    return {name: value for name, value in said.items() if value}


UNHASHED: Final = ("return_url", *GIVEN)
"""The return address changes with our own address and keys, and moves no money; what is given is forgotten."""


def _body_hash(request: AnyRequest) -> str:
    """SHA-256 over what was asked, in one canonical form."""
    fields = {field.name: getattr(request, field.name) for field in dataclasses.fields(request)}
    asked = {name: value for name, value in fields.items() if name not in UNHASHED}
    canonical = orjson.dumps(asked, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(canonical).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Money):
        return [str(value.amount), value.currency.code]
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    raise TypeError(f"{type(value).__name__} in a request")


FEED: Final = """
    WITH due AS (SELECT id, kind FROM payments_providercall WHERE look_at <= statement_timestamp()
                  ORDER BY look_at LIMIT 100 FOR UPDATE SKIP LOCKED),
         put_off AS (UPDATE payments_providercall c SET look_at = statement_timestamp() + interval '5 minutes',
                            looks = looks + 1, version = version + 1 FROM due WHERE c.id = due.id)
    SELECT 'call_' || replace(id::text, '-', ''), kind FROM due
"""
"""Take the calls that are due, and put them off for longer than their job needs: a lost job is made again."""


def feed() -> bool:
    """Turn calls that are due for a look into jobs `recover_<kind>`; True when there were any."""
    # in the index's order, though one would do: a plan made for any moment expects a third of all calls to be due, and
    # would read the table to find the first
    if not ProviderCall.objects.filter(look_at__lte=clock.now()).order_by("look_at").values_list("pk")[:1]:
        return False
    with unit.work():
        with connection.cursor() as cursor:
            cursor.execute(FEED)
            due = cursor.fetchall()
        for call_id, kind in due:
            jobs.enqueue(f"recover_{kind}", unique=f"recover:{call_id}", call_id=call_id)
    return bool(due)
