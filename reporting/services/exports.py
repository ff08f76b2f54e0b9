"""Reports: asked for, produced by a worker or at once, canceled, downloaded."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Final

import structlog
from django.conf import settings
from django.db import connection

from payments.kernel import audit, clock, ids, jobs, unit
from payments.kernel.errors import Refusal
from payments.webhooks.services import outbox
from reporting import selectors, shapes
from reporting.models import FileFormat, ReportDownload, ReportRun, ReportSchedule, Way
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS
from reporting.services import extraction, files, manifests, storing
from reporting.services.extraction import Extraction
from reporting.services.files import Draft
from reporting.states import RunStatus

log = structlog.get_logger(__name__)

FOREGROUND: Final = timedelta(minutes=15)
"""Whoever produces a report at once has ended by then; if not, a worker takes it over."""

CHAIN_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('report manifests of ' || %s, 0))"


class ReportUnexpectedState(Refusal):
    """The report is ready or canceled: there is nothing to cancel any more."""

    code, status = "report_unexpected_state", 409


class ReportForStaff(Refusal):
    """The report is about the books of the whole platform, not about a client's own payments: staff can ask for it."""

    code, status = "report_for_staff", 403


class ReportNotReady(Refusal):
    """The report has no file yet, or will have none; its `status` says which."""

    code, status = "report_not_ready", 409


class ReportNotTied(Refusal):
    """The report's totals differ from the ledger's: only the finance team can have it, until it is explained."""

    code, status = "report_not_tied", 409


class ReportFileGone(Refusal):
    """The file is no longer kept; ask for the report again, and it will have the same bytes."""

    code, status = "report_file_gone", 410


class Canceled(Exception):
    """Somebody has canceled the report while it was written."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be sent: where it is, and what it is to be called."""

    kept_as: str
    name: str
    content_type: str

    def open(self) -> BinaryIO:
        """Its bytes, to be closed by whoever sends them."""
        return storing.opened(self.kept_as)


def request(
    report: str,
    parameters: Parameters,
    *,
    by: str,
    client_id: str | None = None,
    file_format: str = FileFormat.CSV,
    at_once: bool = False,
) -> ReportRun:
    """Ask for a report (a name in `REPORTS`); a worker produces it soon.

    `client_id` is the API client that asks, and gets its own rows only; None for staff. With `at_once` the caller
    produces it himself, and a worker only if that came to nothing.
    """
    if client_id is not None:
        if REPORTS[report].client is None:
            raise ReportForStaff(f"{REPORTS[report].title} is about the books of the whole platform.", param="report")
        parameters = dataclasses.replace(parameters, client_id=client_id)
    with unit.work() as work:
        run = draw_up(report, parameters, by=by, file_format=file_format)
        audit.did("report.requested", run.pk)
        jobs.enqueue("produce_report", run_at=clock.now() + FOREGROUND if at_once else None, run_id=run.pk)
        work.returns(run)
    return run


def draw_up(
    report: str, parameters: Parameters, *, by: str, file_format: str, schedule: ReportSchedule | None = None
) -> ReportRun:
    """The row of a report that was asked for, with the open unit of work."""
    run = ReportRun(
        id=ids.new("rep"),
        client_id=parameters.client_id,
        report=report,
        report_version=REPORTS[report].version,
        parameters=parameters.as_json(),
        format=file_format,
        requested_by=by,
        schedule=schedule,
    )
    unit.current().add(run)
    return run


def try_again(run_id: str, *, by: str) -> ReportRun:
    """Have a report written that has failed; a worker begins it anew."""
    with unit.work() as work:
        run = selectors.hold(run_id)
        if run.status != RunStatus.FAILED:
            raise ReportUnexpectedState(f"The report is {run.status}.")
        run.advance("ask_again", because="asked for again", by=by, error="")
        audit.did("report.asked_again", run.pk)
        jobs.enqueue("produce_report", run_id=run.pk)
        work.returns(run)
    return run


def cancel(run_id: str, *, client_id: str | None, by: str) -> ReportRun:
    """Have no file made; one that is being written ends within about a second."""
    with unit.work() as work:
        run = selectors.hold(run_id, client_id=client_id)
        if not run.may("cancel"):
            raise ReportUnexpectedState(f"The report is {run.status}.")
        run.advance("cancel", because="canceled on request", by=by)
        audit.did("report.canceled", run.pk)
        work.returns(run)
    return run


def download(run_id: str, *, client_id: str | None, by: str, way: Way, untied: bool = False) -> Download:
    """The file of a report; that it left is on record. Refuses as `file_of` does."""
    run = selectors.run(run_id, client_id=client_id)
    found = file_of(run, untied=untied)
    with unit.work() as work:
        work.add(ReportDownload(run=run, way=way, by=by[:80], at=clock.now()))
        audit.did("report.downloaded", run.pk, because=f"By the link that {by} has made." if way == Way.LINK else "")
    return found


