"""Count a past range anew, by minute, hour and day: `manage.py rollups --since 2026-01-01 --until 2026-02-01`."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel import clock
from reporting.uptime import rollups


class Command(BaseCommand):
    """For what came into the past unnoticed: rows that were copied into the tables. Harmless when repeated."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", required=True, type=date.fromisoformat, metavar="DAY", help="The first day, UTC."
        )
        parser.add_argument(
            "--until", type=date.fromisoformat, metavar="DAY", help="The day after the last; without: all."
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Day by day: what is interrupted has counted the days that it has told of."""
        since = _begins(options["since"])
        until = _begins(options["until"]) if options["until"] else clock.now() + timedelta(minutes=1)
        if until <= since:
            raise CommandError("--until has to be later than --since.")
        rollups.rebuild(since, until, self._tell if options["verbosity"] else lambda _: None)

    def _tell(self, day: datetime) -> None:
        self.stdout.write(f"{day:%Y-%m-%d}: counted")


def _begins(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
