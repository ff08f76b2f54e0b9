"""A second PSP: its name, where its accounts answer, and what a call needs so that it can be repeated.

Safe while payments are taken: no statement rewrites a table or holds a lock for longer than it takes to write the
catalogue, and each gives up after three seconds and can be run again. The columns keep their defaults, because the
release before this one goes on inserting rows without them.
"""

from django.db import migrations, models

PSPS, PSPS_BEFORE = ["adyen", "stripe"], ["stripe"]
KINDS = ["authorize", "complete", "capture", "cancel", "refund"]
KINDS_BEFORE = ["authorize", "capture", "cancel", "refund"]


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def check(table, name, column, values):
    """The constraint in another form: new rows obey at once, old ones are checked without keeping writers out."""
    listed = ", ".join(f"'{value}'" for value in values)
    return safely(
        f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name},"
        f" ADD CONSTRAINT {name} CHECK ({column} IN ({listed})) NOT VALID",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
    )


def swapped(model, name, column, values, before, state):
    table = f"payments_{model}"
    constraint = models.CheckConstraint(condition=models.Q(**{f"{column}__in": values}), name=name)
    return migrations.RunSQL(
        check(table, name, column, values),
        check(table, name, column, before),
        state_operations=[
            migrations.RemoveConstraint(model, name),
            *state,
            migrations.AddConstraint(model, constraint),
        ],
    )


def added(model, name, field, definition):
    table = f"payments_{model}"
    return migrations.RunSQL(
        safely(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {definition}"),
        safely(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name}"),
        state_operations=[migrations.AddField(model, name, field)],
    )


def chosen(model, name, field):
    """Only Python knows the choices."""
    return migrations.AlterField(model, name, field)


def choices(*values):
    return [(value, value) for value in values]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0006_orders_by_their_end")]

    operations = [
        swapped(
            "provideraccount",
            "provider_account_psp",
            "psp",
            PSPS,
            PSPS_BEFORE,
            [
                chosen(
                    "provideraccount",
                    "psp",
                    models.CharField(choices=[("adyen", "Adyen"), ("stripe", "Stripe")], max_length=12),
                )
            ],
        ),
        added(
            "provideraccount",
            "region",
            models.CharField(
                blank=True,
                default="",
                help_text="The PSP's data centre, where it has several. Empty: its first.",
                max_length=8,
            ),
            "varchar(8) NOT NULL DEFAULT ''",
        ),
        added("providercall", "given", models.JSONField(blank=True, default=dict), "jsonb NOT NULL DEFAULT '{}'"),
        swapped(
            "providercall",
            "call_kind",
            "kind",
            KINDS,
            KINDS_BEFORE,
            [
                chosen(
                    "providercall",
                    "kind",
                    models.CharField(choices=[(kind, kind.capitalize()) for kind in KINDS], max_length=12),
                )
            ],
        ),
        chosen(
            "inboundevent",
            "kind",
            models.CharField(
                choices=choices("payment_updated", "capture_updated", "cancel_updated", "refund_updated", "unused"),
                max_length=24,
            ),
        ),
        chosen(
            "paymentattempt",
            "token",
            models.CharField(blank=True, help_text="The PSP's token of the payment method.", max_length=200),
        ),
    ]
