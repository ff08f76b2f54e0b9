"""How long staff wait for a page with ten million payments behind it: search, lists, cockpit, home, dashboards.

Each request is made twice: over HTTP to the web server as `make up` starts it, for how long it takes and what processor
time it costs; and by Django's client in a process of its own, where queries can be counted and timed.
"""

import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import django
import orjson

from tests.load import driver, flow, machine, rig

if TYPE_CHECKING:
    from tests.load.questions import Kind

PAYMENTS: Final = 10_000_000
EACH: Final = 20
"""So many requests of each kind, all different where there is a choice."""
QUICK: Final = 100_000
PATIENCE: Final = 4 * 3600.0
AIMS: Final = {"search": 300, "lists": 150, "cockpit": 200, "dashboards": 300, "home": 200}
"""Milliseconds that 95 of 100 requests may take."""
FILLED: Final = 0.9
"""A database that was kept and has so large a part of the payments is asked as it is."""
ASKED: Final = ("web", "postgres")
"""Programs whose processor time a page costs."""
HELD: Final = "SELECT reltuples::bigint FROM pg_class WHERE relname = 'payments_paymentintent'"
"""How many payments there are, as the planner reckons."""
EASY: Final = 1.0
"""Seconds of processor time in ten."""
FIRST: Final = {"paid": "pm_card_visa", "refunded": "pm_card_visa", "declined": "pm_card_visa_chargeDeclined",
                "disputed": "pm_card_createDispute"}  # fmt: skip
"""What the platform makes itself, and of what; the shop's other payments are copies."""


def measure(platform: rig.Rig, payments: int, each: int = EACH) -> dict[str, Any]:
    """One row: the shop is filled, and asked `each` requests of every kind."""
    load = machine.load()
    plan: dict[str, Any] = {"payments": payments, "port": platform.port, "each": each}
    if platform.query(HELD)[0][0] < payments * FILLED:
        plan["first"] = _first(platform)
    else:
        _let_it_wake(platform)
    environment = {**platform.environment, "DATABASE_URL": platform.database, "COUNTINGHOUSE_ROLE": "shell"}
    plan["roots"] = {name: pid for name, pid in platform.roots().items() if name in ASKED}
    ran = subprocess.run(
        rig.module("tests.load.office"), cwd=rig.ROOT, env=environment, input=orjson.dumps(plan),
        stdout=subprocess.PIPE, timeout=PATIENCE,
    )  # fmt: skip
    if ran.returncode:
        raise rig.RigError("the back office was not measured; why stands above")
    return {"payments": payments, "load_before": load, **orjson.loads(ran.stdout.splitlines()[-1])}


def _let_it_wake(platform: rig.Rig) -> None:
    """A shop that has stood still for a day has much that is due: until that is done, or three minutes."""
    for _ in range(18):
        before = platform.cpu()["worker"]
        time.sleep(10)
        if platform.cpu()["worker"] - before < EASY:
            return


def _first(platform: rig.Rig) -> dict[str, str]:
    """A payment of each fate, as shops make them."""
    made = {name: _pay(platform, f"first-{name}", token) for name, token in FIRST.items()}
    _ask(platform, "/v1/refunds", {"payment_intent": made["refunded"], "reason": "goodwill"}, "first-refund")
    flow.wait_until_quiet(platform)
    return made


def _pay(platform: rig.Rig, name: str, token: str) -> str:
    order = _ask(platform, "/v1/orders", driver.order(name), f"{name}-order")
    intent = _ask(platform, "/v1/payment_intents", {"order": order["id"]}, f"{name}-intent")
    card = {"payment_method": {**driver.CARD["payment_method"], "token": token}}
    _ask(platform, f"/v1/payment_intents/{intent['id']}/confirm", card, f"{name}-confirm")
    return str(intent["id"])


def _ask(platform: rig.Rig, path: str, body: Mapping[str, Any], key: str) -> Any:
    head = {"authorization": f"Bearer {platform.key}", "idempotency-key": key}
    return rig.ask(f"http://127.0.0.1:{platform.port}", "POST", path, body, head)


# --- in a process of its own -----------------------------------------------------------------------------------------


