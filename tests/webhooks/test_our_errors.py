"""An error of ours while delivering is a failed attempt: it is tried for three days, and never blocks an object."""

from datetime import timedelta

import pytest

from payments.kernel.jobs import Job
from payments.webhooks.models import Delivery, Endpoint
from tests.webhooks.conftest import Emit, deliver_all, delivery_of
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def unsayable() -> list[object]:
    """Deeper than the writer of JSON goes: the message cannot be made."""
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    return deep


def waits(event_id: str) -> bool:
    """True while the event is not planned, or is still to be delivered."""
    return not Delivery.objects.filter(event_id=event_id).exclude(state="pending").exists()


def test_an_error_counts_as_an_attempt_and_says_nothing_about_the_endpoint(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    broken = emit(order_id, deep=unsayable())
    other = emit("ord_of_somebody_else")
    deliver_all()
    row = delivery_of(broken)
    assert (row.state, row.attempts, row.last_status, row.last_error) == ("pending", 1, None, "an error on our side")
    assert row.next_attempt_at is not None
    assert Job.objects.get().attempts == 0, "the job waits, and has not failed"
    assert delivery_of(other).state == "succeeded"
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.failing_since, endpoint.paused_until) == (True, None, None)


def test_what_comes_after_an_event_that_cannot_be_sent_flows_after_three_days(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    broken, after = emit(order_id, deep=unsayable()), emit(order_id)
    hours = 0
    while waits(broken):
        assert receiver.received == []
        deliver_all(after=timedelta(hours=hours))
        hours += 4
        assert hours < 100
    assert delivery_of(broken).attempts >= 12, "the waits vary: looked at every four hours, twelve are the fewest"
    assert delivery_of(broken).state == "failed"
    assert delivery_of(after).state == "succeeded"
    assert receiver.sequences == [2]
    assert not Job.objects.exists()


def test_once_the_cause_is_mended_everything_comes_in_order(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    Endpoint.objects.update(secret="whsec_x")
    emit(order_id)
    emit(order_id)
    deliver_all()
    assert receiver.received == []
    Endpoint.objects.update(secret=endpoint.secret)
    deliver_all(after=timedelta(seconds=7))
    assert receiver.sequences == [1, 2]
