"""Every try of a delivery, replays of events, and endpoints whose secret changes while both are good.

Safe while payments are taken: columns have their default in the catalogue and keep it, because the release before this
one goes on inserting rows without them; nothing is rewritten, and each statement gives up after three seconds.
"""

import django.db.models.deletion
from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids

TRIES = """
CREATE TABLE payments_deliverytry (
    id uuid NOT NULL PRIMARY KEY, delivery_id uuid NOT NULL, at timestamptz NOT NULL,
    status smallint NULL CHECK (status >= 0), error varchar(200) NOT NULL, response text NOT NULL,
    milliseconds integer NULL CHECK (milliseconds >= 0)
) PARTITION BY RANGE (id);
CREATE INDEX delivery_try ON payments_deliverytry (delivery_id, id);
CREATE TABLE payments_deliverytry_default PARTITION OF payments_deliverytry DEFAULT;
SELECT payments_ensure_months('payments_deliverytry', 0, 12);

CREATE OR REPLACE FUNCTION payments_detach_partition(parent text, part text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF parent NOT IN ('payments_delivery', 'payments_deliverytry') THEN
        RAISE EXCEPTION 'months of % stay: they prove money', parent USING ERRCODE = '23514';
    END IF;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, part);
END $$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_detach_partition(text, text) SECURITY DEFINER SET search_path = %I, pg_temp',
                   current_schema());
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [("payments", "0035_bodies_kept")]

    operations = [
        migrations.RunSQL(
            [
                "SET LOCAL lock_timeout = '3s'",
                "ALTER TABLE payments_endpoint"
                " ADD COLUMN IF NOT EXISTS previous_secret varchar(100) NOT NULL DEFAULT '',"
                " ADD COLUMN IF NOT EXISTS previous_secret_until timestamptz NULL,"
                " ADD COLUMN IF NOT EXISTS tests integer NOT NULL DEFAULT 0 CHECK (tests >= 0)",
            ],
            [
                "ALTER TABLE payments_endpoint DROP COLUMN IF EXISTS previous_secret,"
                " DROP COLUMN IF EXISTS previous_secret_until, DROP COLUMN IF EXISTS tests"
            ],
            state_operations=[
                migrations.AddField(
                    "endpoint",
                    "previous_secret",
                    models.CharField(blank=True, default="", editable=False, max_length=100),
                ),
                migrations.AddField(
                    "endpoint",
                    "previous_secret_until",
                    models.DateTimeField(blank=True, help_text="Until then both secrets sign.", null=True),
                ),
                migrations.AddField(
                    "endpoint",
                    "tests",
                    models.PositiveIntegerField(
                        default=0, editable=False, help_text="Test events so far, which they count."
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            TRIES,
            "DROP TABLE payments_deliverytry",
            state_operations=[
                migrations.CreateModel(
                    name="DeliveryTry",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=payments.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        (
                            "delivery_id",
                            models.UUIDField(help_text="No foreign key: months of deliveries leave as a whole."),
                        ),
                        ("at", models.DateTimeField(default=payments.kernel.clock.now)),
                        (
                            "status",
                            models.PositiveSmallIntegerField(
                                help_text="The HTTP status, when there was an answer.", null=True
                            ),
                        ),
                        ("error", models.CharField(blank=True, default="", max_length=200)),
                        (
                            "response",
                            models.TextField(blank=True, default="", help_text="The beginning of the answer."),
                        ),
                        ("milliseconds", models.PositiveIntegerField(null=True)),
                    ],
                    options={
                        "verbose_name": "try of a delivery",
                        "verbose_name_plural": "tries of deliveries",
                        "indexes": [models.Index(fields=["delivery_id", "id"], name="delivery_try")],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="EventReplay",
            fields=[
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ("id", payments.kernel.ids.IdField("wr", primary_key=True, serialize=False)),
                (
                    "first",
                    models.UUIDField(help_text="The first event; of failed ones the first delivery."),
                ),
                ("last", models.UUIDField(help_text="What comes later is delivered anyway.")),
                ("reached", models.UUIDField(null=True)),
                ("only_failed", models.BooleanField(default=False)),
                (
                    "since",
                    models.DateTimeField(help_text="What was asked for, where it was a moment.", null=True),
                ),
                ("planned", models.PositiveIntegerField(default=0)),
                ("because", models.CharField(blank=True, default="", max_length=200)),
                ("by", models.CharField(max_length=120)),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replays",
                        to="payments.endpoint",
                    ),
                ),
            ],
        ),
    ]
