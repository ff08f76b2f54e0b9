"""How long a batch of a million lines takes to be loaded and matched, beside the bare COPY and JOIN of its lines."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import django
import orjson

from tests.load import flow, machine, rig

LINES, QUICK = 1_000_000, 50_000
SECONDS: Final = 1800.0
ACCOUNT: Final = "adyen-eu"
BATCH: Final = "1"

COPIES: Final = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE copies ON COMMIT DROP AS
    SELECT n, uuidv7() AS intent, uuidv7() AS attempt, c.id AS template, c.attempt_id, c.intent_id,
           (SELECT id FROM payments_provideraccount WHERE code = %(account)s) AS account_id
      FROM generate_series(1, %(count)s) n,
           (SELECT * FROM payments_capture WHERE status = 'succeeded' ORDER BY id DESC LIMIT 1) c;
INSERT INTO payments_paymentintent
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', intent, 'order_id', NULL))).*
      FROM copies JOIN payments_paymentintent i ON i.id = copies.intent_id;
INSERT INTO payments_paymentattempt
    SELECT (jsonb_populate_record(a, jsonb_build_object(
               'id', attempt, 'intent_id', intent, 'order_id', '', 'account_id', copies.account_id,
               'provider_reference', 'LOAD' || lpad(n::text, 12, '0')))).*
      FROM copies JOIN payments_paymentattempt a ON a.id = copies.attempt_id;
INSERT INTO payments_capture
    SELECT (jsonb_populate_record(c, jsonb_build_object('id', uuidv7(), 'attempt_id', attempt,
                                                        'intent_id', intent))).*
      FROM copies JOIN payments_capture c ON c.id = copies.template;
SELECT currency, amount_minor FROM payments_capture ORDER BY id DESC LIMIT 1
"""
"""Payments without an order, each a copy of one that was really made, as if the other PSP had taken them."""

BARE: Final = """
CREATE TABLE bare_lines (
    number int, key text, type text, psp_type text, occurred_at timestamptz, gross_minor bigint, gross_currency text,
    settled_minor bigint, currency text, fee_minor bigint, tax_minor bigint, rate numeric, payment_reference text,
    movement_reference text, our_reference text, payout_reference text, method text, detail text)"""

JOIN: Final = """
CREATE TABLE bare_matches AS
SELECT l.key, c.id, c.amount_minor = l.gross_minor AS same
  FROM bare_lines l
  JOIN payments_paymentattempt a ON a.account_id = (SELECT id FROM payments_provideraccount WHERE code = %(account)s)
   AND a.provider_reference = l.payment_reference
  JOIN payments_capture c ON c.attempt_id = a.id"""

HEADER: Final = (
    b"Merchant Account,Batch Number,Type,Psp Reference,Merchant Reference,Payment Method,Modification Reference,"
    b"Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),"
    b"Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Booking Date,Booking Date TimeZone\r\n"
)


def measure(platform: rig.Rig, lines: int = LINES) -> dict[str, Any]:
    """One row, in a process of its own beside the platform."""
    load = machine.load()
    flow.payments(platform, "settling", 1)
    environment = {**platform.environment, "DATABASE_URL": platform.database, "COUNTINGHOUSE_ROLE": "shell"}
    command = [*rig.module("tests.load.settling"), str(lines)]
    measured = subprocess.run(command, cwd=rig.ROOT, env=environment, capture_output=True, timeout=3600)
    if measured.returncode:
        raise rig.RigError(f"nothing was settled:\n{measured.stderr[-2000:].decode()}")
    worker = machine.families(platform.roots())["worker"]
    peak = max(machine.peak_megabytes([pid]) for pid in worker)
    return {**orjson.loads(measured.stdout.splitlines()[-1]), "peak_rss_mb": peak, "load_before": load}


