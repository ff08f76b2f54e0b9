"""An engineer in a browser: who is told what, what was sent, how promises stand, and how canaries fare."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from payments.kernel import clock, ids
from payments.kernel.attention import Severity
from payments.kernel.jobs import Queue
from payments.rest.models import ApiRequest
from reporting.models import Alert, ServiceLevel
from reporting.services import alerting, burning, canary
from reporting.uptime.telling import Subject
from tests import factories
from tests.browser.conftest import WIDTHS, Desk, Sit
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.browser


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A chat."""
    found = Receiver()
    yield found
    found.stop()


def answered(*, status: int, times: int) -> None:
    """Requests of some minutes ago."""
    at = clock.now() - timedelta(minutes=4)
    ApiRequest.objects.bulk_create(
        ApiRequest(
            id=ids.uuid7(at), at=at, address="", method="GET", path="/v1/orders", operation="orders.list",
            status=status, code="", microseconds=9_000, request_id="x", idempotency_key="", object_ids=[],
        ) for _ in range(times)
    )  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_an_engineer_sees_to_it_that_people_are_told(
    shop: factories.Shop, sit: Sit, receiver: Receiver, width: int
) -> None:
    desk = sit("engineer", width=width)
    _sets_up(desk, receiver)
    _reads_what_burns(desk, receiver)
    _silences(desk)
    assert len(receiver.received) == 2, "the test, and what burns"
    canary.send("stripe-us")
    desk.go("/admin/reporting/canaryrun/")
    assert desk.says("Approved, and canceled again")
    desk.look("alerts-canaries")


def _sets_up(desk: Desk, receiver: Receiver) -> None:
    desk.go("/admin/reporting/alertchannel/new/")
    desk.look("alerts-new-channel")
    desk.page.fill("input[name=name]", "Chat of operations")
    desk.page.select_option("select[name=kind]", "slack")
    desk.page.fill("input[name=url]", f"{receiver.url}/s3cr3t")
    desk.press("New channel")
    desk.press("Send a test")
    desk.press("Send a test")
    assert desk.says("The channel took it within")
    desk.look("alerts-channel")

    desk.go("/admin/reporting/alertrule/new/")
    desk.page.fill("input[name=name]", "Incidents and promises")
    desk.page.select_option("select[name=source]", "slo")
    desk.page.select_option("select[name=channels]", label="Chat of operations")
    desk.page.fill("input[name=wait_seconds]", "0")
    desk.look("alerts-new-rule")
    desk.press("New rule")
    desk.look("alerts-rule")


def _reads_what_burns(desk: Desk, receiver: Receiver) -> None:
    answered(status=200, times=60)
    answered(status=500, times=12)
    ServiceLevel.objects.create(name="availability", counted_until=clock.now() - timedelta(hours=1))
    burning.watch()
    factories.work(Queue.ALERTS)
    assert "The API answers" in receiver.received[-1].event["text"]
    desk.go("/admin/reporting/servicelevel/")
    assert desk.says("too fast")
    desk.look("alerts-levels")
    desk.go("/admin/reporting/servicelevel/availability/change/")
    desk.look("alerts-level")
    for model, name in (("alert", "alerts-list"), ("alertmessage", "alerts-messages"), ("notice", "alerts-notices")):
        desk.go(f"/admin/reporting/{model}/")
        desk.look(name)
    desk.go(f"/admin/reporting/alert/{Alert.objects.get().pk}/change/")
    assert desk.says("Chat of operations")
    desk.look("alerts-alert")


def _silences(desk: Desk) -> None:
    desk.go("/admin/reporting/silence/new/")
    desk.page.fill("input[name=because]", "The provider's maintenance")
    desk.look("alerts-new-silence")
    desk.press("New silence")
    desk.look("alerts-silence")
    alerting.tell(Subject(source="slo", key="own_time", kind="own_time", severity=Severity.URGENT,
                          words="Our own time.", opened_at=clock.now()))  # fmt: skip
    factories.work(Queue.ALERTS)
