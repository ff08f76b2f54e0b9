"""Which kind of statement a file is: seen by its content, since names of files say nothing."""

import re
from typing import BinaryIO, Final

from reporting.bankfiles import base, camt, mt940, sheet
from reporting.bankfiles.base import BankStatement, BankStatementInvalid

_MT940: Final = re.compile(rb"^:20:", re.MULTILINE)
_BEGINNING: Final = 4_000

CAMT, SWIFT, CSV = "camt.053", "MT940", "CSV"


def read(file: BinaryIO, how: sheet.Dialect | None, known: sheet.Known) -> tuple[str, list[BankStatement]]:
    """What kind of file it is (`CAMT`, `SWIFT`, `CSV`), and its proven statements.

    `how` is the account's dialect of CSV, if it has declared one; `known` serves CSV alone.
    `BankStatementInvalid` when the file is none of the three, or does not hold: then nothing of it is to be kept.
    """
    content = base.content_of(file)
    beginning = content[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return CAMT, camt.read(content)
    if _MT940.search(beginning.replace(b"\r", b"\n")):
        return SWIFT, mt940.read(content)
    if how is None:
        raise BankStatementInvalid(
            "This is neither camt.053 nor MT940. If it is a CSV file, say first in the bank account how its files are"
            " written: which columns they have, and how amounts and days look."
        )
    return CSV, sheet.read(content, how, known)
