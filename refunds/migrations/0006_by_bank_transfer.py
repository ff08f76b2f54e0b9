"""Refunds by bank transfer, which one person records and another one confirms.

Safe while refunds are made: the new table is nobody's yet, the CHECKs of the old one are held against its rows without
keeping writers out, and every statement gives up after three seconds and can be run again.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

import payments.kernel.clock
import payments.kernel.ids

STATES = [
    "requested", "sent", "unknown", "pending", "requires_action", "failed", "canceled", "succeeded", "canceled_at_psp",
    "proposed", "bounced",
]
SHOWN = [
    "requested", "proposed", "sent", "pending", "unknown", "requires_action", "succeeded", "failed", "canceled_at_psp",
    "bounced", "canceled",
]
RESERVED = ("requested", "sent", "pending", "unknown", "requires_action", "proposed")
ORIGINS = [
    ("api", "A client, by the API"),
    ("staff", "The back office"),
    ("duplicate", "By itself: the money came too late"),
    ("outside", "Made outside, at the PSP"),
    ("bank", "Finance, by bank transfer"),
]
BY_BANK = ["proposed", "succeeded", "canceled", "bounced"]


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def listed(values):
    return ", ".join(f"'{value}'" for value in values)


def constrained(name, definition, condition, *, replaces=True):
    """New rows obey at once, old ones are checked without keeping writers out."""
    drop = f"ALTER TABLE refunds_refund DROP CONSTRAINT IF EXISTS {name}"
    gone = [migrations.RemoveConstraint("refund", name)] if replaces else []
    return migrations.RunSQL(
        safely(
            f"{drop}, ADD CONSTRAINT {name} CHECK ({definition}) NOT VALID",
            f"ALTER TABLE refunds_refund VALIDATE CONSTRAINT {name}",
        ),
        safely(drop),
        state_operations=[
            *gone,
            migrations.AddConstraint("refund", models.CheckConstraint(condition=condition, name=name)),
        ],
    )


SETTLED = f"(status IN ({listed(RESERVED)})) = (settled_at IS NULL)"
APART = f"""(origin = 'bank' AND status IN ({listed(BY_BANK)}) AND call_id = '' AND provider_reference = ''
             AND sent_at IS NULL) OR (origin <> 'bank' AND status <> 'proposed')"""

CHECK_CONFIRMED = """
CREATE OR REPLACE FUNCTION refunds_check_confirmed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM refunds_banktransfer WHERE refund_id = NEW.id AND decision = 'confirmed') THEN
        RAISE EXCEPTION 'refund % by bank transfer is not confirmed by a second person', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""
