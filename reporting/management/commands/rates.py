"""Load exchange rates for dashboards from a list of a central bank: `manage.py rates eurofxref.csv --source ECB`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel.errors import Refusal
from reporting.uptime import rates


class Command(BaseCommand):
    """Nothing is booked by these rates: they only bring figures of several currencies into one."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV: Date,USD,JPY,… with units for one euro.")
        parser.add_argument("--source", default="Loaded by hand", help="Who says so; dashboards name it.")

    def handle(self, *_: Any, **options: Any) -> None:
        """All of the file, or nothing."""
        try:
            with options["file"].open(newline="") as file:
                count = rates.load(file, options["source"])
        except (OSError, UnicodeDecodeError, Refusal) as reason:
            raise CommandError(str(reason)) from reason
        self.stdout.write(f"{count} rates")
