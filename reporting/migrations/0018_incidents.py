"""Incidents and their timelines: new tables, nothing that is there is touched."""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


ENTRY = "EXECUTE FUNCTION payments_refuse('what happened in an incident stays on record')"
KEPT = "EXECUTE FUNCTION payments_refuse('an incident stays on record')"
STAYS = f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reporting_incidententry FOR EACH ROW {ENTRY};
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON reporting_incidententry FOR EACH STATEMENT {ENTRY};
CREATE TRIGGER never_deleted BEFORE DELETE ON reporting_incident FOR EACH ROW {KEPT};
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON reporting_incident FOR EACH STATEMENT {KEPT};
CREATE TRIGGER what_stays BEFORE UPDATE OF id, opened_at ON reporting_incident FOR EACH ROW
    WHEN ((OLD.id, OLD.opened_at) IS DISTINCT FROM (NEW.id, NEW.opened_at)) {KEPT};
"""
STAYS_NOT = """
DROP TRIGGER append_only ON reporting_incidententry;
DROP TRIGGER no_truncate ON reporting_incidententry;
DROP TRIGGER never_deleted ON reporting_incident;
DROP TRIGGER no_truncate ON reporting_incident;
DROP TRIGGER what_stays ON reporting_incident;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0017_history_of_rows'),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('inc', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('outage', 'Almost nothing is approved'), ('unavailable', 'Providers cannot be reached, or do not answer'), ('approval_drop', 'Fewer payments are approved than usual'), ('decline_shift', 'Payments are declined for other reasons than usual'), ('slow', 'Answers take longer than usual'), ('webhook_silence', 'A provider has stopped sending notifications'), ('queue_lag', 'Jobs wait for too long'), ('delivery_lag', 'Clients learn too late what happened'), ('settlement_late', 'A settlement file is late'), ('recovery_backlog', 'Payments whose outcome is not known pile up'), ('card_testing', 'Somebody seems to try stolen cards')], max_length=20)),
                ('scope', models.JSONField(blank=True, default=dict)),
                ('severity', models.CharField(choices=[('urgent', 'Urgent: money is at stake now'), ('soon', 'Soon: today'), ('calm', 'When there is time')], max_length=8)),
                ('status', models.CharField(choices=[('open', 'open'), ('closed', 'closed')], default='open', max_length=8)),
                ('words', models.CharField(max_length=500)),
                ('since', models.DateTimeField(help_text='When it began, as far as can be told.')),
                ('opened_at', models.DateTimeField(default=payments.kernel.clock.now, help_text='When it was found.')),
                ('seen_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('whole_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('quiet_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('lost_minor', models.JSONField(blank=True, default=dict)),
                ('per_minute_minor', models.JSONField(blank=True, default=dict)),
                ('worst_minor', models.JSONField(blank=True, default=dict)),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('folded', models.PositiveIntegerField(default=0)),
                ('taken_by', models.CharField(blank=True, default='', help_text='Who looks after it.', max_length=80)),
                ('taken_at', models.DateTimeField(blank=True, null=True)),
                ('closed_by', models.CharField(blank=True, default='', help_text='Empty: it was over by itself.', max_length=80)),
                ('closed_because', models.CharField(blank=True, default='', max_length=500)),
                ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='merged', to='reporting.incident')),
            ],
        ),
        migrations.CreateModel(
            name='IncidentEntry',
            fields=[
                ('id', payments.kernel.ids.IdField('ince', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('opened', 'Found'), ('grew', 'Became worse'), ('narrowed', 'Is narrower than it seemed'), ('widened', 'Is wider than it seemed'), ('merged', 'Another incident is about the same'), ('moved', 'Payments go elsewhere'), ('probing', 'A part of the payments tries it again'), ('fell_back', 'Trying it again went badly'), ('restored', 'Payments go there again'), ('held', 'A person keeps payments where they are'), ('taken', 'Somebody looks after it'), ('note', 'Note'), ('closed', 'Over'), ('reopened', 'Not over')], max_length=10)),
                ('at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('words', models.TextField()),
                ('by', models.CharField(blank=True, default='', max_length=80)),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='reporting.incident')),
            ],
            options={
                'verbose_name_plural': 'incident entries',
            },
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['opened_at'], name='incident_opened'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('status', 'closed')), fields=['closed_at'], name='incident_closed'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['open', 'closed'])), name='incident_status'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['outage', 'unavailable', 'approval_drop', 'decline_shift', 'slow', 'webhook_silence', 'queue_lag', 'delivery_lag', 'settlement_late', 'recovery_backlog', 'card_testing'])), name='incident_kind'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('severity__in', ['urgent', 'soon', 'calm'])), name='incident_severity'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('merged_into__isnull', True), ('status', 'open')), models.Q(('closed_at__isnull', False), ('status', 'closed')), _connector='OR'), name='incident_closed_at'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('closed_by', ''), models.Q(('closed_because', ''), _negated=True), _connector='OR'), name='incident_closed_by_somebody_says_why'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('kind', 'scope'), name='incident_one_open'),
        ),
        migrations.AddConstraint(
            model_name='incidententry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['opened', 'grew', 'narrowed', 'widened', 'merged', 'moved', 'probing', 'fell_back', 'restored', 'held', 'taken', 'note', 'closed', 'reopened'])), name='incident_entry_kind'),
        ),
        migrations.AddConstraint(
            model_name='incidententry',
            constraint=models.CheckConstraint(condition=models.Q(('words', ''), _negated=True), name='incident_entry_says_something'),
        ),
        migrations.RunSQL(STAYS, STAYS_NOT),
    ]
