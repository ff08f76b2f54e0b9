"""The floor: one payment's bare SQL by pgbench, on the same PostgreSQL, and how many statements that payment sends."""

import re
import subprocess
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import psycopg

from config import embedded
from tests.load import bare, flow, machine, rig

DATABASE: Final = "floor"
SECONDS, QUICK_SECONDS = 20, 8
ENOUGH: Final = 1000  # payments of the other rows from which the long run is made
CALLS: Final = ("order", "intent", "confirm", "notifications", "jobs")

Recording = list[list[dict[str, Any]]]


def record(platform: rig.Rig) -> Recording:
    """What two payments send, recorded in a fresh database of the same server."""
    address = _address(platform)
    with psycopg.connect(platform.database, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    environment = {**platform.environment, "DATABASE_URL": address, "COUNTINGHOUSE_ROLE": "shell"}
    path, command = platform.run_dir / "payments.json", rig.module("tests.load.capture")
    recorded = subprocess.run([*command, str(path)], cwd=rig.ROOT, env=environment, capture_output=True, timeout=180)
    if recorded.returncode:
        told = recorded.stdout[-2000:] + recorded.stderr[-1000:]
        raise rig.RigError(f"no payment was recorded:\n{told.decode()}")
    payments: Recording = orjson.loads(path.read_bytes())
    return payments


def statements(recording: Recording) -> dict[str, dict[str, int]]:
    """By call: what the second payment sent, and how often it was committed."""
    return {call: _counted([each for each in recording[1] if each["call"] == call]) for call in CALLS}


def _counted(sent: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    alone = [each for each in sent if each["transaction"] is None and bare.matters(each)]
    return {
        "statements": len(sent),
        "commits": len(alone) + len({each["transaction"] for each in sent if each["transaction"] is not None}),
    }


def measure(platform: rig.Rig, recording: Recording, payments: int) -> dict[str, Any]:
    """One row: payments a second of pgbench with 16 clients and prepared statements."""
    script = bare.Script()
    path = platform.run_dir / "payment.sql"
    try:
        path.write_text(script.of(*recording))
    except bare.Unlike as reason:
        raise rig.RigError(f"no script could be made of the payments: {reason}") from reason
    seconds = SECONDS if payments >= ENOUGH else QUICK_SECONDS
    load, used, before = machine.load(), platform.cpu()["postgres"], _succeeded(platform)
    told = _pgbench(platform, script, seconds, str(path))
    done = int(_number(r"transactions actually processed: (\d+)", told))
    if _succeeded(platform) - before != done or not done:
        raise rig.RigError(f"the bare SQL of {done} payments made {_succeeded(platform) - before}:\n{told}")
    return {
        "payments_per_second": _number(r"tps = ([\d.]+)", told),
        "payments": done,
        "clients": flow.CLIENTS,
        "statements": sum(map(bare.matters, recording[0])),
        "commits": _counted(list(filter(bare.matters, recording[0])))["commits"],
        "cpu_ms_per_payment": {"postgres": 1000 * (platform.cpu()["postgres"] - used) / done},
        "load_before": load,
    }


def _pgbench(platform: rig.Rig, script: bare.Script, seconds: int, path: str) -> str:
    binary = embedded.Postgres(platform.run_dir / "postgres").binaries / "pgbench"
    address = psycopg.conninfo.conninfo_to_dict(_address(platform))
    command = [str(binary), "-n", "-M", "prepared", "-c", str(flow.CLIENTS), "-j", "2", "-T", str(seconds), "-f", path]
    command += [f"-D{name}={text}" for text, name in script.constants.items()]
    command += ["-h", str(address["host"]), "-p", str(address["port"]), "-U", str(address["user"]), DATABASE]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if ran.returncode:
        raise rig.RigError(f"pgbench failed:\n{ran.stderr[-2000:]}")
    return ran.stdout


def _address(platform: rig.Rig) -> str:
    parts = urllib.parse.urlsplit(platform.database)
    return parts._replace(path=f"/{DATABASE}").geturl()


def _succeeded(platform: rig.Rig) -> int:
    with psycopg.connect(_address(platform), autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM payments_paymentintent WHERE status = 'succeeded'").fetchone()
    return int(found[0]) if found else 0


def _number(pattern: str, told: str) -> float:
    found = re.search(pattern, told)
    if found is None:
        raise rig.RigError(f"pgbench did not say {pattern}:\n{told}")
    return float(found[1])
