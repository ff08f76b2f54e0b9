"""Which kind of file somebody uploads, and what no reader is given."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.kernel.errors import Refusal
from reporting.bankfiles import base, reading, sheet
from reporting.bankfiles.base import BankStatementInvalid
from tests.reporting.bank import files

KNOWN = sheet.Known(currency="EUR", opening_minor=0, closing_minor=0)
HOW = sheet.dialect(files.GERMAN)
CAMT = files.camt(files.entry("1.00"), closing="1001.00")
SWIFT = files.mt940(":61:261103C1,NTRFX", closing="C261103EUR1001,00").encode()
HEADER = tuple(files.GERMAN["columns"].values())  # type: ignore[attr-defined]  # a dict of texts
CSV = files.sheet([("03.11.2026", "", "A", "B", "1,00", "EUR", "1.001,00")], header=HEADER)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CAMT, "camt.053"),
        (b"\xef\xbb\xbf\r\n" + CAMT.partition(b"?>")[2], "camt.053"),
        (CAMT.replace(b"UTF-8", b"UTF-16").decode().encode("utf-16"), "camt.053"),
        (SWIFT, "MT940"),
        (b"\r\n" + SWIFT.replace(b"\r\n", b"\r"), "MT940"),
        (CSV, "CSV"),
    ],
)
def test_the_content_says_what_kind_it_is(content: bytes, kind: str) -> None:
    found, [statement] = reading.read(io.BytesIO(content), HOW, KNOWN)
    assert (found, statement.closing_minor) == (kind, 100_100)


def test_csv_needs_to_be_declared_first() -> None:
    with pytest.raises(BankStatementInvalid, match="say first in the bank account how its files are written"):
        reading.read(io.BytesIO(CSV), None, KNOWN)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b" \r\n", "The file is empty"),
        (b"PK\x03\x04rest", "a workbook or an archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x1f\x8b\x08", "a packed file"),
        (b"\x00\x01\x02\x03" * 100, "no letters"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(BankStatementInvalid, match=words):
        reading.read(io.BytesIO(content), HOW, KNOWN)


def test_a_file_of_two_gigabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2 << 30)
    with large.open("rb") as file:
        with pytest.raises(BankStatementInvalid, match="larger than 64 MB"):
            reading.read(file, HOW, KNOWN)
        assert file.tell() <= base.MOST_BYTES + 1


@given(st.sampled_from([CAMT, SWIFT, CSV]), st.data())
def test_a_file_that_is_cut_off_or_changed_anywhere_is_read_whole_or_refused(
    content: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(content)))
    changed = content[:at] + data.draw(st.binary(max_size=3)) + content[at + data.draw(st.integers(0, 40)) :]
    try:
        _, statements = reading.read(io.BytesIO(changed), HOW, KNOWN)
    except Refusal:
        return
    for said in statements:
        assert said.opening_minor + sum(line.amount_minor for line in said.lines) == said.closing_minor


@pytest.mark.parametrize(
    ("account", "holds"),
    [
        ("DE89 3704 0044 0532 0130 00", True),
        ("nl91abna0417164300", True),
        ("DE88370400440532013000", False),
        ("0532013000", False),
        ("", False),
    ],
)
def test_an_iban_proves_itself(account: str, *, holds: bool) -> None:
    assert base.is_iban(account) is holds
