"""A shop whose PSP sends real notifications to a real server."""

from collections.abc import Iterator

import pytest
from pytest_django.live_server_helper import LiveServer

from payments.ledger import services as ledger
from tests import factories
from tests.services import conftest as services

sim = services.sim


@pytest.fixture
def notifications(transactional_db: None, live_server: LiveServer, sim: factories.Simulator) -> Iterator[None]:
    """The simulator's webhooks reach a real server, for the time of one test."""
    sim.notify(live_server.url)
    yield
    sim.notify("")


@pytest.fixture
def shop(notifications: None) -> factories.Shop:
    """A client of the API."""
    ledger.forget_accounts()
    return factories.shop()
