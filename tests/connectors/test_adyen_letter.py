"""The letter by which something is said to who takes documents only is a PDF that others can read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectors.adyen import letter


def objects(pdf: bytes) -> dict[int, bytes]:
    """The file's objects, found as a reader finds them: by the table at its end."""
    start = re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", pdf)
    assert start is not None
    table = pdf[int(start[1]) :]
    head = re.match(rb"xref\n0 (\d+)\n", table)
    assert head is not None
    entries = table[head.end() :][: 20 * int(head[1])]
    assert len(entries) == 20 * int(head[1])
    found = {}
    for number in range(1, int(head[1])):
        place = int(entries[20 * number : 20 * number + 10])
        each = re.match(rb"(\d+) 0 obj\n(.*?)\nendobj\n", pdf[place:], re.DOTALL)
        assert each is not None
        assert int(each[1]) == number
        found[number] = each[2]
    return found


def pages(pdf: bytes) -> list[list[str]]:
    """The lines on each page."""
    told = objects(pdf)
    kids = re.search(rb"/Kids \[([^]]*)\]", told[2])
    assert kids is not None
    read = []
    for page in re.findall(rb"(\d+) 0 R", kids[1]):
        contents = re.search(rb"/Contents (\d+) 0 R", told[int(page)])
        assert contents is not None
        stream = re.fullmatch(rb"<< /Length (\d+) >>\nstream\n(.*)\nendstream", told[int(contents[1])], re.DOTALL)
        assert stream is not None
        assert int(stream[1]) == len(stream[2])
        lines = re.findall(rb"^\(((?:[^()\\]|\\.)*)\) Tj T\*$", stream[2], re.MULTILINE)
        read.append([re.sub(rb"\\(.)", rb"\1", line).decode("cp1252") for line in lines])
    return read


def test_a_letter_says_what_it_was_given() -> None:
    pdf = letter.pdf("Answer", [("Customer name", "Zoë (née Lódz)"), ("Other", "a\\b")])
    assert pdf.startswith(b"%PDF-1.4\n")
    assert pages(pdf) == [
        ["Answer", "", "Customer name:", "Zoë (née Lódz)", "", "Other:", "a\\b", ""],
    ]
    assert b"/WinAnsiEncoding" in objects(pdf)[3]


def test_a_long_letter_has_as_many_pages_as_it_needs() -> None:
    text = "\n".join(f"line {number}" for number in range(120))
    read = pages(letter.pdf("Answer", [("Log", text)]))
    assert [len(page) for page in read] == [52, 52, 20]
    assert read[2][-2] == "line 119"


def test_no_line_is_longer_than_the_page_is_wide() -> None:
    words = "a sentence of many words " * 40
    [page] = pages(letter.pdf("Answer", [("Other", words + "x" * 200)]))
    assert max(len(line) for line in page) <= letter.COLUMNS
    assert "".join("".join(page[3:-1]).split()) == "".join((words + "x" * 200).split())


def test_accents_that_were_typed_apart_are_written_together() -> None:
    [page] = pages(letter.pdf("Answer", [("Name", "Zoe\u0308")]))
    assert page[3] == "Zoë"


def test_what_is_no_letter_keeps_its_neighbours_apart() -> None:
    [page] = pages(letter.pdf("Answer", [("Price", "10\u00a0€\x00only")]))
    assert page[3] == "10 € only"


@pytest.mark.parametrize("text", ["李雷", "Иван", "Łukasz", "🙂"])
def test_what_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(letter.NotWritableError, match="cannot be written"):
        letter.pdf("Answer", [("Name", text)])


@given(st.text(alphabet=st.characters(codec="cp1252"), max_size=300))
def test_whatever_is_written_is_a_file_that_can_be_read(text: str) -> None:
    read = pages(letter.pdf("Answer", [("Other", text)]))
    said = "".join("".join(line for page in read for line in page).removeprefix("AnswerOther:").split())
    assert said == "".join(each for each in "".join(text.split()) if each.isprintable() and not each.isspace())
