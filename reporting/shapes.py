"""How report runs look to clients, in answers and in events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from reporting.models import Close, ReportRun, TieOut


class Standings(Protocol):
    """How payments stand, by method and country."""

    at: datetime
    standing: str
    services: Any
    tests: Any
    open: Any
    past: Any


class Opening(Protocol):
    """An address that opens something for a while."""

    url: str
    expires_at: datetime


def report(run: ReportRun) -> dict[str, Any]:
    """The `report` object of the API."""
    return {
        "id": run.pk,
        "object": "report",
        "report": run.report,
        "report_version": run.report_version,
        "parameters": {name: value for name, value in run.parameters.items() if name != "client"},
        "format": run.format,
        "status": run.status,
        "rows": run.rows,
        "size": run.size if run.sha256 else None,
        "sha256": run.sha256 or None,
        "tied": run.tied,
        "control_totals": run.manifest["control_totals"] if run.manifest else [],
        "created_at": run.created_at,
        "ready_at": run.ready_at,
    }


def link(made: Opening) -> dict[str, Any]:
    """The `report_link` object of the API."""
    return {"object": "report_link", "url": made.url, "expires_at": made.expires_at}


def tie_outs(rows: Iterable[TieOut]) -> dict[str, Any]:
    """The `tie_outs` object of the API."""
    return {"object": "tie_outs", "data": [_tie_out(row) for row in rows]}


def _tie_out(row: TieOut) -> dict[str, Any]:
    return {
        "id": row.pk,
        "object": "tie_out",
        "provider_account": row.account.code,
        "currency": row.currency,
        "as_of": row.as_of,
        "ledger": row.ledger_minor,
        "timing": row.timing_minor,
        "psp": row.psp_minor,
        "named": row.open_minor,
        "unexplained": row.unexplained_minor,
        "parts": {side: sums for side, sums in row.parts.items() if isinstance(sums, dict)},
    }


def status(found: Standings) -> dict[str, Any]:
    """The `status` object of the API."""
    return {
        "object": "status",
        "as_of": found.at,
        "status": found.standing,
        "methods": [
            {
                "method": service.method,
                "name": service.name,
                "status": service.standing,
                "uptime_90_days": None if service.uptime is None else round(service.uptime, 2),
                "countries": [{"country": place.country, "status": place.standing} for place in service.places],
                "days": _days(service.days),
            }
            for service in found.services
        ],
        "test_payments": None
        if found.tests is None
        else {"status": found.tests.standing, "last_at": found.tests.at, "days": _days(found.tests.days)},
        "incidents": [
            {"description": one.words, "started_at": one.since, "ended_at": one.until}
            for one in (*found.open, *found.past)
        ],
    }


def _days(days: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"date": day.on.isoformat(), "status": day.standing} for day in days]


def closes(rows: Iterable[Close]) -> dict[str, Any]:
    """The `closes` object of the API."""
    return {"object": "closes", "data": [_close(row) for row in rows]}


def _close(row: Close) -> dict[str, Any]:
    return {
        "id": row.pk,
        "object": "close",
        "legal_entity": row.entity_id,
        "kind": row.kind,
        "period": row.words,
        "time_zone": row.time_zone,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "status": row.status,
        "edition": row.edition,
        "locked_at": row.locked_at,
        "checklist": [{"item": one.item, "state": one.state, "says": one.says} for one in row.checklist()],
    }
