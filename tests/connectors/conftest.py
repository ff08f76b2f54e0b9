"""Benches on the simulator, and a relay in front of it."""

from collections.abc import Iterator

import pytest

from payments.connectors import http
from tests.connectors import adyen_bench, benches, every, relay


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a module name the PSPs that its tests are about (`PSPS`); else they are about all of them."""
    if "bench" in metafunc.fixturenames:
        psps = getattr(metafunc.module, "PSPS", sorted(every.BENCHES))
        metafunc.parametrize("bench", psps, indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest, simulator: str) -> Iterator[benches.Bench]:
    """Each PSP in turn, with no faults in force before or after."""
    control = benches.Simulator(simulator)
    control.calm()
    with every.BENCHES[request.param](control) as ready:
        yield ready
    control.calm()


@pytest.fixture
def adyen(simulator: str) -> Iterator[adyen_bench.AdyenBench]:
    """Adyen's bench, for what only Adyen does."""
    control = benches.Simulator(simulator)
    control.calm()
    with adyen_bench.bench(control) as ready:
        yield ready
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
