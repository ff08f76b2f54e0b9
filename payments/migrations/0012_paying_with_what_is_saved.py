"""Payments that save what they are paid with, and payments with what is saved.

Safe while payments are taken: no statement rewrites a table or holds a lock for longer than it takes to write the
catalogue, and each gives up after three seconds and can be run again. The columns keep their defaults, because the
release before this one goes on inserting rows without them.
"""

import django.db.models.deletion
from django.db import migrations, models

USAGES = ["on_session", "off_session"]
KINDS = ["payment_updated", "capture_updated", "cancel_updated", "refund_updated", "method_updated", "unused"]

FUTURE_USAGE = models.CheckConstraint(
    name="intent_future_usage",
    condition=models.Q(setup_future_usage="") | models.Q(setup_future_usage__in=USAGES, customer__isnull=False),
)

CHECK_SAVED = """
DECLARE
    usable boolean;
BEGIN
    -- locked, so that who deletes it at the same time waits
    SELECT m.deleted_at IS NULL AND m.customer_id = i.customer_id INTO usable
      FROM payments_paymentmethod m JOIN payments_paymentintent i ON i.id = NEW.intent_id
     WHERE m.id = NEW.saved_method_id FOR SHARE OF m;
    IF usable IS NOT TRUE THEN
        RAISE EXCEPTION 'attempt % uses a saved method that was deleted or is another customer''s', NEW.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END """


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def added(model, name, field, definition):
    table, column = f"payments_{model}", field.db_column or name
    return migrations.RunSQL(
        safely(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {definition}"),
        safely(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {column}"),
        state_operations=[migrations.AddField(model, name, field)],
    )


def constrained(table, name, definition, state=()):
    """New rows obey at once, old ones are checked without keeping writers out."""
    drop = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"
    return migrations.RunSQL(
        safely(
            f"{drop}, ADD CONSTRAINT {name} {definition} NOT VALID", f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        ),
        safely(drop),
        state_operations=list(state),
    )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0011_saved_methods")]

    operations = [
        added(
            "paymentintent",
            "setup_future_usage",
            models.CharField(
                blank=True,
                choices=[(usage, usage) for usage in USAGES],
                default="",
                help_text=(
                    "What it is paid with is saved for the customer, to be charged when they are there, or are not too."
                ),
                max_length=12,
            ),
            "varchar(12) NOT NULL DEFAULT ''",
        ),
        constrained(
            "payments_paymentintent",
            "intent_future_usage",
            "CHECK (setup_future_usage = '' OR (customer_id IS NOT NULL AND"
            " setup_future_usage IN ('on_session', 'off_session')))",
            [migrations.AddConstraint("paymentintent", FUTURE_USAGE)],
        ),
        added(
            "paymentattempt",
            "saves",
            models.BooleanField(default=False, help_text="What it is paid with is saved for the customer."),
            "boolean NOT NULL DEFAULT false",
        ),
        added(
            "paymentattempt",
            "payer",
            models.CharField(blank=True, default="", help_text="The PSP's reference of the customer.", max_length=80),
            "varchar(80) NOT NULL DEFAULT ''",
        ),
        migrations.RunSQL(
            safely("ALTER TABLE payments_paymentattempt ADD COLUMN IF NOT EXISTS saved_method_id uuid"),
            safely("ALTER TABLE payments_paymentattempt DROP COLUMN IF EXISTS saved_method_id"),
            state_operations=[
                migrations.AddField(
                    "paymentattempt",
                    "saved_method",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="payments.paymentmethod",
                    ),
                )
            ],
        ),
        constrained(
            "payments_paymentattempt",
            "attempt_saved_method",
            "FOREIGN KEY (saved_method_id) REFERENCES payments_paymentmethod (id) DEFERRABLE INITIALLY DEFERRED",
        ),
        migrations.RunSQL(
            safely(
                "CREATE OR REPLACE FUNCTION payments_check_saved() RETURNS trigger LANGUAGE plpgsql AS"
                f" $${CHECK_SAVED}$$",
                "DROP TRIGGER IF EXISTS saved_method_usable ON payments_paymentattempt",
                "CREATE TRIGGER saved_method_usable BEFORE INSERT ON payments_paymentattempt FOR EACH ROW"
                " WHEN (NEW.saved_method_id IS NOT NULL) EXECUTE FUNCTION payments_check_saved()",
            ),
            safely("DROP FUNCTION IF EXISTS payments_check_saved() CASCADE"),
        ),
        migrations.AlterField(
            "inboundevent", "kind", models.CharField(choices=[(kind, kind) for kind in KINDS], max_length=24)
        ),
    ]
