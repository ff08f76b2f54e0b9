"""manage.py bank_statement: what a program has fetched from the bank is loaded as on the page."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from reporting.models import BankStatement
from tests import factories
from tests.reporting.bank import files
from tests.reporting.bank.world import World


def load(path: Path, **options: str) -> str:
    """What the command prints."""
    printed = io.StringIO()
    call_command("bank_statement", path, stdout=printed, **options)
    return printed.getvalue()


def test_a_file_is_loaded_and_loaded_again_without_harm(world: World, tmp_path: Path) -> None:
    path = tmp_path / "day.xml"
    path.write_bytes(world.file(3, (5_000, "INCOMING")))
    told = load(path)
    assert told.endswith("main-eur 2026-11-03 to 2026-11-03: 1 lines, 0.00 EUR to 50.00 EUR\n")
    assert load(path) == told
    assert BankStatement.objects.get().uploaded_by.startswith("shell ")
    factories.work()
    factories.assert_books_close()


def test_what_does_not_hold_is_said_and_not_loaded(world: World, tmp_path: Path) -> None:
    path = tmp_path / "day.xml"
    with pytest.raises(CommandError, match="cannot be read"):
        load(path)
    path.write_bytes(files.camt(files.entry("1.00"), closing="1002.00"))
    with pytest.raises(CommandError, match="does not add up"):
        load(path)
    with pytest.raises(CommandError, match="There is no bank account nobody"):
        load(path, account="nobody")
    assert not BankStatement.objects.exists()
