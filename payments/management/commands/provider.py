"""manage.py provider check: proves an account's credentials and settings with harmless calls to its PSP."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.gateway import accounts, checks
from payments.gateway.models import ProviderAccount

SIGNS = {True: "ok", False: "WRONG", None: "?"}


class Command(BaseCommand):
    """A line for each setting; exit code 1 when one is wrong or could not be told."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="prove every credential and setting; nothing is changed")
        check.add_argument("code", nargs="?", help="every account, unless given")

    def handle(self, *_: Any, **options: Any) -> None:
        wrong = 0
        for account in _chosen(options["code"]):
            mode = "live" if account.livemode else "test"
            self.stdout.write(f"{account.code}: {account.get_psp_display()}, {mode}")
            for finding in checks.check(account):
                wrong += finding.right is not True
                sign = f"{SIGNS[finding.right]:<6}"
                styled = self.style.SUCCESS(sign) if finding.right else self.style.ERROR(sign)
                self.stdout.write(f"  {styled}{finding.setting:<18}{finding.says}")
        if wrong:
            raise CommandError(f"{wrong} of the settings are wrong, or could not be proved")
        self.stdout.write("Every setting is proved.")


def _chosen(code: str | None) -> Sequence[ProviderAccount]:
    if code is None:
        return list(ProviderAccount.objects.order_by("code"))
    try:
        return [accounts.account(code)]
    except accounts.ProviderAccountUnknown as unknown:
        raise CommandError(unknown.detail) from None
