"""How many signed notifications of a PSP are accepted and stored in a second."""

import contextlib
import hmac
import os
import signal
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import orjson

from tests.load import flow, latency, machine, rig

PER_PAYMENT: Final = 3  # notifications for each payment of the other rows
SAMPLES: Final = 200
PATH: Final = "/webhooks/stripe/stripe-us"

REAL: Final = """
    SELECT event_key, body FROM payments_inboundevent
     WHERE type = 'payment_intent.succeeded' ORDER BY received_at DESC LIMIT %s
"""
STORED: Final = "SELECT count(*) FROM payments_inboundevent WHERE event_key LIKE %s"


def measure(platform: rig.Rig, count: int) -> list[dict[str, Any]]:
    """Two rows: the intake alone, with the worker held, and with the worker acting on what comes in."""
    with _held(platform):
        alone = _accepted(platform, count, working=False)
    flow.wait_until_quiet(platform)
    return [alone, _accepted(platform, count, working=True)]


def _accepted(platform: rig.Rig, count: int, *, working: bool) -> dict[str, Any]:
    marker = f"evt_bench{working:d}"
    requests = list(_requests(platform, marker, count))
    path = platform.run_dir / "notifications.json"
    path.write_bytes(orjson.dumps(requests))
    load, used = machine.load(), platform.cpu()
    measured = flow.drive(platform, marker, count, requests=str(path))
    cpu = {program: seconds - used[program] for program, seconds in platform.cpu().items()}
    [(stored,)] = platform.query(STORED, [f"{marker}%"])
    if stored != count:
        raise rig.RigError(f"{count} notifications were acknowledged, {stored} are stored")
    began = time.monotonic()
    if working:
        flow.wait_until_quiet(platform)
    return {
        "name": "with the worker" if working else "alone",
        "notifications": count,
        "bytes": len(requests[0]),
        "per_second": count / measured["seconds"],
        "drain_seconds": time.monotonic() - began if working else None,
        "milliseconds": latency.percentiles(measured["milliseconds"]["notification"]),
        "cpu_ms_each": {program: 1000 * cpu[program] / count for program in ("web", "postgres", "worker")},
        "load_before": load,
    }


def _requests(platform: rig.Rig, marker: str, count: int) -> Iterator[str]:
    """Real notifications of earlier payments, each again under ids of its own, signed now."""
    samples = platform.query(REAL, [SAMPLES])
    if not samples:
        raise rig.RigError("no notification has come yet whose likes could be made")
    secret = platform.environment["STRIPE_US_WEBHOOK_SECRET"].encode()
    now = str(int(time.time()))
    for number in range(count):
        key, body = samples[number % len(samples)]
        fresh = f"{marker}_{number}".ljust(len(key), "x")
        content = bytes(body).replace(key.encode(), fresh.encode())
        signature = hmac.new(secret, now.encode() + b"." + content, sha256).hexdigest()
        yield (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{platform.port}\r\nContent-Type: application/json\r\n"
            f"Stripe-Signature: t={now},v1={signature}\r\nContent-Length: {len(content)}\r\n\r\n{content.decode()}"
        )


@contextlib.contextmanager
def _held(platform: rig.Rig) -> Iterator[None]:
    """The worker stands still meanwhile: what comes in is only stored."""
    pids = machine.families({"worker": platform.roots()["worker"]})["worker"]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