CONFIRMED = """
    DROP TRIGGER IF EXISTS confirmed_by_two ON refunds_refund;
    CREATE CONSTRAINT TRIGGER confirmed_by_two AFTER INSERT OR UPDATE OF status ON refunds_refund
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.origin = 'bank' AND NEW.status IN ('succeeded', 'bounced'))
        EXECUTE FUNCTION refunds_check_confirmed();
"""
KEEPS = "id refund_id item_id bank_account bank_reference value_date because proposed_by proposed_at".split()
OLD, NEW = (", ".join(f"{row}.{column}" for column in KEEPS) for row in ("OLD", "NEW"))
GUARDS = f"""
    DROP TRIGGER IF EXISTS what_stays ON refunds_banktransfer;
    CREATE TRIGGER what_stays BEFORE UPDATE OF {", ".join(KEEPS)} ON refunds_banktransfer FOR EACH ROW
        WHEN (({OLD}) IS DISTINCT FROM ({NEW}))
        EXECUTE FUNCTION payments_refuse('a bank transfer stays as it was proposed');
    DROP TRIGGER IF EXISTS decided_once ON refunds_banktransfer;
    CREATE TRIGGER decided_once BEFORE UPDATE OF decision, decided_by, decided_at ON refunds_banktransfer FOR EACH ROW
        WHEN (OLD.decision <> '' AND (OLD.decision, OLD.decided_by, OLD.decided_at)
                                     IS DISTINCT FROM (NEW.decision, NEW.decided_by, NEW.decided_at))
        EXECUTE FUNCTION payments_refuse('a bank transfer is decided once');
    DROP TRIGGER IF EXISTS never_deleted ON refunds_banktransfer;
    CREATE TRIGGER never_deleted BEFORE DELETE ON refunds_banktransfer FOR EACH ROW
        EXECUTE FUNCTION payments_refuse('a bank transfer is never deleted');
    DROP TRIGGER IF EXISTS no_truncate ON refunds_banktransfer;
    CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refunds_banktransfer FOR EACH STATEMENT
        EXECUTE FUNCTION payments_refuse('a bank transfer is never deleted');
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("payments", "0018_money_leaves_a_bank"),
        ("refunds", "0005_the_database_refuses"),
    ]
    operations = [
        migrations.AlterField("refund", "origin", models.CharField(choices=ORIGINS, max_length=10)),
        migrations.AlterField(
            "refund",
            "status",
            models.CharField(choices=[(state, state) for state in SHOWN], default="requested", max_length=16),
        ),
        constrained("refund_status", f"status IN ({listed(STATES)})", Q(status__in=STATES)),
        constrained(
            "refund_origin",
            f"origin IN ({listed(value for value, _ in ORIGINS)})",
            Q(origin__in=[value for value, _ in ORIGINS]),
        ),
        constrained(
            "refund_settled",
            SETTLED,
            Q(status__in=RESERVED, settled_at__isnull=True) | (~Q(status__in=RESERVED) & Q(settled_at__isnull=False)),
        ),
        constrained(
            "refund_by_bank_or_by_psp",
            APART,
            Q(origin="bank", status__in=BY_BANK, call_id="", provider_reference="", sent_at__isnull=True)
            | (~Q(origin="bank") & ~Q(status="proposed")),
            replaces=False,
        ),
        migrations.RunSQL("SET lock_timeout = '3s'", "RESET lock_timeout"),
        migrations.CreateModel(
            name="BankTransfer",
            fields=[
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ("id", payments.kernel.ids.IdField("bt", primary_key=True, serialize=False)),
                ("bank_account", models.CharField(help_text="Which of our bank accounts paid.", max_length=40)),
                ("bank_reference", models.CharField(help_text="How the bank calls the transfer.", max_length=80)),
                ("value_date", models.DateField(help_text="When it left the account.")),
                ("because", models.CharField(max_length=200)),
                ("proposed_by", models.CharField(max_length=80)),
                ("proposed_at", models.DateTimeField(default=payments.kernel.clock.now)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Waits for the second person"),
                            ("confirmed", "Confirmed"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("decided_by", models.CharField(blank=True, default="", max_length=80)),
                ("decided_because", models.CharField(blank=True, default="", max_length=200)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("returned_by", models.CharField(blank=True, default="", max_length=80)),
                ("returned_because", models.CharField(blank=True, default="", max_length=200)),
                (
                    "returned_on",
                    models.DateField(blank=True, help_text="When it was on the account again.", null=True),
                ),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payments.attentionitem",
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="transfer", to="refunds.refund"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=Q(item__isnull=False), fields=["item"], name="transfer_item"),
                    models.Index(condition=Q(decision=""), fields=["proposed_at"], name="transfer_waiting"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(decision__in=["", "confirmed", "withdrawn"]), name="transfer_decision"
                    ),
                    models.CheckConstraint(
                        condition=~Q(bank_account="") & ~Q(bank_reference="") & ~Q(because="") & ~Q(proposed_by=""),
                        name="transfer_says_what_and_why",
                    ),
                    models.CheckConstraint(
                        condition=Q(decision="", decided_by="", decided_at__isnull=True)
                        | (~Q(decision="") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
                        name="transfer_decided_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=~Q(decision="confirmed") | ~Q(decided_by=F("proposed_by")),
                        name="transfer_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=Q(returned_by="", returned_on__isnull=True)
                        | (Q(decision="confirmed", returned_on__isnull=False) & ~Q(returned_by="")),
                        name="transfer_returned_once_confirmed",
                    ),
                    models.UniqueConstraint(
                        condition=~Q(decision="withdrawn"),
                        fields=("bank_account", "bank_reference"),
                        name="transfer_recorded_once",
                    ),
                ],
            },
        ),
        migrations.RunSQL("RESET lock_timeout", "SET lock_timeout = '3s'"),
        migrations.RunSQL(CHECK_CONFIRMED, "DROP FUNCTION refunds_check_confirmed()"),
        migrations.RunSQL(
            safely(CONFIRMED), safely("DROP TRIGGER IF EXISTS confirmed_by_two ON refunds_refund")
        ),
        migrations.RunSQL(safely(GUARDS), migrations.RunSQL.noop),
    ]
