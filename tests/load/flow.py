"""Whole payments a second: from the order to the delivered event, with all that happens in between."""

import subprocess
import time
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tests.load import machine, rig

CLIENTS: Final = 16
SLOWEST: Final = 4.0  # payments a second below which a run is given up
DRAIN_SECONDS: Final = 180.0

COUNTS: Final = """
    SELECT (SELECT count(*) FROM payments_paymentintent WHERE status = 'succeeded'),
           (SELECT count(*) FROM payments_transfer WHERE event = 'captured'),
           (SELECT count(*) FROM payments_inboundevent
             WHERE type = 'payment_intent.succeeded' AND state = 'processed'),
           (SELECT count(*) FROM payments_delivery WHERE state = 'succeeded')
"""
UNFINISHED: Final = """
    SELECT count(*) FROM payments_job
     WHERE queue IN ('money', 'webhooks', 'deliveries') AND unique_key IS DISTINCT FROM 'timetable:' || name
"""
ENDED: Final = """
    SELECT extract(epoch FROM greatest((SELECT max(delivered_at) FROM payments_delivery),
                                       (SELECT max(processed_at) FROM payments_inboundevent)))::float8
"""


@dataclass(frozen=True)
class Measured:
    """What a run of the driver came to, and what each program used meanwhile."""

    result: dict[str, Any]
    ended_at: float
    cpu: dict[str, float]
    yardstick_ms: float

    @property
    def seconds(self) -> float:
        """From the first order to the last delivery."""
        return self.ended_at - float(self.result["began_at"])


def drive(platform: rig.Rig, run: str, count: int, **plan: Any) -> dict[str, Any]:
    """Let the load generator do `count` conversations; what it measured. Raises RigError when one was refused."""
    settings = {
        "run": run,
        "count": count,
        "host": "127.0.0.1",
        "port": platform.port,
        "key": platform.key,
        "clients": CLIENTS,
        "rate": 0,
        "requests": "",
        "seconds": 60 + count / SLOWEST,
        **plan,
    }
    driver = subprocess.run(
        rig.module("tests.load.driver"),
        cwd=rig.ROOT,
        input=orjson.dumps(settings),
        capture_output=True,
        timeout=settings["seconds"] + 30,
    )
    if driver.returncode:
        raise rig.RigError(f"the load generator failed:\n{driver.stderr.decode()[-2000:]}")
    result: dict[str, Any] = orjson.loads(driver.stdout)
    if result["failed"]:
        raise rig.RigError(f"{run} was refused: {result['failed']}")
    return result


def payments(platform: rig.Rig, run: str, count: int, **plan: Any) -> Measured:
    """Let `count` payments be made and wait until all is through; RigError when one is missing anywhere."""
    before, used = platform.query(COUNTS)[0], platform.cpu()
    with machine.Yardstick() as yardstick:
        result = drive(platform, run, count, **plan)
        wait_until_quiet(platform)
    cpu = {name: seconds - used.get(name, 0.0) for name, seconds in platform.cpu().items()}
    came_to = [now - then for now, then in zip(platform.query(COUNTS)[0], before, strict=True)]
    if came_to != [count] * len(came_to):
        raise rig.RigError(f"{count} payments came to {came_to} (succeeded, booked, notified, delivered)")
    ended_at = float(platform.query(ENDED)[0][0])
    return Measured(result, ended_at, cpu | {"driver": result["cpu_seconds"]}, yardstick.milliseconds)


def wait_until_quiet(platform: rig.Rig) -> None:
    """Until the PSP has told everything and no job is left; RigError after a few minutes."""

    def quiet() -> bool:
        return not platform.simulate("GET", "/_sim/webhooks")["waiting"] and not (
            platform.query("SELECT EXISTS (SELECT FROM payments_event WHERE dispatched_at IS NULL)")[0][0]
            or platform.query(UNFINISHED)[0][0]
        )

    deadline = time.monotonic() + DRAIN_SECONDS
    while not quiet():
        if time.monotonic() > deadline:
            raise rig.RigError(f"jobs are left after {DRAIN_SECONDS:.0f} s: {platform.query(UNFINISHED)}")
        time.sleep(0.1)


def measure(platform: rig.Rig, count: int, psp_ms: int, *, clients: int = CLIENTS) -> dict[str, Any]:
    """One row: payments a second in a closed loop, with the PSP taking `psp_ms` for each answer."""
    load = machine.load()
    platform.psp_time(psp_ms)
    try:
        measured = payments(platform, f"flow{psp_ms}", count, clients=clients)
    finally:
        platform.psp_time(0)
    driven = measured.result["seconds"]
    return {
        "psp_ms": psp_ms,
        "payments": count,
        "clients": clients,
        "payments_per_second": count / measured.seconds,
        "seconds": measured.seconds,
        "drain_seconds": max(0.0, measured.seconds - driven),
        "cpu_ms_per_payment": {name: 1000 * used / count for name, used in measured.cpu.items()},
        "driver_cpu_share": measured.result["cpu_seconds"] / driven,
        "load_before": load,
        "yardstick_ms": measured.yardstick_ms,
    }
