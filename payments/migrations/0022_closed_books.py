"""Books that are closed take nothing more: what would fall into them is booked into the open period, and says so.

Safe while payments are taken: the columns are empty ones and rewrite nothing, the index is built beside the writers,
and every statement gives up after three seconds and can be run again.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# The numbers of the lock are those of payments/gateway/books.py.
KEEP_CLOSED = """
CREATE OR REPLACE FUNCTION payments_keep_closed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entity uuid;
    closed timestamptz;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger is written at READ COMMITTED: an older snapshot does not see what was closed since'
              USING ERRCODE = '23514';
    END IF;
    SELECT legal_entity_id INTO entity FROM payments_provideraccount WHERE code = NEW.place;
    -- held to the commit: whoever closes these books waits for us, and whoever comes after him sees that they are closed
    IF entity IS NULL THEN
        PERFORM pg_advisory_xact_lock_shared(1651470187, 0);
        SELECT max(closed_until) INTO closed FROM payments_legalentity;
    ELSE
        PERFORM pg_advisory_xact_lock_shared(1651470187, hashtext(entity::text));
        SELECT closed_until INTO closed FROM payments_legalentity WHERE id = entity;
    END IF;
    NEW.original_effective_at := NULL;
    IF NEW.effective_at < closed THEN
        NEW.original_effective_at := NEW.effective_at;
        NEW.effective_at := greatest(NEW.booked_at, closed);
    END IF;
    RETURN NEW;
END $$;
"""


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def added(model, name, field, definition):
    table = f"payments_{model}"
    return migrations.RunSQL(
        safely(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {definition}"),
        safely(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name}"),
        state_operations=[migrations.AddField(model, name, field)],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0021_settlement")]
    operations = [
        added("legalentity", "closed_until",
              models.DateTimeField(
                  blank=True, editable=False, help_text="Its books of before this moment take nothing more.", null=True),
              "timestamptz"),
        added("transfer", "place",
              models.CharField(help_text="The provider or bank account whose books it is in.", max_length=64, null=True),
              "varchar(64)"),
        added("transfer", "original_effective_at",
              models.DateTimeField(
                  help_text="When the money moved, where those books were closed: it stands in the open period.",
                  null=True),
              "timestamptz"),
        migrations.RunSQL(KEEP_CLOSED, "DROP FUNCTION payments_keep_closed()"),
        migrations.RunSQL(
            safely(
                "DROP TRIGGER IF EXISTS keeps_closed ON payments_transfer",
                "CREATE TRIGGER keeps_closed BEFORE INSERT ON payments_transfer"
                " FOR EACH ROW EXECUTE FUNCTION payments_keep_closed()",
            ),
            safely("DROP TRIGGER IF EXISTS keeps_closed ON payments_transfer"),
        ),
        AddIndexConcurrently(
            "transfer",
            BrinIndex("effective_at", name="ledger_transfer_effective", autosummarize=True, pages_per_range=16),
        ),
    ]
