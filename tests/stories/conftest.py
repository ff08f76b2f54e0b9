"""A shop whose PSP sends real notifications to a real server."""

from collections.abc import Iterator

import pytest
from pytest_django.live_server_helper import LiveServer

from payments.ledger import services as ledger
from tests import factories


@pytest.fixture
def sim(simulator: str) -> Iterator[factories.Simulator]:
    """The simulator without faults and without a past."""
    control = factories.Simulator(simulator)
    control.calm()
    yield control
    control.calm()


@pytest.fixture
def shop(transactional_db: None, live_server: LiveServer, sim: factories.Simulator) -> factories.Shop:
    """A client of the API; the simulator's webhooks reach `live_server`."""
    ledger.forget_accounts()
    return factories.shop()
