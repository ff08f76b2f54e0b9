"""One more kind of matter (words only): a day or month that could not be closed in time."""

from django.db import migrations, models

from payments.kernel.attention import AttentionKind


class Migration(migrations.Migration):
    dependencies = [("payments", "0023_held_for_longer")]
    operations = [
        migrations.AlterField(
            "attentionitem", "kind", models.CharField(choices=AttentionKind.choices, max_length=24)
        ),
    ]
