"""How long a request has waited for PSPs. A column with a constant default: no row is written, the lock is short."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0044_traffic_shifts")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="apirequest",
            name="outside_microseconds",
            field=models.IntegerField(db_default=0, help_text="Of these, waiting for PSPs."),
        ),
    ]
