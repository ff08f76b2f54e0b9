"""Every check of batches sees what it is there for: each violation is planted behind the rules' back and found."""

from collections.abc import Callable

import pytest

from payments.kernel.jobs import Job
from refunds.models import Refund, RefundBatch, RefundBatchRow
from tests import factories
from tests.byhand import behind_the_guards
from tests.refunds import files
from tests.refunds.files import row


def more_than_approved(_: RefundBatch) -> None:
    with behind_the_guards():
        RefundBatchRow.objects.update(amount_minor=399)


def of_nobody(_: RefundBatch) -> None:
    with behind_the_guards():
        RefundBatchRow.objects.update(refund=None, refusal="nobody knows why")


def forgotten(batch: RefundBatch) -> None:
    with behind_the_guards():
        RefundBatch.objects.filter(pk=batch.pk).update(status="running")
    Job.objects.filter(name="run_refund_batch").delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (more_than_approved, "batch_rows_refund_what_was_approved"),
        (of_nobody, "batch_refund_has_its_row"),
        (forgotten, "batch_owned"),
    ],
)
def test_what_is_wrong_is_found(shop: factories.Shop, plant: Callable[[RefundBatch], None], found: str) -> None:
    batch = files.run(files.approved(row(shop.paid(1000)["id"], "4.00")))
    assert Refund.objects.get().origin == "bulk"
    factories.assert_books_close()

    plant(batch)
    assert found in {line.partition(":")[0] for line in factories.broken()}
