"""How long it takes to find out what can be paid with: measured in a process of its own, on the rig's accounts."""

import os
import subprocess
import sys
import time
from typing import Any, Final

import django
import orjson

from tests.load import latency, rig

ROUNDS: Final = 200
CARTS: Final = (
    ("NL", "EUR"), ("PT", "EUR"), ("PL", "PLN"), ("CH", "CHF"), ("US", "USD"), ("BR", "BRL"), ("MX", "MXN"),
    ("JP", "JPY"), ("CN", "CNY"), ("IN", "INR"), ("SE", "SEK"), ("", "EUR"),
)  # fmt: skip


def measure(platform: rig.Rig) -> dict[str, Any]:
    """One row: percentiles of a cart's answer, from the facts to what a client reads."""
    environment = {**platform.environment, "DATABASE_URL": platform.database, "COUNTINGHOUSE_ROLE": "shell"}
    command = rig.module("tests.load.offering")
    measured = subprocess.run(command, cwd=rig.ROOT, env=environment, capture_output=True, timeout=120)
    if measured.returncode:
        raise rig.RigError(f"nothing was offered:\n{measured.stderr[-2000:].decode()}")
    values = orjson.loads(measured.stdout.splitlines()[-1])
    return {"carts": len(values), "milliseconds": latency.percentiles(values)}


def main() -> None:
    """The milliseconds of every answer, as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from payments.methods import selectors  # noqa: PLC0415  models need the settings
    from payments.methods.eligibility import Facts  # noqa: PLC0415

    took: list[float] = []
    for number in range(ROUNDS):
        for country, currency in CARTS:
            began = time.perf_counter()
            facts = Facts(amount=30_000, currency=currency, country=country, channel="web")
            selectors.available(facts, customer=None, locale="en", client_id="")
            if number:  # the first round reads the accounts
                took.append(1000 * (time.perf_counter() - began))
    sys.stdout.write(orjson.dumps(took).decode() + "\n")


if __name__ == "__main__":
    main()
