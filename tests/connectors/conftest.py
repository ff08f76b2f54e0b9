"""Benches on the simulator, and a relay in front of it."""

from collections.abc import Iterator

import pytest

from payments.connectors import http
from tests.connectors import benches, relay


@pytest.fixture(params=sorted(benches.BENCHES))
def bench(request: pytest.FixtureRequest, simulator: str) -> Iterator[benches.Bench]:
    """Each PSP in turn, with no faults in force before or after."""
    control = benches.Simulator(simulator)
    control.calm()
    yield benches.BENCHES[request.param](control)
    control.calm()


@pytest.fixture
def stripe_bench(simulator: str) -> Iterator[benches.StripeBench]:
    """Stripe's bench, for what only Stripe does."""
    control = benches.Simulator(simulator)
    control.calm()
    yield benches.StripeBench(control)
    control.calm()


@pytest.fixture
def wire(simulator: str) -> Iterator[relay.Relay]:
    """A relay in front of the simulator."""
    with relay.Relay(simulator) as running:
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connectors that are made now give up on silence after half a second."""
    monkeypatch.setattr(http, "INTERACTIVE", http.Client(read_seconds=0.5))
