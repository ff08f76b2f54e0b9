"""Files of refunds, as leads upload them, and what becomes of a batch."""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.core.management import call_command

from payments.kernel import clock
from payments.kernel.jobs import Job, Queue
from refunds import selectors
from refunds.models import RefundBatch, RefundBatchRow
from refunds.policy import Person
from refunds.services import bulk
from tests import factories

HEADER = "id,amount,reason,note"
NOBODY = "pi_" + "0" * 32


def lead(name: str = "grace") -> Person:
    """Somebody who may approve."""
    call_command("roles", verbosity=0)
    user, _made = User.objects.get_or_create(username=name, is_staff=True)
    user.groups.set(Group.objects.filter(name="support_lead"))
    return selectors.person(user)


def csv(*rows: str, header: str = HEADER) -> bytes:
    """A file with these rows."""
    return "\r\n".join((header, *rows, "")).encode()


def row(payment: str, amount: str = "all", reason: str = "goodwill", note: str = "") -> str:
    """One row."""
    return f"{payment},{amount},{reason},{note}"


def checked(*rows: str, header: str = HEADER, by: str = "staff ada") -> RefundBatch:
    """A file that was uploaded and checked."""
    batch = bulk.upload(csv(*rows, header=header), "refunds.csv", by=by)
    factories.work(Queue.BULK)
    batch.refresh_from_db()
    assert batch.status == "checked"
    return batch


def approved(*rows: str, **how: str) -> RefundBatch:
    """A file that a second person has approved; it begins in a minute."""
    batch = checked(*rows, **how)
    bulk.ask(batch.pk, by="staff ada")
    return bulk.approve(batch.pk, lead())


def begin(batch: RefundBatch) -> None:
    """The minute is over."""
    Job.objects.filter(name="run_refund_batch", arguments={"batch_id": batch.pk}).update(due_at=clock.now())


def run(batch: RefundBatch) -> RefundBatch:
    """The minute is over, and everything is done that a worker has to do."""
    begin(batch)
    factories.until(lambda: worked(batch))
    return batch


def worked(batch: RefundBatch) -> bool:
    """Do what is due; True once the batch has ended."""
    Job.objects.filter(name="run_refund_batch", due_at__lt=clock.now() + timedelta(seconds=5)).update(
        due_at=clock.now()
    )
    factories.work(Queue.BULK, Queue.MONEY, Queue.WEBHOOKS)
    batch.refresh_from_db()
    return batch.status == "finished"


def lines(batch: RefundBatch) -> dict[int, RefundBatchRow]:
    """Its rows, by number."""
    return {line.number: line for line in RefundBatchRow.objects.filter(batch=batch)}


def verdicts(batch: RefundBatch) -> list[str]:
    """What the check said, row by row."""
    return list(RefundBatchRow.objects.filter(batch=batch).order_by("number").values_list("verdict", flat=True))


def words(batch: RefundBatch) -> str:
    """All that was said about its rows."""
    return " | ".join(RefundBatchRow.objects.filter(batch=batch).order_by("number").values_list("words", flat=True))


def many(payments: Iterable[str], amount: str = "all") -> list[str]:
    """A row for each payment."""
    return [row(payment, amount) for payment in payments]
