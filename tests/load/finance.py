"""How long finance waits for a very large day: reports, settlement that is loaded and matched, and the tie-out."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import django
import orjson
import psycopg

from tests.load import machine, rig

if TYPE_CHECKING:
    from payments.gateway.models import ProviderAccount
    from reporting.models import SettlementFile

ACCOUNT: Final = "adyen-eu"
ROWS: Final = 1_000_000
QUICK: Final = 20_000
TIMES: Final = 5
"""The larger report has so many times the rows of the smaller one."""
MANY_CAPTURES: Final = 1000
"""Payments that are captured again and again, for the rows that the larger report has more."""
PATIENCE: Final = 3600.0  # seconds for the whole of it

REST: Final = "UPDATE payments_job SET due_at = now() + interval '1 day' WHERE queue = 'finance' AND state = 'ready'"
"""What the timetable lets the worker do for finance is not measured, and does not come between."""

JOINED: Final = """
CREATE TABLE bench_joined AS
SELECT b.{line} AS line, c.id AS capture_id FROM bench_bare b
  JOIN payments_paymentattempt a ON a.account_id = '{account}' AND a.provider_reference = b.{reference}
  JOIN payments_capture c ON c.attempt_id = a.id
"""
GONE: Final = "DROP TABLE IF EXISTS bench_bare, bench_joined"
LIKE_LINES: Final = "CREATE TABLE bench_bare (LIKE reporting_settlementline INCLUDING ALL)"
LINES: Final = """
SELECT id, account_id, file_id, number, key, type, psp_type, occurred_at, gross_minor, gross_currency, settled_minor,
       currency, fee_minor, tax_minor, rate, payment_reference, movement_reference, our_reference, payout_reference,
       method, detail, 'matched' AS match, '' AS movement_id FROM reporting_settlementline ORDER BY number
