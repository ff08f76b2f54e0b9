"""Adyen's payments accounting report: read by column names, told as its notifications would.

Source: docs.adyen.com/reporting/invoice-reconciliation/payment-accounting-report.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from moneyed import Money

from payments.connectors import http
from payments.connectors.adyen import declines, mapping, reports
from payments.connectors.base import EventKind, Outcome, PspEvent, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import money

Row = Mapping[str, str]

CONTEXT: Final = ("Merchant Account", "Psp Reference", "Record Type", "Booking Date", "TimeZone")
"""What no row may lack."""

TOLD: Final = (
    *CONTEXT,
    *("Merchant Reference", "Payment Currency", "Received (PC)", "Authorised (PC)", "Captured (PC)"),
    *("Modification Merchant Reference", "Modification Psp Reference"),
)
"""The columns that are read, wherever they stand; all others are left alone: they may name people."""

MARK: Final = b'{"report":'
"""How a kept body begins that was a report's."""

PSP_REFERENCE: Final = re.compile(r"[A-Za-z0-9]{1,80}")
RECORD: Final = re.compile(r"[A-Za-z0-9 ]{1,80}")

TOLD_OTHERWISE: Final = frozenset(
    [
        "Received", "AuthorisedPending", "SettleScheduled", "Settled", "SettledBulk", "SettledInBatch",
        "SettledInInstallments", "SettledExternally", "Refunded", "RefundedBulk", "RefundedExternally", "PaymentCost",
    ]
)  # fmt: skip
"""Steps of which another row says all that matters here, and of which no notification tells."""


def rows(content: bytes, wanted: Sequence[str]) -> list[dict[str, str]]:
    """The wanted columns of every row, by the names in the header; `UnreadableError` unless the file is whole.

    Columns come in any order and number, and American spelling is read as British. What an unfinished line says in its
    last column may be half of it.
    """
    try:
        text = content.decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise mapping.UnreadableError(f"the report is no CSV: {type(error).__name__}") from None
    if not lines:
        raise mapping.UnreadableError("the report is empty")
    header = [_column(name) for name in lines[0]]
    lacking = [name for name in wanted if header.count(_column(name)) != 1]
    if lacking:
        raise mapping.UnreadableError(f"the report lacks a column, or has it twice: {', '.join(lacking)}")
    if any(len(line) != len(header) for line in lines[1:]):
        raise mapping.UnreadableError("the report has a row of another length than its header")
    if not text.endswith("\n") and header[-1] in map(_column, wanted):
        raise mapping.UnreadableError("the report is cut off")
    places = [(name, header.index(_column(name))) for name in wanted]
    return [{name: line[place].strip() for name, place in places} for line in lines[1:]]


def _column(name: str) -> str:
    return " ".join(name.casefold().replace("authorized", "authorised").split())


# --- the payments accounting report --------------------------------------------------------------------------------


def accounting_file(day: date) -> str:
    """What Adyen calls the report of a day."""
    return f"payments_accounting_report_{day:%Y_%m_%d}.csv"


def accounts_since(source: reports.Source, moment: datetime, until: datetime, gate: http.Gate) -> Iterator[bytes]:
    """Every payment of which the reports of these days tell, as `read` wants it.

    `NothingToldYet` when a day has no report; one that is not right tells nothing, and fails.
    """
    day = moment.date()
    while datetime(day.year, day.month, day.day, tzinfo=UTC) < until:
        file = accounting_file(day)
        yield from accounts(reports.fetch(source, file, gate), file, source.merchant_account)
        day += timedelta(days=1)


def accounts(content: bytes, file: str, merchant_account: str) -> list[bytes]:
    """A body for each payment, with all that the file tells of it. Raises `UnreadableError`: then nothing counts."""
    payments: dict[str, list[dict[str, str]]] = {}
    for row in rows(content, TOLD):
        _require_ours(row, merchant_account)
        payments.setdefault(row["Psp Reference"], []).append(row)
    return [orjson.dumps({"report": file, "rows": told}) for told in payments.values()]


def _require_ours(row: Row, merchant_account: str) -> None:
    if row["Merchant Account"] != merchant_account:
        raise mapping.UnreadableError("the report is of another merchant account")
    ids, change = PSP_REFERENCE.fullmatch(row["Psp Reference"]), row["Modification Psp Reference"]
    if not ids or not RECORD.fullmatch(row["Record Type"]) or (change and not PSP_REFERENCE.fullmatch(change)):
        raise mapping.UnreadableError("a row of the report does not say what happened to which payment")
    _moment(row)


