"""What the database itself enforces: the ledger balances and is append-only, and large tables are split by month."""

from typing import ClassVar

from django.db import migrations

MONTHS = """
-- The first UUIDv7 of a moment: 48 bits of milliseconds, and zeros below.
CREATE FUNCTION payments_uuid_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Guards that must stand on every partition too: a statement that names a partition passes the parent's by.
CREATE FUNCTION payments_guard_partition(part regclass, parent text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF parent IN ('payments_entry', 'payments_statechange') THEN
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %s FOR EACH STATEMENT '
                       'EXECUTE FUNCTION payments_refuse_change()', 'no_truncate', part);
    END IF;
    IF parent = 'payments_entry' THEN
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS added FOR EACH STATEMENT '
                       'EXECUTE FUNCTION payments_check_entries()', 'balanced_directly', part);
    END IF;
END $$;

-- The partition of one month, made when it is missing. A default partition catches what no month does.
CREATE FUNCTION payments_ensure_partition(parent text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := parent || '_' || to_char(month, 'YYYYMM');
    since timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    until timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(part) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, parent,
                       payments_uuid_floor(since), payments_uuid_floor(until));
        PERFORM payments_guard_partition(part::regclass, parent);
    END IF;
END $$;

CREATE FUNCTION payments_ensure_months(parent text, before int, ahead int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN -before..ahead LOOP
        PERFORM payments_ensure_partition(parent, (date_trunc('month', now() AT TIME ZONE 'UTC')
                                                   + make_interval(months => i))::date);
    END LOOP;
END $$;
"""

GUARDS = """
CREATE FUNCTION payments_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a mistake is corrected by a reversing row', TG_TABLE_NAME USING ERRCODE = '23514';
END $$;

-- After every INSERT of entries: zero-sum per transfer and currency, in the account's currency, and by the very
-- transaction that wrote the transfer, so that nothing is added to it later.
CREATE FUNCTION payments_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    SELECT transfer_id, currency, sum(amount_minor) AS off INTO bad
      FROM added GROUP BY transfer_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of transfer % sum to % %', bad.transfer_id, bad.off, bad.currency USING ERRCODE = '23514';
    END IF;
    SELECT e.id INTO bad FROM added e
      LEFT JOIN payments_account a ON a.id = e.account_id AND a.currency = e.currency
      LEFT JOIN payments_transfer t ON t.id = e.transfer_id AND t.xid = pg_current_xact_id()
     WHERE a.id IS NULL OR t.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % has another currency than its account, or comes after its transfer', bad.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

-- At the commit of every transfer: it has entries.
CREATE FUNCTION payments_check_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM payments_entry WHERE transfer_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'transfer % has fewer than two entries', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

PARTITION = """
ALTER TABLE {table} RENAME TO {table}_plain;
CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (id);
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT pg_get_indexdef(indexrelid) AS definition, indexrelid::regclass::text AS name, indisprimary
                   FROM pg_index WHERE indrelid = '{table}_plain'::regclass LOOP
        EXECUTE format('ALTER INDEX %s RENAME TO %I', found.name, left(found.name, 50) || '_plain');
        IF found.indisprimary THEN
            ALTER TABLE {table} ADD PRIMARY KEY (id);
        ELSE
            EXECUTE replace(found.definition, '{table}_plain', '{table}');
        END IF;
    END LOOP;
    FOR found IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
                  WHERE conrelid = '{table}_plain'::regclass AND contype = 'f' LOOP
        EXECUTE format('ALTER TABLE {table} ADD CONSTRAINT %I %s', found.conname, found.definition);
    END LOOP;
END $$;
DROP TABLE {table}_plain;
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payments_transfer
    FOR EACH ROW EXECUTE FUNCTION payments_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_change();
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON payments_transfer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_check_transfer();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payments_entry
    FOR EACH ROW EXECUTE FUNCTION payments_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_entry
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_change();
CREATE TRIGGER balanced AFTER INSERT ON payments_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION payments_check_entries();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payments_statechange
    FOR EACH ROW EXECUTE FUNCTION payments_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_statechange
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_change();
"""

TABLES = ("payments_entry", "payments_statechange", "payments_delivery")
START = "".join(
    f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;"
    f"SELECT payments_guard_partition('{table}_default'::regclass, '{table}');"
    f"SELECT payments_ensure_months('{table}', 2, 12);"
    for table in TABLES
)


class Migration(migrations.Migration):
    """Runs on empty tables only: it comes right after their creation."""

    dependencies: ClassVar = [("payments", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
        migrations.RunSQL(MONTHS, migrations.RunSQL.noop),
        *(migrations.RunSQL(PARTITION.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
        migrations.RunSQL(START, migrations.RunSQL.noop),
    ]