def file_of(run: ReportRun, *, untied: bool) -> Download:
    """The file of a report. `untied` is for staff who may see what does not tie.

    Refuses when there is none, when it does not tie, and when it is no longer kept.
    """
    if run.status != RunStatus.READY:
        raise ReportNotReady(f"The report is {run.status}.")
    if not run.tied and not untied:
        raise ReportNotTied("The report's totals differ from the ledger's. The finance team has been shown it.")
    kept_as = files.kept_as(run.file)
    if not storing.exists(kept_as):
        raise ReportFileGone("The file is no longer kept.")
    return Download(kept_as, filename(run), files.CONTENT_TYPES[FileFormat(run.format)])


def manifest(run_id: str, *, client_id: str | None) -> dict[str, object]:
    """The manifest of a ready report; `ReportNotReady` before."""
    run = selectors.run(run_id, client_id=client_id)
    if run.manifest is None:
        raise ReportNotReady(f"The report is {run.status}.")
    return dict(run.manifest)


def filename(run: ReportRun) -> str:
    """`payments_2026-11-01_2026-11-30_rep_….csv`: first and last day, as everywhere; marked when it is not tied."""
    parameters = Parameters.from_json(run.parameters)
    days = "_".join(day.isoformat() for day in parameters.days())
    return f"{'' if run.tied else 'NOT_TIED_'}{run.report}_{days}_{run.pk}.{run.format}"


def produce(run_id: str, *, by: str = "worker") -> None:
    """Write the file of a report, with its manifest. Nothing happens when it is ready or canceled.

    A run whose worker died starts over; a worker that was only taken for dead cannot finish it.
    """
    run = _start(run_id, by)
    if run is None:
        return
    report = REPORTS[run.report]
    try:
        with files.draft(run.pk, FileFormat(run.format)) as draft:
            found = extraction.extract(
                report,
                Parameters.from_json(run.parameters),
                draft.sink,
                lambda rows, expected: _progress(run.pk, rows, expected),
                begins_with=files.begins_with(FileFormat(run.format)),
            )
            draft.complete()
            _finish(run.pk, found, draft, by)
    except Canceled:
        log.info("report_canceled", report=run.pk)
    except Exception as error:
        if not isinstance(error, unit.Stale):
            _fail(run.pk, error, by)
        raise


def _start(run_id: str, by: str) -> ReportRun | None:
    with unit.work():
        run = selectors.hold(run_id)
        if not run.may("start"):
            return None
        again = run.status != RunStatus.REQUESTED
        run.advance(
            "start", because="begun again" if again else "begun", by=by, rows=0, error="", started_at=clock.now()
        )
    if again:
        files.forget(run.pk)
    return run


def _progress(run_id: str, rows: int, expected: int) -> None:
    """Say how far it is; fails when it is no longer wanted, or no longer ours."""
    with unit.work():
        run = selectors.hold(run_id)
        if run.status != RunStatus.RUNNING:
            raise Canceled
        run.change(rows=rows, expected=expected)


def _finish(run_id: str, found: Extraction, draft: Draft, by: str) -> None:
    """File, manifest, state and event become true together: the file is in its place before the commit."""
    with unit.work():
        run = selectors.hold(run_id)
        if run.status != RunStatus.RUNNING:
            raise Canceled
        report = REPORTS[run.report]
        with connection.cursor() as cursor:
            cursor.execute(CHAIN_LOCK, [report.name])
        manifest = manifests.build(run, report, found, selectors.last_ready(report.name))
        run.advance(
            "finish",
            because="tied to the ledger" if manifest["tied"] else "NOT TIED to the ledger",
            by=by,
            rows=found.rows,
            size=found.size,
            sha256=found.sha256,
            file=draft.keep(run.pk, found.sha256),
            tied=manifest["tied"],
            manifest=manifest,
            number=manifest["number"],
            ready_at=clock.now(),
        )
        _announce(run)
        if settings.EMAIL_HOST:
            jobs.enqueue("tell_of_report", run_id=run.pk)
    if not manifest["tied"]:
        log.error("report_not_tied", report=run.pk, differences=manifest["differences"])


def _announce(run: ReportRun) -> None:
    if run.client_id is not None:
        run.change(event_sequence=run.event_sequence + 1)
        outbox.emit(run.pk, run.client_id, "report.ready", shapes.report(run), run.event_sequence)


def _fail(run_id: str, error: Exception, by: str) -> None:
    with unit.work():
        run = selectors.hold(run_id)
        if run.may("fail"):
            run.advance("fail", because=type(error).__name__, by=by, error=f"{type(error).__name__}: {error}"[:500])
