"""What a settlement file comes to, per currency. A column with a constant default: no row is written."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reporting", "0008_lines_by_time")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop),
        migrations.AddField(
            "settlementfile",
            "sums",
            models.JSONField(blank=True, default=dict, help_text="Per currency, in minor units, once it is loaded."),
        ),
    ]
