"""manage.py verify: proves the invariants on the rows of this database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel import invariants


class Command(BaseCommand):
    """Prints each check, how many objects it looked at, and what breaks it; the exit code is 1 when anything does."""

    help = "Check the invariants and print each with its count."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", nargs="?", default="", help="Only the checks whose name begins so.")

    def handle(self, *_: Any, **options: Any) -> None:
        broken = 0
        for finding in invariants.verify(options["prefix"]):
            broken += len(finding.broken)
            sign = self.style.ERROR("✗") if finding.broken else self.style.SUCCESS("✓")
            self.stdout.write(f"{sign} {finding.check.number:>2}  {finding.check.title}: {finding.looked_at:,} checked")
            for subject, why in finding.broken:
                self.stdout.write(f"        {subject}: {why}")
        if broken:
            raise CommandError(f"{broken} violations")
        self.stdout.write("Every invariant holds.")
