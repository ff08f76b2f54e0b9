"""Events stay as they were told, but for what clients wrote about somebody who was erased: that may be emptied.

Safe while payments are taken: a trigger takes the place of another in one short transaction.
"""

from django.db import migrations

SHORT_WAIT = "SET LOCAL lock_timeout = '3s';"
STAYS = "id client_id type object_id sequence created_at xid"
TOLD = "data previous"
SENTENCE = "an event stays as it was told: only its dispatch is noted"

FORGOTTEN = """
CREATE OR REPLACE FUNCTION payments_forgotten(told jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(told) <> 'object' THEN told ELSE
        told || CASE WHEN told ? 'metadata' THEN '{"metadata": {}}'::jsonb ELSE '{}'::jsonb END
             || CASE WHEN told ? 'description' THEN '{"description": null}'::jsonb ELSE '{}'::jsonb END
             || CASE WHEN jsonb_typeof(told -> 'evidence') = 'object'
                     THEN jsonb_build_object('evidence', told -> 'evidence' || '{"texts": {}, "files": []}')
                     ELSE '{}'::jsonb END
             || CASE WHEN told ? 'note' THEN '{"note": null}'::jsonb ELSE '{}'::jsonb END END
$$;
"""

FORGET = """
CREATE OR REPLACE FUNCTION payments_forget_events(about text[]) RETURNS void LANGUAGE sql AS $$
    UPDATE payments_event SET data = payments_forgotten(data), previous = payments_forgotten(previous)
     WHERE object_id = ANY(about)
       AND (data, previous) IS DISTINCT FROM (payments_forgotten(data), payments_forgotten(previous));
$$;
REVOKE EXECUTE ON FUNCTION payments_forget_events(text[]) FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_forget_events(text[]) SECURITY DEFINER SET search_path = %I, pg_temp',
                   current_schema());
END $$;
"""


def trigger(columns, kept=""):
    names = columns.split()
    old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("OLD", "NEW"))
    differs = f"({old}) IS DISTINCT FROM ({new})"
    if kept:
        fields = kept.split()
        differs += "".join(
            f" OR (NEW.{name} IS DISTINCT FROM OLD.{name} AND NEW.{name} IS DISTINCT FROM payments_forgotten(OLD.{name}))"
            for name in fields
        )
        names += fields
    return (
        f"{SHORT_WAIT} DROP TRIGGER IF EXISTS what_stays ON payments_event;"
        f" CREATE TRIGGER what_stays BEFORE UPDATE OF {', '.join(names)} ON payments_event FOR EACH ROW"
        f" WHEN ({differs}) EXECUTE FUNCTION payments_refuse('{SENTENCE}');"
    )


class Migration(migrations.Migration):
    dependencies = [("payments", "0033_entries_found_in_their_month")]
    operations = [
        migrations.AlterModelOptions(
            "customer",
            {
                "permissions": (
                    ("see_personal_data", "Can see names and e-mail addresses"),
                    ("erase_customer", "Can erase who a customer is"),
                )
            },
        ),
        migrations.RunSQL(FORGOTTEN, "DROP FUNCTION payments_forgotten(jsonb);"),
        migrations.RunSQL(FORGET, "DROP FUNCTION payments_forget_events(text[]);"),
        migrations.RunSQL(trigger(STAYS, TOLD), trigger(f"{STAYS} {TOLD}")),
    ]
