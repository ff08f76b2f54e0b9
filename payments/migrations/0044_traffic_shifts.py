"""Traffic that goes elsewhere for a while: a new table, with the history of its rows."""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models

HISTORY = "SELECT payments_keep_history_of('payments_trafficshift', 'shift')"
HISTORY_NOT = """
DROP TRIGGER history_changed ON payments_trafficshift;
DROP TRIGGER history_deleted ON payments_trafficshift;
DROP TRIGGER history_emptied ON payments_trafficshift;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0043_alerts'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='TrafficShift',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('shift', primary_key=True, serialize=False)),
                ('method', models.CharField(blank=True, default='', help_text='Empty: every method.', max_length=24)),
                ('country', models.CharField(blank=True, default='', help_text='Empty: every country.', max_length=2)),
                ('currency', models.CharField(blank=True, default='', help_text='Empty: every currency.', max_length=3)),
                ('share', models.DecimalField(decimal_places=4, help_text='Of its payments, what it keeps: 0 to 1.', max_digits=5)),
                ('because', models.CharField(max_length=200)),
                ('incident', models.CharField(blank=True, default='', max_length=40)),
                ('began_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('set_at', models.DateTimeField(default=payments.kernel.clock.now, help_text='Since when it keeps this share.')),
                ('set_by', models.CharField(max_length=80)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shifts', to='payments.provideraccount')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('share__gte', 0), ('share__lte', 1)), name='shift_share'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('share', 1)), models.Q(('ended_at__isnull', True), ('share__lt', 1)), _connector='OR'), name='shift_open_keeps_less_than_all'), models.CheckConstraint(condition=models.Q(('because', ''), _negated=True), name='shift_says_why'), models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('account', 'method', 'country', 'currency'), name='shift_one_open')],
            },
        ),
        migrations.RunSQL(HISTORY, HISTORY_NOT),
    ]
