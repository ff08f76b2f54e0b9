"""manage.py settlements: what finance, or whoever restores, does without a worker."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from payments.gateway.models import ProviderAccount
from reporting.models import SettlementFile
from tests import factories
from tests.reporting import sheet, told
from tests.stories import adyen


def said(*arguments: str) -> str:
    """What the command prints."""
    output = io.StringIO()
    call_command("settlements", *arguments, stdout=output)
    return output.getvalue()


def test_a_file_is_loaded_from_the_disk(account: ProviderAccount, tmp_path: Path) -> None:
    file = tmp_path / "as we got it.csv"
    file.write_bytes(sheet.batch("7"))

    assert "loaded   adyen-eu      batch    7" in said("load", str(file), "--account", "adyen-eu")
    assert "This very file is known already." in said("load", str(file), "--account", "adyen-eu")
    [row] = SettlementFile.objects.all()
    assert (row.source, row.status, row.lines) == ("uploaded", "loaded", 3)
    assert row.uploaded_by.startswith("shell ")


def test_what_is_refused_says_why_and_exits_with_1(account: ProviderAccount, tmp_path: Path) -> None:
    file = tmp_path / "broken.csv"
    file.write_bytes(sheet.batch("7").replace(b"14.40", b"14.41"))
    with pytest.raises(CommandError, match=r"batch_7\.csv: .*0\.01"):
        said("load", str(file), "--account", "adyen-eu")
    assert "refused" in said("list", "--status", "refused")
    assert said("list", "--status", "loaded") == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("load", "/nowhere.csv", "--account", "adyen-eu"), "No such file"),
        (("load", __file__, "--account", "adyen-eu"), "."),
        (("list", "--account", "nobody"), "There is no provider account 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(account: ProviderAccount, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        said(*arguments)
    assert not SettlementFile.objects.exists()


def test_everything_that_psps_have_ready_is_fetched_and_loaded(shop: factories.Shop, sim: factories.Simulator) -> None:
    for _ in range(4):
        adyen.paid(shop)
        sim.advance(24 * 3600)
    with told.later(days=4):
        assert "loaded   adyen-eu      batch    1 " in said("fetch", "--account", "adyen-eu")
    assert "loaded   adyen-eu      batch    1 " in said("list", "--account", "adyen-eu")
