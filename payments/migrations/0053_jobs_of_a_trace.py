"""Whose span a job belongs to. A column with a constant default: no row is written, the lock is short."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0052_entries_by_the_set")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="job",
            name="traceparent",
            field=models.CharField(blank=True, db_default="", default="", max_length=55),
        ),
    ]
