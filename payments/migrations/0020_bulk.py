"""A queue of its own for bulk refunds: only Python knows the choices."""

from django.db import migrations, models

QUEUES = ["money", "bulk", "webhooks", "deliveries", "finance", "upkeep"]


class Migration(migrations.Migration):

    dependencies = [("payments", "0019_two_people_settle")]

    operations = [
        migrations.AlterField("job", "queue", models.CharField(choices=[(name, name) for name in QUEUES], max_length=12)),
    ]
