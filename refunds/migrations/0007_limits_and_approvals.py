"""Limits that refunds are held to, a second person beyond them, and a while in which people can take them back.

Safe while money goes back: columns with constant defaults are lines in the catalogue and keep them, because the release
before this one goes on inserting refunds without them; rules are first for new rows and then held against the old ones;
the index is built beside the traffic. Each step gives up after three seconds and can be run again.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q

import payments.kernel.clock
import payments.kernel.ids
from payments.kernel import money

TABLE, LIMITS = "refunds_refund", "refunds_refundlimit"
IN_FLIGHT = [
    "requested", "needs_approval", "approved", "held", "sent", "pending", "unknown", "requires_action", "proposed",
]  # fmt: skip
IN_FLIGHT_BEFORE = ["requested", "sent", "pending", "unknown", "requires_action", "proposed"]
ENDED = ["succeeded", "failed", "canceled_at_psp", "bounced", "canceled"]
STATES = [
    "requested", "needs_approval", "approved", "held", "sent", "unknown", "pending",
    "requires_action", "failed", "canceled", "rejected", "succeeded", "canceled_at_psp", "proposed", "bounced",
]  # fmt: skip
CHOICES = [
    "requested", "needs_approval", "approved", "rejected", "held", "proposed", "sent", "pending", "unknown",
    "requires_action", "succeeded", "failed", "canceled_at_psp", "bounced", "canceled",
]  # fmt: skip

DEFAULTS = {"support": (250, 2_000), "support_lead": (10_000, 100_000), "api": (5_000, 100_000)}
"""What goes back at once and within 24 hours, in whole euros; a currency's units are about so many to one of them."""
UNITS = {
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR"), "0.5"),
    **dict.fromkeys(("CZK", "HKD", "INR", "MXN", "PHP", "THB", "TWD", "TRY", "ZAR", "SEK", "NOK", "DKK", "EGP"), "10"),
    **dict.fromkeys(("CLP", "JPY", "HUF", "ISK", "NGN", "RUB", "KES"), "100"),
    **dict.fromkeys(("COP", "IDR", "KRW", "LBP", "PYG", "UGX", "VND", "TZS", "MNT", "IQD"), "1000"),
}


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def text(length, **more):
    return models.CharField(blank=True, default="", max_length=length, **more)


def moment(**more):
    return models.DateTimeField(blank=True, null=True, **more)


COLUMNS = {
    "approval_reason": (text(200), "varchar(200) NOT NULL DEFAULT ''"),
    "approved_by": (text(80), "varchar(80) NOT NULL DEFAULT ''"),
    "rejected_by": (text(80), "varchar(80) NOT NULL DEFAULT ''"),
    "decided_at": (moment(), "timestamptz"),
    "decided_because": (text(500), "varchar(500) NOT NULL DEFAULT ''"),
    "released_by": (text(80), "varchar(80) NOT NULL DEFAULT ''"),
    "released_at": (moment(), "timestamptz"),
    "held_until": (moment(help_text="Until then it can be taken back."), "timestamptz"),
}


def columns():
    adding = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, (_, kind) in COLUMNS.items())
    dropping = ", ".join(f"DROP COLUMN IF EXISTS {name}" for name in COLUMNS)
    return migrations.RunSQL(
        safely(f"ALTER TABLE {TABLE} {adding}"),
        safely(f"ALTER TABLE {TABLE} {dropping}"),
        state_operations=[migrations.AddField("refund", name, field) for name, (field, _) in COLUMNS.items()],
    )


def listed(values):
    return ", ".join(f"'{value}'" for value in values)


