"""What is wanted of a difference, and what PSPs said they owe us: a column of a new table, and a new table."""

import django.db.models.deletion
import payments.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0021_settlement'),
        ("reporting", "0003_reports_delivered"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name='discrepancy',
            name='wanted',
            field=models.CharField(blank=True, choices=[('settle', 'Book it where it belongs'), ('accept', 'Leave it as it is')], default='', max_length=8),
        ),
        migrations.CreateModel(
            name='PspBalance',
            fields=[
                ('id', payments.kernel.ids.IdField('psb', primary_key=True, serialize=False)),
                ('as_of', models.DateTimeField(help_text='As the PSP says, or when it answered.')),
                ('amounts', models.JSONField(default=dict, help_text='Currency -> minor units.')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'as_of'), name='psp_balance_once')],
            },
        ),
    ]
