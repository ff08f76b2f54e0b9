"""manage.py ledger: proves the ledger alone, and says where its seal ends.

`verify` checks its invariants, recomputes every sealed block, and holds the blocks against the anchors that were kept
outside of the database; `head` prints number and hash of the newest block, and `check 4711 9f86d0…` says whether a
block still has the hash that somebody noted. `seal` seals now what the job would seal within a minute. `balances`
prints the trial balance.
"""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel import money
from payments.ledger import seal, selectors


class Command(BaseCommand):
    """Verify the ledger and its seal, or print its trial balance."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify", "balances", "seal", "head", "check"])
        parser.add_argument("number", nargs="?", type=int)
        parser.add_argument("hash", nargs="?")

    def handle(self, *_: Any, **options: Any) -> None:
        """The exit code is 1 when something does not hold."""
        if options["action"] == "check":
            self._check(options["number"], options["hash"])
        else:
            getattr(self, f"_{options['action']}")()

    def _verify(self) -> None:
        call_command("verify", "ledger", stdout=self.stdout, stderr=self.stderr)
        if torn := list(seal.torn()):
            raise CommandError(f"The seal was cut or rewritten: {'; '.join(torn[:20])}.")

    def _balances(self) -> None:
        for (code, currency), minor in sorted(selectors.trial_balance().items()):
            self.stdout.write(f"{code:<40}{money.text(money.from_minor(minor, currency)):>24}")

    def _seal(self) -> None:
        sealed = 0
        while found := seal.seal():
            sealed += found
        self.stdout.write(f"{sealed} transfers were sealed.")

    def _head(self) -> None:
        block = seal.newest()
        self.stdout.write("0" if block is None else f"{block.number} {block.hash}")

    def _check(self, number: int | None, noted: str | None) -> None:
        if number is None or not noted:
            raise CommandError("Say the number and the hash that were written down.")
        if not seal.holds(number, noted):
            raise CommandError(f"The seal was cut or rewritten: block {number} is not the one noted.")
        self.stdout.write("The seal holds it.")
