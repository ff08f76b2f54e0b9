"""The seal of the ledger: blocks of all that was booked, each hashed with the one before it and with the audit log."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import orjson
import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import connection, transaction

from payments.kernel import clock, invariants, jobs
from payments.ledger.models import Seal

log = structlog.get_logger(__name__)

MOST: Final = 20_000
"""Transfers of one block; more only where one transaction has booked more."""
BLOCKS: Final = 20
"""Blocks of one turn of the job."""
ANCHORS: Final = "anchors"
"""The directory of the newest block's number and hash, hour by hour: in the bucket, which keeps what it has."""

_PATIENCE: Final = "SELECT set_config('statement_timeout', '15min', true)"


@jobs.job("seal_ledger", jobs.Queue.UPKEEP, lease=timedelta(minutes=20), every=timedelta(minutes=1))
def seal_ledger() -> None:
    """Seal what was booked since the last block; while there is more, at once again."""
    for _ in range(BLOCKS):
        if not seal():
            return
    raise jobs.Retry(timedelta(0), "there is more to seal")


@jobs.job("anchor_ledger", jobs.Queue.UPKEEP, every=timedelta(hours=1))
def anchor_ledger() -> None:
    """Write the newest block down outside of the database."""
    anchor()


def seal(most: int = MOST) -> int:
    """Put into a block what was booked by transactions that are over and is in none yet; how many transfers it has.

    What a transaction books that still runs, and all that was booked after it began, waits: blocks go by transactions,
    not by clocks, so that nothing is passed over that is committed late. Nothing new makes no block.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute("SELECT payments_seal_ledger(%s, %s)", [most, clock.now()])
        return int(cursor.fetchone()[0])


def newest() -> Seal | None:
    """The last block; None while there is none."""
    return Seal.objects.order_by("-number").first()


def holds(number: int, noted: str) -> bool:
    """Whether the block of this number still has the hash that was noted."""
    return Seal.objects.filter(number=number, hash=noted).exists()


def anchor() -> None:
    """Write the newest block's number and hash into a file and into the platform's log, once each."""
    block = newest()
    if block is None:
        return
    name, place = f"{ANCHORS}/ledger-{block.number:012}.json", _place()
    if not place.exists(name):
        said = {"block": block.number, "hash": block.hash, "sealed_at": block.sealed_at.isoformat()}
        place.save(name, ContentFile(orjson.dumps(said) + b"\n"))
    log.info("ledger_anchor", block=block.number, hash=block.hash)


def torn() -> Iterator[str]:
    """What anchors say of blocks that are gone or are others now, in words: whoever owns the database did that."""
    place = _place()
    names = place.listdir(ANCHORS)[1] if place.exists(ANCHORS) or settings.FILES_BUCKET else []
    for name in sorted(name for name in names if name.startswith("ledger-")):
        with place.open(f"{ANCHORS}/{name}", "rb") as file:
            said = orjson.loads(file.read())
        if not holds(said["block"], said["hash"]):
            yield f"block {said['block']}, anchored as sealed at {said['sealed_at']}, is gone or another one"


def _place() -> Storage:
    """Where files are kept that every process of the installation finds."""
    return storages["files"] if settings.FILES_BUCKET else FileSystemStorage(settings.RUN_DIR)


invariants.declare(
    17,
    "ledger_seal",
    "What was booked is as it was sealed: no transfer or entry is changed, missing or written in between, and blocks"
    " follow one another and the audit log",
    """WITH block AS (
            SELECT s.*, payments_seal_hash(s) AS found, coalesce(lag(number) OVER numbered, 0) AS before,
                   coalesce(lag(hash) OVER numbered, '') AS link, coalesce(lag(until_xid) OVER numbered, '0') AS ended
              FROM payments_seal s WINDOW numbered AS (ORDER BY number)),
            leaf AS MATERIALIZED (
            SELECT b.number, encode(substring(b.leaves FROM n * 48 + 1 FOR 16), 'hex')::uuid AS id,
                   substring(b.leaves FROM n * 48 + 17 FOR 32) AS leaf, n
              FROM payments_seal b, generate_series(0, octet_length(b.leaves) / 48 - 1) AS n),
            booked AS MATERIALIZED (
            SELECT * FROM payments_seal_leaves('0', coalesce((SELECT max(until_xid) FROM payments_seal), '0'))),
            bad AS (
            SELECT coalesce(leaf.number, block.number) AS number, coalesce(leaf.n, 0) AS place,
                   'tr_' || replace(coalesce(leaf.id, booked.id)::text, '-', '') AS subject,
                   CASE WHEN booked.id IS NULL THEN 'is missing: block ' || leaf.number || ' has sealed it'
                        WHEN leaf.id IS NULL THEN 'was written in between: block ' || block.number || ' lacks it'
                        ELSE 'was changed, or its entries were, after block ' || leaf.number || ' had sealed it'
                        END AS why
              FROM leaf FULL JOIN booked ON booked.id = leaf.id
              LEFT JOIN payments_seal block ON booked.xid >= block.since_xid AND booked.xid < block.until_xid
             WHERE booked.leaf IS DISTINCT FROM leaf.leaf
             UNION ALL
            SELECT number, 0, 'block ' || number, 'was changed: its hash is another' FROM block WHERE hash <> found
             UNION ALL
            SELECT number, 0, 'block ' || number, 'has other leaves than those that were hashed' FROM block
             WHERE root <> encode(payments_merkle((SELECT array_agg(leaf.leaf ORDER BY leaf.n) FROM leaf
                                                    WHERE leaf.number = block.number)), 'hex')
             UNION ALL
            SELECT number, 0, 'block ' || number, 'does not follow block ' || number - 1 FROM block
             WHERE (number, previous, since_xid) IS DISTINCT FROM (before + 1, link, ended)
             UNION ALL
            SELECT number, 0, 'block ' || number,
                   'was sealed with event ' || audit_sequence || ' of the audit log, which is another one now'
              FROM block WHERE audit_sequence > 0 AND NOT EXISTS (
                   SELECT FROM payments_auditevent e WHERE e.sequence = audit_sequence AND e.hash = audit_hash))
       SELECT subject, why FROM bad ORDER BY number, place""",
    "SELECT coalesce(sum(octet_length(leaves)), 0) / 48 FROM payments_seal",
)
