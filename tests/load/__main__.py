"""`make bench`: measures what a payment costs on this machine, prints it and writes bench/results.json."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from rich import console

from tests.load import (
    bulk,
    dashboards,
    finance,
    floor,
    flow,
    intake,
    latency,
    machine,
    memory,
    offering,
    office,
    report,
    rig,
    routes,
    sums,
    written,
)

RESULTS = rig.ROOT / "bench" / "results.json"
OFFICE = rig.ROOT / "bench" / "office.md"
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
        _measure(results["rows"], options, payments)
    except rig.RigError as reason:
        TERMINAL.print(f"[red]{reason}[/red]", highlight=False, soft_wrap=True)
        return 1
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    if "office" in results["rows"]:
        OFFICE.write_text(written.table(results["at"], results["machine"], results["rows"]["office"]))
    TERMINAL.print(f"written to {RESULTS.relative_to(rig.ROOT)}", highlight=False)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} payments a row instead of {PAYMENTS:,}")
    parser.add_argument("--payments", type=int, help="so many payments a row")
    parser.add_argument("--rows", type=int, help=f"of rows finance ({finance.ROWS:,}) and office ({office.PAYMENTS:,})")
    parser.add_argument("--each", type=int, default=office.EACH, help="requests of each kind, of row office")
    parser.add_argument("--clients", type=int, default=flow.CLIENTS, help="of row flow")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="this row; may be given several times")
    parser.add_argument("--keep", action="store_true", help="the database of the run before, if it is still there")
    parser.add_argument("--run-dir", type=Path, default=Path(os.environ.get("RUN_DIR") or ".run/bench"))
    return parser.parse_args()


def _measure(rows: dict[str, Any], options: argparse.Namespace, payments: int) -> None:
    TERMINAL.print("PostgreSQL, Valkey, the simulator, web and worker are starting …")
    lines = options.rows or (finance.QUICK if options.quick else finance.ROWS)
    shop = options.rows or (office.QUICK if options.quick else office.PAYMENTS)
    with rig.running(options.run_dir.absolute(), kept=options.keep) as platform:
        if not options.keep:  # the PSPs and receivers of what is kept are gone: its jobs never come to rest
            with TERMINAL.status("warming up …"):
                flow.payments(platform, f"warm-{platform.port}", WARM_UP)
        for name, row in ROWS.items():
            if not options.only or name in options.only:
                began = time.monotonic()
                with TERMINAL.status(f"measuring: {name} …"):
                    rows[name] = row(Bench(platform, rows, payments, options.clients, lines, shop, options.each))
                report.row(TERMINAL, name, rows[name], time.monotonic() - began)


@dataclass(frozen=True)
class Bench:
    """What a row has to work with."""

    platform: rig.Rig
    rows: dict[str, Any]  # measured so far
    payments: int
    clients: int
    lines: int
    shop: int
    each: int


def _flow(bench: Bench) -> list[dict[str, Any]]:
    return [flow.measure(bench.platform, bench.payments, psp_ms, clients=bench.clients) for psp_ms in (0, 200)]


def _latency(bench: Bench) -> dict[str, Any]:
    """At a share of what row `flow` came to, or of what a short run of it comes to."""
    short = max(QUICK, bench.payments // 5)
    measured = bench.rows.get("flow") or [flow.measure(bench.platform, short, latency.PSP_MS)]
    return latency.measure(bench.platform, measured[-1]["payments_per_second"], bench.payments)


def _intake(bench: Bench) -> list[dict[str, Any]]:
    return intake.measure(bench.platform, bench.payments * intake.PER_PAYMENT)


def _memory(bench: Bench) -> dict[str, Any]:
    return memory.measure(bench.platform)


def _sums(bench: Bench) -> dict[str, Any]:
    return sums.measure(bench.platform, bench.payments)


def _eligibility(bench: Bench) -> dict[str, Any]:
    return offering.measure(bench.platform)


def _bulk(bench: Bench) -> dict[str, Any]:
    return bulk.measure(bench.platform)


def _finance(bench: Bench) -> dict[str, Any]:
    return finance.measure(bench.platform, bench.lines)


def _dashboards(bench: Bench) -> dict[str, Any]:
    return dashboards.measure(bench.platform)


def _office(bench: Bench) -> dict[str, Any]:
    return office.measure(bench.platform, bench.shop, bench.each)


def _routing(_bench: Bench) -> dict[str, Any]:
    return routes.measure()


def _floor(bench: Bench) -> dict[str, Any]:
    """With the statements of each call, and what share of the floor the whole flow reaches when it was measured."""
    recording = floor.record(bench.platform)
    measured = floor.measure(bench.platform, recording, bench.payments)
    measured["calls"] = floor.statements(recording)
    if "flow" in bench.rows:
        measured["ratio"] = bench.rows["flow"][0]["payments_per_second"] / measured["payments_per_second"]
    return measured


ROWS: dict[str, Callable[[Bench], Any]] = {
    "flow": _flow,
    "latency": _latency,
    "intake": _intake,
    "sums": _sums,
    "eligibility": _eligibility,
    "memory": _memory,
    "routing": _routing,
    "bulk": _bulk,
    "floor": _floor,
    "finance": _finance,
    "dashboards": _dashboards,
    "office": _office,
}

if __name__ == "__main__":
    sys.exit(main())
