"""Rows of money keep their history: what changes them past a unit of work, or because staff asked, is written down.

Not one transaction: every trigger is made by a short one of its own, which gives up when it would have to wait.
"""

from typing import ClassVar

import payments.kernel.ids
from django.db import migrations, models

# Columns that bookkeeping changes are passed over; of those in which people or secrets may stand, only that they changed.
WRITE = r"""
CREATE FUNCTION payments_difference(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(regexp_replace(jsonb_object_agg(key,
               CASE WHEN key = ANY ('{metadata,next_action,last_payment_error,texts,password}')
                    THEN '"[hidden]"'::jsonb ELSE value END)::text,
               '([A-Za-z0-9])[A-Za-z0-9._%+-]*@([A-Za-z0-9])[A-Za-z0-9-]*(\.[A-Za-z0-9.-]+)',
               '\1•••@\2•••\3', 'g')::jsonb, '{}')
      FROM jsonb_each(one)
     WHERE value IS DISTINCT FROM other -> key AND key <> ALL ('{version,event_sequence,xid,last_login}')
$$;

-- TG_ARGV[0] is the prefix of the table's ids, or nothing.
CREATE FUNCTION payments_write_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN to_jsonb(OLD) ELSE '{}' END;
    now jsonb := CASE WHEN TG_OP IN ('UPDATE', 'INSERT') THEN to_jsonb(NEW) ELSE '{}' END;
    key text := coalesce(now ->> 'id', was ->> 'id', '');
BEGIN
    INSERT INTO payments_rowchange (id, at, table_name, object_id, operation, before, after, by, request_id, program)
    VALUES (uuidv7(), clock_timestamp(), TG_TABLE_NAME,
            CASE WHEN TG_ARGV[0] = '' OR key = '' THEN key ELSE TG_ARGV[0] || '_' || replace(key, '-', '') END,
            lower(TG_OP), payments_difference(was, now), payments_difference(now, was),
            coalesce(nullif(current_setting('countinghouse.by', true), ''), 'database role ' || session_user),
            coalesce(current_setting('countinghouse.request_id', true), ''),
            left(current_setting('application_name'), 64));
    RETURN NULL;
END $$;

-- A unit of work of the platform (its session says `countinghouse.units`, its UPDATE moves the version by one) has its
-- trace already and costs two comparisons; whatever else changes a row is written down, and all that staff ask for.
CREATE FUNCTION payments_keep_history_of(kept regclass, prefix text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TRIGGER IF EXISTS history_changed ON %1$s; CREATE TRIGGER history_changed AFTER UPDATE ON %1$s'
        ' FOR EACH ROW WHEN ((NEW.version <> OLD.version + 1'
        ' OR current_setting(''countinghouse.units'', true) IS DISTINCT FROM ''on'''
        ' OR coalesce(current_setting(''countinghouse.by'', true), '''') <> '''')'
        ' AND OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION payments_write_history(%2$L)', kept, prefix);
    EXECUTE format('DROP TRIGGER IF EXISTS history_deleted ON %1$s; CREATE TRIGGER history_deleted AFTER DELETE ON %1$s'
        ' FOR EACH ROW EXECUTE FUNCTION payments_write_history(%2$L)', kept, prefix);
    EXECUTE format('DROP TRIGGER IF EXISTS history_emptied ON %1$s; CREATE TRIGGER history_emptied AFTER TRUNCATE'
        ' ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION payments_write_history(%2$L)', kept, prefix);
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payments_rowchange
    FOR EACH ROW EXECUTE FUNCTION payments_refuse('what was changed stays on record');
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_rowchange
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('what was changed stays on record');
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_write_history() SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE EXECUTE ON FUNCTION payments_keep_history_of(regclass, text) FROM PUBLIC;
"""
UNDO = """
DROP FUNCTION payments_keep_history_of(regclass, text);
DROP FUNCTION payments_write_history() CASCADE;
DROP FUNCTION payments_difference(jsonb, jsonb);
"""
KEPT = {
    "payments_order": "ord",
    "payments_paymentintent": "pi",
    "payments_paymentattempt": "att",
    "payments_capture": "cap",
    "payments_provideraccount": "pa",
    "payments_feecontract": "fc",
    "payments_routingrule": "rule",
    "payments_killswitch": "ks",
}
# What somebody may do follows from these; that somebody signs in is in the audit log.
RIGHTS = """
CREATE TRIGGER history_changed AFTER UPDATE ON auth_user FOR EACH ROW
    WHEN ((OLD.username, OLD.email, OLD.password, OLD.is_active, OLD.is_staff, OLD.is_superuser) IS DISTINCT FROM
          (NEW.username, NEW.email, NEW.password, NEW.is_active, NEW.is_staff, NEW.is_superuser))
    EXECUTE FUNCTION payments_write_history('');
CREATE TRIGGER history_deleted AFTER DELETE ON auth_user
    FOR EACH ROW EXECUTE FUNCTION payments_write_history('');
CREATE TRIGGER history_changed AFTER INSERT OR UPDATE OR DELETE ON auth_user_groups
    FOR EACH ROW EXECUTE FUNCTION payments_write_history('');
CREATE TRIGGER history_changed AFTER INSERT OR UPDATE OR DELETE ON auth_user_user_permissions
    FOR EACH ROW EXECUTE FUNCTION payments_write_history('');
"""
SHORT_WAIT = "SET LOCAL lock_timeout = '2s';"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("payments", "0039_snoozed_matters"), ("auth", "0012_alter_user_first_name_max_length")]
    operations: ClassVar = [
        migrations.CreateModel(
            name='RowChange',
            fields=[
                ('id', models.UUIDField(default=payments.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('table_name', models.CharField(max_length=63)),
                ('object_id', models.CharField(max_length=80)),
                ('operation', models.CharField(choices=[('insert', 'Added'), ('update', 'Changed'), ('delete', 'Deleted'), ('truncate', 'Emptied')], max_length=8)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('by', models.CharField(max_length=120)),
                ('request_id', models.CharField(blank=True, default='', max_length=64)),
                ('program', models.CharField(blank=True, default='', help_text='What the connection calls itself.', max_length=64)),
            ],
            options={
                'verbose_name': 'row change',
                'indexes': [models.Index(fields=['object_id', 'id'], name='rowchange_object'), models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id'], name='rowchange_request')],
            },
        ),
        migrations.RunSQL(WRITE, UNDO),
        *(
            migrations.RunSQL(f"{SHORT_WAIT} SELECT payments_keep_history_of('{table}', '{prefix}')", "")
            for table, prefix in KEPT.items()
        ),
        migrations.RunSQL(SHORT_WAIT + RIGHTS, ""),
    ]