def main() -> None:
    """Load and match a batch; what was measured, as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connection, transaction  # noqa: PLC0415  models need the settings

    lines = int(sys.argv[1])
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in COPIES.split(";\n"):
            cursor.execute(statement, {"count": lines, "account": ACCOUNT})
        currency, amount = cursor.fetchall()[0]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "batch.csv"
        with file.open("wb") as sink:
            sink.writelines(_file(lines, currency, amount))
        sys.stdout.write(orjson.dumps(_measured(file, lines)).decode() + "\n")


def _file(lines: int, currency: str, amount: int) -> Iterator[bytes]:
    """A settlement detail report: each payment with its fees, and the payout of what is left."""
    from payments.gateway import accounts  # noqa: PLC0415  models need the settings

    ours = accounts.secret(ACCOUNT, "MERCHANT_ACCOUNT")[0]
    gross, net, left = (f"{minor / 100:.2f}" for minor in (amount, amount - 30, (amount - 30) * lines))
    yield HEADER
    for number in range(1, lines + 1):
        yield (
            f"{ours},{BATCH},Settled,LOAD{number:012},,visa,MODI{number:012},{currency},,{gross},1,{currency},,{net},,"
            f"0.15,0.05,0.10,2026-11-02 12:00:00,UTC\r\n"
        ).encode()
    yield (
        f"{ours},{BATCH},MerchantPayout,,,,TX1XT batch {BATCH} {ours},,,,,{currency},{left},,,,,,"
        "2026-11-03 00:00:00,UTC\r\n"
    ).encode()


def _measured(file: Path, lines: int) -> dict[str, Any]:
    from reporting.models import SettlementLine  # noqa: PLC0415
    from reporting.services import settlements  # noqa: PLC0415

    bare = _bare(file)
    with file.open("rb") as content:
        kept, store = timed(lambda: settlements.upload(ACCOUNT, "batch.csv", content, by="bench"))
    row = kept.file
    _, load = timed(lambda: _until(row, lambda: row.status != "stored"))
    if (row.status, row.lines) != ("loaded", lines + 1):
        raise SystemExit(f"{row.status}: {row.lines} lines are loaded: {row.problem}")
    _, match = timed(lambda: _until(row, lambda: row.matched_at is not None))
    if (matched := SettlementLine.objects.filter(file=row, match="matched").count()) != lines:
        raise SystemExit(f"{matched} lines are matched")
    return {
        "lines": lines,
        "megabytes": row.size / 1e6,
        **bare,
        "store_seconds": store,
        "load_seconds": load,
        "match_seconds": match,
        "ratio": (load + match) / (bare["copy_seconds"] + bare["join_seconds"]),
    }


def _until(row: Any, done: Callable[[], bool]) -> None:
    """The worker has done it."""
    deadline = time.monotonic() + SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"after {SECONDS:.0f} s the file is {row.status}, with {row.lines} lines")
        time.sleep(0.05)
        row.refresh_from_db()


def _bare(file: Path) -> dict[str, float]:
    """The same lines by COPY into a table without an index, and their join with captures into another."""
    from django.db import connection  # noqa: PLC0415

    from payments.gateway import accounts, settlements  # noqa: PLC0415
    from reporting.services import staging  # noqa: PLC0415

    account = accounts.account(ACCOUNT)
    with tempfile.TemporaryFile() as unnamed, file.open("rb") as content, connection.cursor() as cursor:
        announced = settlements.identify(account, "", content)
        content.seek(0)
        spooled = cast(BinaryIO, unnamed)
        _, read = timed(lambda: staging.spool(settlements.read(account, announced, content), spooled, lambda _: None))
        cursor.execute(BARE)
        spooled.seek(0)

        def copied() -> None:
            with cursor.copy(staging.COPY.replace("settlement_staging", "bare_lines")) as copy:
                while block := spooled.read(staging.BLOCK):
                    copy.write(block)

        _, copy_seconds = timed(copied)
        cursor.execute("ANALYZE bare_lines")
        _, join_seconds = timed(lambda: cursor.execute(JOIN, {"account": ACCOUNT}))
        cursor.execute("DROP TABLE bare_lines, bare_matches")
    return {"read_seconds": read, "copy_seconds": copy_seconds, "join_seconds": join_seconds}


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """What it came to, and after how many seconds."""
    began = time.monotonic()
    return act(), time.monotonic() - began


if __name__ == "__main__":
    main()
