"""Making refunds of a batch's rows: each once, a few at a time, behind everybody else's."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, connection

from payments.intents.models import PaymentIntent
from payments.kernel import clock, crashpoints, ids, jobs, unit
from payments.kernel.errors import Refusal
from payments.orders.models import Order
from refunds import batches, selectors
from refunds.models import RefundBatch, RefundBatchRow
from refunds.policy import Person
from refunds.services import bulk_check, refunds
from refunds.services.refunds import RefundDraft
from refunds.states import BatchStatus
from refunds.verdicts import Verdict

log = structlog.get_logger(__name__)

WINDOW: Final = 50
"""Refunds of batches that are under way at a time: what a pause or a cancel may come too late for, and all that a PSP
that is out of reach can pile up."""

SECONDS: Final = 3.0
"""A turn ends after so long; whatever else waits in the queue comes first then."""

LOOK_AGAIN: Final = timedelta(seconds=0.5)
"""While as many are under way as may be."""

TRIES: Final = 3
"""A payment that somebody else changes in the same moment is read again at once; then in the next turn."""

BECOMES: Final = """
    UPDATE refunds_refundbatchrow SET refund_id = %s, done_at = %s
     WHERE id = %s AND verdict = 'fits' AND done_at IS NULL AND refund_id IS NULL
"""
IS_REFUSED: Final = """
    UPDATE refunds_refundbatchrow SET refusal = %s, refused_because = %s, done_at = %s
     WHERE id = %s AND verdict = 'fits' AND done_at IS NULL AND refund_id IS NULL
"""
STILL_RUNS: Final = "SELECT 1 FROM refunds_refundbatch WHERE id = %s AND status = 'running' FOR SHARE"


@dataclass(frozen=True)
class _Once:
    """Commits the row with the refund that it becomes, both or neither, and only while the batch runs."""

    row: RefundBatchRow

    def contribute(self, work: unit.Unit, result: object) -> None:
        """Guard the unit: a row that has ended, or a batch that was stopped, lets nothing of it be written."""
        crashpoints.reach("batch.row_made")
        refund_id = ids.decode("re", result.pk)  # type: ignore[attr-defined]  # the refund that was made
        work.guard(STILL_RUNS, [ids.decode("rb", self.row.batch_id)])
        work.guard(BECOMES, [refund_id, clock.now(), self.row.pk])


def run(batch_id: str) -> None:
    """Make refunds of the next rows, until as many are under way as may be; `Retry` while rows are left.

    Nothing happens when the batch is not running. It may end on any line and begin again: a row and its refund are
    committed together, once. What no longer fits is reported with its reason, never forced.
    """
    batch = _begun(batch_id)
    if batch is None:
        return
    ends, approver = time.monotonic() + SECONDS, selectors.person_named(batch.approved_by)
    while time.monotonic() < ends:
        room = WINDOW - batches.under_way()
        rows = list(batches.waiting(batch_id)[: max(room, 1)])
        if not rows:
            _finish(batch_id)
            return
        if room <= 0:
            raise jobs.Retry(LOOK_AGAIN, "as many are under way as may be")
        for row in rows:
            if not _ended(batch, row, approver):
                return
    raise jobs.Retry(timedelta(0), "others come first")


def _begun(batch_id: str) -> RefundBatch | None:
    """The batch while it runs; begins one that is approved."""
    with unit.work():
        batch = batches.hold(batch_id)
        if batch.status == BatchStatus.RUNNING:
            return batch
        if not batch.may("start"):
            return None
        batch.advance("start", because="the time to call it back is over", by="platform")
    crashpoints.reach("batch.started")
    return batch


def _finish(batch_id: str) -> None:
    with unit.work():
        batch = batches.hold(batch_id)
        if not batch.may("finish"):
            return
        batch.advance("finish", because="every row has ended", by="platform", ended_at=clock.now())
        crashpoints.reach("batch.finished")
    log.info("refund_batch_finished", batch=batch_id)


def _ended(batch: RefundBatch, row: RefundBatchRow, approver: Person) -> bool:
    """Make a refund of a row, or say why there is none; False when the batch runs no longer, or the row is not ours."""
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            _refund(batch, row, approver)
        except unit.Stale:
            if RefundBatch.objects.filter(pk=batch.pk, status=BatchStatus.RUNNING).first() is None:
                return False
            if last:
                raise
        else:
            return True
    return False


def _refund(batch: RefundBatch, row: RefundBatchRow, approver: Person) -> None:
    try:
        judged = bulk_check.look_again(row)
        if judged.verdict is not Verdict.FITS:
            _refuse(row, judged.verdict, judged.words)
            return
        with unit.joined_by(_Once(row)):
            refunds.request_as(Person(batch.uploaded_by), _draft(row), approved_by=approver)
        crashpoints.reach("batch.row_committed")
    except Refusal as refusal:
        _refuse(row, refusal.code, refusal.detail)
    except (PaymentIntent.DoesNotExist, Order.DoesNotExist):
        _refuse(row, Verdict.UNKNOWN, "The payment is gone.")
    except (unit.Stale, OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("refund_batch_row_failed", batch=batch.pk, row=row.number)
        if not connection.is_usable():
            raise
        _refuse(row, "failed", "It failed here, and nothing was refunded. The engineers have been told.")


def _draft(row: RefundBatchRow) -> RefundDraft:
    """What was approved, by amount: also of a row that asks for all."""
    of_order = row.object_id.startswith("ord_")
    return RefundDraft(
        order=row.object_id if of_order else None,
        payment_intent=None if of_order else row.object_id,
        amount=row.amount_minor,
        reason=row.reason,
        note=row.note,
        confirm_duplicate=row.confirmed,
    )


def _refuse(row: RefundBatchRow, code: str, words: str) -> None:
    with unit.work() as work:
        work.guard(STILL_RUNS, [ids.decode("rb", row.batch_id)])
        work.guard(IS_REFUSED, [str(code)[:60], words[:300], clock.now(), row.pk])
    log.info("refund_batch_row_refused", batch=row.batch_id, row=row.number, code=str(code))
