"""manage.py verify-report: proves a file by its manifest, without a database."""

import zlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reporting.services import manifests


class Command(BaseCommand):
    """Says what is wrong with the file; the exit code is 1 when anything is, or when it does not tie to the ledger."""

    help = "Prove the file of a report by its manifest: hash, rows, amounts, control totals."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--manifest", type=Path, help=f"FILE{manifests.SUFFIX} unless given")

    def handle(self, *_: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            manifest = manifests.load(options["manifest"] or manifests.beside(file))
            faults = list(manifests.verify(file, manifest))
        except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
            raise CommandError(f"cannot be verified: {error!r}") from error
        for fault in faults:
            self.stdout.write(self.style.ERROR(f"✗ {fault}"))
        if faults:
            raise CommandError(f"{file} is not proven")
        self.stdout.write(self.style.SUCCESS(f"✓ {file}: {manifest['rows']:,} rows, as of {manifest['as_of']['at']}"))
        for total in manifest["control_totals"]:
            self.stdout.write(f"{total['movement']:<20}{total['count']:>12,}{total['amount']:>24} {total['currency']}")
