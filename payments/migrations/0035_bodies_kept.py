"""Bodies of notifications that are still kept are found by their age. Built beside the writers."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0034_what_is_forgotten")]
    operations = [
        AddIndexConcurrently(
            "inboundevent",
            models.Index(fields=["id"], name="inbound_body_kept", condition=~models.Q(body=b"")),
        ),
    ]
