"""Stored answers are found by what they are about: who is erased is erased from them. Built beside the writers."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0040_history_of_rows")]
    operations = [
        AddIndexConcurrently(
            "idempotencykey", models.Index(fields=["object_id"], name="idempotency_key_object"),
        ),
    ]
