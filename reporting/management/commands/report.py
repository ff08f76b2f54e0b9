"""manage.py report: writes the file of a report at once, with its manifest."""

import getpass
import shutil
import sys
import zoneinfo
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel.errors import Refusal
from reporting import selectors
from reporting.models import FileFormat, ReportRun
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS
from reporting.services import exports, files, manifests, storing
from reporting.states import RunStatus


class Command(BaseCommand):
    """Prints where file and manifest are, and the control totals; the exit code is 1 when they are not the ledger's."""

    help = "Write a report as CSV, with its manifest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("report", choices=REPORTS)
        parser.add_argument("--from", required=True, dest="start", metavar="WHEN", help="inclusive: a day, or a moment")
        parser.add_argument("--to", required=True, dest="end", metavar="WHEN", help="exclusive")
        parser.add_argument("--timezone", default="UTC", help="IANA; that of WHEN and of created_local")
        parser.add_argument("--currency")
        parser.add_argument("--format", choices=FileFormat.values, default=FileFormat.CSV)
        parser.add_argument("--output", metavar="FILE", help="- for standard output; kept by us unless given")

    def handle(self, *_: Any, **options: Any) -> None:
        run = _produced(options)
        manifest = run.manifest or {}
        if options["output"] == "-":
            with storing.opened(files.kept_as(run.file)) as kept:
                shutil.copyfileobj(kept, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            self.stderr.write("\n".join(_told(run, "standard output", manifest)))
        else:
            file = _written(run, options["output"])
            manifests.beside(file).write_bytes(manifests.dump(manifest))
            self.stdout.write("\n".join(_told(run, f"{file}\nmanifest  {manifests.beside(file)}", manifest)))
        if not run.tied:
            raise CommandError(f"NOT TIED: file less ledger is {manifest['differences']}")


def _written(run: ReportRun, output: str | None) -> Path:
    """Where the file is now: where it was wanted, else where we keep it, else (in a bucket) here under its name."""
    place = storing.path(files.kept_as(run.file))
    if output is None and place is not None:
        return place
    file = Path(output or exports.filename(run))
    with storing.opened(files.kept_as(run.file)) as kept, file.open("wb") as copy:
        shutil.copyfileobj(kept, copy)
    return file


def _produced(options: dict[str, Any]) -> ReportRun:
    """The ready run; what is refused, or fails, is a CommandError."""
    by = f"shell {getpass.getuser()}"[:80]
    try:
        parameters = _parameters(options)
        run = exports.request(options["report"], parameters, by=by, file_format=options["format"], at_once=True)
    except Refusal as refusal:
        raise CommandError(refusal.detail) from refusal
    try:
        exports.produce(run.pk, by=by)
    except KeyboardInterrupt:
        exports.cancel(run.pk, client_id=None, by=by)
        raise
    run = selectors.run(run.pk, client_id=None)
    if run.status != RunStatus.READY:
        raise CommandError(f"The report is {run.status}.")
    return run


def _parameters(options: dict[str, Any]) -> Parameters:
    try:
        zone = zoneinfo.ZoneInfo(options["timezone"])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"{options['timezone']!r} is not a time zone.") from error
    return Parameters(
        interval_start=_moment(options["start"], zone),
        interval_end=_moment(options["end"], zone),
        timezone=options["timezone"],
        currency=options["currency"],
    )


def _moment(text: str, zone: zoneinfo.ZoneInfo) -> datetime:
    """A day is its midnight; what says no offset is meant in the zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not a day like 2026-11-01, nor a moment of ISO 8601.") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _told(run: ReportRun, file: str, manifest: dict[str, Any]) -> list[str]:
    told = [f"file      {file}", f"rows      {run.rows:,}"]
    told += [f"sha256    {run.sha256}", f"tied      {'yes' if run.tied else 'NO'}"]
    if not manifest["as_of"]["complete"]:
        told.append("complete  no: the interval is not over, or something that began within it still runs")
    return told + [
        f"{total['movement']:<20}{total['count']:>12,}{total['amount']:>24} {total['currency']}"
        for total in manifest["control_totals"]
    ]
