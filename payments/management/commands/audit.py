"""The end of the audit log, to be written down elsewhere, and whether the log still holds what was written down.

`manage.py audit head` prints number and hash; `manage.py audit check 4711 9f86d0…` compares. The whole chain is proved
by `manage.py verify audit`; a chain that the database's owner has rewritten from its beginning is found here alone.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel import audit


class Command(BaseCommand):
    """Prints the head, or says whether an event still has the hash that somebody noted."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["head", "check"])
        parser.add_argument("sequence", nargs="?", type=int)
        parser.add_argument("hash", nargs="?")

    def handle(self, *_: Any, **options: Any) -> None:
        """The exit code is 1 when the log is another one."""
        if options["action"] == "head":
            sequence, found = audit.head()
            self.stdout.write(f"{sequence} {found}")
            return
        if options["sequence"] is None or not options["hash"]:
            raise CommandError("Say the number and the hash that were written down.")
        if not audit.holds(options["sequence"], options["hash"]):
            raise CommandError(f"The log has been rewritten: event {options['sequence']} is not the one noted.")
        self.stdout.write("The log holds it.")
