"""`make bench`: measures what a payment costs on this machine, prints it and writes bench/results.json."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from rich import console

from tests.load import flow, machine, report, rig

RESULTS = rig.ROOT / "bench" / "results.json"
PAYMENTS, QUICK = 2000, 300
WARM_UP = 150
TERMINAL = console.Console()


def main() -> int:
    """0 when everything was measured; 1, with the reason told, when the platform failed under it."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything that runs is stopped
    payments = options.payments or (QUICK if options.quick else PAYMENTS)
    results: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.described(),
        "payments": payments,
        "rows": {},
    }
    report.machine(TERMINAL, results["machine"])
    try:
        _measure(results["rows"], options.only or list(ROWS), payments, options.run_dir.absolute())
    except rig.RigError as reason:
        TERMINAL.print(f"[red]{reason}[/red]", highlight=False, soft_wrap=True)
        return 1
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    TERMINAL.print(f"written to {RESULTS.relative_to(rig.ROOT)}", highlight=False)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} payments a row instead of {PAYMENTS:,}")
    parser.add_argument("--payments", type=int, help="so many payments a row")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="this row; may be given several times")
    parser.add_argument("--run-dir", type=Path, default=Path(os.environ.get("RUN_DIR") or ".run/bench"))
    return parser.parse_args()


def _measure(rows: dict[str, Any], wanted: list[str], payments: int, run_dir: Path) -> None:
    with TERMINAL.status("PostgreSQL, Valkey, the simulator, web and worker are starting …"):
        started = rig.running(run_dir)
    with started as platform:
        with TERMINAL.status("warming up …"):
            flow.payments(platform, "warm", WARM_UP)
        for name, row in ROWS.items():
            if name in wanted:
                began = time.monotonic()
                with TERMINAL.status(f"measuring: {name} …"):
                    rows[name] = row(platform, rows, payments)
                report.row(TERMINAL, name, rows[name], time.monotonic() - began)


def _flow(platform: rig.Rig, _rows: dict[str, Any], payments: int) -> list[dict[str, Any]]:
    return [flow.measure(platform, payments, psp_ms) for psp_ms in (0, 200)]


ROWS = {"flow": _flow}

if __name__ == "__main__":
    sys.exit(main())
