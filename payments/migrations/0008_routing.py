"""Rules that route payments, switches that two people turn on, and with each attempt why it went where it went.

Safe while payments are taken: two tables are new; a column with a constant default is a line in the catalogue and keeps
it, because the release before this one goes on inserting attempts without it; the index is built beside the traffic.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q

import payments.kernel.clock
import payments.kernel.ids


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def added(name, field, definition):
    return migrations.RunSQL(
        safely(f"ALTER TABLE payments_paymentattempt ADD COLUMN IF NOT EXISTS {name} {definition}"),
        safely(f"ALTER TABLE payments_paymentattempt DROP COLUMN IF EXISTS {name}"),
        state_operations=[migrations.AddField("paymentattempt", name, field)],
    )


def trigger(table, name, when):
    drop = f"DROP TRIGGER IF EXISTS {name} ON {table}"
    return migrations.RunSQL([drop, f"CREATE TRIGGER {name} {when}"], [drop])


def stays(table, columns, sentence):
    old, new = (", ".join(f"{row}.{column}" for column in columns.split()) for row in ("OLD", "NEW"))
    return trigger(
        table,
        "what_stays",
        f"BEFORE UPDATE OF {', '.join(columns.split())} ON {table} FOR EACH ROW"
        f" WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION payments_refuse('{sentence}')",
    )


def never_deleted(table, sentence):
    refuse = f"EXECUTE FUNCTION payments_refuse('{sentence}')"
    return trigger(table, "never_deleted", f"BEFORE DELETE ON {table} FOR EACH ROW {refuse}")


def texts(length, **more):
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=length), blank=True, default=list, size=None, **more
    )


VERSION = models.PositiveIntegerField(default=1, editable=False)
CREATED = models.DateTimeField(default=payments.kernel.clock.now, editable=False)
RULE = "name priority split methods currencies countries brands bins segments channels control_percent drafted_by"
STATES = ["draft", "approved", "active", "retired"]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0007_adyen")]

    operations = [
        added(
            "route",
            models.JSONField(blank=True, default=dict, help_text="Who would have been next, and who was left out."),
            "jsonb NOT NULL DEFAULT '{}'",
        ),
        added(
            "rule_id",
            models.CharField(blank=True, default="", help_text="The routing rule that had a say.", max_length=40),
            "varchar(40) NOT NULL DEFAULT ''",
        ),
        added(
            "rule_arm",
            models.CharField(
                blank=True, default="", help_text="Routed by it, or spared to compare.", max_length=8
            ),
            "varchar(8) NOT NULL DEFAULT ''",
        ),
        AddIndexConcurrently(
            "paymentattempt",
            models.Index(fields=["rule_id", "created_at"], name="attempt_rule", condition=~Q(rule_id="")),
        ),
        migrations.CreateModel(
            name="KillSwitch",
            fields=[
                ("version", VERSION),
                ("created_at", CREATED),
                ("id", payments.kernel.ids.IdField("ks", primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("account", "Provider account"),
                            ("method", "Payment method"),
                            ("country", "Country"),
                        ],
                        max_length=8,
                    ),
                ),
                ("target", models.CharField(max_length=40)),
                ("off_by", models.CharField(max_length=80)),
                ("off_because", models.CharField(max_length=200)),
                ("off_at", models.DateTimeField(default=payments.kernel.clock.now)),
                (
                    "asked_by",
                    models.CharField(blank=True, default="", help_text="Who wants it on again.", max_length=80),
                ),
                ("asked_because", models.CharField(blank=True, default="", max_length=200)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("on_by", models.CharField(blank=True, default="", help_text="Who agreed.", max_length=80)),
                ("on_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "kill switches",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(kind__in=["account", "method", "country"]), name="switch_kind"
                    ),
                    models.CheckConstraint(condition=~Q(off_because=""), name="switch_off_because"),
                    models.CheckConstraint(
                        condition=Q(on_at__isnull=True, on_by="")
                        | (Q(on_at__isnull=False) & ~Q(on_by="") & ~Q(asked_by="") & ~Q(on_by=F("asked_by"))),
                        name="switch_on_by_two",
                    ),
                    models.UniqueConstraint(
                        condition=Q(on_at__isnull=True), fields=["kind", "target"], name="switch_off_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingRule",
            fields=[
                ("version", VERSION),
                ("created_at", CREATED),
                ("id", payments.kernel.ids.IdField("rule", primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                (
                    "priority",
                    models.PositiveSmallIntegerField(default=100, help_text="The smallest is read first."),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[(state, state) for state in STATES], default="draft", max_length=10
                    ),
                ),
                ("split", models.JSONField(blank=True, default=list)),
                ("methods", texts(24)),
                ("currencies", texts(3)),
                ("countries", texts(2)),
                ("amount_from_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "amount_to_minor",
                    models.BigIntegerField(blank=True, help_text="Below this amount.", null=True),
                ),
                ("brands", texts(24)),
                ("bins", texts(8, help_text="First digits of a card.")),
                ("segments", texts(40)),
                ("channels", texts(12)),
                (
                    "control_percent",
                    models.PositiveSmallIntegerField(
                        default=10, help_text="Spared by the rule, to compare with."
                    ),
                ),
                ("drafted_by", models.CharField(max_length=80)),
                ("approved_by", models.CharField(blank=True, default="", max_length=80)),
                ("activated_by", models.CharField(blank=True, default="", max_length=80)),
                ("activated_at", models.DateTimeField(blank=True, null=True)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=Q(status="active"), fields=["priority", "id"], name="rule_active")
                ],
                "constraints": [
                    models.CheckConstraint(condition=Q(status__in=STATES), name="rule_status"),
                    models.CheckConstraint(condition=Q(control_percent__lte=50), name="rule_control"),
                    models.CheckConstraint(
                        condition=~Q(approved_by=F("drafted_by")) & ~Q(activated_by=F("drafted_by")),
                        name="rule_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=~Q(status__in=["approved", "active"]) | ~Q(approved_by=""),
                        name="rule_approved_before_active",
                    ),
                    models.CheckConstraint(
                        condition=~Q(status="active") | (~Q(activated_by="") & Q(activated_at__isnull=False)),
                        name="rule_active_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=Q(amount_from_minor__isnull=True, amount_to_minor__isnull=True)
                        | Q(currencies__len=1),
                        name="rule_amounts_have_one_currency",
                    ),
                ],
            },
        ),
        stays(
            "payments_routingrule",
            f"id amount_from_minor amount_to_minor {RULE}",
            "a routing rule keeps what it says and who drafted it",
        ),
        stays("payments_killswitch", "id kind target off_by off_because off_at", "a kill switch keeps who and why"),
        never_deleted("payments_routingrule", "a routing rule is never deleted"),
        never_deleted("payments_killswitch", "a kill switch is never deleted"),
        # only Python knows the choices
        migrations.AlterField(
            "attentionitem",
            "kind",
            models.CharField(
                choices=[
                    ("unknown_outcome", "The PSP's answer is not known"),
                    ("amount_differs", "The PSP answered with another amount or currency"),
                    ("overpayment", "More was taken than was asked for and cannot be given back by itself"),
                    ("auto_refund_limit", "Automatic refunds stopped at their limit"),
                    ("refund_bounced", "A refund came back after it had succeeded"),
                    ("over_returned", "More went back than was taken"),
                    ("authorization_expiring", "An authorisation expires soon and is not captured"),
                    ("cancel_refused", "The PSP refuses to cancel a payment that nobody wants"),
                    ("rule_rolled_back", "A routing rule did worse than its control and was rolled back"),
                    ("unmatched_event", "The PSP reports something that we do not know"),
                ],
                max_length=24,
            ),
        ),
    ]
