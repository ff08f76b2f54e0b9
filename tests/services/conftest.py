"""A shop, a calm simulator and what is logged, for every story of the services."""

import io
import logging
from collections.abc import Iterator

import pytest

from config import logs
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


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """All that this process logs, by the house's formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json"))
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
