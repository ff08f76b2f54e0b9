"""How long a file of refunds takes to be read and checked, and how fast its rows become refunds that were sent."""

import os
import subprocess
import sys
import time
from typing import Any, Final

import django
import orjson

from tests.load import flow, machine, rig

CHECKED: Final = 10_000
REFUNDED: Final = 400
DRAIN_SECONDS: Final = 600.0

COPIES: Final = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE copies ON COMMIT DROP AS
    SELECT n, gen_random_uuid() AS intent, gen_random_uuid() AS attempt, c.id AS template, c.attempt_id, c.intent_id
      FROM generate_series(1, %(count)s) n,
           (SELECT * FROM payments_capture WHERE status = 'succeeded' ORDER BY id DESC LIMIT 1) c;
INSERT INTO payments_paymentintent
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', intent, 'order_id', NULL))).*
      FROM copies JOIN payments_paymentintent i ON i.id = copies.intent_id;
INSERT INTO payments_paymentattempt
    SELECT (jsonb_populate_record(a, jsonb_build_object('id', attempt, 'intent_id', intent, 'order_id', '',
                                                        'provider_reference', 'pi_copy' || n))).*
      FROM copies JOIN payments_paymentattempt a ON a.id = copies.attempt_id;
INSERT INTO payments_capture
    SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), 'attempt_id', attempt,
                                                        'intent_id', intent))).*
      FROM copies JOIN payments_capture c ON c.id = copies.template
    RETURNING 'pi_' || replace(intent_id::text, '-', '')
"""
"""Payments without an order, each a copy of one that was really made; they are checked and never refunded."""

REAL: Final = """
    SELECT 'pi_' || replace(id::text, '-', '') FROM payments_paymentintent
     WHERE amount_captured_minor > 0 AND amount_refunded_minor + amount_refunding_minor = 0 AND order_id IS NOT NULL
     ORDER BY id DESC LIMIT %s
"""
SENT: Final = """
    SELECT count(*) FILTER (WHERE sent_at IS NOT NULL), count(*) FILTER (WHERE settled_at IS NOT NULL),
           extract(epoch FROM max(settled_at))::float8, extract(epoch FROM min(created_at))::float8
      FROM refunds_refund WHERE origin = 'bulk'
"""
HURRY: Final = "UPDATE payments_job SET due_at = now() WHERE name = 'run_refund_batch' RETURNING id"
"""The minute in which it could be called back is over."""


def measure(platform: rig.Rig) -> dict[str, Any]:
    """One row: the check of a large file by itself; then the worker refunds a smaller one, and a single refund too."""
    load = machine.load()
    flow.payments(platform, "bulk", REFUNDED + 1)
    checked = _in_a_process_of_its_own(platform)
    [(single,)] = platform.query(REAL, [1])
    platform.query(HURRY)
    _until(platform, settled=REFUNDED // 4)
    waited = _single(platform, single)
    _until(platform, settled=REFUNDED)
    [(_, _, last, first)] = platform.query(SENT)
    return {
        **checked,
        "refunded": REFUNDED,
        "refunds_per_second": REFUNDED / (last - first),
        "single_refund_seconds": waited,
        "load_before": load,
    }


def _until(platform: rig.Rig, *, settled: int) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while platform.query(SENT)[0][1] < settled:
        if time.monotonic() > deadline:
            raise rig.RigError(f"after {DRAIN_SECONDS:.0f} s refunds of the batch are left: {platform.query(SENT)}")
        time.sleep(0.1)


def _single(platform: rig.Rig, intent: str) -> float:
    """Seconds from asking for a refund of somebody else to the PSP's answer, while the batch runs."""
    began = time.monotonic()
    made = rig.ask(
        f"http://127.0.0.1:{platform.port}",
        "POST",
        "/v1/refunds",
        {"payment_intent": intent, "reason": "goodwill"},
        {"authorization": f"Bearer {platform.key}", "idempotency-key": "single"},
    )
    answered = "SELECT settled_at IS NOT NULL FROM refunds_refund WHERE id = %s::uuid"
    while not platform.query(answered, [made["id"].removeprefix("re_")])[0][0]:
        if time.monotonic() - began > DRAIN_SECONDS:
            raise rig.RigError("a single refund is not sent while a batch runs")
        time.sleep(0.02)
    return time.monotonic() - began


def _in_a_process_of_its_own(platform: rig.Rig) -> dict[str, Any]:
    environment = {**platform.environment, "DATABASE_URL": platform.database, "COUNTINGHOUSE_ROLE": "shell"}
    command = rig.module("tests.load.bulk")
    measured = subprocess.run(command, cwd=rig.ROOT, env=environment, capture_output=True, timeout=600)
    if measured.returncode:
        raise rig.RigError(f"nothing was checked:\n{measured.stderr[-2000:].decode()}")
    return dict(orjson.loads(measured.stdout.splitlines()[-1]))


def main() -> None:
    """Check a large file, and have a smaller one approved; what was measured, as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connection, transaction  # noqa: PLC0415  models need the settings

    with transaction.atomic(), connection.cursor() as cursor:
        for statement in COPIES.split(";\n"):
            cursor.execute(statement, {"count": CHECKED})
        copies = [name for (name,) in cursor.fetchall()]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(REAL, [REFUNDED + 1])
        real = [name for (name,) in cursor.fetchall()][1:]  # the newest is refunded by itself
    sys.stdout.write(orjson.dumps(_measured(copies, real)).decode() + "\n")


def _measured(copies: list[str], real: list[str]) -> dict[str, Any]:
    from django.contrib.auth.models import Group, User  # noqa: PLC0415  models need the settings
    from django.core.management import call_command  # noqa: PLC0415

    from refunds import selectors  # noqa: PLC0415
    from refunds.services import bulk, bulk_check  # noqa: PLC0415

    content = _file(copies)
    began = time.monotonic()
    large = bulk.upload(content, "large.csv", by="staff maker")
    uploaded = time.monotonic()
    bulk_check.check(large.pk)
    checked = time.monotonic()
    large.refresh_from_db()
    if large.fitting != len(copies):
        raise SystemExit(f"{large.fitting} of {len(copies)} rows fit")
    bulk.cancel(large.pk, because="measured", by="staff maker")
    call_command("roles", verbosity=0)
    lead = User.objects.create_user("checker", is_staff=True)
    lead.groups.set(Group.objects.filter(name="support_lead"))
    small = bulk.upload(_file(real), "small.csv", by="staff maker")
    bulk_check.check(small.pk)
    bulk.ask(small.pk, by="staff maker")
    bulk.approve(small.pk, selectors.person(lead))
    return {
        "rows": len(copies),
        "kilobytes": len(content) // 1000,
        "upload_seconds": uploaded - began,
        "check_seconds": checked - uploaded,
    }


def _file(payments: list[str]) -> bytes:
    return "\r\n".join(["id,amount,reason", *(f"{one},all,goodwill" for one in payments), ""]).encode()


if __name__ == "__main__":
    main()
