"""manage.py settlements: fetches, loads and lists the settlement files of PSPs, without waiting for a worker."""

import getpass
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel.errors import Refusal
from payments.kernel.jobs import Retry
from reporting.models import SettlementFile
from reporting.services import fetching, loading, settlements
from reporting.states import FileStatus

SHOWN = 100


class Command(BaseCommand):
    """The exit code is 1 when a file was refused, or when a PSP does not answer."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.set_defaults(status=None)
        what = parser.add_subparsers(dest="what", required=True)
        fetch = what.add_parser("fetch", help="fetch what PSPs have ready, and load it")
        fetch.add_argument("--account", metavar="CODE", help="every account, unless given")
        load = what.add_parser("load", help="load a file from this machine")
        load.add_argument("file", type=Path)
        load.add_argument("--account", metavar="CODE", required=True)
        shown = what.add_parser("list", help=f"the last {SHOWN} files")
        shown.add_argument("--account", metavar="CODE", help="of every account, unless given")
        shown.add_argument("--status", choices=list(FileStatus))

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            chosen = _chosen(options["account"])
            getattr(self, f"_{options['what']}")(chosen, options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal

    def _fetch(self, chosen: Sequence[ProviderAccount], options: dict[str, Any]) -> None:  # noqa: ARG002  as the others
        problems = []
        for account in chosen:
            try:
                fetching.fetch(account.pk)
            except Retry as later:
                problems.append(f"{account.code}: {later}")
            stored = SettlementFile.objects.filter(account=account, status=FileStatus.STORED).order_by("pk")
            problems += filter(None, [self._loaded(file) for file in stored])
        if problems:
            raise CommandError("\n".join(problems))

    def _load(self, chosen: Sequence[ProviderAccount], options: dict[str, Any]) -> None:
        try:
            with options["file"].open("rb") as content:
                kept = settlements.upload(chosen[0].code, options["file"].name, content, by=_by())
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        if not kept.new:
            self.stdout.write("This very file is known already.")
        if problem := self._loaded(kept.file):
            raise CommandError(problem)

    def _list(self, chosen: Sequence[ProviderAccount], options: dict[str, Any]) -> None:
        files = SettlementFile.objects.filter(account__in=chosen).order_by("-pk")
        for file in files.filter(status=options["status"])[:SHOWN] if options["status"] else files[:SHOWN]:
            self.stdout.write(_line(file))

    def _loaded(self, file: SettlementFile) -> str:
        """Load it, say so, and return why it was refused."""
        loading.load(file.pk, by=_by())
        file.refresh_from_db()
        self.stdout.write(_line(file))
        return f"{file.name}: {file.problem}" if file.status == FileStatus.REFUSED else ""


def _by() -> str:
    return f"shell {getpass.getuser()}"[:80]


def _chosen(code: str | None) -> Sequence[ProviderAccount]:
    return list(ProviderAccount.objects.order_by("code")) if code is None else [accounts.account(code)]


def _line(file: SettlementFile) -> str:
    code = accounts.account(file.account_id).code
    told = f"{file.lines:>9,} lines" + (f", {file.set_aside:,} set aside" if file.set_aside else "")
    return f"{file.status:<9}{code:<14}{file.kind:<9}{file.reference:<30}{told}  {file.name}  {file.pk}"
