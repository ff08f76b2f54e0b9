"""The ledger is sealed: blocks of hashes, which the database makes with its owner's rights and nobody else writes.

The table is new: nobody waits. The blocks of what was booked before are made by the job, some at a time.
"""

from typing import ClassVar

from django.db import migrations, models

import payments.kernel.records

NOW = models.Func(function="pg_current_xact_id")

SEAL = """
ALTER TABLE payments_seal ALTER COLUMN leaves SET STORAGE EXTERNAL;  -- hashes cannot be packed

-- Of each transfer of these transactions the SHA-256 over all that it and its entries say, as a JSON list. Moments are
-- microseconds, so that no time zone of a session changes them.
CREATE FUNCTION payments_seal_leaves(since xid8, until xid8) RETURNS TABLE (id uuid, xid xid8, leaf bytea)
LANGUAGE sql STABLE AS $$
    WITH sealed AS MATERIALIZED (SELECT * FROM payments_transfer t WHERE t.xid >= since AND t.xid < until),
         said AS (
        SELECT e.transfer_id, jsonb_agg(jsonb_build_array(
                   e.id, a.code, a.currency, e.amount_minor, e.currency,
                   (extract(epoch FROM e.booked_at) * 1000000)::bigint, e.xid::text) ORDER BY e.id) AS entries
          FROM payments_entry e LEFT JOIN payments_account a ON a.id = e.account_id
         WHERE e.transfer_id IN (SELECT sealed.id FROM sealed) GROUP BY e.transfer_id)
    SELECT t.id, t.xid, sha256('\\x00'::bytea || convert_to(jsonb_build_array(
               t.id, t.event, t.source_id, t.place, (extract(epoch FROM t.effective_at) * 1000000)::bigint,
               (extract(epoch FROM t.original_effective_at) * 1000000)::bigint,
               (extract(epoch FROM t.booked_at) * 1000000)::bigint, t.narrative, t.refs, t.xid::text,
               said.entries)::text, 'UTF8'))
      FROM sealed t LEFT JOIN said ON said.transfer_id = t.id
$$;

-- The root of the Merkle tree over these leaves; the last of an odd number goes up as it is.
CREATE FUNCTION payments_merkle(leaves bytea[]) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    WHILE cardinality(leaves) > 1 LOOP
        leaves := ARRAY(
            SELECT CASE count(*) WHEN 2 THEN sha256('\\x01'::bytea || string_agg(leaf, ''::bytea ORDER BY n))
                        ELSE (array_agg(leaf))[1] END
              FROM unnest(leaves) WITH ORDINALITY AS level (leaf, n)
             GROUP BY (n - 1) / 2 ORDER BY (n - 1) / 2);
    END LOOP;
    RETURN coalesce(leaves[1], sha256(''::bytea));
END $$;

CREATE FUNCTION payments_seal_hash(block payments_seal) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(decode(block.previous, 'hex') || decode(block.root, 'hex') || convert_to(jsonb_build_array(
        block.number, block.since_xid::text, block.until_xid::text, block.transfers, block.audit_sequence,
        block.audit_hash, (extract(epoch FROM block.sealed_at) * 1000000)::bigint)::text, 'UTF8')), 'hex')
$$;

-- The next block: what transactions that are over have booked, of about so many transfers; how many it has.
CREATE FUNCTION payments_seal_ledger(most bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    block payments_seal;
    first xid8;
    next xid8;
    hashes bytea[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('the seal of the ledger', 0));
    SELECT number + 1, until_xid, hash INTO block.number, block.since_xid, block.previous
      FROM payments_seal ORDER BY number DESC LIMIT 1;
    IF NOT FOUND THEN
        block.number := 1; block.since_xid := '0'; block.previous := '';
    END IF;
    block.until_xid := pg_snapshot_xmin(pg_current_snapshot());
    SELECT xid INTO first FROM payments_transfer WHERE xid >= block.since_xid AND xid < block.until_xid
     ORDER BY xid LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT xid INTO next FROM payments_transfer WHERE xid >= first AND xid < block.until_xid
     ORDER BY xid OFFSET most LIMIT 1;
    IF FOUND THEN  -- a transaction is of one block; the first one is in it, however large
        SELECT xid INTO next FROM payments_transfer
         WHERE xid >= greatest(next, (first::text::numeric + 1)::text::xid8) AND xid < block.until_xid
         ORDER BY xid LIMIT 1;
        block.until_xid := coalesce(next, block.until_xid);
    END IF;
    SELECT count(*), array_agg(leaf ORDER BY xid, id), string_agg(uuid_send(id) || leaf, ''::bytea ORDER BY xid, id)
      INTO block.transfers, hashes, block.leaves FROM payments_seal_leaves(block.since_xid, block.until_xid);
    SELECT sequence, hash INTO STRICT block.audit_sequence, block.audit_hash FROM payments_audithead;
    block.root := encode(payments_merkle(hashes), 'hex');
    block.sealed_at := at;
    block.hash := payments_seal_hash(block);
    INSERT INTO payments_seal SELECT block.*;
    RETURN block.transfers;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_seal_ledger(bigint, timestamptz) SET search_path = %I, pg_temp',
                   current_schema());
END $$;
"""
STAYS = "what was sealed stays as it was sealed"
GUARDS = f"""
CREATE TRIGGER append_only BEFORE UPDATE ON payments_seal
    FOR EACH ROW EXECUTE FUNCTION payments_refuse('{STAYS}');
CREATE TRIGGER never_deleted BEFORE DELETE ON payments_seal
    FOR EACH ROW EXECUTE FUNCTION payments_refuse('{STAYS}');
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_seal
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('{STAYS}');
"""
UNDO = """
DROP FUNCTION payments_seal_ledger(bigint, timestamptz); DROP FUNCTION payments_seal_hash(payments_seal);
DROP FUNCTION payments_merkle(bytea[]); DROP FUNCTION payments_seal_leaves(xid8, xid8);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("payments", "0047_newest_of_a_customer")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("number", models.BigIntegerField(help_text="From 1, without gaps.", primary_key=True, serialize=False)),
                ("since_xid", payments.kernel.records.TransactionId(db_default=NOW, editable=False)),
                ("until_xid", payments.kernel.records.TransactionId(db_default=NOW, editable=False)),
                ("transfers", models.BigIntegerField()),
                ("leaves", models.BinaryField()),
                ("root", models.CharField(max_length=64)),
                ("audit_sequence", models.BigIntegerField()),
                ("audit_hash", models.CharField(blank=True, max_length=64)),
                ("previous", models.CharField(blank=True, help_text="The hash of the block before it.", max_length=64)),
                ("hash", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(SEAL + GUARDS, UNDO),
    ]
