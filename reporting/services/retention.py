"""How long the files of reports are kept: rows and manifests stay, and a file can be made again, byte for byte."""

from datetime import datetime

from django.conf import settings
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
