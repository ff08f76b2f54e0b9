"""Files as they should not be, all the way from an upload: refused whole, in words that finance understands."""

import io
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from payments.gateway.models import ProviderAccount
from reporting.models import Discrepancy, SettlementFile
from reporting.models import SettlementLine as Row
from reporting.services import loading, settlements
from tests.reporting import sheet

Change = Callable[[list[sheet.Row]], None]


def uploaded(content: bytes | BinaryIO, name: str = "settlement.csv") -> SettlementFile:
    """What became of a file that somebody brought."""
    raw = io.BytesIO(content) if isinstance(content, bytes) else content
    file = settlements.upload("adyen-eu", name, raw, by="staff finance").file
    loading.load(file.pk)
    file.refresh_from_db()
    return file


def words(content: bytes) -> str:
    """Why it is refused, at the door or when it is read; nothing of it is loaded."""
    try:
        file = uploaded(content)
    except settlements.SettlementFileInvalid as refusal:
        assert not SettlementFile.objects.exists()
        return refusal.detail
    assert (file.status, file.lines, Row.objects.count()) == ("refused", 0, 0), file.problem
    return file.problem


def test_the_file_as_it_should_be_is_loaded(account: ProviderAccount) -> None:
    file = uploaded(sheet.batch())
    assert (file.status, file.reference, file.lines, file.problem) == ("loaded", "42", 3, "")
    assert list(Row.objects.order_by("number").values_list("type", "net_minor")) == [
        ("capture", 1940), ("refund", -500), ("payout", -1440),
    ]  # fmt: skip


def test_columns_in_another_order_and_more_of_them_are_no_matter(account: ProviderAccount) -> None:
    told = sheet.rows()
    header = ["ARN", *reversed(sheet.HEADER), "Metadata"]
    file = uploaded(sheet.written([{**row, "ARN": "-", "Metadata": "a,b"} for row in told], header))

    assert file.status == "loaded"
    assert Row.objects.get(type="capture").fee_minor == 60


def test_a_type_that_nobody_knows_is_kept_and_shown_as_such(account: ProviderAccount) -> None:
    def unheard_of(told: list[sheet.Row]) -> None:
        told[1] |= {"Type": "TurboClawback"}

    assert uploaded(sheet.batch(change=unheard_of)).status == "loaded"
    assert list(Row.objects.filter(type="unknown").values_list("psp_type", "net_minor")) == [("TurboClawback", -500)]


def test_a_negative_fee_is_money_that_comes_back(account: ProviderAccount) -> None:
    def given_back(told: list[sheet.Row]) -> None:
        told[1] |= {"Net Debit (NC)": "4.90", "Markup (NC)": "-0.10"}
        told[2] |= {"Net Debit (NC)": "14.50"}

    file = uploaded(sheet.batch(change=given_back))
    assert (file.status, file.problem) == ("loaded", "")
    assert Row.objects.get(type="refund").fee_minor == -10


def cell(row: int, **cells: str) -> Change:
    """Write something else into cells of a row; `_` stands for a blank."""

    def change(told: list[sheet.Row]) -> None:
        told[row] |= {name.replace("_", " "): value for name, value in cells.items()}

    return change


def money(row: int, column: str, value: str) -> Change:
    """Write another amount."""

    def change(told: list[sheet.Row]) -> None:
        told[row][column] = value

    return change


def unpaid(told: list[sheet.Row]) -> None:
    """Nothing says where the money went."""
    told.pop()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(lambda: sheet.batch()[:-40], "cut off|end", id="truncated in a line"),
        pytest.param(
            lambda: sheet.batch().rpartition(b"\r\n")[0].rpartition(b"\r\n")[0] + b"\r\n",
            "14.40",
            id="without its last line",
        ),
        pytest.param(lambda: sheet.batch(change=unpaid), "14.40", id="missing payout line"),
        pytest.param(lambda: sheet.batch(change=money(0, "Gross Credit (GC)", "2000")), "Line 2", id="wrong exponent"),
        pytest.param(
            lambda: sheet.batch(change=money(0, "Gross Credit (GC)", "20.001")),
            "20.001",
            id="more decimals than the currency",
        ),
        pytest.param(lambda: sheet.batch(change=money(0, "Gross Credit (GC)", "20,00")), "20,00", id="decimal comma"),
        pytest.param(lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "UTF-8|column|binary", id="binary"),
        pytest.param(lambda: sheet.batch().replace(b"order1", b"caf\xe9"), "UTF-8", id="mixed encodings"),
        pytest.param(lambda: sheet.batch().decode().encode("utf-16"), "UTF-16", id="another encoding"),
        pytest.param(
            lambda: sheet.batch().replace(b"Net Credit (NC)", b"Netto"), "Net Credit", id="a column is missing"
        ),
        pytest.param(lambda: b"", "empty", id="empty"),
        pytest.param(lambda: sheet.batch().replace(b"order1", b"or\x00er1"), "binary|NUL|0", id="a zero byte"),
        pytest.param(
            lambda: sheet.batch(change=cell(0, Merchant_Account="SomebodyElse")), "SomebodyElse", id="another account"
        ),
        pytest.param(lambda: sheet.batch(change=cell(1, Batch_Number="43")), "43", id="two batches"),
    ],
)
def test_a_bad_file_is_refused_whole(account: ProviderAccount, content: Callable[[], bytes], said: str) -> None:
    assert re.search(said, words(content()))


def test_a_day_that_has_not_come_is_no_day(account: ProviderAccount) -> None:
    ahead = cell(0, Booking_Date="2031-01-01 12:00:00", Creation_Date="2031-01-01 12:00:00")
    assert words(sheet.batch(change=ahead)) == "Row 1 is of 2031-01-01 12:00 UTC: that cannot be."


def test_a_duplicate_batch_with_other_content_is_a_conflict(account: ProviderAccount) -> None:
    first = uploaded(sheet.batch())
    again = sheet.batch(change=cell(0, Merchant_Reference="order9"))
    second = uploaded(again)

    assert (first.status, second.status) == ("loaded", "refused")
    assert second.problem.startswith("Another content of batch 42 is loaded")
    assert Row.objects.count() == 3
    found = set(Discrepancy.objects.values_list("kind", "subject_id"))
    lines = Row.objects.filter(file=first).exclude(type="payout").values_list("pk", flat=True)
    assert found == {("file_conflict", second.pk), *(("missing_here", key) for key in lines)}
    assert uploaded(sheet.batch()).pk == first.pk, "and the first one again is nothing new"


def test_a_file_of_any_size_takes_little_memory(account: ProviderAccount, tmp_path: Path) -> None:
    """Hashed, kept, read and copied in pieces: what it takes does not grow with the file."""

    def peak(reference: str, count: int) -> tuple[int, int]:
        large = tmp_path / f"{reference}.csv"
        settled, _, paid_out = sheet.rows(reference)
        paid_out["Net Debit (NC)"] = f"{19.4 * count:.2f}"
        large.write_bytes(sheet.written([settled] * count + [paid_out]))
        tracemalloc.start()
        try:
            with large.open("rb") as content:
                assert uploaded(content).lines == count + 1
            return large.stat().st_size, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    (_, few), (size, many) = peak("1", 5_000), peak("2", 15_000)
    assert size > 2_000_000
    assert many < few + 500_000, "bytes at their highest"
