"""What counting costs beside the payments that are counted: sums by minute, and what monitoring reads."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import django
import orjson

from tests.load import flow, machine, rig

TWICE: Final = 2
"""A minute is counted when half of it is over, and once more when it is whole."""
SCRAPES: Final = 5
SCRAPED_A_MINUTE: Final = 4
COUNTS: Final = 20
"""What a process counts of a payment while it is made, in all."""
TRIED: Final = 20_000
REST: Final = "UPDATE payments_job SET due_at = now() + interval '%s' WHERE name = 'count_rollups' AND state = 'ready'"
SEEN: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, extract(epoch FROM now())::float8"
OURS: Final = ("web", "worker", "postgres", "valkey")


def measure(platform: rig.Rig, count: int) -> dict[str, Any]:
    """One row: processor seconds of so many payments, of counting them, and of being asked about them meanwhile."""
    load = machine.load()
    platform.psp_time(0)
    flow.payments(platform, "unsummed", 20)
    [(seen, since)] = platform.query(SEEN)
    with_rest(platform, "1 day")
    made = flow.payments(platform, "sums", count)
    environment = {**platform.environment, "COUNTINGHOUSE_ROLE": "shell"}
    command = rig.module("tests.load.sums", str(seen), str(since))
    ran = subprocess.run(command, cwd=rig.ROOT, env=environment, stdout=subprocess.PIPE, timeout=600)
    with_rest(platform, "0")
    if ran.returncode:
        raise rig.RigError("sums were not measured; why stands above")
    told = orjson.loads(ran.stdout.splitlines()[-1])
    scraping = told["scrape_seconds"] * SCRAPED_A_MINUTE * made.seconds / 60
    paying = sum(made.cpu[name] for name in OURS)
    return {
        "payments": count,
        "load_before": load,
        "yardstick_ms": made.yardstick_ms,
        "paying_seconds": paying,
        "summing_seconds": told["summing_seconds"],
        "scraping_seconds": scraping,
        "counting_seconds": told["count_seconds"] * COUNTS * count,
        "share": (told["summing_seconds"] + scraping + told["count_seconds"] * COUNTS * count) / paying,
        "summing_share": told["summing_seconds"] / paying,
    }


def with_rest(platform: rig.Rig, rest: str) -> None:
    """Let the worker count no earlier than so."""
    platform.query(f"WITH put_off AS ({REST % rest} RETURNING 1) SELECT count(*) FROM put_off")


def main() -> None:
    """Count what was made since the moment of the command line, as often as it is counted, and say what it cost."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    told = {
        "summing_seconds": sum(summed(int(sys.argv[1]), float(sys.argv[2])) for _ in range(TWICE)),
        "scrape_seconds": scraped(),
        "count_seconds": counted(),
    }
    sys.stdout.write(orjson.dumps(told).decode() + "\n")


def summed(seen: int, since: float) -> float:
    """Processor seconds, of Python and of PostgreSQL, for counting all that was made since then."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from reporting.models import RollupMark  # noqa: PLC0415  models need the settings
    from reporting.uptime import rollups  # noqa: PLC0415

    while rollups.advance():  # what is older is none of these payments' business
        pass
    RollupMark.objects.update(until=datetime.fromtimestamp(since, UTC), seen=seen)

    def count() -> None:
        while rollups.advance():
            pass

    return _spent(count)


def scraped() -> float:
    """Processor seconds for telling Prometheus all there is, once."""
    from django.conf import settings  # noqa: PLC0415
    from django.test import RequestFactory  # noqa: PLC0415

    from payments.kernel import meterfiles  # noqa: PLC0415
    from reporting import metrics  # noqa: PLC0415
    from reporting.uptime import figures  # noqa: PLC0415

    meterfiles.keep_in(settings.RUN_DIR / "metrics", role="shell")
    request = RequestFactory().get("/metrics")

    def scrape() -> None:
        for _ in range(SCRAPES):
            figures.forget()
            metrics.metrics(request)

    return _spent(scrape) / SCRAPES


def counted() -> float:
    """Processor seconds for counting one thing with its time."""
    from payments.kernel import meters  # noqa: PLC0415

    began = time.process_time()
    for number in range(TRIED):
        meters.PSP.took("stripe-us", "authorize", "approved", seconds=number / TRIED)
    return (time.process_time() - began) / TRIED


def _spent(what: Callable[[], None]) -> float:
    """Processor seconds of this process, and of the one of PostgreSQL that serves it."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT pg_backend_pid()")
        [server] = cursor.fetchone()
    before = machine.cpu_seconds([os.getpid(), server])
    what()
    return machine.cpu_seconds([os.getpid(), server]) - before


if __name__ == "__main__":
    main()
