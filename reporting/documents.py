"""What reports look like on paper: the answer models and examples of the API's document."""

from datetime import date
from typing import Any, Final, Literal

from pydantic import AwareDatetime

from payments.rest import wire
from reporting.models import FileFormat
from reporting.states import RunStatus, Standing


class ReportParametersObject(wire.Output):
    """What the file is about: from `interval_start`, inclusive, to `interval_end`, exclusive."""

    interval_start: AwareDatetime
    interval_end: AwareDatetime
    timezone: str
    currency: str | None


class ControlTotalObject(wire.Output):
    """How many movements of one kind in one currency there are, and what they come to."""

    movement: str
    currency: str
    count: int
    amount: str
    amount_minor: int


class ReportObject(wire.Output):
    """One file of a report. `rows` counts what is written so far; `tied` says whether the totals are the ledger's."""

    id: str
    object: Literal["report"]
    report: str
    report_version: int
    parameters: ReportParametersObject
    format: FileFormat
    status: RunStatus
    rows: int
    size: int | None
    sha256: str | None
    tied: bool | None
    control_totals: list[ControlTotalObject]
    created_at: AwareDatetime
    ready_at: AwareDatetime | None


class StatusOfCountry(wire.Output):
    """How a method stands in a country; "" is where nobody has said which."""

    country: str
    status: Standing


class StatusOfDay(wire.Output):
    """How a day went (UTC); null where nobody has paid."""

    date: date
    status: Standing | None


class StatusOfMethod(wire.Output):
    """`uptime_90_days` is the share of attempts, in per cent, that got an answer, whatever it was."""

    method: str
    name: str
    status: Standing
    uptime_90_days: float | None
    countries: list[StatusOfCountry]
    days: list[StatusOfDay]


class StatusOfTests(wire.Output):
    """How the payments fare that we make ourselves, at test environments of providers; they are in no book."""

    status: Standing
    last_at: AwareDatetime
    days: list[StatusOfDay]


class StatusIncident(wire.Output):
    """Something that is, or was, wrong; `ended_at` is null while it is."""

    description: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None


class StatusObject(wire.Output):
    """Whether payments go through, half a minute old at most: what the public page /status shows."""

    object: Literal["status"]
    as_of: AwareDatetime
    status: Standing
    methods: list[StatusOfMethod]
    test_payments: StatusOfTests | None
    incidents: list[StatusIncident]


class LinkObject(wire.Output):
    """Where the file of a report is, to whoever holds the address, until `expires_at`."""

    object: Literal["report_link"]
    url: str
    expires_at: AwareDatetime


class AsOfObject(wire.Output):
    """What the file had seen: `complete` when nothing can be added to its interval any more."""

    at: AwareDatetime
    xid: str
    complete: bool


class ManifestParametersObject(ReportParametersObject):
    """The same with whose rows they are; null for everybody's."""

    client: str | None


class TotalsOfObject(wire.Output):
    """How the totals are made of the cells: by the words of the column `by`, or one for each column of `sums`.

    A total counts rows, or what the column `count` says.
    """

    by: str
    sums: list[str]
    count: str


class DifferenceObject(wire.Output):
    """Where file and ledger differ."""

    movement: str
    currency: str
    count: int
    amount_minor: int


class ManifestObject(wire.Output):
    """What proves a file. `hash` is the SHA-256 of the other fields but `generated_at`, as JSON with sorted keys."""

    run: str
    report: str
    report_version: int
    columns: list[str]
    parameters: ManifestParametersObject
    format: FileFormat
    as_of: AsOfObject
    totals_of: TotalsOfObject | None = None
    rows: int
    size: int
    sha256: str
    control_totals: list[ControlTotalObject]
    ledger_totals: list[ControlTotalObject]
    differences: list[DifferenceObject]
    tied: bool
    code_version: str
    number: int
    previous: str | None
    hash: str
    generated_at: AwareDatetime


class TieOutObject(wire.Output):
    """What a PSP owes us in one currency, in minor units: `unexplained` = `psp` - `ledger` + `timing` - `named`.

    `timing` is booked and not settled yet, `named` are differences that are being looked into or were accepted.
    """

    id: str
    object: Literal["tie_out"]
    provider_account: str
    currency: str
    as_of: AwareDatetime
    ledger: int
    timing: int
    psp: int
    named: int
    unexplained: int
    parts: dict[str, dict[str, int]]


class TieOutsObject(wire.Output):
    """The newest tie-out of each provider account and currency."""

    object: Literal["tie_outs"]
    data: list[TieOutObject]


class CloseItemObject(wire.Output):
    """One item of a checklist as it was last found, in words."""

    item: str
    state: Literal["done", "waiting", "missing", "accepted"]
    says: str


class CloseObject(wire.Output):
    """A day or month of a legal entity: how far its close is. `edition` counts how often it was locked."""

    id: str
    object: Literal["close"]
    legal_entity: str
    kind: Literal["day", "month"]
    period: str
    time_zone: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    status: Literal["open", "checking", "ready", "locked", "reopened"]
    edition: int
    locked_at: AwareDatetime | None
    checklist: list[CloseItemObject]


class ClosesObject(wire.Output):
    """The last day and the last month of each legal entity that are over."""

    object: Literal["closes"]
    data: list[CloseObject]


