"""What provider accounts charge, line by line of their contracts. One new table, which nobody waits for."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import payments.kernel.clock
import payments.kernel.ids

TABLE = "payments_feecontract"
REFUSE = "EXECUTE FUNCTION payments_refuse('a line of a fee contract stays as it was written')"


class Migration(migrations.Migration):

    dependencies = [("payments", "0012_paying_with_what_is_saved")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", ""),
        migrations.CreateModel(
            name="FeeContract",
            fields=[
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ("id", payments.kernel.ids.IdField("fc", primary_key=True, serialize=False)),
                ("method", models.CharField(blank=True, default="", help_text="Empty: every method.", max_length=24)),
                (
                    "currency",
                    models.CharField(blank=True, default="", help_text="Empty: every currency.", max_length=3),
                ),
                ("percent", models.DecimalField(decimal_places=4, max_digits=6)),
                ("fixed_minor", models.BigIntegerField(default=0, help_text="In minor units of the currency.")),
                ("valid_from", models.DateField()),
                ("written_by", models.CharField(max_length=80)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="payments.provideraccount",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(percent__gte=0, percent__lt=100), name="fee_percent"),
                    models.CheckConstraint(condition=Q(fixed_minor__gte=0), name="fee_fixed"),
                    models.CheckConstraint(
                        condition=~Q(currency="") | Q(fixed_minor=0), name="fee_fixed_has_a_currency"
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            f"CREATE TRIGGER what_stays BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW {REFUSE}",
            f"DROP TRIGGER IF EXISTS what_stays ON {TABLE}",
        ),
    ]
