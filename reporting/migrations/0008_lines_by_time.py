"""Settlement lines by when they happened: what came since a moment is found. A range index, of a few pages."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0007_closes'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='settlementline',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['occurred_at'], name='settlement_line_time'),
        ),
    ]
