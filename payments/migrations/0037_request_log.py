"""What was asked of the API: a log that is split by day, written in batches, and dropped day by day.

Safe while payments are taken: a table that nobody knows yet. Days are made and dropped with the owner's rights, of this
table alone and never of the last week.
"""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids

LOG = """
CREATE TABLE payments_apirequest (
    id uuid NOT NULL PRIMARY KEY, at timestamptz NOT NULL, client_id uuid NULL, key_id uuid NULL,
    address varchar(45) NOT NULL, method varchar(8) NOT NULL, path varchar(300) NOT NULL,
    operation varchar(60) NOT NULL, status smallint NOT NULL CHECK (status >= 0), code varchar(60) NOT NULL,
    microseconds integer NOT NULL CHECK (microseconds >= 0), request_id varchar(64) NOT NULL,
    idempotency_key varchar(255) NOT NULL, object_ids varchar(48)[] NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX api_request_id ON payments_apirequest (request_id);
CREATE INDEX api_request_key ON payments_apirequest (key_id, id);
CREATE INDEX api_request_client ON payments_apirequest (client_id, id);
CREATE INDEX api_request_idempotency ON payments_apirequest (idempotency_key) WHERE NOT (idempotency_key = '');
CREATE INDEX api_request_objects ON payments_apirequest USING gin (object_ids);
CREATE TABLE payments_apirequest_default PARTITION OF payments_apirequest DEFAULT;

CREATE FUNCTION payments_keep_days(parent text, kept int, ahead int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    day date;
    part text;
BEGIN
    IF parent <> 'payments_apirequest' OR kept < 7 THEN
        RAISE EXCEPTION 'days of % stay', parent USING ERRCODE = '23514';
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    FOR i IN 0..ahead LOOP
        day := today + i;
        part := parent || '_' || to_char(day, 'YYYYMMDD');
        IF to_regclass(part) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, parent,
                           payments_uuid_floor(day::timestamp AT TIME ZONE 'UTC'),
                           payments_uuid_floor((day + 1)::timestamp AT TIME ZONE 'UTC'));
        END IF;
    END LOOP;
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = to_regclass(parent) AND c.relname ~ '_[0-9]{8}$'
                   AND right(c.relname, 8) < to_char(today - kept, 'YYYYMMDD') LOOP
        EXECUTE format('DROP TABLE %I', part);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION payments_keep_days(text, int, int) FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_keep_days(text, int, int) SECURITY DEFINER SET search_path = %I, pg_temp',
                   current_schema());
END $$;
SELECT payments_keep_days('payments_apirequest', 30, 7);
"""


class Migration(migrations.Migration):

    dependencies = [("payments", "0036_tries_and_replays")]

    operations = [
        migrations.RunSQL(
            LOG,
            "DROP TABLE payments_apirequest; DROP FUNCTION payments_keep_days(text, int, int);",
            state_operations=[
                migrations.CreateModel(
                    name="ApiRequest",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=payments.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("at", models.DateTimeField(default=payments.kernel.clock.now)),
                        (
                            "address",
                            models.CharField(
                                help_text="Of a server with a secret key; customers' are not kept.", max_length=45
                            ),
                        ),
                        ("method", models.CharField(max_length=8)),
                        ("path", models.CharField(help_text="Without its query.", max_length=300)),
                        ("operation", models.CharField(max_length=60)),
                        ("status", models.PositiveSmallIntegerField()),
                        ("code", models.CharField(help_text="Of the problem, when it was one.", max_length=60)),
                        ("microseconds", models.PositiveIntegerField()),
                        ("request_id", models.CharField(max_length=64)),
                        ("idempotency_key", models.CharField(max_length=255)),
                        (
                            "object_ids",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=48),
                                help_text="Objects in the address and in the answer.",
                                size=None,
                            ),
                        ),
                        (
                            "client",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="payments.apiclient",
                            ),
                        ),
                        (
                            "key",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="payments.apikey",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "API request",
                        "indexes": [
                            models.Index(fields=["request_id"], name="api_request_id"),
                            models.Index(fields=["key", "id"], name="api_request_key"),
                            models.Index(fields=["client", "id"], name="api_request_client"),
                            models.Index(
                                condition=models.Q(("idempotency_key", ""), _negated=True),
                                fields=["idempotency_key"],
                                name="api_request_idempotency",
                            ),
                            django.contrib.postgres.indexes.GinIndex(
                                fields=["object_ids"], name="api_request_objects"
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
