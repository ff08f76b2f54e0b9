"""Files about a batch: the rows with a problem, and what came of every row."""

import csv
import io
import tempfile
from collections.abc import Iterator
from typing import IO, Final

from payments.kernel import money
from refunds import batches, uploads
from refunds.models import Refund, RefundBatch, RefundBatchRow
from refunds.states import BatchStatus
from refunds.verdicts import Verdict

IN_MEMORY: Final = 1_000_000
CHUNK: Final = 2000

PROBLEMS: Final = ("row", "id", "amount", "currency", "reason", "note", "verdict", "what it means")
RESULTS: Final = (
    "row", "id", "amount", "currency", "reason", "note", "verdict", "outcome", "refunds", "refund statuses",
    "refunded amount", "what it means",
)  # fmt: skip

ENDED: Final = (BatchStatus.FINISHED, BatchStatus.CANCELED, BatchStatus.REJECTED)


def problems(batch: RefundBatch) -> IO[bytes]:
    """A CSV file of the rows that are not to be refunded, with why; their columns can be put right and uploaded."""
    rows = batches.lines(batch).exclude(verdict=Verdict.FITS)
    return _file(PROBLEMS, ([*_said(row), _verdict(row), row.words] for row in rows.iterator(CHUNK)))


def results(batch: RefundBatch) -> IO[bytes]:
    """A CSV file of every row with its refunds and how they stand now."""
    return _file(RESULTS, _results(batch))


def _results(batch: RefundBatch) -> Iterator[list[str]]:
    page: list[RefundBatchRow] = []
    for row in batches.lines(batch).iterator(CHUNK):
        page.append(row)
        if len(page) == CHUNK:
            yield from _page(batch, page)
            page = []
    yield from _page(batch, page)


def _page(batch: RefundBatch, rows: list[RefundBatchRow]) -> Iterator[list[str]]:
    wanted = [other for row in rows if row.refund is not None for other in row.refund.related]
    others = Refund.objects.in_bulk(wanted) if wanted else {}
    for row in rows:
        made = [row.refund, *(others[one] for one in row.refund.related if one in others)] if row.refund else []
        minor = sum(one.amount_minor for one in made if one.status == "succeeded")
        yield [
            *_said(row),
            _verdict(row),
            outcome(batch, row),
            " ".join(one.pk for one in made),
            " ".join(one.status for one in made),
            money.decimal_text(money.from_minor(minor, row.currency)) if made else "",
            row.refused_because or row.words,
        ]


def outcome(batch: RefundBatch, row: RefundBatchRow) -> str:
    """What became of a row in one word: refund, refused, left_out, waiting."""
    if row.refund_id:
        return "refund"
    if row.refusal:
        return "refused"
    return "left_out" if row.verdict != Verdict.FITS or batch.status in ENDED else "waiting"


def _said(row: RefundBatchRow) -> list[str]:
    return [str(row.number), row.written, _amount(row), row.currency or row.currency_written, row.reason, row.note]


def _amount(row: RefundBatchRow) -> str:
    if row.amount_minor is None or not row.currency:
        return row.amount_written
    return money.decimal_text(money.from_minor(row.amount_minor, row.currency))


def _verdict(row: RefundBatchRow) -> str:
    return row.verdict or "not_checked"


def _file(header: tuple[str, ...], rows: Iterator[list[str]]) -> IO[bytes]:
    """UTF-8 with CRLF (RFC 4180); no cell is a formula to a spreadsheet. It is gone when it is closed."""
    spooled = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  whoever sends it closes it
    text = io.TextIOWrapper(spooled, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([uploads.guarded(cell) for cell in row] for row in rows)
    text.detach()
    spooled.seek(0)
    return spooled
