"""The refunds that somebody of the staff asked for, on their first page. Built beside the traffic."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("refunds", "0012_what_is_forgotten")]

    operations = [
        AddIndexConcurrently(
            "refund",
            models.Index(fields=["requested_by", "id"], name="refund_of_staff", condition=models.Q(origin="staff")),
        ),
    ]
