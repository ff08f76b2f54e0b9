"""Money that a machine may not decide about: what an item is about, who looks after it, and what two people say.

Safe while payments are taken: columns come with their defaults and rewrite nothing, constraints stand on a new table,
and every statement gives up after three seconds and can be run again.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

import payments.kernel.clock
import payments.kernel.ids

ACTIONS = [
    ("accept", "Accept what the PSP says"),
    ("void", "Cancel it at the PSP"),
    ("refund", "Give it back"),
    ("undone", "It was undone at the PSP"),
    ("stand", "Our books are right"),
    ("close", "Close with evidence"),
]
DECISIONS = [("", "Waits for the second person"), ("confirmed", "Confirmed"), ("withdrawn", "Withdrawn")]


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def added(model, name, field, definition):
    table = f"payments_{model}"
    return migrations.RunSQL(
        safely(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {definition}"),
        safely(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name}"),
        state_operations=[migrations.AddField(model, name, field)],
    )


CHECK_CAPTURE = """
CREATE OR REPLACE FUNCTION payments_check_capture() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    attempt record;
    taken numeric;
BEGIN
    -- locked, so that of two captures at once the later one sees the earlier
    SELECT intent_id, currency, greatest(amount_minor, {accepted}) AS amount_minor INTO attempt
      FROM payments_paymentattempt WHERE id = NEW.attempt_id FOR NO KEY UPDATE;
    IF attempt.currency <> NEW.currency OR attempt.intent_id <> NEW.intent_id THEN
        RAISE EXCEPTION 'capture % has another currency or payment intent than its attempt', NEW.id
              USING ERRCODE = '23514';
    END IF;
    SELECT sum(amount_minor) INTO taken FROM payments_capture
     WHERE attempt_id = NEW.attempt_id AND status NOT IN ('failed', 'reversed');
    IF taken > attempt.amount_minor THEN
        RAISE EXCEPTION 'captures of % exceed the % that attempt % was authorised for',
              taken, attempt.amount_minor, NEW.attempt_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

CHECK_ACCEPTED = """
CREATE OR REPLACE FUNCTION payments_check_accepted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments_attentionitem i JOIN payments_settlement s ON s.item_id = i.id
                    WHERE i.object_id = 'att_' || replace(NEW.id::text, '-', '') AND i.amount_minor = NEW.accepted_minor
                      AND s.decision = 'confirmed' AND s.action IN ('accept', 'refund')) THEN
        RAISE EXCEPTION 'no two people have accepted % of attempt %', NEW.accepted_minor, NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""
KEEPS = "id item_id action because proposed_by proposed_at".split()
OLD, NEW = (", ".join(f"{row}.{column}" for column in KEEPS) for row in ("OLD", "NEW"))
GUARDS = f"""
    DROP TRIGGER IF EXISTS accepted_by_two ON payments_paymentattempt;
    CREATE CONSTRAINT TRIGGER accepted_by_two AFTER UPDATE OF accepted_minor ON payments_paymentattempt
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.accepted_minor IS NOT NULL)
        EXECUTE FUNCTION payments_check_accepted();
    DROP TRIGGER IF EXISTS what_stays ON payments_settlement;
    CREATE TRIGGER what_stays BEFORE UPDATE OF {", ".join(KEEPS)} ON payments_settlement FOR EACH ROW
        WHEN (({OLD}) IS DISTINCT FROM ({NEW}))
        EXECUTE FUNCTION payments_refuse('a settlement stays as it was proposed');
    DROP TRIGGER IF EXISTS decided_once ON payments_settlement;
    CREATE TRIGGER decided_once BEFORE UPDATE ON payments_settlement FOR EACH ROW WHEN (OLD.decision <> '')
        EXECUTE FUNCTION payments_refuse('a settlement is decided once');
    DROP TRIGGER IF EXISTS never_deleted ON payments_settlement;
    CREATE TRIGGER never_deleted BEFORE DELETE ON payments_settlement FOR EACH ROW
        EXECUTE FUNCTION payments_refuse('a settlement is never deleted');
    DROP TRIGGER IF EXISTS no_truncate ON payments_settlement;
    CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payments_settlement FOR EACH STATEMENT
        EXECUTE FUNCTION payments_refuse('a settlement is never deleted');
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0018_money_leaves_a_bank")]
    operations = [
        added("attentionitem", "currency", models.CharField(blank=True, default="", max_length=3),
              "varchar(3) NOT NULL DEFAULT ''"),
        added("attentionitem", "amount_minor", models.BigIntegerField(blank=True, null=True), "bigint"),
        added("attentionitem", "facts", models.JSONField(blank=True, default=dict), "jsonb NOT NULL DEFAULT '{}'"),
        added("attentionitem", "taken_by",
              models.CharField(blank=True, default="", help_text="Who looks after it.", max_length=80),
              "varchar(80) NOT NULL DEFAULT ''"),
        added("attentionitem", "taken_at", models.DateTimeField(blank=True, null=True), "timestamptz"),
        added("paymentattempt", "accepted_minor",
              models.BigIntegerField(
                  blank=True, null=True,
                  help_text="What the PSP took, where that is more and two people have accepted it."),
              "bigint"),
        migrations.RunSQL("SET lock_timeout = '3s'", "RESET lock_timeout"),
        migrations.CreateModel(
            name="Settlement",
            fields=[
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ("id", payments.kernel.ids.IdField("stl", primary_key=True, serialize=False)),
                ("action", models.CharField(choices=ACTIONS, max_length=8)),
                ("because", models.CharField(max_length=200)),
                ("proposed_by", models.CharField(max_length=80)),
                ("proposed_at", models.DateTimeField(default=payments.kernel.clock.now)),
                ("decision", models.CharField(blank=True, choices=DECISIONS, default="", max_length=10)),
                ("decided_by", models.CharField(blank=True, default="", max_length=80)),
                ("decided_because", models.CharField(blank=True, default="", max_length=200)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("item", models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, related_name="settlements",
                    to="payments.attentionitem")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(action__in=[action for action, _ in ACTIONS]), name="settlement_action"),
                    models.CheckConstraint(
                        condition=~Q(because="") & ~Q(proposed_by=""), name="settlement_says_why"),
                    models.CheckConstraint(
                        condition=Q(decision="", decided_by="", decided_at__isnull=True)
                        | (Q(decision__in=["confirmed", "withdrawn"], decided_at__isnull=False) & ~Q(decided_by="")),
                        name="settlement_decided_by_somebody"),
                    models.CheckConstraint(
                        condition=~Q(decision="confirmed") | ~Q(decided_by=F("proposed_by")),
                        name="settlement_maker_is_not_checker"),
                    models.UniqueConstraint(
                        condition=Q(decision=""), fields=("item",), name="settlement_one_waits"),
                ],
            },
        ),
        migrations.RunSQL("RESET lock_timeout", "SET lock_timeout = '3s'"),
        migrations.RunSQL(
            CHECK_CAPTURE.format(accepted="accepted_minor"), CHECK_CAPTURE.format(accepted="amount_minor")),
        migrations.RunSQL(CHECK_ACCEPTED, "DROP FUNCTION payments_check_accepted()"),
        migrations.RunSQL(
            safely(GUARDS), safely("DROP TRIGGER IF EXISTS accepted_by_two ON payments_paymentattempt")),
    ]