def main() -> None:
    """Fill the shop as the plan on standard input says, ask it, and say what was seen, as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.load import dashboards, shop  # noqa: PLC0415  models need the settings

    plan = orjson.loads(sys.stdin.buffer.read())
    seen: dict[str, Any] = {}
    began = time.monotonic()
    if "first" in plan:
        shop.fill(plan["payments"], shop.First(**plan["first"]))
        seen["fill_seconds"] = time.monotonic() - began
        seen["sums"] = dashboards.fill()
    seen |= asked(plan["port"], plan["roots"], each=plan["each"])
    sys.stdout.write(orjson.dumps(seen).decode() + "\n")


def asked(port: int, roots: Mapping[str, int], groups: Sequence[str] = tuple(AIMS), each: int = EACH) -> dict[str, Any]:
    """Every question, to the web server on this port and within: what each kind of request takes."""
    from django.conf import settings  # noqa: PLC0415

    from tests.load import questions  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["testserver"]
    kinds = [kind for kind in questions.all_of_them(each) if kind.group in groups]
    browsers = {role: _signed_in(role) for role in {kind.role for kind in kinds}}
    seen: dict[str, dict[str, Any]] = {}
    load = machine.load()
    with machine.Yardstick() as yardstick:
        for kind in kinds:
            seen.setdefault(kind.group, {})[kind.name] = _of(kind, browsers[kind.role], port, roots)
    kinds_seen = {group: _together(rows) for group, rows in seen.items()}
    size_bytes, rows = _size()
    return {
        "groups": kinds_seen, "kinds": {g: {n: _told(r) for n, r in rows.items()} for g, rows in seen.items()},
        "database_gb": size_bytes / 1e9, "intents": rows, "yardstick_ms": yardstick.milliseconds,
        "load_asking": load, "load_after": machine.load(),
    }  # fmt: skip


def _size() -> tuple[int, int]:
    """Bytes of the database, and how many payments are in it as the planner reckons."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_database_size(current_database()), ({HELD})")
        size, rows = cursor.fetchone()
        return int(size), int(rows)


def _signed_in(role: str) -> Any:
    """The browser of somebody of a role who has just signed in."""
    from django.contrib.auth.models import Group, User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from payments.admin import fresh  # noqa: PLC0415

    call_command("roles", verbosity=0)
    user, _ = User.objects.get_or_create(username=f"bench-{role}", defaults={"is_staff": True})
    user.groups.set(Group.objects.filter(name=role))
    browser = Client()
    browser.force_login(user)
    session = browser.session
    fresh.mark(session)
    session.save()
    return browser


def _of(kind: "Kind", browser: Any, port: int, roots: Mapping[str, int]) -> dict[str, Any]:
    from django.conf import settings  # noqa: PLC0415

    cookie = {"cookie": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    _over_http(connection, kind.addresses[0], cookie)
    before = _cpu(roots)
    took = [_over_http(connection, address, cookie) for address in kind.addresses]  # first: nobody has read it yet
    used = {name: 1000 * (now - before[name]) / len(took) for name, now in _cpu(roots).items()}
    connection.close()
    return {"ms": took, "within": [_within(browser, address) for address in kind.addresses], "cpu": used}


def _over_http(connection: http.client.HTTPConnection, address: str, headers: Mapping[str, str]) -> float:
    began = time.perf_counter()
    connection.request("GET", address, headers=dict(headers))
    answer = connection.getresponse()
    answer.read()
    took = (time.perf_counter() - began) * 1000
    to = answer.getheader("Location", "")
    if answer.status not in (200, 302) or "login" in to:
        raise SystemExit(f"{address} was answered {answer.status} {to}")
    return took


def _within(browser: Any, address: str) -> tuple[float, int, float]:
    """Milliseconds of a request in this process, its queries, and milliseconds that they took."""
    with _counted() as queries:
        began = time.perf_counter()
        answer = browser.get(address)
        took = (time.perf_counter() - began) * 1000
    if answer.status_code not in (200, 302):
        raise SystemExit(f"{address} was answered {answer.status_code}")
    return took, len(queries), sum(queries) * 1000


@contextmanager
def _counted() -> Iterator[list[float]]:
    """The seconds of every query that is made meanwhile."""
    from django.db import connection  # noqa: PLC0415

    took: list[float] = []

    def timed(execute: Any, *of: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*of)
        finally:
            took.append(time.perf_counter() - began)

    with connection.execute_wrapper(timed):
        yield took


def _cpu(roots: Mapping[str, int]) -> dict[str, float]:
    return {name: machine.cpu_seconds(pids) for name, pids in machine.families(roots).items()}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """What one kind of request takes: milliseconds over HTTP, queries and their time, processor time of a request."""
    took, queries, database = zip(*row["within"], strict=True)
    cuts = statistics.quantiles(row["ms"], n=20, method="inclusive")
    return {
        "p50": cuts[9], "p95": cuts[18], "max": max(row["ms"]), "queries": max(queries),
        "database_ms": statistics.median(database), "within_ms": statistics.median(took), "cpu_ms": row["cpu"],
        "requests": len(row["ms"]),
    }  # fmt: skip


def _together(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same of all kinds of a group."""
    times = [one for row in rows.values() for one in row["ms"]]
    cpu = {name: statistics.mean(row["cpu"][name] for row in rows.values()) for name in ASKED}
    return _told({"ms": times, "within": [one for row in rows.values() for one in row["within"]], "cpu": cpu})


if __name__ == "__main__":
    main()
