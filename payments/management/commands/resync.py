"""manage.py resync: asks PSPs for all that happened in a time, and brings in what is not known; after a restore too.

Whatever is known already stays as it is, so that it may be run again, for any time, while payments are taken.
"""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime

from payments.gateway import accounts, events
from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from payments.webhooks.models import InboundState
from payments.webhooks.services import sweep

COLUMNS = ("account", "listed", "known", "missing", "applied", "unused", "waiting", "failed")
WIDTH = 10


class Command(BaseCommand):
    """Prints how far it is and a table in the end; exit code 1 when something of the time is not in."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, metavar="TIME", help="2026-11-20T00:00:00Z, or a day in UTC")
        parser.add_argument("--until", metavar="TIME", help="now, unless given")
        parser.add_argument("--account", metavar="CODE", help="every account, unless given")
        parser.add_argument("--dry-run", action="store_true", help="only count what is missing")

    def handle(self, *_: Any, **options: Any) -> None:
        since = _moment(options["since"])
        until = min(_moment(options["until"]) if options["until"] else clock.now(), clock.now())
        if since >= until:
            raise CommandError("--since must be in the past, and before --until")
        tables: list[str] = []
        problems: list[str] = []
        for account in _chosen(options["account"]):
            kept = events.kept(account)
            if since < clock.now() - kept:
                problems.append(f"{account.code}: its PSP tells of the last {kept.days} days only")
            tally, problem = self._resynced(account, max(since, clock.now() - kept), until, options)
            tables.append(_line(account, tally, dry_run=options["dry_run"]))
            problems += [f"{account.code}: {each}" for each in (problem, *_left_open(tally)) if each]
        self._report(tables, problems)

    def _resynced(
        self, account: ProviderAccount, since: datetime, until: datetime, options: dict[str, Any]
    ) -> tuple[sweep.Tally, str]:
        """What it came to, and why it ended before its end, if it did."""
        last = [sweep.Tally()]
        whole = (until - since).total_seconds()

        def progress(upto: datetime, tally: sweep.Tally) -> None:
            last[0] = tally
            if options["verbosity"]:
                part = (upto - since).total_seconds() / whole if whole else 1
                self.stderr.write(
                    f"{account.code}  {part:4.0%}  until {upto:%Y-%m-%d %H:%M} UTC:"
                    f" {tally.listed:,} listed, {tally.missed:,} missing"
                )

        try:
            return sweep.resync(account, since, until, dry_run=options["dry_run"], progress=progress), ""
        except events.NotYet as reason:
            return last[0], f"{reason} yet; run it again when it is there"
        except events.NotTold as reason:
            return last[0], f"the PSP's list could not be read to its end ({reason}); run it again"

    def _report(self, tables: Sequence[str], problems: Sequence[str]) -> None:
        self.stdout.write(f"{COLUMNS[0]:<14}" + "".join(f"{name:>{WIDTH}}" for name in COLUMNS[1:]))
        for line in tables:
            self.stdout.write(line)
        if problems:
            raise CommandError("\n".join(problems))


def _moment(text: str) -> datetime:
    """A moment with its time zone, or the beginning of a day in UTC."""
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        moment = day = None
    if day is not None:
        return datetime.combine(day, time(), UTC)
    if moment is None or moment.tzinfo is None:
        raise CommandError(f"{text!r} is no moment: write 2026-11-20T00:00:00Z")
    return moment.astimezone(UTC)


def _chosen(code: str | None) -> Sequence[ProviderAccount]:
    if code is None:
        return list(ProviderAccount.objects.order_by("code"))
    try:
        return [accounts.account(code)]
    except accounts.ProviderAccountUnknown as unknown:
        raise CommandError(unknown.detail) from None


def _line(account: ProviderAccount, tally: sweep.Tally, *, dry_run: bool) -> str:
    ends = tally.ends
    waiting = ends[InboundState.WAITING] + ends[InboundState.RECEIVED]
    acted = (ends[InboundState.PROCESSED], ends[InboundState.IGNORED], waiting, ends[InboundState.FAILED])
    counts = [f"{count:,}" for count in (tally.listed, tally.known, tally.missed)]
    counts += ["-"] * len(acted) if dry_run else [f"{count:,}" for count in acted]
    return f"{account.code:<14}" + "".join(f"{count:>{WIDTH}}" for count in counts)


def _left_open(tally: sweep.Tally) -> Iterator[str]:
    """What is in, but of which nobody knows yet what it means."""
    waiting = tally.ends[InboundState.WAITING] + tally.ends[InboundState.RECEIVED]
    if waiting:
        yield f"{waiting:,} are about something that we do not know: they are tried again, and get a person after hours"
    if failed := tally.ends[InboundState.FAILED]:
        yield f"{failed:,} could not be acted upon: see the PSP notifications that failed, in the back office"
    if tally.unreadable:
        yield f"{tally.unreadable:,} were no events of this account, and were left out"
