"""A short run of refunds against their model; `make chaos` makes the long one (profile `chaos`)."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from payments.gateway import accounts
from tests.refunds.machine import Refunds, World
from tests.refunds.psp import ACCOUNT, Psp
from tests.simulator import process

RUNS, STEPS = int(os.environ.get("MACHINE_RUNS", "6")), int(os.environ.get("MACHINE_STEPS", "12"))


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """A simulator of its own, whose clock the machine moves."""
    own = process.Simulator("--seed", "machine")
    psp = Psp(own.url)
    assert own.ask("PUT", f"/_sim/accounts/{ACCOUNT}", {"psp": "stripe", "api_key": psp.key}).status == 200
    yield World(own, psp)
    own.stop()
    accounts.forget()


def test_refunds_do_what_their_model_says(world: World) -> None:
    run = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize="MACHINE_RUNS" not in os.environ,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(lambda: Refunds(world), settings=run)  # type: ignore[arg-type]  # a factory will do
    print(f"{world.runs} runs, {world.steps} steps:", dict(sorted(world.seen.items())))  # noqa: T201  for who runs it
