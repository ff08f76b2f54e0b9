"""manage.py docs: writes the documents that are made from the code, or checks that they are current."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reporting import generated


class Command(BaseCommand):
    """Needs no database."""

    help = "Write docs/ from the code; --check fails when a document is not current."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        stale = []
        for name in generated.DOCUMENTS:
            path, text = settings.BASE_DIR / "docs" / name, generated.text(name)
            if path.is_file() and path.read_text() == text:
                continue
            stale.append(f"docs/{name}")
            if not options["check"]:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
        if stale and options["check"]:
            raise CommandError(f"not current, run `manage.py docs`: {', '.join(stale)}")
        for name in stale:
            self.stdout.write(name)
