"""A letter as a PDF: what is said in answer to a dispute, for who takes documents only (ISO 32000-1)."""

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

ENCODING: Final = "cp1252"
"""Of the fonts that every reader of PDF has: the letters of western Europe."""

COLUMNS, LINES = 84, 52
"""Of a page of A4 in 10 points of a font whose letters are all as wide."""

CATALOG, PAGES, FONT, FIRST_PAGE = 1, 2, 3, 4
"""The numbers of the file's objects; each page is two: itself, and what stands on it."""


class NotWritableError(ValueError):
    """Letters that the fonts of every reader do not have."""


def pdf(title: str, parts: Iterable[tuple[str, str]]) -> bytes:
    """The title, then each part under its heading; `NotWritableError` when a letter cannot be shown."""
    lines = [title, ""]
    for heading, text in parts:
        lines += [f"{heading}:", *_wrapped(text), ""]
    written = [_written(line) for line in lines]
    return _file([written[start : start + LINES] for start in range(0, len(written), LINES)])


def _wrapped(text: str) -> list[str]:
    return [line for part in text.expandtabs(4).splitlines() for line in textwrap.wrap(part, COLUMNS) or [""]]


def _written(line: str) -> bytes:
    """A line as a string of a PDF; an accent is written with its letter where there is one for both."""
    shown = "".join(each if each.isprintable() else " " for each in unicodedata.normalize("NFC", line))
    try:
        encoded = shown.encode(ENCODING)
    except UnicodeEncodeError as error:
        raise NotWritableError(f"{shown[error.start : error.end][:10]} cannot be written in a letter") from None
    for special in (b"\\", b"(", b")"):
        encoded = encoded.replace(special, b"\\" + special)
    return b"(" + encoded + b")"


def _file(pages: Sequence[Sequence[bytes]]) -> bytes:
    numbers = [FIRST_PAGE + 2 * place for place in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        f"<< /Type /Catalog /Pages {PAGES} 0 R >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in zip(numbers, pages, strict=True):
        objects += [
            f"<< /Type /Page /Parent {PAGES} 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R"
            f" /Resources << /Font << /F {FONT} 0 R >> >> >>".encode(),
            _stream(b"BT /F 10 Tf 14 TL 45 792 Td\n" + b"\n".join(line + b" Tj T*" for line in page) + b"\nET"),
        ]
    return _numbered(objects)


def _stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


def _numbered(objects: Sequence[bytes]) -> bytes:
    """The objects, and the table that says at which byte each begins."""
    body, starts = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        starts.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    count = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, CATALOG, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end
