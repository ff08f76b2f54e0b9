"""Settlement files are kept as they came, each content once; another content of what is loaded is a conflict."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from payments.gateway.models import ProviderAccount
from payments.kernel import unit
from payments.kernel.jobs import Job
from reporting.models import Discrepancy, SettlementFile
from reporting.models import SettlementLine as Row
from reporting.models.settlements import Source
from reporting.services import loading, settlements
from tests.reporting import told


def files(directory: Path) -> list[bytes]:
    """What is kept on the disk."""
    return [one.read_bytes() for one in sorted((directory.parent / "settlements").rglob("*")) if one.is_file()]


def test_the_bytes_are_kept_as_they_came(account: ProviderAccount, directory: Path) -> None:
    content = bytes(range(256)) * 5000
    pieces = [content[:7], content[7:1000], content[1000:]]
    file, new = settlements.store(account, told.batch(), pieces, source=Source.FETCHED, by="worker")

    assert (new, file.status, file.size, file.sha256) == (
        True,
        "stored",
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    assert files(directory) == [content]
    with settlements.original(file) as raw:
        assert raw.read() == content
    assert [job.arguments for job in Job.objects.filter(name="load_settlement")] == [{"file_id": file.pk}]


def test_the_same_content_again_changes_nothing(account: ProviderAccount, directory: Path) -> None:
    first = told.loaded(account, told.batch(), told.closed())
    again, new = settlements.store(account, told.batch(), [b"a f", b"ile"], source=Source.UPLOADED, by="staff finance")

    assert (new, again.pk, again.status, again.uploaded_by) == (False, first.pk, "loaded", "")
    assert SettlementFile.objects.count() == 1
    assert len(files(directory)) == 1


def test_another_content_of_what_is_loaded_is_refused_and_kept(account: ProviderAccount, directory: Path) -> None:
    first = told.loaded(account, told.batch(), told.closed())
    second = told.kept(account, told.batch(name="again.csv"), b"another file")

    assert second.status == "refused"
    assert second.problem == (
        f"Another content of batch 42 is loaded: batch_42.csv, 6 bytes, fetched from the psp on"
        f" {first.created_at:%Y-%m-%d}. Nothing of this one was loaded."
    )
    assert sorted(files(directory)) == [b"a file", b"another file"]
    assert Row.objects.count() == 3
    difference = Discrepancy.objects.get(kind="file_conflict")
    assert (difference.subject_id, difference.status) == (second.pk, "open")
    others = Discrepancy.objects.exclude(pk=difference.pk).values_list("kind", "subject_id")
    lines = Row.objects.filter(file=first, type="capture").values_list("pk", flat=True)
    assert set(others) == {("missing_here", key) for key in lines}, "of the first file"
    assert (difference.detail, difference.amount_minor, difference.currency) == (second.problem, 0, "EUR")
    with pytest.raises(settlements.SettlementFileUnexpectedState, match="with another content"):
        settlements.read_again(second.pk, by="staff finance")


def test_what_was_refused_stands_in_nobodys_way(account: ProviderAccount) -> None:
    first = told.loaded(account, told.batch(), [told.line("1")])
    [missing] = Discrepancy.objects.all()
    assert (missing.kind, missing.subject_id, missing.status) == ("file_missing", "adyen-eu 42", "open")
    assert missing.detail == f"batch_42.csv came and was refused: {first.problem}"
    second = told.loaded(account, told.batch(), told.closed(), b"put right")

    missing.refresh_from_db()
    assert (first.status, second.status, missing.status) == ("refused", "loaded", "cleared")


def test_a_download_that_breaks_leaves_nothing(account: ProviderAccount, directory: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half of"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        settlements.store(account, told.batch(), broken(), source=Source.FETCHED, by="worker")

    assert (SettlementFile.objects.count(), files(directory)) == (0, [])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/pass\x00wd", "passwd"),
        ("C:\\finance\\batch.csv", "batch.csv"),
        ("", "without a name"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names_are_for_people_only(given: str, shown: str) -> None:
    assert settlements.printable(given) == shown


def test_a_refused_file_can_be_read_again(account: ProviderAccount) -> None:
    file = told.loaded(account, told.batch(), [told.line("1")])
    with unit.work():
        Job.objects.all().delete()
    settlements.read_again(file.pk, by="staff finance")
    assert Job.objects.filter(name="load_settlement").count() == 1
    loading.take(file, account, told.closed(), by="worker")

    file.refresh_from_db()
    assert (file.status, file.problem, Row.objects.count()) == ("loaded", "", 3)
    with pytest.raises(settlements.SettlementFileUnexpectedState, match="The file is loaded"):
        settlements.read_again(file.pk, by="staff finance")
