"""A shop with a server that receives events, and time that passes at once."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from payments.gateway import accounts
from payments.gateway.models import LegalEntity, ProviderAccount, Psp
from payments.kernel import clock, drain, ids, unit
from payments.kernel.jobs import Queue
from payments.rest.models import ApiClient
from payments.webhooks.models import Delivery, Endpoint, Event
from payments.webhooks.services import endpoints, outbox
from tests.webhooks.receiver import Receiver


@pytest.fixture(autouse=True)
def _receivers_beside_us(settings: Settings) -> None:
    settings.WEBHOOK_TARGETS_ON_LOOPBACK = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The shop's server."""
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture
def client_row(transactional_db: None) -> ApiClient:
    """The shop as our client."""
    return ApiClient.objects.create(name="shop")


@pytest.fixture
def endpoint(client_row: ApiClient, receiver: Receiver) -> Endpoint:
    """The shop's endpoint, which wants everything."""
    return endpoints.create(client_row, url=receiver.url, event_types=["*"])


@pytest.fixture
def account(transactional_db: None) -> Iterator[ProviderAccount]:
    """The account that PSP notifications are about; its secrets are in the environment."""
    entity = LegalEntity.objects.create(name="Shop Inc.", functional_currency="USD")
    row = ProviderAccount.objects.create(code="stripe-us", psp=Psp.STRIPE, legal_entity=entity)
    accounts.forget()
    yield row
    accounts.forget()


Emit = Callable[..., str]


@pytest.fixture
def emit(client_row: ApiClient) -> Emit:
    """Commit the next event of an object: `emit("ord_1")`; the event's id."""
    counts: dict[str, int] = {}

    def next_event(object_id: str, type_: str = "order.paid", client: ApiClient = client_row, **data: object) -> str:
        counts[object_id] = counts.get(object_id, 0) + 1
        with unit.work():
            outbox.emit(object_id, client.pk, type_, {"id": object_id, **data}, counts[object_id])
        return str(Event.objects.get(object_id=object_id, sequence=counts[object_id]).pk)

    return next_event


@pytest.fixture
def moment() -> datetime:
    """Some time, not in UTC."""
    return datetime(2026, 11, 22, 11, 30, 0, 123, tzinfo=ZoneInfo("Europe/Kyiv"))


@pytest.fixture
def order_id() -> str:
    """The id of some order."""
    return ids.new("ord")


class Elsewhere:
    """Something that is done in another thread, with a connection of its own, and held before its commit."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._done, self._commit = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._done.wait(120)

    def _run(self) -> None:
        try:
            with transaction.atomic():
                self._action()
                self._done.set()
                self._commit.wait(120)
        finally:
            connection.close()

    def commit(self) -> None:
        """Let it commit, and wait until it has."""
        self._commit.set()
        self._thread.join(120)
        assert not self._thread.is_alive()


def deliver_all(after: timedelta = timedelta()) -> None:
    """Let so much time pass, and do what is due then; jobs that wait wake up and look at the clock."""
    with clock.at(timezone.now() + after) if after else contextlib.nullcontext():
        outbox.plan_deliveries()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")
        drain.drain(Queue.DELIVERIES)


def delivery_of(event_id: str) -> Delivery:
    """The one delivery of an event."""
    return Delivery.objects.get(event_id=event_id)