def _moment(row: Row) -> datetime:
    """When it was booked, by the clock of the zone beside it; where nobody knows its letters, as if it were UTC.

    It tells what came first, and nothing else: a report has one zone.
    """
    try:
        booked = datetime.strptime(row["Booking Date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise mapping.UnreadableError("a row of the report does not say when it was booked") from None
    try:
        return booked.replace(tzinfo=ZoneInfo(row["TimeZone"]))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return booked


def told(body: bytes) -> dict[str, Any] | None:
    """What a kept body says, when it is of a report; None for a notification."""
    if not body.startswith(MARK):
        return None
    said: dict[str, Any] = orjson.loads(body)
    return said


def read(said: Mapping[str, Any]) -> list[PspEvent]:
    """What happened to one payment, the oldest first, each once.

    An event has the key of the notification that would tell the same, so that both are one. A row that cannot be
    understood says so, and its key is its own.
    """
    group = sorted(said["rows"], key=lambda row: (_moment(row), _rank(row)))
    records = {_record(row) for row in group}
    events: dict[str, PspEvent] = {}
    for row in group:
        if _record(row) not in TOLD_OTHERWISE:
            event = _event(row, records, said["report"])
            events.setdefault(event.event_key, event)
    return list(events.values())


def _record(row: Row) -> str:
    return row["Record Type"].replace("Authorized", "Authorised")


def _rank(row: Row) -> int:
    """Of what was booked in one second the earlier in a payment's life comes first."""
    known = list(RECORDS)
    return known.index(_record(row)) if _record(row) in RECORDS else len(known)


def _event(row: Row, records: set[str], file: str) -> PspEvent:
    record = _record(row)
    canonical = orjson.dumps([row[name] for name in TOLD])
    unused = PspEvent(
        kind=EventKind.UNUSED,
        event_key=f"{record}:{row['Psp Reference']}:{hashlib.sha256(canonical).hexdigest()[:32]}",
        type=record,
        occurred_at=_moment(row),
        provider_reference=row["Psp Reference"],
    )
    if record not in RECORDS:
        return unused
    kind, code, translate = RECORDS[record]
    event = replace(unused, kind=kind, reference=row["Merchant Reference"])
    raw = {"report": file, "record": record, "psp_reference": row["Psp Reference"]}
    seen = Outcome(verdict=Verdict.DECLINED, provider_reference=row["Psp Reference"], raw=raw)
    try:
        return translate(replace(event, event_key=code or event.event_key), seen, row, records)
    except mapping.UnreadableError as error:
        return replace(event, problem=str(error))


def _authorised(event: PspEvent, seen: Outcome, row: Row, records: set[str]) -> PspEvent:
    """Whether the money was taken is as it was asked. Of a reservation that the same file ends only its end counts."""
    told = _keyed(event, row["Psp Reference"])
    if records & {"Cancelled", "Expired"} and "SentForSettle" not in records:
        return replace(told, kind=EventKind.UNUSED)
    outcome = replace(seen, verdict=Verdict.APPROVED, amount=_amount(row, "Authorised (PC)"), captured=None)
    return replace(told, outcome=outcome)


def _refused(event: PspEvent, seen: Outcome, row: Row, _records: set[str]) -> PspEvent:
    """The report does not say why."""
    code = "4" if event.type == "Error" else "2"
    outcome = replace(seen, decline=declines.decline(code), raw={**seen.raw, "code": code})
    return replace(_keyed(event, row["Psp Reference"], success=False), outcome=outcome)


def _cancelled(event: PspEvent, seen: Outcome, row: Row, records: set[str]) -> PspEvent:
    """A payment that has ended, unless only what its capture had left was released.

    Adyen has three names for the notification of it, so this has one of its own.
    """
    cancel = row["Modification Psp Reference"]
    key = f"Cancelled:{row['Psp Reference']}:{cancel}" if cancel else event.event_key
    own = replace(event, event_key=key, retold=True)
    if "SentForSettle" in records:
        return replace(own, kind=EventKind.UNUSED)
    by = cancel or (row["Psp Reference"] if _reserved(row) else "")
    outcome = replace(
        seen,
        verdict=Verdict.CANCELED,
        modification=by,
        amount=_amount(row, "Authorised (PC)") if _reserved(row) else None,
        detail="canceled at Adyen, says its report",
    )
    return replace(own, modification_reference=by, outcome=outcome)


def _expired(event: PspEvent, seen: Outcome, row: Row, records: set[str]) -> PspEvent:
    """A reservation has run out, or an offer that nobody took."""
    if not _reserved(row):
        outcome = replace(seen, decline=DECLINES["payment_expired"])
        return replace(_keyed(replace(event, event_key="OFFER_CLOSED"), row["Psp Reference"]), outcome=outcome)
    told = _keyed(event, row["Psp Reference"])
    if "SentForSettle" in records:
        return replace(told, kind=EventKind.UNUSED)
    return replace(told, outcome=replace(seen, verdict=Verdict.CANCELED, detail="the authorisation expired at Adyen"))


def _captured(event: PspEvent, seen: Outcome, row: Row, _records: set[str]) -> PspEvent:
    """Also the capture that happens by itself, of which no notification tells."""
    capture = row["Modification Psp Reference"] or row["Psp Reference"]
    by_itself = row["Modification Merchant Reference"] in {"", row["Merchant Reference"]}
    outcome = replace(seen, verdict=Verdict.APPROVED, captured=True)
    return replace(_modified(event, outcome, row, capture), retold=by_itself)


def _capture_failed(event: PspEvent, seen: Outcome, row: Row, _records: set[str]) -> PspEvent:
    """The money had been taken, and does not come."""
    capture = row["Modification Psp Reference"] or row["Psp Reference"]
    detail = "the capture has failed, says Adyen's report"
    outcome = replace(seen, captured=True, decline=declines.capture_decline(""), detail=detail)
    return _modified(event, outcome, row, capture)


def _refunded(event: PspEvent, seen: Outcome, row: Row, _records: set[str]) -> PspEvent:
    return _modified(event, replace(seen, verdict=Verdict.APPROVED), row, _refund(row))


def _refund_failed(event: PspEvent, seen: Outcome, row: Row, _records: set[str]) -> PspEvent:
    """The money had left, and is ours again."""
    return _modified(event, replace(seen, decline=DECLINES["refund_method_closed"]), row, _refund(row))


def _refund(row: Row) -> str:
    if not row["Modification Psp Reference"]:
        raise mapping.UnreadableError("the report does not say which refund it is")
    return row["Modification Psp Reference"]


RECORDS: Final[Mapping[str, tuple[EventKind, str, Callable[[PspEvent, Outcome, Row, set[str]], PspEvent]]]] = {
    "Authorised": (EventKind.PAYMENT_UPDATED, "AUTHORISATION", _authorised),
    "Refused": (EventKind.PAYMENT_UPDATED, "AUTHORISATION", _refused),
    "Error": (EventKind.PAYMENT_UPDATED, "AUTHORISATION", _refused),
    "SentForSettle": (EventKind.CAPTURE_UPDATED, "CAPTURE", _captured),
    "Cancelled": (EventKind.CANCEL_UPDATED, "", _cancelled),
    "Expired": (EventKind.PAYMENT_UPDATED, "EXPIRE", _expired),
    "CaptureFailed": (EventKind.CAPTURE_UPDATED, "CAPTURE_FAILED", _capture_failed),
    "SentForRefund": (EventKind.REFUND_UPDATED, "REFUND", _refunded),
    "RefundFailed": (EventKind.REFUND_UPDATED, "REFUND_FAILED", _refund_failed),
    "RefundedReversed": (EventKind.REFUND_UPDATED, "REFUNDED_REVERSED", _refund_failed),
}
"""What a record means, and the event code of the notification that tells the same; in the order of a payment's life.

All others are kept and counted, as notifications of unknown codes are.
"""


def _keyed(event: PspEvent, reference: str, *, success: bool = True) -> PspEvent:
    """With the key of its notification."""
    return replace(event, event_key=f"{event.event_key}:{reference}:{str(success).lower()}")


def _modified(event: PspEvent, outcome: Outcome, row: Row, modification: str) -> PspEvent:
    """About a capture or a refund: by its own reference, else by the payment's."""
    reference = row["Modification Merchant Reference"] or row["Merchant Reference"]
    refund = event.kind is EventKind.REFUND_UPDATED
    told = replace(
        outcome,
        amount=_amount(row, "Captured (PC)"),
        provider_reference=modification if refund else outcome.provider_reference,
        modification="" if refund else modification,
        raw={**outcome.raw, "modification": modification},
    )
    keyed = _keyed(event, modification)
    return replace(keyed, reference=reference, modification_reference=modification, outcome=told)


def _reserved(row: Row) -> bool:
    """Whether it takes from what was authorised; a payment that never was is only no longer awaited."""
    return _number(row, "Authorised (PC)") != 0


def _amount(row: Row, column: str) -> Money:
    """A column's amount in major units, without its sign: what happened is the record's to say."""
    number, currency = abs(_number(row, column)), row["Payment Currency"]
    if not number or currency not in money.EXPONENTS:
        raise mapping.UnreadableError(f"{column} is no amount of a currency of ISO 4217")
    try:
        money.to_minor(Money(number, currency))
    except money.AmountInvalid as invalid:
        raise mapping.UnreadableError(f"{column}: {invalid.detail}") from None
    return Money(number, currency)


def _number(row: Row, column: str) -> Decimal:
    try:
        number = Decimal(row[column] or "0")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise mapping.UnreadableError(f"{column} is no number")
    return number
