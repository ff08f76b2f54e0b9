"""Saved payment methods, the tokens by which PSPs keep them, and as whom PSPs know a customer: three new tables.

One short transaction: what it refers to is held only while the catalogue is written, and it gives up after two seconds.
"""

import django.db.models.deletion
from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids

SHORT_WAIT = migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop)

CHECK_METHOD = """
CREATE OR REPLACE FUNCTION payments_check_method() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments_customer WHERE id = NEW.customer_id AND client_id = NEW.client_id
                      AND (erased_at IS NULL OR NEW.deleted_at IS NOT NULL)) THEN
        RAISE EXCEPTION 'saved method % is of another client than its customer, or of one who was erased', NEW.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fits_customer BEFORE INSERT ON payments_paymentmethod
    FOR EACH ROW EXECUTE FUNCTION payments_check_method();
"""

STAYS = """
CREATE TRIGGER what_stays BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW
    WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION payments_refuse('{sentence}');
CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION payments_refuse('{kept}');
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('{kept}');
"""

NOT_REVIVED = """
CREATE TRIGGER stays_deleted BEFORE UPDATE OF deleted_at ON payments_paymentmethod FOR EACH ROW
    WHEN (OLD.deleted_at IS NOT NULL AND OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION payments_refuse('a saved method that was deleted stays deleted');
CREATE TRIGGER stays_retired BEFORE UPDATE OF retired_at ON payments_paymentmethodtoken FOR EACH ROW
    WHEN (OLD.retired_at IS NOT NULL AND OLD.retired_at IS DISTINCT FROM NEW.retired_at)
    EXECUTE FUNCTION payments_refuse('a token that has retired pays no more');
"""


def stays(table, columns, sentence, kept):
    old, new = (", ".join(f"{row}.{column}" for column in columns.split()) for row in ("OLD", "NEW"))
    named = ", ".join(columns.split())
    sql = STAYS.format(table=table, columns=named, old=old, new=new, sentence=sentence, kept=kept)
    return migrations.RunSQL(sql, migrations.RunSQL.noop)


def common():
    return [
        ("version", models.PositiveIntegerField(default=1, editable=False)),
        ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
    ]


def to(model, **options):
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=model, **options)


class Migration(migrations.Migration):

    dependencies = [("payments", "0010_outgoing_limits")]

    operations = [
        SHORT_WAIT,
        migrations.CreateModel(
            name="PaymentMethod",
            fields=[
                *common(),
                ("event_sequence", models.PositiveIntegerField(default=0, editable=False)),
                ("id", payments.kernel.ids.IdField("pm", primary_key=True, serialize=False)),
                (
                    "method",
                    models.CharField(help_text="Its code in the catalogue of payment methods.", max_length=24),
                ),
                ("brand", models.CharField(blank=True, default="", help_text="As the PSP calls it.", max_length=24)),
                ("last4", models.CharField(blank=True, default="", max_length=4)),
                ("exp_month", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("exp_year", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("wallet", models.CharField(blank=True, default="", max_length=24)),
                (
                    "fingerprint",
                    models.CharField(blank=True, default="", help_text="The same for the same card.", max_length=80),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("client", to("payments.apiclient")),
                ("customer", to("payments.customer", related_name="payment_methods")),
            ],
            options={"verbose_name": "saved method"},
        ),
        migrations.CreateModel(
            name="PaymentMethodToken",
            fields=[
                *common(),
                ("id", payments.kernel.ids.IdField("tok", primary_key=True, serialize=False)),
                ("token", models.CharField(max_length=200)),
                ("payer", models.CharField(help_text="The PSP's reference of the customer.", max_length=80)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                ("forgotten_at", models.DateTimeField(blank=True, null=True)),
                ("account", to("payments.provideraccount")),
                ("payment_method", to("payments.paymentmethod", related_name="tokens")),
            ],
        ),
        migrations.CreateModel(
            name="Payer",
            fields=[
                *common(),
                ("id", payments.kernel.ids.IdField("payer", primary_key=True, serialize=False)),
                ("reference", models.CharField(max_length=80)),
                ("account", to("payments.provideraccount")),
                ("customer", to("payments.customer")),
            ],
        ),
        migrations.AddConstraint(
            "paymentmethod",
            models.UniqueConstraint(
                fields=["customer", "fingerprint"],
                name="payment_method_once",
                condition=models.Q(deleted_at__isnull=True) & ~models.Q(fingerprint=""),
            ),
        ),
        migrations.AddConstraint(
            "paymentmethod",
            models.CheckConstraint(
                name="payment_method_month",
                condition=models.Q(exp_month__isnull=True) | models.Q(exp_month__range=(1, 12)),
            ),
        ),
        migrations.AddIndex(
            "paymentmethod", models.Index(fields=["customer", "id"], name="payment_method_customer")
        ),
        migrations.AddIndex(
            "paymentmethod",
            models.Index(fields=["last4", "id"], name="payment_method_last4", condition=~models.Q(last4="")),
        ),
        migrations.AddConstraint(
            "paymentmethodtoken", models.UniqueConstraint(fields=["account", "token"], name="method_token_once")
        ),
        migrations.AddConstraint(
            "paymentmethodtoken",
            models.UniqueConstraint(
                fields=["payment_method", "account"],
                name="method_token_one_alive",
                condition=models.Q(retired_at__isnull=True),
            ),
        ),
        migrations.AddConstraint(
            "paymentmethodtoken",
            models.CheckConstraint(
                name="method_token_forgotten_after",
                condition=models.Q(forgotten_at__isnull=True) | models.Q(retired_at__isnull=False),
            ),
        ),
        migrations.AddConstraint(
            "payer", models.UniqueConstraint(fields=["customer", "account"], name="payer_one_per_account")
        ),
        migrations.AddConstraint(
            "payer", models.UniqueConstraint(fields=["account", "reference"], name="payer_reference")
        ),
        migrations.RunSQL(CHECK_METHOD, "DROP FUNCTION payments_check_method() CASCADE"),
        stays(
            "payments_paymentmethod",
            "id client_id customer_id method created_at",
            "a saved method keeps its customer and kind",
            "a saved method is marked as deleted and kept",
        ),
        stays(
            "payments_paymentmethodtoken",
            "id payment_method_id account_id token payer created_at",
            "a token keeps its method, provider account and customer",
            "a token is marked as forgotten and kept",
        ),
        migrations.RunSQL(NOT_REVIVED, migrations.RunSQL.noop),
    ]
