"""manage.py close: checks a day or month of a legal entity, and locks it when nothing is missing."""

import getpass
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.gateway.models import LegalEntity
from payments.kernel.errors import Refusal
from reporting import selectors
from reporting.models import Close, CloseKind
from reporting.services import checklist, closing
from reporting.states import CloseStatus


class Command(BaseCommand):
    """Prints the checklist with what each item says; the exit code is 1 when the period is not locked."""

    help = "Check a day or month of a legal entity, and lock it when nothing is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--entity", metavar="NAME", help="name or id; not needed where there is one only")
        period = parser.add_mutually_exclusive_group()
        period.add_argument("--day", metavar="YYYY-MM-DD", help="the last day that is over unless given")
        period.add_argument("--month", metavar="YYYY-MM")

    def handle(self, *_: Any, **options: Any) -> None:
        close = _period(_entity(options["entity"]), options)
        try:
            close = closing.at_once(close.pk, by=f"shell {getpass.getuser()}"[:80])
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"{close.entity}, {close} ({close.time_zone}): {close.status}")
        for check in close.checklist():
            passed = check.state in checklist.PASSED
            sign = self.style.SUCCESS("✓") if passed else self.style.ERROR("✗")
            self.stdout.write(f"{sign} {check}: {check.says}")
            if check.state == "accepted":
                self.stdout.write(f"    accepted by {check.accepted_by}: {check.accepted_because}")
        if close.status != CloseStatus.LOCKED:
            raise CommandError(f"{close} is not locked.")
        self.stdout.write(f"Locked by {close.locked_by}, edition {close.edition}.")


def _entity(said: str | None) -> LegalEntity:
    rows = LegalEntity.objects.order_by("name")
    found = list(rows if said is None else rows.filter(pk=said) if said.startswith("le_") else rows.filter(name=said))
    if len(found) == 1:
        return found[0]
    names = ", ".join(row.name for row in rows)
    raise CommandError(f"Say with --entity which company it is: {names}.")


def _period(entity: LegalEntity, options: dict[str, Any]) -> Close:
    closing.begin(entity.pk)
    kind = CloseKind.MONTH if options["month"] else CloseKind.DAY
    said = f"{options['month']}-01" if options["month"] else options["day"]
    if said is None:
        found = selectors.last_close(entity.pk)
    else:
        try:
            found = Close.objects.filter(entity=entity, kind=kind, day=date.fromisoformat(said)).first()
        except ValueError as error:
            raise CommandError(f"{said!r} is no day of the calendar.") from error
    if found is None:
        raise CommandError(f"{entity} has nothing to close then.")
    return found
