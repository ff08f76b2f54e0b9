"""The reports on paper: docs/reports.md is made from this."""

from collections.abc import Iterator

from reporting.reports import base, catalogue

INTRODUCTION = """# Reports

CSV after RFC 4180: UTF-8 without a byte order mark, CRLF, a header row. An interval includes its start and excludes
its end, and rows belong to it by when the money moved. No file holds personal data. The list of columns of a version
is frozen; new columns are appended.

Rows are read in one snapshot, and only those of transactions below which everything had ended; `as_of` in the manifest
says which. Once an interval is over and nothing that began within it still runs (`as_of.complete`), the same parameters
give the same bytes, whatever happens later.

Every file has a manifest: its SHA-256 (of the uncompressed bytes), rows, control totals per currency, what the ledger
says of the same beside them, and the hash of the manifest before it. Totals are made from the cells of the file; what
they are held to comes from another source than its rows. A file that does not tie is marked so.
`manage.py verify-report FILE` proves a file with its manifest, without a database.
"""


def markdown() -> str:
    """The columns of every report."""
    reports = (line for report in catalogue.REPORTS.values() for line in _report(report))
    return "\n".join([INTRODUCTION, *_kinds(), *reports])


def _kinds() -> Iterator[str]:
    yield from ("| kind | how it is written |", "|---|---|")
    yield from (f"| {kind} | {meaning} |" for kind, meaning in base.MEANINGS.items())


def _report(report: base.Report) -> Iterator[str]:
    yield from ("", f"## `{report.name}`, version {report.version}", "", report.use, "", *_totals(report))
    yield from ("| column | kind | meaning |", "|---|---|---|")
    yield from (f"| `{column.name}` | {column.kind} | {column.meaning} |" for column in report.columns)
    yield ""


def _totals(report: base.Report) -> Iterator[str]:
    how = report.control
    columns = " and ".join(f"`{name}`" for name in how.sums)
    counted = f"`{how.count}` is counted" if how.count else "rows are counted"
    per = f"`{how.by}` and currency" if how.by else "currency"
    yield f"Control totals per {per}: the sum of {columns}; {counted}."
    whose = "Clients get the rows of their own payments, staff everybody's." if report.client else "For staff only."
    yield from (whose, "")
