"""How things stand, live: `manage.py uptime [--once]`. Detection by hand: `uptime replay [--weeks 4 | --recorded FILE]`
and `uptime learn --since DAY`."""

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel.errors import Refusal
from reporting.management import live
from reporting.services import replaying, usual
from reporting.uptime import scoring


class Command(BaseCommand):
    """Shows how things stand and how well detection sees, and lets it learn anew."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        self._watched(parser, once=False, every=3.0)
        actions = parser.add_subparsers(dest="action")
        self._watched(
            actions.add_parser("live", help="How things stand, drawn again and again; what is done without a word."),
            once=argparse.SUPPRESS,
            every=argparse.SUPPRESS,
        )
        replay = actions.add_parser("replay", help="Let weeks go through detection, and print what it finds.")
        replay.add_argument("--weeks", type=float, default=2.0, help="Of a shop that is made up, with mishaps.")
        replay.add_argument("--seed", type=int, default=1, help="The same seed makes the same weeks.")
        replay.add_argument(
            "--recorded", metavar="FILE", help="A CSV of minutes, or `database` for those that are kept."
        )
        learn = actions.add_parser("learn", help="Forget what is usual, and learn it anew from sums by hour.")
        learn.add_argument("--since", required=True, type=date.fromisoformat, metavar="DAY", help="The first day, UTC.")

    def _watched(self, parser: CommandParser, *, once: Any, every: Any) -> None:
        parser.add_argument("--once", action="store_true", default=once, help="Print it once, and end.")
        parser.add_argument("--every", type=float, default=every, metavar="SECONDS", help="Between two looks.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Show how things stand, print the table of a replay, or learn."""
        if options["action"] in (None, "live"):
            self.stdout.ending = ""  # what draws says itself where lines end
            live.show(self.stdout, once=options["once"], every=max(options["every"], 0.5))
            return
        try:
            if options["action"] == "learn":
                day = options["since"]
                usual.learn_anew(datetime(day.year, day.month, day.day, tzinfo=UTC))
            elif options["recorded"] is None:
                self._tell(*scoring.table(replaying.made_up(options["weeks"], options["seed"])))
            elif options["recorded"] == "database":
                self._tell(*scoring.listed(replaying.of_database()))
            else:
                self._tell(*scoring.listed(replaying.of_file(Path(options["recorded"]))))
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal

    def _tell(self, *lines: str) -> None:
        for line in lines:
            self.stdout.write(line)
