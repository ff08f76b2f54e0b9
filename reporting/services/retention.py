"""How long things of finance are kept: files of reports, which can be made again byte for byte, and hourly tie-outs."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from payments.kernel import clock, rounds, unit
from reporting import selectors
from reporting.models import ReportRun
from reporting.services import files, storing
from reporting.states import RunStatus


def forget_files() -> None:
    """Let go of the files that were ready longer ago than they are kept."""
    rounds.each(_old(clock.now() - settings.REPORTS_KEPT), "ready_at", _forget)


def _old(limit: datetime) -> QuerySet[ReportRun]:
    return ReportRun.objects.filter(status=RunStatus.READY, ready_at__lt=limit, file_kept=True)


def _forget(run_id: str) -> None:
    """The file first: a run that says it is gone has none."""
    run = selectors.run(run_id, client_id=None)
    storing.forget(files.kept_as(run.file))
    with unit.work():
        selectors.hold(run_id).change(file_kept=False)


HOURLY: Final = timedelta(days=30)
"""For so long every tie-out is kept, and every balance that a PSP has said; of earlier days the last of each."""

_THIN: Final = (
    """
DELETE FROM reporting_tieout t
 WHERE t.as_of < %(limit)s AND NOT EXISTS (
       SELECT FROM reporting_discrepancy d
        WHERE d.kind = 'balance_differs' AND d.evidence ->> 'tie_out' = 'tie_' || replace(t.id::text, '-', ''))
   AND EXISTS (
       SELECT FROM reporting_tieout later
        WHERE later.account_id = t.account_id AND later.currency = t.currency AND later.as_of > t.as_of
          AND (later.as_of AT TIME ZONE 'UTC')::date = (t.as_of AT TIME ZONE 'UTC')::date)""",
    """
DELETE FROM reporting_pspbalance b
 WHERE b.as_of < %(limit)s AND EXISTS (
       SELECT FROM reporting_pspbalance later
        WHERE later.account_id = b.account_id AND later.as_of > b.as_of
          AND (later.as_of AT TIME ZONE 'UTC')::date = (b.as_of AT TIME ZONE 'UTC')::date)""",
)
"""Settlement is compared at the end of days of UTC, so the last balance of each is what a later comparison asks for.
What a difference refers to as its evidence stays."""


def thin_tie_outs() -> None:
    """Of days that are over for long, keep the last tie-out of each account and currency, and the last balance."""
    with connection.cursor() as cursor:
        for statement in _THIN:
            cursor.execute(statement, {"limit": clock.now() - HOURLY})