"""
"""What a connector makes of a file, before anything is known of it."""


def measure(platform: rig.Rig, rows: int) -> dict[str, Any]:
    """One row, of a day with so many payments that one batch settles."""
    environment = {**platform.environment, "DATABASE_URL": platform.database, "COUNTINGHOUSE_ROLE": "shell"}
    load, workers = machine.load(), machine.families(platform.roots())["worker"]
    command = rig.module("tests.load.finance", str(rows), ",".join(map(str, workers)))
    ran = subprocess.run(command, cwd=rig.ROOT, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE)
    if ran.returncode:
        raise rig.RigError("finance was not measured; why stands above")
    return {"rows": rows, "load_before": load, **orjson.loads(ran.stdout.splitlines()[-1])}


def main() -> None:
    """Measure with the number of rows and the worker's processes of the command line; what was seen, as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from payments.gateway import accounts  # noqa: PLC0415  models need the settings
    from tests.load import filling  # noqa: PLC0415

    rows, workers = int(sys.argv[1]), [int(pid) for pid in sys.argv[2].split(",")]
    account = accounts.account(ACCOUNT)
    filling.run(REST)
    seen: dict[str, Any] = {}
    with _told(seen, "fill_seconds"):
        filling.pay(account, rows)
    seen["reports"] = [report("payments", workers)]
    with tempfile.TemporaryDirectory() as directory:
        batch = Path(directory) / "batch.csv"
        filling.batch(batch, accounts.secret(ACCOUNT, "MERCHANT_ACCOUNT")[0])
        seen["settlement"] = settlement(account, batch, rows + 1)
    seen["tie_out"] = tie_out(account)
    seen["reports"].append(report("fees", workers))
    with _told(seen, "fill_more_seconds"):
        filling.pay(account, MANY_CAPTURES, captures=(TIMES - 1) * rows // MANY_CAPTURES, word="MORE")
    seen["reports"].append(report("payments", workers))
    seen["load_after"] = machine.load()
    sys.stdout.write(orjson.dumps(seen).decode() + "\n")


# --- reports ---------------------------------------------------------------------------------------------------------


def report(name: str, workers: list[int]) -> dict[str, Any]:
    """A report that the worker writes, between two bare COPYs of its query that find the same rows in the same caches;
    and the worker's memory meanwhile."""
    from django.utils import timezone  # noqa: PLC0415

    from reporting.reports.base import Parameters  # noqa: PLC0415
    from reporting.reports.catalogue import REPORTS  # noqa: PLC0415
    from reporting.services import exports  # noqa: PLC0415

    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parameters = Parameters(interval_start=today - timedelta(days=1), interval_end=today + timedelta(days=1))
    cold = bare_copy(REPORTS[name], parameters)  # rows that nobody has read since they were written: not compared
    bare = [bare_copy(REPORTS[name], parameters)]
    idle = {pid: machine.rss_megabytes([pid]) for pid in workers}
    for pid in workers:
        machine.forget_peak(pid)
    run = exports.request(name, parameters, by="bench")
    while run.status not in ("ready", "failed"):
        time.sleep(0.1)
        run.refresh_from_db()
    if not run.tied or run.ready_at is None or run.started_at is None:
        raise SystemExit(f"the report is {run.status}: {run.error or run.manifest}")
    peak = max(machine.peak_megabytes(pid) - idle[pid] for pid in workers)
    bare.append(bare_copy(REPORTS[name], parameters))
    return {
        "report": name,
        "rows": run.rows,
        "megabytes": run.size / 1e6,
        "seconds": (run.ready_at - run.started_at).total_seconds(),
        "bare_cold_seconds": cold,
        "bare_seconds": bare,
        "ratio": sum(bare) / len(bare) / (run.ready_at - run.started_at).total_seconds(),
        "idle_mb": max(idle.values()),
        "above_idle_mb": peak,
    }


def bare_copy(asked: Any, parameters: Any) -> float:
    """Seconds in which psycopg receives what PostgreSQL answers to the COPY of a report, and writes it to a file."""
    from django.db import connection  # noqa: PLC0415

    from reporting.services import extraction  # noqa: PLC0415

    connection.ensure_connection()
    cursor = psycopg.ClientCursor(connection.connection)
    bound = extraction.bind(cursor, asked, parameters, ("0", "0"))
    began = time.monotonic()
    with tempfile.TemporaryFile() as file, connection.cursor():
        with cursor.copy(f"COPY ({asked.query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')", bound) as copy:
            for block in copy:
                file.write(block)
        file.flush()
    return time.monotonic() - began


# --- settlement ------------------------------------------------------------------------------------------------------


def settlement(account: "ProviderAccount", batch: Path, lines: int) -> dict[str, Any]:
    """The batch loaded and matched, with the postings of its fees apart; and bare COPY and JOIN of the same rows."""
    from reporting.models import SettlementLine  # noqa: PLC0415
    from reporting.services import loading  # noqa: PLC0415

    bare = bare_join(account, batch)
    file = _kept(account, batch)
    seen = Statements()
    with _told(seen.seconds, "load"), seen.watched():
        loading.load(file.pk)
    file.refresh_from_db()
    like = bare_lines(account, batch.with_name("lines.csv"))
    found = set(SettlementLine.objects.values_list("match", flat=True).distinct())
    if (file.lines, found) != (lines, {"matched", "booked"}):
        raise SystemExit(f"{file.status} {file.problem}: {file.lines} of {lines} lines were loaded and are {found}")
    return {
        "lines": lines,
        "megabytes": batch.stat().st_size / 1e6,
        **{f"{name}_seconds": seconds for name, seconds in {**bare, **like, **seen.seconds}.items()},
        "ratio": (seen.seconds["load"] - seen.seconds["post"]) / sum(like.values()),
        "ratio_of_texts": (seen.seconds["load"] - seen.seconds["post"]) / sum(bare.values()),
        "steps": seen.slowest(),
    }


def bare_join(account: "ProviderAccount", batch: Path) -> dict[str, float]:
    """The file's rows as they are, COPYed into a table of texts; and the capture of each, JOINed into another.

    Nothing is read, nothing proven, and no row could be found again.
    """
    from tests.load import filling  # noqa: PLC0415

    names = [f'"{name}"' for name in filling.HEADER.strip().split(",")]
    filling.run(GONE)
    filling.run(f"CREATE TABLE bench_bare ({' text, '.join(names)} text, line bigint GENERATED ALWAYS AS IDENTITY)")
    seen: dict[str, float] = {}
    with _told(seen, "copy"):
        _copy_in(f"bench_bare ({', '.join(names)})", batch)
    with _told(seen, "join"):
        filling.run(JOINED.format(account=account.pk.removeprefix("pa_"), line="line", reference='"Psp Reference"'))
    filling.run(GONE)
    return seen


def bare_lines(account: "ProviderAccount", written: Path) -> dict[str, float]:
    """Lines that somebody else has read, COPYed into a table as that of lines is: its columns, checks and indexes, no
    triggers; and the capture of each, JOINed into another table without any."""
    from django.db import connection  # noqa: PLC0415

    from tests.load import filling  # noqa: PLC0415

    said = f"COPY ({LINES}) TO STDOUT (FORMAT csv, HEADER)"
    with written.open("wb") as file, connection.cursor() as cursor, cursor.copy(said) as copy:
        for block in copy:
            file.write(block)
    names = written.open().readline()
    filling.run(GONE)
    filling.run(LIKE_LINES)
    seen: dict[str, float] = {}
    with _told(seen, "copy_lines"):
        _copy_in(f"bench_bare ({names})", written)
    with _told(seen, "join_lines"):
        filling.run(JOINED.format(account=account.pk.removeprefix("pa_"), line="id", reference="payment_reference"))
    filling.run(GONE)
    return seen


def _copy_in(into: str, file: Path) -> None:
    """A CSV file with a header, COPYed and committed."""
    from django.db import connection  # noqa: PLC0415

    taken = f"COPY {into} FROM STDIN (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, file.open("rb") as content, cursor.copy(taken) as copy:
        while block := content.read(1 << 20):
            copy.write(block)


def _kept(account: "ProviderAccount", batch: Path) -> "SettlementFile":
    """As a file stands that came, without the worker's knowing: it is loaded here."""
    import hashlib  # noqa: PLC0415

    from payments.kernel import ids, unit  # noqa: PLC0415
    from reporting.models import SettlementFile  # noqa: PLC0415
    from reporting.services import storing  # noqa: PLC0415

    content = batch.read_bytes()
    file = SettlementFile(
        id=ids.new("st"), account=account, kind="batch", reference="1", name=batch.name, source="fetched",
        size=len(content), sha256=hashlib.sha256(content).hexdigest(), file="settlements/bench",
    )  # fmt: skip
    with storing.draft("settlements", "bench") as draft:
        draft.raw.write(content)
        draft.close()
        draft.keep(file.file)
    with unit.work() as work:
        work.add(file)
    return file


class Statements:
    """Seconds by what they were for: statements that write or read the ledger's movements are its postings."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"post": 0.0}
        self._each: list[tuple[float, str]] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at each statement of this connection."""
        from django.db import connection  # noqa: PLC0415

        with connection.execute_wrapper(self._look):
            yield

    def slowest(self) -> dict[str, float]:
        """What took longest, by how it begins."""
        return {sql: seconds for seconds, sql in sorted(self._each, reverse=True)[:12]}

    def _look(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001  Django's
        began = time.monotonic()
        try:
            done = execute(sql, params, many, context)
            if "INSERT INTO payments_entry" in sql:  # what is checked at the commit belongs to them
                execute("SET CONSTRAINTS ALL IMMEDIATE", None, False, context)
                execute("SET CONSTRAINTS ALL DEFERRED", None, False, context)
            return done
        finally:
            took = time.monotonic() - began
            if "ledger_movement" in sql:
                self.seconds["post"] += took
            self._each.append((took, " ".join(sql.split())[:100]))


# --- tie-out ---------------------------------------------------------------------------------------------------------


def tie_out(account: "ProviderAccount") -> dict[str, Any]:
    """The comparison with the PSP, twice; everything has an explanation."""
    from reporting.services import tieout  # noqa: PLC0415

    seconds = []
    for _ in range(2):
        began = time.monotonic()
        rows = tieout.tie_out_all(account.pk)
        seconds.append(time.monotonic() - began)
        if not rows or any(row.unexplained_minor for row in rows):
            raise SystemExit(f"unexplained: {[(row.currency, row.unexplained_minor, row.parts) for row in rows]}")
    return {"seconds": seconds}


@contextmanager
def _told(seen: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seen[name] = time.monotonic() - began


if __name__ == "__main__":
    main()
