"""manage.py bank_statement: loads a file of a bank, as the page does, for programs that fetch it from there."""

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel import money
from payments.kernel.errors import Refusal
from reporting.models import BankAccount
from reporting.services import statements


class Command(BaseCommand):
    """Prints what was loaded; the exit code is 1, and nothing is loaded, when the file does not hold."""

    help = "Load a bank statement: camt.053, MT940, or CSV as its bank account says."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--account", metavar="CODE", help="needed for CSV; other files say it themselves")
        parser.add_argument("--opening", default="", help="CSV without balances: the balance before the first line")
        parser.add_argument("--closing", default="", help="and the one after the last")

    def handle(self, *_: Any, **options: Any) -> None:
        """Load it, or say why not."""
        code, path = options["account"], options["file"]
        account = BankAccount.objects.filter(code=code).first() if code else None
        if code and account is None:
            raise CommandError(f"There is no bank account {code}.")
        try:
            with path.open("rb") as file:
                said = statements.Upload(
                    file=file,
                    name=path.name,
                    account=account.pk if account is not None else None,
                    opening=options["opening"],
                    closing=options["closing"],
                )
                rows = statements.upload(said, by=f"shell {getpass.getuser()}"[:80])
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}") from error
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        for row in rows:
            told = f"{row.lines} lines, {money.text(row.opening)} to {money.text(row.closing)}"
            self.stdout.write(f"{row.pk} {row.account.code} {row}: {told}")
