"""Where the payments of incidents go: a new table, nothing that is there is touched."""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0044_traffic_shifts'),
        ("reporting", "0022_service_levels"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Diversion',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('div', primary_key=True, serialize=False)),
                ('scope', models.JSONField()),
                ('status', models.CharField(choices=[('away', 'away'), ('probing', 'probing'), ('widening', 'widening'), ('back', 'back'), ('held', 'held')], default='away', max_length=8)),
                ('step_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('fallbacks', models.PositiveIntegerField(default=0)),
                ('held_by', models.CharField(blank=True, default='', max_length=80)),
                ('incident', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='diversion', to='reporting.incident')),
                ('shift', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='payments.trafficshift')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status', 'back'), _negated=True), fields=['status'], name='diversion_moving')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['away', 'probing', 'widening', 'back', 'held'])), name='diversion_status'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'held'), models.Q(('held_by', ''), _negated=True)), models.Q(models.Q(('status', 'held'), _negated=True), ('held_by', '')), _connector='OR'), name='diversion_held_by_somebody'), models.CheckConstraint(condition=models.Q(('status__in', ['back', 'held']), ('shift__isnull', False), _connector='OR'), name='diversion_goes_by_a_shift')],
            },
        ),
    ]
