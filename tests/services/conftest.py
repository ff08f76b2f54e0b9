"""A shop and a calm simulator for every story of the services."""

from collections.abc import Iterator

import pytest

from tests import factories


@pytest.fixture
def sim(simulator: str) -> Iterator[factories.Simulator]:
    """The simulator without faults and without a past."""
    control = factories.Simulator(simulator)
    control.calm()
    yield control
    control.calm()


@pytest.fixture
def shop(db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API."""
    return factories.shop()
