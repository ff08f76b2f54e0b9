"""What may stand in a file of refunds, and what is said to everything else."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refunds import uploads
from refunds.models import Reason
from refunds.uploads import Line, RefundBatchFileInvalid

PAYMENT = "pi_" + "0a" * 16
ORDER = "ord_" + "0b" * 16
HEADER = "id,amount,reason,currency,note"


def read(*rows: str, header: str = HEADER) -> list[Line]:
    """The rows of a file."""
    return uploads.read("\n".join((header, *rows)).encode(), Reason.values).lines


def only(row: str) -> Line:
    """The one row of a file."""
    [line] = read(row)
    return line


def test_rows_are_read_as_a_spreadsheet_counts_them() -> None:
    first, second = read(f"{PAYMENT},19.99,goodwill,EUR,Thanks", "", f" {ORDER.upper()} ,ALL, Not Delivered,,")
    assert (first.number, first.object_id, str(first.amount), first.currency, first.note) == (
        2, PAYMENT, "19.99", "EUR", "Thanks",
    )  # fmt: skip
    assert (second.number, second.object_id, second.amount, second.reason) == (4, ORDER, None, "not_delivered")


def test_columns_may_stand_in_any_order_and_lines_end_in_any_way() -> None:
    for ending in ("\n", "\r\n", "\r"):
        file = ending.join(("Reason, Amount ,ID", f"damaged,5,{PAYMENT}", "")).encode()
        [line] = uploads.read(file, Reason.values).lines
        assert (line.fault, line.object_id, line.reason) == ("", PAYMENT, "damaged")


def test_a_byte_order_mark_is_accepted() -> None:
    [line] = uploads.read(f"\ufeffid,amount,reason\n{PAYMENT},1,goodwill".encode(), Reason.values).lines
    assert line.fault == ""


def test_empty_rows_are_counted_and_passed_over() -> None:
    found = uploads.read(f"id,amount,reason\n,,\n{PAYMENT},1,goodwill\n   \n\n,,".encode(), Reason.values)
    assert (len(found.lines), found.empty) == (1, 4)


def test_our_own_file_of_problems_can_be_put_right_and_uploaded() -> None:
    header = "row,id,amount,currency,reason,note,verdict,what it means"
    [line] = read(f"7,{PAYMENT},1.00,EUR,goodwill,,too_much,Only 1.00 EUR can be refunded.", header=header)
    assert (line.fault, line.number) == ("", 2)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "The file is empty."),
        (b"  \r\n ", "The file is empty."),
        (b"id,amount,reason\r\n", "a header and no rows"),
        (b"id;amount;reason\r\npi;1,99;goodwill", "not separated by commas"),
        (b"id,amount\r\nx,1", "There is no column reason."),
        (b"pi_1,5.00,goodwill\r\n", "There is no column id, amount, reason."),
        (b"id,amount,reason,color\r\n", "Nobody here knows the column color."),
        (b"id,amount,reason,,note\r\n", "Nobody here knows the column without a name."),
        (b"id,amount,reason,id\r\n", "stands there twice"),
        (b"PK\x03\x04\x14\x00", "This is a workbook"),
        ("id,amount,reason".encode("utf-16"), "written in UTF-16"),
        ("id,amount,reason,note\r\n1,1,goodwill,Müller".encode("latin-1"), "Row 2 is not written in UTF-8"),
        (b"id,amount,reason\r\npi\x00,1,goodwill", "bytes of zero"),
        (b'id,amount,reason\r\n"pi,1,goodwill', "cannot be read as CSV"),
        (b"id,amount,reason\r\n" + b"x" * 200_000, "cannot be read as CSV"),
        (b"id,amount,reason\r\n" + b" " * uploads.MOST_BYTES + b"x", "larger than 12 MB"),
    ],
)
def test_what_is_no_such_file_is_refused_with_what_to_do(file: bytes, words: str) -> None:
    with pytest.raises(RefundBatchFileInvalid) as refused:
        uploads.read(file, Reason.values)
    assert words in refused.value.detail


def test_a_hundred_thousand_rows_are_taken_and_one_more_is_not() -> None:
    rows = ["id,amount,reason", *[f"{PAYMENT},1,goodwill"] * uploads.MOST_ROWS]
    assert len(uploads.read("\n".join(rows).encode(), Reason.values).lines) == 100_000
    with pytest.raises(RefundBatchFileInvalid, match="more than 100,000 rows"):
        uploads.read("\n".join([*rows, f"{PAYMENT},1,goodwill"]).encode(), Reason.values)


@pytest.mark.parametrize(
    ("row", "fault", "words"),
    [
        (f"{PAYMENT},5.00", "cells", "The row has 2 cells where the header has 5."),
        (f"{PAYMENT},19,99,goodwill,,Thanks", "cells", "A comma within an amount or a note splits it"),
        (f"=1+1,{5},goodwill,,", "formula", "The id begins with =, as formulas do."),
        (f"{PAYMENT},+5.00,goodwill,,", "formula", "The amount begins with +"),
        (f"{PAYMENT},5.00,@SUM(A1),,", "formula", "The reason begins with @"),
        (f"{PAYMENT},5.00,goodwill,,-2+3", "formula", "The note begins with -"),
        (f"{PAYMENT},5.00,goodwill,,＝1", "formula", "The note begins with"),  # noqa: RUF001
        (",5.00,goodwill,,", "id_missing", "Write the id of an order (ord_…) or of a payment (pi_…)."),
        ("A-2026-7731,5.00,goodwill,,", "id_invalid", "This is no id of ours."),
        ("pi_3MtwBwLkdIwHu7ix28a3tqPa,5.00,goodwill,,", "id_invalid", "This is no id of ours."),
        (f"cus_{'0a' * 16},5.00,goodwill,,", "id_other_kind", "This is the id of a customer."),
        (f"xyz_{'0a' * 16},5.00,goodwill,,", "id_other_kind", "This is the id of something else."),
        (f"{PAYMENT},,goodwill,,", "amount_missing", "Write an amount like 19.99, or all."),
        (f"{PAYMENT},0,goodwill,,", "amount_zero", "The amount must be more than nothing."),
        (f"{PAYMENT},0.00,goodwill,,", "amount_zero", "The amount must be more than nothing."),
        (f"{PAYMENT},-5.00,goodwill,,", "amount_negative", "written without a minus"),
        (f'{PAYMENT},"19,99",goodwill,,', "amount_comma", "Decimals stand behind a point"),
        (f'{PAYMENT},"1.234,50",goodwill,,', "amount_comma", "nothing between thousands"),
        (f'{PAYMENT},"1,234.50",goodwill,,', "amount_invalid", "This is no amount."),
        (f"{PAYMENT},5.00 EUR,goodwill,,", "amount_invalid", "without a currency"),
        (f"{PAYMENT},1e2,goodwill,,", "amount_invalid", "This is no amount."),
        (f"{PAYMENT},NaN,goodwill,,", "amount_invalid", "This is no amount."),
        (f"{PAYMENT},٣,goodwill,,", "amount_invalid", "This is no amount."),
        (f"{PAYMENT},{'9' * 16},goodwill,,", "amount_invalid", "This is no amount."),
        (f"{PAYMENT},5.00,goodwill,euro,", "currency_invalid", "three letters"),
        (f"{PAYMENT},5.00,because,,", "reason_invalid", "Give one of these reasons: requested_by_customer,"),
        (f"{PAYMENT},5.00,,,", "reason_invalid", "Give one of these reasons"),
        (f"{PAYMENT},5.00,other,,", "note_missing", "needs a note"),
        (f"{PAYMENT},5.00,goodwill,,{'x' * 501}", "note_long", "longer than 500 letters"),
        (f'{PAYMENT},5.00,goodwill,,"two\nlines"', "note_invalid", "line breaks"),
        (f"{PAYMENT},5.00,goodwill,,4242 4242 4242 4242", "note_card_number", "never kept here"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_it(row: str, fault: str, words: str) -> None:
    line = only(row)
    assert (line.fault, line.object_id, line.amount, line.note) == (fault, "", None, "")
    assert words in line.words


def test_a_card_number_is_kept_nowhere() -> None:
    line = only("4242424242424242,4242424242424242,goodwill,,4242424242424242")
    assert "4242" not in repr(line)


@given(st.text(), st.text(), st.text())
def test_whatever_stands_in_a_row_gets_a_verdict_and_fits_its_columns(first: str, second: str, third: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["id", "amount", "reason"], [first, second, third], [PAYMENT, "1", "goodwill"]])
    try:
        found = uploads.read(file.getvalue().encode("utf-8", "surrogatepass"), Reason.values)
    except RefundBatchFileInvalid:
        return
    for line in found.lines:
        assert len(line.written) <= 80
        assert len(line.amount_written) <= 40
        assert len(line.currency) <= 8
        assert len(line.words) <= 300
        assert "\0" not in f"{line.written}{line.amount_written}"
        assert bool(line.fault) is bool(line.words)
        if not line.fault:
            assert line.object_id.startswith(("pi_", "ord_"))
            assert line.amount is None or line.amount > 0


@given(st.binary())
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    for file in (content, b"id,amount,reason\n" + content):
        try:
            uploads.read(file, Reason.values)
        except RefundBatchFileInvalid as refused:
            assert refused.detail  # noqa: PT017  read or refused, nothing else


@given(st.text())
def test_no_cell_that_we_write_is_a_formula(text: str) -> None:
    assert not uploads.guarded(text).startswith(uploads.FORMULA)
    assert uploads.guarded(text).removeprefix("'") == text.removeprefix("'")
