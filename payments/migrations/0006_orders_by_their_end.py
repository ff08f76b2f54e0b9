"""Orders are found by the end of their reference, in capitals or not, and customers by name. Built beside the traffic."""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower, Reverse, Upper


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("payments", "0005_unique_among_waiting_jobs")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(OpClass(Reverse(Upper("reference")), name="text_pattern_ops"), name="order_reference_end"),
        ),
        AddIndexConcurrently(
            "customer", models.Index(Lower("name"), name="customer_name", condition=~models.Q(name=""))
        ),
        RemoveIndexConcurrently("order", "order_last_four"),
    ]
