"""The closes of days and months: in their order, opened again by two people only. New tables only."""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


IN_ORDER = """
CREATE FUNCTION reporting_close_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other date;
BEGIN
    IF NEW.status = 'locked' AND OLD.status <> 'locked' THEN
        SELECT day INTO other FROM reporting_close
         WHERE entity_id = NEW.entity_id AND kind = 'day' AND status <> 'locked'
           AND CASE NEW.kind WHEN 'day' THEN day < NEW.day ELSE ends_at > NEW.starts_at AND starts_at < NEW.ends_at END
         ORDER BY day LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% is not locked yet: periods are locked in their order', other USING ERRCODE = '23514';
        END IF;
        IF NEW.kind = 'month' AND NOT EXISTS (SELECT FROM reporting_close WHERE entity_id = NEW.entity_id
                                              AND kind = 'day' AND starts_at < NEW.ends_at AND ends_at >= NEW.ends_at) THEN
            RAISE EXCEPTION 'the last day of % is not locked yet', NEW.day USING ERRCODE = '23514';
        END IF;
    ELSIF OLD.status = 'locked' AND NEW.status <> 'locked' THEN
        IF NEW.status <> 'reopened' OR NEW.reopened_at IS NULL OR NEW.reopened_at < OLD.locked_at THEN
            RAISE EXCEPTION 'a locked period is opened again by two people only' USING ERRCODE = '23514';
        END IF;
        SELECT day INTO other FROM reporting_close
         WHERE entity_id = NEW.entity_id AND status = 'locked'
           AND (kind = NEW.kind AND day > NEW.day
                OR NEW.kind = 'day' AND kind = 'month' AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at)
         ORDER BY day LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% is locked as well: only the last period is opened again', other USING ERRCODE = '23514';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER in_order BEFORE UPDATE OF status ON reporting_close
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION reporting_close_in_order();
CREATE TRIGGER what_stays BEFORE UPDATE OF id, entity_id, kind, day, time_zone, starts_at, ends_at ON reporting_close
    FOR EACH ROW WHEN ((OLD.id, OLD.entity_id, OLD.kind, OLD.day, OLD.time_zone, OLD.starts_at, OLD.ends_at)
                       IS DISTINCT FROM
                       (NEW.id, NEW.entity_id, NEW.kind, NEW.day, NEW.time_zone, NEW.starts_at, NEW.ends_at))
    EXECUTE FUNCTION payments_refuse('a close keeps its entity, its period and its time zone');
CREATE TRIGGER never_deleted BEFORE DELETE ON reporting_close
    FOR EACH ROW EXECUTE FUNCTION payments_refuse('a close is never deleted');
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON reporting_close
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('a close is never deleted');
"""

