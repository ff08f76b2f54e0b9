"""The life of a bulk refund: uploaded, checked, approved as a whole by a second person, held, or called off."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import IntegrityError, connection

from payments.kernel import audit, clock, ids, jobs, money, unit
from payments.kernel.errors import Refusal
from refunds import batches, uploads
from refunds.models import Origin, Reason, Refund, RefundBatch
from refunds.policy import Person
from refunds.services import limits, refunds, refusals
from refunds.states import BatchStatus, RefundStatus
from refunds.uploads import Line, Upload

log = structlog.get_logger(__name__)

UNDO: Final = timedelta(minutes=1)
"""After its approval a batch can be called back for so long before anything begins."""

COPY: Final = """
    COPY refunds_refundbatchrow (id, batch_id, number, written, amount_written, currency_written, readable, object_id,
        amount, reason, note, verdict, words, currency, confirmed, refusal, refused_because) FROM STDIN
"""


class RefundBatchUnexpectedState(Refusal):
    """The bulk refund is in a state in which this cannot be done."""

    code, status = "refund_batch_unexpected_state", 409


class RefundBatchNothingFits(Refusal):
    """No row of the bulk refund can be refunded: there is nothing to approve."""

    code, status = "refund_batch_nothing_fits", 422


class RefundBatchRepeats(Refusal):
    """The very same file was uploaded before; somebody has to say that it is meant once more."""

    code, status = "refund_batch_repeats", 409


def upload(content: bytes, name: str, *, by: str) -> RefundBatch:
    """Keep what a file says, and have it checked soon; nothing is refunded by that.

    `uploads.RefundBatchFileInvalid` where it cannot be read as a list of refunds.
    """
    found, digest = uploads.read(content, Reason.values), hashlib.sha256(content).hexdigest()
    try:
        return _kept(found, name, digest, by)
    except IntegrityError:  # the same file in the same moment: now it is known
        return _kept(found, name, digest, by)


def _kept(found: Upload, name: str, digest: str, by: str) -> RefundBatch:
    batch = RefundBatch(
        id=ids.new("rb"),
        name=_printable(name)[-120:] or "without a name",
        sha256=digest,
        rows=len(found.lines),
        empty=found.empty,
        uploaded_by=by,
        repeats=batches.earlier(digest),
    )
    with unit.work() as work:
        with connection.cursor() as cursor, cursor.copy(COPY) as rows:
            key = ids.decode("rb", batch.pk)
            for line in found.lines:
                rows.write_row(_row(key, line))
        work.add(batch)
        audit.did("refund_batch.uploaded", batch.pk)
        jobs.enqueue("check_refund_batch", unique=f"check_refund_batch:{batch.pk}", batch_id=batch.pk)
        work.returns(batch)
    log.info("refund_batch_uploaded", batch=batch.pk, rows=batch.rows, by=by)
    return batch


def _printable(name: str) -> str:
    return "".join(char for char in name if char.isprintable())


def _row(batch: Any, line: Line) -> tuple[Any, ...]:
    told = (line.fault, line.words, "")
    said = (line.object_id, line.amount, line.reason, line.note)
    cells = (line.written, line.amount_written, line.currency)
    return (ids.uuid7(), batch, line.number, *cells, not line.fault, *said, *told, False, "", "")


def check_again(batch_id: str, *, with_duplicates: bool, by: str) -> RefundBatch:
    """Check the rows anew: the world has changed, or what looks like the same refund twice is meant, or no longer."""
    with unit.work():
        batch = _held(batch_id, "check_again")
        said = "checked again, what looks like a duplicate is meant" if with_duplicates else "checked again"
        batch.advance("check_again", because=said, by=by, with_duplicates=with_duplicates)
        audit.did("refund_batch.checked_again", batch.pk, because=said)
        jobs.enqueue("check_refund_batch", unique=f"check_refund_batch:{batch.pk}", batch_id=batch.pk)
    return batch


def ask(batch_id: str, *, once_more: bool = False, by: str) -> RefundBatch:
    """Ask for approval; what the rows say stays from now on. `once_more` says that a repeated file is meant."""
    with unit.work():
        batch = _held(batch_id, "ask")
        if not batch.fitting:
            raise RefundBatchNothingFits("No row can be refunded.")
        if batch.repeats_id and not once_more:
            raise RefundBatchRepeats(f"This is the same file as {batch.repeats_id}. If it is meant once more, say so.")
        repeat = bool(batch.repeats_id and once_more)
        batch.advance("ask", because="approval asked for", by=by, asked_by=by, repeat_confirmed=repeat)
        audit.did("refund_batch.approval_asked", batch.pk)
    return batch


def approve(batch_id: str, person: Person) -> RefundBatch:
    """A second person agrees with all of it; it begins after `UNDO`.

    Never who uploaded it or asked for approval, and within that person's own limits: the largest row within that for
    one refund, all of them within that for a day. Refuses with `refusals` of approvals.
    """
    by = person.name
    with unit.work():
        batch = _held(batch_id, "approve")
        for maker in (batch.uploaded_by, batch.asked_by):
            limits.refuse_unless_decides(person, maker)
        _refuse_beyond(person, batch)
        now = clock.now()
        batch.advance("approve", because="approved", by=by, approved_by=by, approved_at=now, starts_at=now + UNDO)
        _run(batch, run_at=now + UNDO)
        audit.did("refund_batch.approved", batch.pk)
    log.info("refund_batch_approved", batch=batch.pk, by=by)
    return batch


def _refuse_beyond(person: Person, batch: RefundBatch) -> None:
    word = limits.of_person(person)
    for total in batches.totals(batch.pk):
        if why := limits.beyond_by_many(word, total.largest, total.amount):
            raise refusals.ApprovalBeyondLimit(f"{money.text(total.amount)} are beyond your limit: {why}.")


DONE: Final = {
    "reject": "refund_batch.rejected", "pause": "refund_batch.paused", "cancel": "refund_batch.canceled",
}  # fmt: skip
"""What the audit log calls a move."""


def reject(batch_id: str, *, because: str, by: str) -> RefundBatch:
    """Nothing of it is refunded."""
    return _moved(batch_id, "reject", because=because, by=by, ended_at=clock.now())


def pause(batch_id: str, *, by: str) -> RefundBatch:
    """No more rows become refunds for now; those that have are sent."""
    return _moved(batch_id, "pause", because="paused", by=by)


def resume(batch_id: str, *, by: str) -> RefundBatch:
    """Go on with the next row."""
    with unit.work():
        batch = _held(batch_id, "resume")
        batch.advance("resume", because="resumed", by=by)
        audit.did("refund_batch.resumed", batch.pk)
        _run(batch)
    return batch


def cancel(batch_id: str, *, because: str, by: str) -> RefundBatch:
    """Leave out all rows that are no refunds yet, and take back those refunds that have not left for the PSP."""
    batch = _moved(batch_id, "cancel", because=because, by=by, ended_at=clock.now())
    made = Refund.objects.filter(batch_rows__batch=batch, status=RefundStatus.REQUESTED, origin=Origin.BULK)
    for refund in made:
        for refund_id in (refund.pk, *refund.related):
            _take_back(refund_id, by)
    return batch


def _take_back(refund_id: str, by: str) -> None:
    try:
        refunds.cancel(refund_id, client_id=None, by=by)
    except (refusals.RefundUnexpectedState, unit.Stale):
        log.info("refund_batch_too_late_for", refund=refund_id)  # it has left in this moment


def _run(batch: RefundBatch, run_at: datetime | None = None) -> None:
    jobs.enqueue("run_refund_batch", run_at=run_at, unique=f"run_refund_batch:{batch.pk}", batch_id=batch.pk)


def _moved(batch_id: str, event: str, *, because: str, by: str, **values: Any) -> RefundBatch:
    with unit.work():
        batch = _held(batch_id, event)
        batch.advance(event, because=because, by=by, **values)
        audit.did(DONE[event], batch.pk, because=because)
    return batch


def _held(batch_id: str, event: str) -> RefundBatch:
    batch = batches.hold(batch_id)
    if not batch.may(event):
        raise RefundBatchUnexpectedState(f"The bulk refund is {BatchStatus(batch.status).value.replace('_', ' ')}.")
    return batch
