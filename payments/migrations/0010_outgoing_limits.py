"""How much we ask of each provider account; empty is what its PSP allows. Safe while payments are taken."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("payments", "0009_lost_notifications")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.AddField(
            "provideraccount",
            "requests_per_second",
            models.PositiveIntegerField(
                blank=True,
                help_text="The most that we ask of it. Empty: what its PSP allows every account.",
                null=True,
            ),
        ),
        migrations.AddField(
            "provideraccount",
            "requests_per_second_each",
            models.PositiveIntegerField(
                blank=True,
                help_text="The same for each endpoint. Empty: what its PSP allows. 0: no such limit.",
                null=True,
            ),
        ),
    ]
