"""Adyen's merchants of these tests."""

from collections.abc import Iterator

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import Inbox, Merchant


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A receiver of notifications."""
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def merchant(shared: process.Simulator, inbox: Inbox) -> Merchant:
    """A merchant account of its own in the shared simulator."""
    return Merchant(shared, inbox)
