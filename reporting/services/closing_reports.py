"""The reports of a close: asked for, waited for, and asked for again where they are not final."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from payments.kernel import clock, ids, unit
from reporting import selectors
from reporting.models import CheckState, Close, ReportRun
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS
from reporting.services import exports
from reporting.states import CloseStatus, RunStatus

KEPT: Final = ("payments", "refunds", "disputes", "fees", "payouts", "balance", "ledger", "trial_balance")
WANTED: Final = tuple(name for name in KEPT if name in REPORTS)
"""Which reports a close keeps: those of movements, and of what they come to."""

AGAIN_AFTER: Final = timedelta(hours=1)
"""A report that failed, or does not tie, is written anew after this long: what was wrong may have been put right."""

BY: Final = "close"

_SLIPPED: Final = """
SELECT EXISTS (
    SELECT FROM payments_transfer t
     WHERE t.effective_at >= %(start)s AND t.effective_at < %(end)s
       AND t.xid >= %(seen)s::xid8 AND t.xid < pg_snapshot_xmax(pg_current_snapshot())
       AND t.place IN (SELECT code FROM payments_provideraccount WHERE legal_entity_id = %(entity)s
                        UNION ALL SELECT code FROM reporting_bankaccount WHERE legal_entity_id = %(entity)s))"""
"""Ids beyond those that were given out are those of another server, out of a dump."""


def edition(close: Close) -> int:
    """Which edition is being made, or was."""
    return close.edition if close.status == CloseStatus.LOCKED else close.edition + 1


def runs(close: Close, of: int) -> Mapping[str, ReportRun]:
    """Report -> its run, of one edition."""
    named = {one["report"]: one["run"] for one in close.reports if one["edition"] == of}
    found = ReportRun.objects.in_bulk(list(named.values()))
    return {report: found[run] for report, run in named.items() if run in found}


def stand(close: Close) -> tuple[CheckState, str, Mapping[str, Any]]:
    """How the reports of the present edition stand, in words, and with figures; what is not there is asked for.

    No transaction is open.
    """
    found = runs(close, edition(close))
    wanted = [name for name in WANTED if name not in found or _is_to_be_written_anew(found[name])]
    if wanted:
        ask(close, wanted)
        return CheckState.WAITING, f"Being written: {', '.join(wanted)}.", {}
    figures = {name: {"run": run.pk, "rows": run.rows, "sha256": run.sha256} for name, run in found.items()}
    bad = [
        f"{name} {'does not tie' if run.status == RunStatus.READY else f'has {run.status}'}"
        for name, run in found.items()
        if not (run.status in MOVING or (run.status == RunStatus.READY and run.tied))
    ]
    if bad:
        return CheckState.MISSING, f"{'; '.join(bad)}."[:300], figures
    moving = [name for name, run in found.items() if run.status in MOVING]
    if moving:
        return CheckState.WAITING, f"Being written: {', '.join(moving)}.", {}
    return CheckState.DONE, f"{len(found)} reports tie to the ledger.", figures


MOVING: Final = (RunStatus.REQUESTED, RunStatus.RUNNING)


def _is_to_be_written_anew(run: ReportRun) -> bool:
    """Whether it can never do: written before all was there, or long ago without success."""
    if run.status in MOVING:
        return False
    complete = run.status == RunStatus.READY and run.manifest is not None and run.manifest["as_of"]["complete"]
    if complete and run.tied:
        return False
    if run.status == RunStatus.READY and not complete:
        return True
    return clock.now() - (run.ready_at or run.created_at) > AGAIN_AFTER


def ask(close: Close, names: Sequence[str]) -> None:
    """Have these reports of the period written, as those of the edition that is being made."""
    number = edition(close)
    parameters = Parameters(
        interval_start=close.starts_at,
        interval_end=close.ends_at,
        timezone=close.time_zone,
        legal_entity_id=close.entity_id,
    )
    asked = [{"edition": number, "report": name, "run": exports.request(name, parameters, by=BY).pk} for name in names]
    with unit.work():
        held = selectors.hold_close(close.pk)
        kept = [one for one in held.reports if one["edition"] != number or one["report"] not in names]
        held.change(reports=[*kept, *asked])
    close.reports = held.reports


def write(close: Close, *, by: str) -> None:
    """Write those that were asked for and that no worker has begun, here and now."""
    for run in runs(close, edition(close)).values():
        if run.status == RunStatus.REQUESTED:
            exports.produce(run.pk, by=by)


def hold_everything(close: Close) -> bool:
    """Whether nothing was booked into the period since its reports were written."""
    seen = min(int(run.manifest["as_of"]["xid"]) for run in runs(close, edition(close)).values() if run.manifest)
    with connection.cursor() as cursor:
        entity = ids.decode("le", close.entity_id)
        about: dict[str, Any] = {"start": close.starts_at, "end": close.ends_at, "seen": str(seen), "entity": entity}
        cursor.execute(_SLIPPED, about)
        return not cursor.fetchone()[0]


def changed(close: Close) -> Sequence[str]:
    """The reports whose bytes differ from those of the edition before; none of a first edition."""
    now, before = (runs(close, number) for number in (edition(close), edition(close) - 1))
    return [name for name, run in now.items() if name in before and before[name].sha256 != run.sha256]
