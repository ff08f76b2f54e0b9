"""A bulk refund whose worker dies on any line, for real and at every crash point: each row is refunded exactly once."""

import signal
from collections import Counter
from pathlib import Path
from subprocess import Popen

import pytest
from django.utils import timezone

from config import celery, processes
from payments.gateway.models import ProviderCall
from payments.kernel import clock, crashpoints, drain
from payments.kernel.jobs import Job, Queue
from refunds.models import Refund, RefundBatch, RefundBatchRow
from tests import factories
from tests.kernel.conftest import worker
from tests.refunds import files

ROWS = 70
AMOUNTS = [1000 + number for number in range(ROWS)]


def given_back(sim: factories.Simulator) -> Counter[int]:
    """How often the PSP has given back each amount."""
    return Counter(line["amount_refunded"] for line in sim.book() if line["object"] == "refund")


def assert_each_once(batch: RefundBatch, sim: factories.Simulator, amounts: list[int]) -> None:
    """Every row has its refund, every refund its row, and the PSP has made each once."""
    rows = RefundBatchRow.objects.filter(batch=batch).select_related("refund")
    assert [row.refund.amount_minor for row in rows if row.refund] == [row.amount_minor for row in rows]
    assert sorted(Refund.objects.values_list("amount_minor", "status")) == [(one, "succeeded") for one in amounts]
    assert given_back(sim) == Counter(amounts)
    factories.assert_books_close()
    factories.assert_books_agree(sim)


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith(("batch.", "refund."))])
def test_a_crash_at_any_point_loses_no_row_and_refunds_none_twice(
    shop: factories.Shop, sim: factories.Simulator, point: str
) -> None:
    amounts = AMOUNTS[:3]
    batch = files.approved(*files.many(shop.paid(amount)["id"] for amount in amounts))
    files.begin(batch)
    for _ in range(2):
        with crashpoints.armed(point), pytest.raises(crashpoints.Crash, match=point):
            factories.work(Queue.BULK)
        if point in ("batch.started", "batch.finished"):
            break
        Job.objects.filter(state="running").update(due_at=clock.now())
    if point == "batch.started":
        assert not Refund.objects.exists()

    Job.objects.filter(state="running").update(due_at=clock.now())
    files.run(batch)
    ProviderCall.objects.filter(look_at__isnull=False).update(look_at=clock.now())
    factories.work()
    assert_each_once(batch, sim, amounts)


def caught_in_the_middle(process: Popen[bytes]) -> bool:
    """Hold a worker still; True, and it stays so, when money went back, rows wait, and it has a job in hand."""
    process.send_signal(signal.SIGSTOP)
    waiting = RefundBatchRow.objects.filter(done_at=None).count()
    sent = Refund.objects.filter(status="succeeded").count()
    if sent >= 3 and waiting >= 3 and Job.objects.filter(queue="bulk", state="running").exists():
        return True
    process.send_signal(signal.SIGCONT)
    return False


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_in_the_middle_is_followed_by_one_that_does_the_rest(
    shop: factories.Shop, sim: factories.Simulator, tmp_path: Path
) -> None:
    celery.app.set_default()
    batch = files.approved(*files.many(shop.paid(amount)["id"] for amount in AMOUNTS))
    sim.scenario("refunds.create", "slow", rate=1, ms=200)
    files.begin(batch)

    log = tmp_path / "worker.log"
    with worker(log) as killed:
        factories.until(lambda: caught_in_the_middle(killed))
        processes.stop(killed, how=signal.SIGKILL)
    assert 0 < sum(given_back(sim).values()) < ROWS, "it died in the middle"

    Job.objects.filter(state="running").update(due_at=timezone.now())  # their leases end
    with worker(log):
        factories.until(lambda: RefundBatch.objects.get().status == "finished")
        ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now())  # whose answer died with it
        factories.until(lambda: not Refund.objects.filter(settled_at=None).exists())
        factories.until(lambda: not Job.objects.filter(queue__in=["bulk", "money"]).exists())
    assert drain.PARALLEL[Queue.BULK] < 4, "single refunds keep threads of their own"
    assert_each_once(batch, sim, AMOUNTS)
