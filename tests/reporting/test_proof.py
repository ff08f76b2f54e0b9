"""Files prove themselves: they tie to the ledger or say that they do not, they are linked, and no byte can change."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from payments.kernel.jobs import Queue
from reporting.models import ReportRun, Way
from reporting.services import exports, manifests
from tests import factories
from tests.reporting import desk as desks
from tests.reporting.desk import Desk


def tamper(statement: str) -> None:
    """What no code of ours can do: change the ledger behind its guards."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        assert cursor.rowcount == 1


def kept(file: desks.File, directory: Path) -> tuple[Path, Path]:
    """The file as it is stored, with its manifest written beside it."""
    path = directory / ReportRun.objects.get(pk=file.run["id"]).file
    beside = manifests.beside(path)
    beside.write_bytes(manifests.dump(file.manifest))
    return path, beside


def verified(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    """Whether `manage.py verify_report` proves the file, and what it says."""
    try:
        call_command("verify_report", str(path), no_color=True)
    except CommandError as error:
        return False, capsys.readouterr().out + str(error)
    return True, capsys.readouterr().out


def test_a_file_is_proven_with_its_manifest(desk: Desk, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk.paid(desks.moment(3), 1999)
    desk.paid(desks.moment(4), 2500, "JPY")
    file = desk.file(**desks.OCTOBER)

    assert manifests.digest(file.manifest) == file.manifest["hash"]
    assert (file.manifest["rows"], file.manifest["size"]) == (2, len(file.raw))
    proven, said = verified(kept(file, directory)[0], capsys)
    assert proven, said
    assert "2 rows" in said
    assert "19.99 USD" in said
    assert "2500 JPY" in said


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"19.99,1999", b"19.98,1998", "the file was changed"),
        (b"19.99,1999", b"19.98,1999", "row 1: 19.98 is not 1999 minor units of USD"),
        (b"19.99,1999", b"29.99,2999", "the rows come to"),
        (b"\r\n", b"\n", "the file was changed"),
        (b"amount_minor,", b"amount_cents,", "the columns are not those of the manifest"),
        (b",USD,", b",QQQ,", "the file is no report"),
    ],
)
def test_a_changed_byte_is_found(
    desk: Desk, directory: Path, capsys: pytest.CaptureFixture[str], old: bytes, new: bytes, fault: str
) -> None:
    desk.paid(desks.moment(3), 1999)
    path, _ = kept(desk.file(**desks.OCTOBER), directory)
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))

    proven, said = verified(path, capsys)
    assert not proven
    assert fault in said
    assert "the file was changed" in said


def test_a_row_more_is_found(desk: Desk, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk.paid(desks.moment(3), 1999)
    path, _ = kept(desk.file(**desks.OCTOBER), directory)
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[1])

    proven, said = verified(path, capsys)
    assert not proven
    assert "there are 2 rows, the manifest says 1" in said


@pytest.mark.parametrize("change", [{"rows": 2}, {"tied": False}, {"previous": "0" * 64}])
def test_a_changed_manifest_is_found(
    desk: Desk, directory: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any]
) -> None:
    desk.paid(desks.moment(3), 1999)
    path, beside = kept(desk.file(**desks.OCTOBER), directory)
    beside.write_text(json.dumps(json.loads(beside.read_text()) | change))

    proven, said = verified(path, capsys)
    assert not proven
    assert "the manifest was changed" in said


def test_what_is_no_report_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be verified" in verified(tmp_path / "missing.csv", capsys)[1]
    (tmp_path / "x.csv.manifest.json").write_text("[]")
    assert "cannot be verified" in verified(tmp_path / "x.csv", capsys)[1]


def test_a_packed_file_has_the_same_proof(desk: Desk, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day in range(1, 4):
        desk.paid(desks.moment(day), 1999)
    plain, packed = desk.file(**desks.OCTOBER), desk.file(**desks.OCTOBER, file_format="csv.gz")
    again = desk.file(**desks.OCTOBER, file_format="csv.gz")

    path, _ = kept(packed, directory)
    assert path.name.endswith(".csv.gz")
    assert gzip.decompress(path.read_bytes()) == packed.raw == plain.raw
    assert packed.manifest["sha256"] == plain.manifest["sha256"]
    assert kept(again, directory)[0].read_bytes() == path.read_bytes(), "packing adds neither time nor name"
    assert verified(path, capsys)[0]
    path.write_bytes(path.read_bytes()[:-40])
    assert "cannot be verified" in verified(path, capsys)[1]


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("UPDATE payments_entry SET amount_minor = amount_minor + 1 WHERE amount_minor > 0",
         {"movement": "captured", "currency": "USD", "count": 0, "amount_minor": -1}),
        ("DELETE FROM payments_entry WHERE amount_minor > 0",
         {"movement": "captured", "currency": "USD", "count": 1, "amount_minor": 1999}),
        ("UPDATE payments_capture SET amount_minor = 1990",
         {"movement": "captured", "currency": "USD", "count": 0, "amount_minor": -9}),
        ("DELETE FROM payments_capture",
         {"movement": "captured", "currency": "USD", "count": -1, "amount_minor": -1999}),
    ],
)  # fmt: skip
def test_a_file_that_does_not_tie_is_for_finance_only(
    desk: Desk, shop: factories.Shop, directory: Path, statement: str, difference: dict[str, Any]
) -> None:
    desk.paid(desks.moment(3), 1999)
    tamper(statement)
    asked = desk.ask(**desks.OCTOBER)
    factories.work(Queue.FINANCE)

    run = shop.get(f"reports/{asked['id']}")
    assert (run["status"], run["tied"]) == ("ready", False)
    refused = shop.call("GET", f"reports/{asked['id']}/download")
    assert (refused.status_code, refused.json()["code"]) == (409, "report_not_tied")
    assert shop.get(f"reports/{asked['id']}/manifest")["differences"] == [difference]

    staff = exports.download(asked["id"], client_id=None, by="finance", way=Way.PAGE, untied=True)
    assert staff.name == f"NOT_TIED_payments_2026-10-01_2026-10-31_{asked['id']}.csv"
    manifest = ReportRun.objects.get(pk=asked["id"]).manifest
    assert manifest is not None
    assert [
        fault.partition(":")[0]
        for fault in manifests.verify(directory / ReportRun.objects.get(pk=asked["id"]).file, manifest)
    ] == ["NOT TIED"]
    with pytest.raises(exports.ReportNotTied):
        exports.download(asked["id"], client_id=None, by="support", way=Way.PAGE)


def test_manifests_form_a_chain_per_report(desk: Desk) -> None:
    desk.paid(desks.moment(3), 1999)
    first, second = desk.file(**desks.OCTOBER), desk.file(**desks.OCTOBER)
    refunds = desk.file("refunds")

    assert [file.manifest["number"] for file in (first, second, refunds)] == [1, 2, 1]
    assert first.manifest["previous"] is refunds.manifest["previous"] is None
    assert second.manifest["previous"] == first.manifest["hash"]
    factories.assert_books_close()

    manifest = {**first.manifest, "sha256": "0" * 64}
    ReportRun.objects.filter(number=1, report="payments").update(manifest={**manifest, "hash": "1" * 64})
    assert sorted(fault.partition(":")[0] for fault in factories.broken()) == ["report_chain", "report_tied"]


def test_a_run_that_is_forgotten_is_found(desk: Desk) -> None:
    asked = desk.ask()
    assert factories.broken() == []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM payments_job WHERE name = 'produce_report'")
    assert factories.broken() == [f"report_owned: {asked['id']} requested"]
