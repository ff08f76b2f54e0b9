"""How often a payment method was tried and paid with: one new small table, which nothing that exists refers to."""

from django.db import migrations, models

import payments.kernel.ids


class Migration(migrations.Migration):

    dependencies = [("payments", "0013_fee_contracts")]

    operations = [
        migrations.CreateModel(
            name="MethodSuccess",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=payments.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("method", models.CharField(max_length=24)),
                (
                    "country",
                    models.CharField(blank=True, help_text="Empty: all countries together.", max_length=2),
                ),
                ("tried", models.PositiveIntegerField(help_text="Attempts that have come to an end.")),
                ("paid", models.PositiveIntegerField(help_text="Those of them that were authorised or captured.")),
                ("measured_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "success of a method",
                "constraints": [
                    models.UniqueConstraint(fields=["method", "country"], name="method_success_once"),
                    models.CheckConstraint(
                        name="method_success_of_tries", condition=models.Q(paid__lte=models.F("tried"))
                    ),
                ],
            },
        )
    ]