REPORT_BODY: Final[dict[str, Any]] = {
    "report": "payments",
    "parameters": {
        "interval_start": "2026-11-01T00:00:00+01:00",
        "interval_end": "2026-12-01T00:00:00+01:00",
        "timezone": "Europe/Amsterdam",
    },
    "format": "csv",
}
_PARAMETERS: Final[dict[str, Any]] = {
    "interval_start": "2026-10-31T23:00:00Z",
    "interval_end": "2026-11-30T23:00:00Z",
    "timezone": "Europe/Amsterdam",
    "currency": None,
}
REPORT: Final[dict[str, Any]] = {
    "id": "rep_01936b2d9c6e7b3f8f4e2a1d5c7b9e11",
    "object": "report",
    "report": "payments",
    "report_version": 1,
    "parameters": _PARAMETERS,
    "format": "csv",
    "status": "requested",
    "rows": 0,
    "size": None,
    "sha256": None,
    "tied": None,
    "control_totals": [],
    "created_at": "2026-12-01T06:00:00Z",
    "ready_at": None,
}
_TOTALS: Final[list[dict[str, Any]]] = [
    {"movement": "captured", "currency": "EUR", "count": 2, "amount": "39.98", "amount_minor": 3998}
]
_SHA256: Final = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
READY: Final[dict[str, Any]] = {
    **REPORT,
    "status": "ready",
    "rows": 2,
    "size": 812,
    "sha256": _SHA256,
    "tied": True,
    "control_totals": _TOTALS,
    "ready_at": "2026-12-01T06:00:03Z",
}
LINK: Final[dict[str, Any]] = {
    "object": "report_link",
    "url": "https://pay.example/reports/eyJydW4iOiJyZXBfMDE5MzZiMmQ5YzZlN2IzZjhmNGUyYTFkNWM3YjllMTEifQ:1tHk2a:x7Qd",
    "expires_at": "2026-12-01T06:15:03Z",
}
MANIFEST: Final[dict[str, Any]] = {
    "run": REPORT["id"],
    "report": "payments",
    "report_version": 1,
    "columns": ["report_version", "transfer_id", "movement", "currency", "amount", "amount_minor"],
    "parameters": {**_PARAMETERS, "client": "cli_01936b2d9c6e7b3f8f4e2a1d5c7b9e12"},
    "format": "csv",
    "as_of": {"at": "2026-12-01T06:00:01Z", "xid": "918273", "complete": True},
    "totals_of": {"by": "movement", "sums": ["amount_minor"], "count": ""},
    "rows": 2,
    "size": 812,
    "sha256": _SHA256,
    "control_totals": _TOTALS,
    "ledger_totals": _TOTALS,
    "differences": [],
    "tied": True,
    "code_version": "0.1.0",
    "number": 7,
    "previous": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    "hash": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
    "generated_at": "2026-12-01T06:00:03Z",
}
STATUS: Final[dict[str, Any]] = {
    "object": "status",
    "as_of": "2026-12-01T06:00:00Z",
    "status": "degraded",
    "methods": [
        {
            "method": "card",
            "name": "Card",
            "status": "degraded",
            "uptime_90_days": 99.98,
            "countries": [{"country": "DE", "status": "degraded"}, {"country": "FR", "status": "working"}],
            "days": [{"date": "2026-11-30", "status": "working"}, {"date": "2026-12-01", "status": "degraded"}],
        }
    ],
    "test_payments": {
        "status": "working",
        "last_at": "2026-12-01T05:58:00Z",
        "days": [{"date": "2026-11-30", "status": "working"}, {"date": "2026-12-01", "status": "working"}],
    },
    "incidents": [
        {
            "description": "Fewer payments go through than usual with Card in Germany",
            "started_at": "2026-12-01T05:40:00Z",
            "ended_at": None,
        }
    ],
}
TIE_OUTS: Final[dict[str, Any]] = {
    "object": "tie_outs",
    "data": [
        {
            "id": "tie_01936b2d9c6e7b3f8f4e2a1d5c7b9e13",
            "object": "tie_out",
            "provider_account": "main-us",
            "currency": "USD",
            "as_of": "2026-12-01T06:00:00Z",
            "ledger": 250000,
            "timing": 40000,
            "psp": 210000,
            "named": 0,
            "unexplained": 0,
            "parts": {"ledger": {"captured": 255000, "fee_charged": -5000}, "timing": {"cap": 40000}},
        }
    ],
}
CLOSES: Final[dict[str, Any]] = {
    "object": "closes",
    "data": [
        {
            "id": "cls_01936b2d9c6e7b3f8f4e2a1d5c7b9e14",
            "object": "close",
            "legal_entity": "le_01936b2d9c6e7b3f8f4e2a1d5c7b9e15",
            "kind": "day",
            "period": "2026-11-30",
            "time_zone": "Europe/Amsterdam",
            "starts_at": "2026-11-29T23:00:00Z",
            "ends_at": "2026-11-30T23:00:00Z",
            "status": "checking",
            "edition": 0,
            "locked_at": None,
            "checklist": [{"item": "files", "state": "waiting", "says": "1 settlement file of the day is not in yet."}],
        }
    ],
}
