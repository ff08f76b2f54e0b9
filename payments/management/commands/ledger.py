"""manage.py ledger verify: proves the ledger alone."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from payments.kernel import money
from payments.ledger import selectors


class Command(BaseCommand):
    """`verify` checks the ledger's invariants, `balances` prints the trial balance."""

    help = "Verify the ledger, or print its trial balance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify", "balances"])

    def handle(self, *_: Any, **options: Any) -> None:
        if options["action"] == "verify":
            call_command("verify", "ledger", stdout=self.stdout, stderr=self.stderr)
            return
        for (code, currency), minor in sorted(selectors.trial_balance().items()):
            self.stdout.write(f"{code:<40}{money.text(money.from_minor(minor, currency)):>24}")
