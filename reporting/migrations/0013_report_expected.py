"""How many rows a report that is being written will have about. A column that may be null: no row is written."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reporting", "0012_auditors_take_files")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop),
        migrations.AddField(
            "reportrun",
            "expected",
            models.BigIntegerField(blank=True, null=True, help_text="About how many rows it will have, while it runs."),
        ),
    ]
