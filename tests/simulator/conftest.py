"""The simulator of these tests: one for all, one for who moves its clock, an account for each test."""

from collections.abc import Iterator

import pytest
import stripe

from tests.simulator import process, schema

stripe.enable_telemetry = False


@pytest.fixture(scope="session", autouse=True)
def _specifications() -> None:
    if not schema.available():
        # Everything else is still tested; only the comparison with Stripe's schemas is not.
        print(f"\nSKIPPED: no specifications in {schema.SPECS}; answers are not validated")  # noqa: T201


@pytest.fixture(scope="session")
def shared() -> Iterator[process.Simulator]:
    """A simulator whose clock nobody moves."""
    simulator = process.Simulator("--seed", "shared")
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def movable() -> Iterator[process.Simulator]:
    simulator = process.Simulator("--seed", "own")
    yield simulator
    simulator.stop()


@pytest.fixture
def own(movable: process.Simulator) -> process.Simulator:
    """A simulator for one test that moves the clock: it is as it began, but for accounts of tests that are over."""
    assert movable.ask("POST", "/_sim/reset", {}).status == 200
    return movable


@pytest.fixture
def inbox() -> Iterator[process.Inbox]:
    """A receiver of webhooks."""
    inbox = process.Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def merchant(shared: process.Simulator) -> process.Merchant:
    """An account of its own in the shared simulator."""
    return shared.merchant()
