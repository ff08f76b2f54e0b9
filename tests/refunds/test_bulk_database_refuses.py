"""What the database refuses of batches, whoever writes: what was approved stays, and nothing passes by an approval."""

import pytest

from payments.kernel import jobs
from refunds.models import Refund, RefundBatch, RefundBatchRow
from refunds.services import bulk, bulk_run
from tests import factories
from tests.byhand import copy, key, refused, sql
from tests.refunds import files
from tests.refunds.files import row

TABLE = "refunds_refundbatchrow"


@pytest.fixture
def waits(shop: factories.Shop) -> RefundBatch:
    """A batch of one row that waits for approval."""
    batch = files.checked(row(shop.paid(1000)["id"], "4.00"))
    return bulk.ask(batch.pk, by="staff ada")


def change(batch: RefundBatch, what: str) -> None:
    """A person at the database's prompt changes its rows."""
    sql(f"UPDATE {TABLE} SET {what} WHERE batch_id = %s", key(batch.pk))


@pytest.mark.parametrize(
    "what", ["amount_minor = 500", "verdict = 'too_much', amount_minor = NULL", "words = 'fine'", "confirmed = true"]
)
def test_what_waits_for_approval_keeps_its_verdicts(waits: RefundBatch, what: str) -> None:
    with refused("changes so only while the batch is uploaded"):
        change(waits, what)


@pytest.mark.parametrize(
    "what", ["object_id = 'pi_1'", "note = 'more'", "reason = 'other'", "number = 7", "amount = 9"]
)
def test_a_row_keeps_what_it_says(waits: RefundBatch, what: str) -> None:
    with refused("keeps what it says"):
        change(waits, what)


def test_no_row_is_added_or_taken_away(waits: RefundBatch) -> None:
    [line] = RefundBatchRow.objects.filter(batch=waits)
    with refused("keeps the rows that it was uploaded with"):
        copy(TABLE, line.pk, number=3)
    with refused("never deleted"):
        sql(f"DELETE FROM {TABLE} WHERE id = %s", line.pk)
    with refused("never deleted"):
        sql("DELETE FROM refunds_refundbatch WHERE id = %s", key(waits.pk))


def test_who_uploaded_asked_and_approved_stays(waits: RefundBatch) -> None:
    for column, words in (("uploaded_by", "keeps its file"), ("asked_by", "who asked for approval stays")):
        with refused(words):
            sql(f"UPDATE refunds_refundbatch SET {column} = 'staff eve' WHERE id = %s", key(waits.pk))
    bulk.approve(waits.pk, files.lead())
    with refused("who approved stays"):
        sql("UPDATE refunds_refundbatch SET approved_by = 'staff eve' WHERE id = %s", key(waits.pk))


def test_no_row_becomes_a_refund_before_the_batch_runs(shop: factories.Shop, waits: RefundBatch) -> None:
    made = shop.post("refunds", {"payment_intent": shop.paid(1000)["id"], "reason": "goodwill"})
    with refused("changes so only while the batch is running"):
        change(waits, f"done_at = now(), refund_id = '{key(made['id'])}'")


def test_a_row_ends_once_and_a_refund_is_of_one_row(shop: factories.Shop) -> None:
    batch = files.approved(*files.many(shop.paid(1000)["id"] for _ in range(2)))
    bulk_run._begun(batch.pk)
    first, second = RefundBatchRow.objects.filter(batch=batch).order_by("number")
    bulk_run._ended(batch, first, files.lead())
    first.refresh_from_db()

    with refused("ends once"):
        change(batch, "refund_id = NULL, done_at = NULL")
    with refused("refund_batch_row_one_refund"):
        sql(f"UPDATE {TABLE} SET refund_id = %s, done_at = now() WHERE id = %s", key(str(first.refund_id)), second.pk)
    with refused("refund_batch_row_ends_once"):
        sql(f"UPDATE {TABLE} SET done_at = now() WHERE id = %s", second.pk)


def test_no_refund_claims_to_be_of_a_batch_without_a_row_there(shop: factories.Shop) -> None:
    made = shop.post("refunds", {"payment_intent": shop.paid(1000)["id"], "amount": 100, "reason": "goodwill"})
    with refused("is of no row of a batch"):
        sql("UPDATE payments_paymentintent SET amount_refunding_minor = 200")
        copy("refunds_refund", key(made["id"]), origin="bulk")
    assert Refund.objects.filter(origin="bulk").count() == 0


def test_a_batch_that_runs_is_looked_after(shop: factories.Shop) -> None:
    batch = files.approved(row(shop.paid(1000)["id"]))
    assert factories.broken() == []
    jobs.Job.objects.all().delete()
    assert factories.broken() == [f"batch_owned: {batch.pk} approved"]
