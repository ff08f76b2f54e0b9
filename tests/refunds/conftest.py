"""A shop, a calm simulator, and the notifications that it would send."""

from collections.abc import Iterator

import pytest

from payments.ledger import services as ledger
from tests import factories
from tests.refunds.psp import Psp
from tests.services import conftest as services
from tests.stories import conftest as stories

sim = services.sim
notifications = stories.notifications


@pytest.fixture
def shop(db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    """A client of the API; what is remembered of the ledger's accounts goes with them."""
    yield factories.shop()
    ledger.forget_accounts()


@pytest.fixture
def psp(shop: factories.Shop, simulator: str) -> Psp:
    """The provider account stripe-us, seen from the PSP's side."""
    return Psp(simulator)
