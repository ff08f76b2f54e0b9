"""Keys of personal data: `manage.py personal_data status|encrypt|rotate`.

`status` counts what the newest key has not encrypted. `rotate` encrypts that anew, in batches beside the traffic: put
a new key in front of PERSONAL_DATA_KEYS, restart, rotate, take the old key out. `rotate --all` makes blind indexes anew
too, after KEY_PEPPER was changed. `encrypt` moves what was written before encryption, once no old process is left.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.kernel import cipher, rotation


class Command(BaseCommand):
    """Says what it has done, by column."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["status", "encrypt", "rotate"])
        parser.add_argument("--all", action="store_true", help="Also what the newest key has encrypted.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it; what cannot be read ends it, with the column and the number of the key."""
        try:
            if options["verb"] == "encrypt":
                rotation.encrypt_plain(self._say)
            elif options["verb"] == "rotate":
                rotation.rotate(self._say, everything=options["all"])
        except cipher.CipherError as error:
            raise CommandError(str(error)) from error
        for place, left in rotation.stale().items():
            self.stdout.write(f"{place}: {left} left")

    def _say(self, place: str, count: int) -> None:
        self.stdout.write(f"{place}: {count} done")
