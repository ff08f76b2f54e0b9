"""Forget who a customer is: `manage.py erase cus_… --because "asked for it on 3 May, ticket 811"`.

Orders, payments, amounts and books stay; names, addresses, what was written with payments, evidence of disputes that
are over and saved methods go, by jobs and also at PSPs. It cannot be taken back. Again does no harm.
"""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.orders import services


class Command(BaseCommand):
    """Says when the customer was erased."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("customer", help="Their id, cus_…")
        parser.add_argument("--because", required=True, help="Why; it is on record.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Erase one customer."""
        try:
            row = services.erase_customer(options["customer"], because=options["because"])
        except (ObjectDoesNotExist, ValidationError):
            raise CommandError(f"There is no customer {options['customer']}.") from None
        self.stdout.write(f"{row.pk} was erased at {row.erased_at:%Y-%m-%d %H:%M:%S} UTC.")
