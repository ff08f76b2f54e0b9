"""Lines are checked against their file by the set, as they are inserted, instead of one by one at the commit.

Two foreign keys go, and what they promised stays: a line is of a file that is there, and now also of that file's own
account. Neither can go later: files are never deleted, and an account that has files is not either.
"""

import django.db.models.deletion
from django.db import migrations, models

OF_THEIR_FILE = """
CREATE FUNCTION reporting_lines_of_their_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    SELECT told.file_id INTO bad FROM (SELECT DISTINCT file_id, account_id FROM added) told
     WHERE NOT EXISTS (SELECT FROM reporting_settlementfile f
                        WHERE f.id = told.file_id AND f.account_id = told.account_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'lines of settlement file % of this account, which is not there', bad.file_id
              USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER of_their_file AFTER INSERT ON reporting_settlementline REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION reporting_lines_of_their_file();
"""


def _unchecked(to, **facts):
    return models.ForeignKey(
        to, db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, **facts
    )


class Migration(migrations.Migration):
    dependencies = [("reporting", "0014_rollups")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop),
        migrations.RunSQL(
            OF_THEIR_FILE,
            "DROP TRIGGER of_their_file ON reporting_settlementline; DROP FUNCTION reporting_lines_of_their_file()",
        ),
        migrations.AlterField("settlementline", "account", _unchecked("payments.provideraccount")),
        migrations.AlterField(
            "settlementline", "file", _unchecked("reporting.settlementfile", related_name="rows")
        ),
    ]
