"""Bulk refunds: the files that were uploaded, and their rows. Two new tables, and what the database refuses of them.

One short transaction: what they refer to is held only while the catalogue is written, and it gives up after two seconds.
"""

import django.db.models.deletion
from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids

SHORT_WAIT = migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop)

CHECK_ROW = """
CREATE OR REPLACE FUNCTION refunds_check_batch_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM refunds_refundbatch WHERE id = NEW.batch_id AND status = TG_ARGV[0]) THEN
        RAISE EXCEPTION 'row % of batch % changes so only while the batch is %', NEW.number, NEW.batch_id, TG_ARGV[0]
              USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

# the rows come first, then their batch; what comes later comes to a batch that is there
CHECK_NEW_ROWS = """
CREATE OR REPLACE FUNCTION refunds_check_new_batch_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT batch_id FROM added) a JOIN refunds_refundbatch b ON b.id = a.batch_id) THEN
        RAISE EXCEPTION 'a batch keeps the rows that it was uploaded with' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

# who approved the batch approved its rows: a refund that claims to be one of a batch has a row there
CHECK_BULK_REFUND = """
CREATE OR REPLACE FUNCTION refunds_check_bulk_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM refunds_refundbatchrow WHERE refund_id = ANY(ARRAY[NEW.id] || ARRAY(
                   SELECT replace(other, 're_', '')::uuid FROM jsonb_array_elements_text(NEW.related) AS other))) THEN
        RAISE EXCEPTION 'refund % is of no row of a batch', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

ROW_SAYS = (
    "id", "batch_id", "number", "written", "amount_written", "currency_written", "readable", "object_id", "amount",
    "reason", "note",
)  # fmt: skip
ROW_CHECKED = ("verdict", "words", "currency", "amount_minor", "confirmed")
ROW_ENDED = ("refund_id", "refusal", "refused_because", "done_at")
BATCH_SAYS = ("id", "name", "sha256", "rows", "empty", "uploaded_by", "repeats_id")


def distinct(columns):
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"


def trigger(table, name, when, does):
    return migrations.RunSQL(f"CREATE TRIGGER {name} {when.format(table=table)} EXECUTE FUNCTION {does}", migrations.RunSQL.noop)


def stays(table, name, columns, sentence, unless="true"):
    when = f"BEFORE UPDATE OF {', '.join(columns)} ON {{table}} FOR EACH ROW WHEN ({unless} AND {distinct(columns)})"
    return trigger(table, name, when, f"payments_refuse('{sentence}')")


def never_gone(table, sentence):
    return [
        trigger(table, "never_deleted", "BEFORE DELETE ON {table} FOR EACH ROW", f"payments_refuse('{sentence}')"),
        trigger(table, "no_truncate", "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", f"payments_refuse('{sentence}')"),
    ]


def guards():
    batch, row = "refunds_refundbatch", "refunds_refundbatchrow"
    return [
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (CHECK_ROW, CHECK_NEW_ROWS, CHECK_BULK_REFUND)),
        stays(batch, "what_stays", BATCH_SAYS, "a batch keeps its file and who uploaded it"),
        stays(batch, "who_asked_stays", ("asked_by", "repeat_confirmed"), "who asked for approval stays", "OLD.asked_by <> ''"),
        stays(batch, "who_approved_stays", ("approved_by", "approved_at"), "who approved stays", "OLD.approved_by <> ''"),
        *never_gone(batch, "a batch is never deleted"),
        stays(row, "what_stays", ROW_SAYS, "a row of a batch keeps what it says"),
        stays(row, "ends_once", ROW_ENDED, "a row of a batch ends once", "OLD.done_at IS NOT NULL"),
        trigger(
            row,
            "checked_before_it_is_approved",
            f"BEFORE UPDATE OF {', '.join(ROW_CHECKED)} ON {{table}} FOR EACH ROW WHEN ({distinct(ROW_CHECKED)})",
            "refunds_check_batch_row('uploaded')",
        ),
        trigger(
            row,
            "ends_while_it_runs",
            f"BEFORE UPDATE OF {', '.join(ROW_ENDED)} ON {{table}} FOR EACH ROW WHEN ({distinct(ROW_ENDED)})",
            "refunds_check_batch_row('running')",
        ),
        trigger(
            row,
            "none_is_added",
            "AFTER INSERT ON {table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
            "refunds_check_new_batch_rows()",
        ),
        *never_gone(row, "a row of a batch is never deleted"),
    ]


class Migration(migrations.Migration):

    dependencies = [("payments", "0020_bulk"), ("refunds", "0007_limits_and_approvals")]

    operations = [
        SHORT_WAIT,
        migrations.CreateModel(
            name='RefundBatch',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('rb', primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('uploaded', 'uploaded'), ('checked', 'checked'), ('needs_approval', 'needs_approval'), ('approved', 'approved'), ('running', 'running'), ('paused', 'paused'), ('finished', 'finished'), ('rejected', 'rejected'), ('canceled', 'canceled')], default='uploaded', max_length=16)),
                ('name', models.CharField(help_text='What the file was called.', max_length=120)),
                ('sha256', models.CharField(help_text='Of the file as it was uploaded.', max_length=64)),
                ('rows', models.PositiveIntegerField(help_text='Rows that say something.')),
                ('empty', models.PositiveIntegerField(default=0, help_text='Empty rows, which are passed over.')),
                ('fitting', models.PositiveIntegerField(default=0)),
                ('with_duplicates', models.BooleanField(default=False, help_text='What looks like the same refund twice is meant.')),
                ('repeat_confirmed', models.BooleanField(default=False)),
                ('uploaded_by', models.CharField(max_length=80)),
                ('asked_by', models.CharField(blank=True, default='', max_length=80)),
                ('approved_by', models.CharField(blank=True, default='', max_length=80)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('starts_at', models.DateTimeField(blank=True, help_text='Until then all of it can be called back.', null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'refund batches',
            },
        ),
        migrations.CreateModel(
            name='RefundBatchRow',
            fields=[
                ('id', models.UUIDField(default=payments.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='As a spreadsheet counts: the header is row 1.')),
                ('written', models.CharField(max_length=80)),
                ('amount_written', models.CharField(max_length=40)),
                ('currency_written', models.CharField(blank=True, default='', max_length=8)),
                ('readable', models.BooleanField()),
                ('object_id', models.CharField(blank=True, default='', max_length=40)),
                ('amount', models.DecimalField(blank=True, decimal_places=6, max_digits=24, null=True)),
                ('reason', models.CharField(blank=True, default='', max_length=24)),
                ('note', models.CharField(blank=True, default='', max_length=500)),
                ('verdict', models.CharField(blank=True, default='', max_length=24)),
                ('words', models.CharField(blank=True, default='', max_length=300)),
                ('currency', models.CharField(blank=True, default='', max_length=3)),
                ('amount_minor', models.BigIntegerField(blank=True, null=True)),
                ('confirmed', models.BooleanField(default=False, help_text='It looks like another one and is meant all the same.')),
                ('refusal', models.CharField(blank=True, default='', max_length=60)),
                ('refused_because', models.CharField(blank=True, default='', max_length=300)),
                ('done_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='refundbatch',
            name='repeats',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='repeated_by', to='refunds.refundbatch'),
        ),
        migrations.AddField(
            model_name='refundbatchrow',
            name='batch',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='refunds.refundbatch'),
        ),
        migrations.AddField(
            model_name='refundbatchrow',
            name='refund',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batch_rows', to='refunds.refund'),
        ),
        migrations.AddIndex(
            model_name='refundbatch',
            index=models.Index(fields=['sha256'], name='refund_batch_file'),
        ),
        migrations.AddConstraint(
            model_name='refundbatch',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['uploaded', 'checked', 'needs_approval', 'approved', 'running', 'paused', 'rejected', 'finished', 'canceled'])), name='refund_batch_status'),
        ),
        migrations.AddConstraint(
            model_name='refundbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('approved_by', models.F('uploaded_by')), _negated=True), models.Q(('approved_by', ''), models.Q(('approved_by', models.F('asked_by')), _negated=True), _connector='OR')), name='refund_batch_maker_is_not_checker'),
        ),
        migrations.AddConstraint(
            model_name='refundbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['approved', 'running', 'paused', 'finished']), _negated=True), models.Q(models.Q(('approved_by', ''), _negated=True), models.Q(('asked_by', ''), _negated=True), ('approved_at__isnull', False)), _connector='OR'), name='refund_batch_approved_before_it_runs'),
        ),
        migrations.AddConstraint(
            model_name='refundbatch',
            constraint=models.CheckConstraint(condition=models.Q(('repeats__isnull', True), ('repeat_confirmed', True), models.Q(('status__in', ['needs_approval', 'approved', 'running', 'paused', 'finished']), _negated=True), _connector='OR'), name='refund_batch_repeat_is_meant'),
        ),
        migrations.AddConstraint(
            model_name='refundbatch',
            constraint=models.UniqueConstraint(condition=models.Q(('repeats__isnull', True)), fields=('sha256',), name='refund_batch_file_is_known'),
        ),
        migrations.AddIndex(
            model_name='refundbatchrow',
            index=models.Index(condition=models.Q(('done_at__isnull', True), ('verdict', 'fits')), fields=['batch', 'number'], name='refund_batch_row_waits'),
        ),
        migrations.AddConstraint(
            model_name='refundbatchrow',
            constraint=models.UniqueConstraint(fields=('batch', 'number'), name='refund_batch_row_once'),
        ),
        migrations.AddConstraint(
            model_name='refundbatchrow',
            constraint=models.UniqueConstraint(condition=models.Q(('refund__isnull', False)), fields=('refund',), name='refund_batch_row_one_refund'),
        ),
        migrations.AddConstraint(
            model_name='refundbatchrow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', True), ('refund__isnull', True), ('refusal', '')), models.Q(('done_at__isnull', False), ('refund__isnull', False), ('refusal', '')), models.Q(('done_at__isnull', False), ('refund__isnull', True), models.Q(('refusal', ''), _negated=True)), _connector='OR'), name='refund_batch_row_ends_once'),
        ),
        migrations.AddConstraint(
            model_name='refundbatchrow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('verdict', 'fits'), _negated=True), models.Q(('amount_minor__gt', 0), ('readable', True), models.Q(('currency', ''), _negated=True)), _connector='OR'), name='refund_batch_row_fits_with_amount'),
        ),
        *guards(),
    ]