OPENED_BY_TWO = """
CREATE FUNCTION reporting_opened_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM reporting_close WHERE entity_id = NEW.id AND kind = 'day'
                    AND starts_at = NEW.closed_until AND status <> 'locked' AND reopened_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the books of % are opened again by two people only', NEW.name USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER opened_by_two AFTER UPDATE OF closed_until ON payments_legalentity
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.closed_until IS NOT NULL AND (NEW.closed_until IS NULL OR NEW.closed_until < OLD.closed_until))
    EXECUTE FUNCTION reporting_opened_by_two();
"""
GONE = """
DROP TRIGGER opened_by_two ON payments_legalentity;
DROP FUNCTION reporting_opened_by_two();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0024_close_late'),
        ("reporting", "0006_bank"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Close',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('cls', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('day', 'Day'), ('month', 'Month')], max_length=5)),
                ('day', models.DateField(help_text='The day; of a month, its first.')),
                ('time_zone', models.CharField(max_length=64)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('open', 'open'), ('checking', 'checking'), ('ready', 'ready'), ('locked', 'locked'), ('reopened', 'reopened')], default='open', max_length=8)),
                ('edition', models.PositiveSmallIntegerField(default=0)),
                ('reports', models.JSONField(blank=True, default=list)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('locked_at', models.DateTimeField(blank=True, null=True)),
                ('locked_by', models.CharField(blank=True, default='', max_length=80)),
                ('proven_at', models.DateTimeField(blank=True, help_text='Since when its reports are known to hold all that it will ever hold.', null=True)),
                ('reopen_asked_by', models.CharField(blank=True, default='', max_length=80)),
                ('reopen_because', models.CharField(blank=True, default='', max_length=200)),
                ('reopen_asked_at', models.DateTimeField(blank=True, null=True)),
                ('reopened_by', models.CharField(blank=True, default='', help_text='The second person.', max_length=80)),
                ('reopened_at', models.DateTimeField(blank=True, null=True)),
                ('entity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='closes', to='payments.legalentity')),
            ],
        ),
        migrations.CreateModel(
            name='CloseCheck',
            fields=[
                ('id', payments.kernel.ids.IdField('chk', primary_key=True, serialize=False)),
                ('item', models.CharField(choices=[('files', 'All settlement files are in'), ('matched', 'Every settlement line is reconciled'), ('unexplained', 'Nothing is unexplained'), ('days', 'All days of the month are locked'), ('bank', 'The bank has shown every payout'), ('balance', 'The trial balance is zero'), ('invariants', 'The ledger keeps all its rules'), ('reports', 'The reports are written and tie to the ledger')], max_length=12)),
                ('state', models.CharField(choices=[('done', 'Done'), ('waiting', 'Waits'), ('missing', 'Missing'), ('accepted', 'Accepted')], default='waiting', max_length=8)),
                ('says', models.CharField(help_text='In words.', max_length=300)),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('checked_at', models.DateTimeField()),
                ('accepted_by', models.CharField(blank=True, default='', max_length=80)),
                ('accepted_because', models.CharField(blank=True, default='', max_length=200)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('accepted_figures', models.JSONField(blank=True, default=dict)),
                ('close', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='reporting.close')),
            ],
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['open', 'ready', 'reopened', 'checking', 'locked'])), name='close_status'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['day', 'month'])), name='close_kind'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='close_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'locked'), _negated=True), models.Q(('edition__gt', 0), ('locked_at__isnull', False), models.Q(('locked_by', ''), _negated=True)), _connector='OR'), name='close_locked_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(('reopen_asked_by', ''), models.Q(('reopen_because', ''), _negated=True), _connector='OR'), name='close_wish_says_why'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(('reopened_by', ''), models.Q(models.Q(('reopen_asked_by', ''), _negated=True), models.Q(('reopened_by', models.F('reopen_asked_by')), _negated=True)), _connector='OR'), name='close_maker_is_not_checker'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'reopened'), _negated=True), models.Q(('reopened_at__isnull', False), models.Q(('reopened_by', ''), _negated=True)), _connector='OR'), name='close_reopened_by_two'),
        ),
        migrations.AddConstraint(
            model_name='close',
            constraint=models.UniqueConstraint(fields=('entity', 'kind', 'day'), name='close_once'),
        ),
        migrations.AddConstraint(
            model_name='closecheck',
            constraint=models.CheckConstraint(condition=models.Q(('item__in', ['files', 'matched', 'unexplained', 'days', 'bank', 'balance', 'invariants', 'reports'])), name='close_check_item'),
        ),
        migrations.AddConstraint(
            model_name='closecheck',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['done', 'waiting', 'missing', 'accepted'])), name='close_check_state'),
        ),
        migrations.AddConstraint(
            model_name='closecheck',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'accepted'), _negated=True), models.Q(('accepted_at__isnull', False), models.Q(('accepted_by', ''), _negated=True), models.Q(('accepted_because', ''), _negated=True)), _connector='OR'), name='close_check_accepted_says_why'),
        ),
        migrations.AddConstraint(
            model_name='closecheck',
            constraint=models.UniqueConstraint(fields=('close', 'item'), name='close_check_once'),
        ),
        migrations.RunSQL(IN_ORDER, "DROP FUNCTION reporting_close_in_order() CASCADE"),
        migrations.RunSQL(OPENED_BY_TWO, GONE),
    ]
