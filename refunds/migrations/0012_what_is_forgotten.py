"""Evidence of a dispute that is over may be emptied: somebody was erased. It is never changed otherwise.

Safe while payments are taken: functions and triggers take the place of others in short transactions.
"""

from django.db import migrations

SHORT_WAIT = "SET LOCAL lock_timeout = '3s';"

BODY = """
    IF OLD.answered_at IS NOT NULL THEN
        RAISE EXCEPTION 'the PSP has the answer to stage % of a dispute: it stays', OLD.id USING ERRCODE = '23514';
    END IF;
    IF OLD.answer <> '' AND NEW.answer <> '' AND (OLD.texts, OLD.answer) IS DISTINCT FROM (NEW.texts, NEW.answer) THEN
        RAISE EXCEPTION 'the answer to stage % of a dispute is on its way: it stays', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""
BEGIN = "CREATE OR REPLACE FUNCTION refunds_check_answer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
FORGETS = """
    IF NEW.texts = '{}' AND EXISTS (SELECT FROM refunds_dispute WHERE id = NEW.dispute_id AND closed_at IS NOT NULL)
       AND (OLD.answer, OLD.answer_by, OLD.answer_because, OLD.answer_at, OLD.answered_at)
           IS NOT DISTINCT FROM (NEW.answer, NEW.answer_by, NEW.answer_because, NEW.answer_at, NEW.answered_at) THEN
        RETURN NEW;
    END IF;
"""
NAMED = "id stage_id kind filename content_type size sha256 uploaded_by"


def stays(*, may_go):
    names = NAMED.split()
    kept = [name for name in names if not (may_go and name == "filename")]
    old, new = (", ".join(f"{row}.{name}" for name in kept) for row in ("OLD", "NEW"))
    differs = f"({old}) IS DISTINCT FROM ({new})"
    if may_go:
        differs += " OR NEW.filename NOT IN (OLD.filename, '')"
    return (
        f"{SHORT_WAIT} DROP TRIGGER IF EXISTS what_stays ON refunds_disputefile;"
        f" CREATE TRIGGER what_stays BEFORE UPDATE OF {', '.join(names)} ON refunds_disputefile FOR EACH ROW"
        f" WHEN ({differs}) EXECUTE FUNCTION payments_refuse('a file keeps what it is');"
    )


class Migration(migrations.Migration):
    dependencies = [("refunds", "0011_found_by_what_is_said")]
    operations = [
        migrations.RunSQL(f"{BEGIN}{FORGETS}{BODY}", f"{BEGIN}{BODY}"),
        migrations.RunSQL(stays(may_go=True), stays(may_go=False)),
    ]
