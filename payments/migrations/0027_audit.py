"""The audit log: append-only, and chained by the database at the commit of each event, in the order of commits."""

from typing import ClassVar

import payments.kernel.clock
import payments.kernel.ids
import payments.kernel.records
from django.db import migrations, models

# The one row that says where the chain ends, so that events cut off its end are missed. The application's role may
# neither write it nor fill in an event's place: that is done with the owner's rights.
CHAIN = """
CREATE TABLE payments_audithead (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    sequence bigint NOT NULL,
    hash text NOT NULL
);
INSERT INTO payments_audithead (sequence, hash) VALUES (0, '');

-- SHA-256 over everything in the event, with its number and the hash before it, as a JSON list.
CREATE FUNCTION payments_audit_hash(event payments_auditevent) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(
        event.sequence, event.previous, event.id,
        to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        event.by, event.address, event.request_id, event.action, event.object_id, event.because,
        event.before, event.after)::text, 'UTF8')), 'hex')
$$;

-- At the commit of every event: its place in the chain. Who commits next waits for as long as a commit takes, and
-- nobody holds the head while he still works.
CREATE FUNCTION payments_chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    event payments_auditevent := NEW;
    head payments_audithead;
BEGIN
    SELECT * INTO STRICT head FROM payments_audithead FOR UPDATE;
    event.sequence := head.sequence + 1;
    event.previous := head.hash;
    event.hash := payments_audit_hash(event);
    UPDATE payments_auditevent SET sequence = event.sequence, previous = event.previous, hash = event.hash
     WHERE id = event.id;
    UPDATE payments_audithead SET sequence = event.sequence, hash = event.hash;
    RETURN NULL;
END $$;

-- Nobody chooses his own place.
CREATE FUNCTION payments_begin_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.sequence := NULL; NEW.previous := ''; NEW.hash := ''; NEW.xid := pg_current_xact_id();
    RETURN NEW;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_chain_audit() SET search_path = %I, pg_temp', current_schema());
END $$;
"""
STAYS = "what staff did stays as it was written"
GUARDS = f"""
CREATE TRIGGER begins_unchained BEFORE INSERT ON payments_auditevent
    FOR EACH ROW EXECUTE FUNCTION payments_begin_audit();
CREATE CONSTRAINT TRIGGER chained AFTER INSERT ON payments_auditevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_chain_audit();
-- once it has its place, nothing of it changes; until then, which is within its own transaction, only its place does
CREATE TRIGGER append_only BEFORE UPDATE ON payments_auditevent
    FOR EACH ROW WHEN (OLD.sequence IS NOT NULL OR NEW.sequence IS NULL OR OLD.xid <> pg_current_xact_id()
      OR (OLD.id, OLD.at, OLD.by, OLD.address, OLD.request_id, OLD.action, OLD.object_id, OLD.because, OLD.before,
          OLD.after, OLD.xid)
      IS DISTINCT FROM
         (NEW.id, NEW.at, NEW.by, NEW.address, NEW.request_id, NEW.action, NEW.object_id, NEW.because, NEW.before,
          NEW.after, NEW.xid))
    EXECUTE FUNCTION payments_refuse('{STAYS}');
CREATE TRIGGER never_deleted BEFORE DELETE ON payments_auditevent
    FOR EACH ROW EXECUTE FUNCTION payments_refuse('{STAYS}');
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('{STAYS}');
CREATE TRIGGER one_head BEFORE DELETE ON payments_audithead
    FOR EACH ROW EXECUTE FUNCTION payments_refuse('the chain has its head');
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('the chain has its head');
"""
UNDO = """
DROP TABLE payments_audithead;
DROP TRIGGER chained ON payments_auditevent; DROP TRIGGER begins_unchained ON payments_auditevent;
DROP FUNCTION payments_chain_audit(); DROP FUNCTION payments_begin_audit();
DROP FUNCTION payments_audit_hash(payments_auditevent);
"""


class Migration(migrations.Migration):
    """Runs on a table that is new: nobody waits."""

    dependencies: ClassVar = [("payments", "0026_settlement_news")]
    operations: ClassVar = [
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', payments.kernel.ids.IdField('aud', primary_key=True, serialize=False)),
                ('sequence', models.BigIntegerField(editable=False, help_text='Its place in the chain, from 1.', null=True)),
                ('at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('by', models.CharField(max_length=120)),
                ('address', models.CharField(blank=True, default='', help_text='Whose request it was, by its IP.', max_length=45)),
                ('request_id', models.CharField(blank=True, default='', max_length=64)),
                ('action', models.CharField(help_text='A verb in the past: refund.requested.', max_length=60)),
                ('object_id', models.CharField(blank=True, default='', max_length=80)),
                ('because', models.TextField(blank=True, default='')),
                ('before', models.JSONField(blank=True, default=dict)),
                ('after', models.JSONField(blank=True, default=dict)),
                ('previous', models.CharField(blank=True, default='', help_text='The hash of the event before it.', max_length=64)),
                ('hash', models.CharField(blank=True, default='', max_length=64)),
                ('xid', payments.kernel.records.TransactionId(db_default=models.Func(function='pg_current_xact_id'), editable=False)),
            ],
            options={
                'indexes': [models.Index(fields=['object_id', 'id'], name='audit_object'), models.Index(fields=['by', 'id'], name='audit_by'), models.Index(fields=['action', 'id'], name='audit_action'), models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id'], name='audit_request')],
                'constraints': [models.UniqueConstraint(fields=('sequence',), name='audit_sequence')],
            },
        ),
        migrations.RunSQL(CHAIN + GUARDS, UNDO),
    ]
