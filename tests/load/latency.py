"""How long the platform itself takes for a call, at 30 % of what it can do, the PSP's time taken off."""

import statistics
import uuid
from collections.abc import Sequence
from typing import Any, Final

from tests.load import flow, machine, rig

SHARE: Final = 0.3
PSP_MS: Final = 200
CLIENTS: Final = 128  # connections at most: a payment that is due does not wait for another's answer
LONGEST: Final = 60.0  # seconds
FEWEST: Final = 100

PSP_TIME: Final = """
    SELECT a.intent_id, sum(c.latency_ms) FROM payments_paymentattempt a
      JOIN payments_providercall c ON c.owner_id = 'att_' || replace(a.id::text, '-', '')
     WHERE a.intent_id = ANY(%s) GROUP BY a.intent_id
"""


def measure(platform: rig.Rig, payments_per_second: float, count: int) -> dict[str, Any]:
    """One row: percentiles per call in an open loop, payments beginning at random at 30 % of the rate given."""
    rate = SHARE * payments_per_second
    count = max(FEWEST, min(count, int(rate * LONGEST)))
    load = machine.load()
    platform.psp_time(PSP_MS)
    try:
        measured = flow.payments(platform, "open", count, rate=rate, clients=CLIENTS).result
    finally:
        platform.psp_time(0)
    milliseconds = measured["milliseconds"]
    return {
        "rate": rate,
        "payments": count,
        "psp_ms": PSP_MS,
        "latest_start_ms": measured["latest_start_ms"],
        "load_before": load,
        "calls": {
            "order": percentiles(milliseconds["order"]),
            "intent": percentiles(milliseconds["intent"]),
            "confirm": percentiles(_without_psp(platform, measured["confirmed"])),
            "confirm, PSP included": percentiles(milliseconds["confirm"]),
        },
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The median, and what 5 % and 1 % exceed."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def _without_psp(platform: rig.Rig, confirmed: Sequence[tuple[str, float]]) -> list[float]:
    """Each confirmation without the time that the platform recorded for its call to the PSP (whole milliseconds)."""
    took = {uuid.UUID(intent_id.rpartition("_")[2]): milliseconds for intent_id, milliseconds in confirmed}
    psp = dict(platform.query(PSP_TIME, [list(took)]))
    missing = took.keys() - psp.keys()
    if missing:
        raise rig.RigError(f"{len(missing)} confirmations have no call to the PSP on record")
    return [milliseconds - float(psp[intent]) for intent, milliseconds in took.items()]
