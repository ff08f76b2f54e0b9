"""Start the simulator: python -m payments.simulator --host 127.0.0.1 --port 8420 [--journal FILE] [--seed TEXT]."""

import argparse
import gc
import json
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from payments.simulator import app, wire
from payments.simulator.adyen.twin import AdyenTwin
from payments.simulator.stripe.twin import StripeTwin
from payments.simulator.world import World


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="Simulated payment service providers.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--journal", type=Path, help="file that makes the simulator remember across restarts")
    # Without a seed every start has ids of its own: a platform that outlives the simulator never meets one twice.
    parser.add_argument("--seed", help="repeat a run: the same requests get the same ids and the same faults")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal comes. Refuses to start in production."""
    if os.environ.get("COUNTINGHOUSE_ENV") == "production":
        sys.stderr.write("The simulator refuses to start: COUNTINGHOUSE_ENV is production.\n")
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options = _arguments(argv)
    world = World(options.seed or secrets.token_hex(8), options.journal, f"http://{options.host}:{options.port}")
    world.add(StripeTwin(world))
    world.add(AdyenTwin(world))
    world.replay()
    for settings in json.loads(os.environ.get("SIMULATOR_ACCOUNTS", "[]")):
        world.put_account(settings.pop("code"), settings)
    world.journal.flush()
    # Hardly anything here is garbage in cycles, and everything stays: looking for it often would cost a quarter.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    wire.serve(app.build(world), options.host, options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