def rule(name, condition, state, before=""):
    """New rows obey at once, old ones are checked without keeping writers out; `before` is how it was."""

    def swap(to):
        adding = f", ADD CONSTRAINT {name} CHECK ({to}) NOT VALID" if to else ""
        validate = [f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT {name}"] if to else []
        return safely(f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS {name}{adding}", *validate)

    gone = [migrations.RemoveConstraint("refund", name)] if before else []
    added = migrations.AddConstraint("refund", models.CheckConstraint(name=name, condition=state))
    return migrations.RunSQL(swap(condition), swap(before), state_operations=[*gone, added])


def settled(in_flight):
    return f"(settled_at IS NULL) = (status IN ({listed(in_flight)}))"


def trigger(table, name, when):
    drop = f"DROP TRIGGER IF EXISTS {name} ON {table}"
    return migrations.RunSQL(safely(drop, f"CREATE TRIGGER {name} {when}"), safely(drop))


# what waits for a second person goes on only with one; money that went all the same is evidence, and recorded
LEAVES_WITH_APPROVAL = (
    f"BEFORE UPDATE OF status ON {TABLE} FOR EACH ROW WHEN (OLD.status = 'needs_approval' AND NEW.approved_by = ''"
    " AND NEW.status IN ('requested', 'approved', 'held', 'sent', 'pending', 'requires_action'))"
    " EXECUTE FUNCTION payments_refuse('a refund that needs approval goes on only when a second person has approved it')"
)
WORD_STAYS = (
    f"BEFORE UPDATE OF requested_by, approved_by, rejected_by, approval_reason ON {TABLE} FOR EACH ROW"
    " WHEN (OLD.requested_by <> NEW.requested_by OR (OLD.approved_by <> '' AND OLD.approved_by <> NEW.approved_by)"
    " OR (OLD.rejected_by <> '' AND OLD.rejected_by <> NEW.rejected_by)"
    " OR (OLD.approval_reason <> '' AND OLD.approval_reason <> NEW.approval_reason))"
    " EXECUTE FUNCTION payments_refuse('who asked for a refund, and who decided about it, stays')"
)
LIMIT_COLUMNS = "id role client_id currency each_minor daily_minor proposed_by created_at"

# More may go back only when two people say so: whoever is active without a second one allows no more than the one
# before it, which is replaced in the same transaction.
CHECK_LIMIT = """
CREATE OR REPLACE FUNCTION refunds_check_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    SELECT each_minor, daily_minor INTO before FROM refunds_refundlimit
     WHERE role = NEW.role AND client_id IS NOT DISTINCT FROM NEW.client_id AND currency = NEW.currency
       AND status = 'replaced' AND id <> NEW.id ORDER BY replaced_at DESC NULLS LAST LIMIT 1;
    IF NOT FOUND
       OR coalesce(NEW.each_minor, 9223372036854775807) > coalesce(before.each_minor, 9223372036854775807)
       OR coalesce(NEW.daily_minor, 9223372036854775807) > coalesce(before.daily_minor, 9223372036854775807) THEN
        RAISE EXCEPTION 'a limit that allows more takes two people' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""


def fill(apps, _editor):
    """What every installation begins with. People change it, two of them where more may go back."""
    limit = apps.get_model("refunds", "RefundLimit")
    if limit.objects.exists():
        return
    rows = []
    for role, amounts in DEFAULTS.items():
        for currency in sorted(money.IN_USE):
            each, daily = (_minor(amount, currency) for amount in amounts)
            rows.append(
                limit(
                    id=payments.kernel.ids.new("lim"), role=role, currency=currency, each_minor=each, daily_minor=daily,
                    status="active", proposed_by="installation", approved_by="the release",
                )
            )  # fmt: skip
    limit.objects.bulk_create(rows)


def _minor(euros, currency):
    whole, _, tenth = UNITS.get(currency, "1").partition(".")
    factor = int(whole + tenth)
    return euros * factor * 10 ** money.exponent(currency) // 10 ** len(tenth)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("refunds", "0006_by_bank_transfer"), ("payments", "0018_money_leaves_a_bank")]

    operations = [
        migrations.AlterModelOptions(
            "refund", {"permissions": (("approve_refund", "Can approve or reject refunds of others"),)}
        ),
        columns(),
        migrations.AlterField(
            "refund",
            "status",
            models.CharField(choices=[(one, one) for one in CHOICES], default="requested", max_length=16),
        ),
        rule(
            "refund_status",
            f"status IN ({listed(STATES)})",
            Q(status__in=STATES),
            f"status IN ({listed([*IN_FLIGHT_BEFORE, *ENDED])})",
        ),
        rule(
            "refund_settled",
            settled(IN_FLIGHT),
            Q(status__in=IN_FLIGHT, settled_at__isnull=True)
            | (~Q(status__in=IN_FLIGHT) & Q(settled_at__isnull=False)),
            settled(IN_FLIGHT_BEFORE),
        ),
        rule(
            "refund_maker_is_not_checker",
            "approved_by <> requested_by AND rejected_by <> requested_by",
            ~Q(approved_by=F("requested_by")) & ~Q(rejected_by=F("requested_by")),
        ),
        rule(
            "refund_approved_by_somebody",
            "status <> 'approved' OR approved_by <> ''",
            ~Q(status="approved") | ~Q(approved_by=""),
        ),
        rule(
            "refund_rejected_by_somebody",
            "status <> 'rejected' OR (rejected_by <> '' AND decided_because <> '')",
            ~Q(status="rejected") | ~Q(rejected_by="") & ~Q(decided_because=""),
        ),
        AddIndexConcurrently(
            "refund",
            models.Index(
                fields=["released_by", "currency", "released_at"], name="refund_released", condition=~Q(released_by="")
            ),
        ),
        trigger(TABLE, "leaves_with_approval", LEAVES_WITH_APPROVAL),
        trigger(TABLE, "word_stays", WORD_STAYS),
        migrations.CreateModel(
            name="RefundLimit",
            fields=[
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ("id", payments.kernel.ids.IdField("lim", primary_key=True, serialize=False)),
                ("role", text(24, help_text="Of staff; `api`: every other client.")),
                ("currency", models.CharField(max_length=3)),
                ("each_minor", models.BigIntegerField(blank=True, null=True)),
                ("daily_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[(one, one) for one in ("proposed", "active", "replaced", "withdrawn")],
                        default="proposed",
                        max_length=10,
                    ),
                ),
                ("proposed_by", models.CharField(max_length=80)),
                ("approved_by", text(80)),
                ("replaced_at", moment()),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refund_limits",
                        to="payments.apiclient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(status__in=["proposed", "active", "withdrawn", "replaced"]), name="limit_status"
                    ),
                    models.CheckConstraint(
                        condition=Q(role="", client__isnull=False) | (~Q(role="") & Q(client__isnull=True)),
                        name="limit_of_one",
                    ),
                    models.CheckConstraint(
                        condition=(Q(each_minor__isnull=True) | Q(each_minor__gte=0))
                        & (Q(daily_minor__isnull=True) | Q(daily_minor__gte=0)),
                        name="limit_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=~Q(approved_by=F("proposed_by")), name="limit_maker_is_not_checker"
                    ),
                    models.UniqueConstraint(
                        fields=["role", "client", "currency"],
                        name="limit_one_active",
                        condition=Q(status="active"),
                        nulls_distinct=False,
                    ),
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL(CHECK_LIMIT, "DROP FUNCTION refunds_check_limit()"),
        trigger(
            LIMITS,
            "what_stays",
            f"BEFORE UPDATE OF {', '.join(LIMIT_COLUMNS.split())} ON {LIMITS} FOR EACH ROW WHEN"
            f" (({', '.join(f'OLD.{one}' for one in LIMIT_COLUMNS.split())}) IS DISTINCT FROM"
            f" ({', '.join(f'NEW.{one}' for one in LIMIT_COLUMNS.split())}))"
            " EXECUTE FUNCTION payments_refuse('a limit stays as it was proposed: another one replaces it')",
        ),
        trigger(
            LIMITS,
            "takes_two",
            f"AFTER INSERT OR UPDATE OF status, approved_by ON {LIMITS} FOR EACH ROW"
            " WHEN (NEW.status = 'active' AND NEW.approved_by = '') EXECUTE FUNCTION refunds_check_limit()",
        ),
        trigger(
            LIMITS,
            "never_deleted",
            f"BEFORE DELETE ON {LIMITS} FOR EACH ROW EXECUTE FUNCTION"
            " payments_refuse('a limit is replaced or withdrawn, and kept')",
        ),
        trigger(
            LIMITS,
            "no_truncate",
            f"BEFORE TRUNCATE ON {LIMITS} FOR EACH STATEMENT EXECUTE FUNCTION"
            " payments_refuse('a limit is replaced or withdrawn, and kept')",
        ),
    ]
