"""Calls that a PSP did not approve are found by an index that the others are not in. Built beside the traffic."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("payments", "0053_jobs_of_a_trace")]

    operations = [
        AddIndexConcurrently(
            "providercall",
            models.Index(
                fields=["verdict", "id"],
                name="call_not_approved",
                condition=models.Q(
                    verdict__in=["action_required", "pending", "declined", "canceled", "unavailable", "unknown"]
                ),
            ),
        ),
    ]
