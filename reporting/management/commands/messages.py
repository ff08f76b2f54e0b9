"""manage.py messages: brings the catalogues of translations up to date with the texts, checks or compiles them."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reporting import texts, translations


class Command(BaseCommand):
    """Needs no database, and no gettext of the system."""

    help = "Bring config/locale up to date with what the back office says; then translate what is empty there."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--check", action="store_true", help="fail where a text is missing, doubtful or left over")
        way.add_argument("--compile", action="store_true", help="make the files that gettext reads, where not current")

    def handle(self, *_: Any, **options: Any) -> None:
        catalogues = translations.catalogues(settings.LOCALE_PATHS[0])
        if options["compile"]:
            for path in catalogues.values():
                translations.compiled(path)
            return
        said = texts.collect()
        if options["check"]:
            wrong = [fault for path in catalogues.values() for fault in translations.faults(path, said)]
            if wrong:
                raise CommandError("\n".join(["run `manage.py messages` and translate:", *wrong]))
            return
        for language, path in catalogues.items():
            self.stdout.write(f"{language}: {len(said)} texts, {translations.update(path, said)} to translate")
