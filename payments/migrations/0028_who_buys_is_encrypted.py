"""Names and e-mail addresses of customers are encrypted: columns for it, beside those that old code writes and reads.

Safe while payments are taken, with code of before and after side by side: empty columns rewrite nothing, indexes are
built beside the writers, every statement gives up after three seconds and can be run again. Nothing is filled here:
`manage.py personal_data encrypt` does that in batches once no old process runs (docs/decisions/0029). Until then a
column that is written says that the other one of the two is out of date.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower

from payments.kernel import personal

NAMES = ("email", "name")
KEEP_ONE = """
CREATE OR REPLACE FUNCTION payments_{name}_is_plain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{name}_cipher := NULL;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION payments_{name}_is_encrypted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{name} := '';
    RETURN NEW;
END $$;
"""
DROP_BOTH = "DROP FUNCTION payments_{name}_is_plain(); DROP FUNCTION payments_{name}_is_encrypted();"


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def triggers(name):
    """Old code names the plain column in an UPDATE, also where it says the same again; new code never does."""
    drop = [f"DROP TRIGGER IF EXISTS {name}_is_{kind} ON payments_customer" for kind in ("plain", "encrypted")]
    return migrations.RunSQL(
        safely(
            *drop,
            f"CREATE TRIGGER {name}_is_plain BEFORE UPDATE OF {name} ON payments_customer FOR EACH ROW"
            f" WHEN (NEW.{name}_cipher IS NOT DISTINCT FROM OLD.{name}_cipher)"
            f" EXECUTE FUNCTION payments_{name}_is_plain()",
            f"CREATE TRIGGER {name}_is_encrypted BEFORE UPDATE OF {name}_cipher ON payments_customer FOR EACH ROW"
            f" WHEN (NEW.{name} <> '') EXECUTE FUNCTION payments_{name}_is_encrypted()",
        ),
        safely(*drop),
    )


def column(name):
    return migrations.RunSQL(
        safely(
            f"ALTER TABLE payments_customer ADD COLUMN IF NOT EXISTS {name}_cipher bytea,"
            f" ALTER COLUMN {name} SET DEFAULT ''"
        ),
        safely(
            f"ALTER TABLE payments_customer DROP COLUMN IF EXISTS {name}_cipher, ALTER COLUMN {name} DROP DEFAULT"
        ),
        state_operations=[
            migrations.RemoveIndex("customer", f"customer_{name}"),
            migrations.RenameField("customer", name, f"plain_{name}"),
            migrations.AlterField(
                "customer",
                f"plain_{name}",
                models.CharField(
                    db_column=name, default="", editable=False, max_length=254 if name == "email" else 200
                ),
            ),
            migrations.AddIndex(
                "customer",
                models.Index(
                    Lower(f"plain_{name}"), name=f"customer_{name}", condition=~models.Q(**{f"plain_{name}": ""})
                ),
            ),
            migrations.AddField("customer", name, personal.Text(db_column=f"{name}_cipher")),
        ],
    )


def index(name):
    return AddIndexConcurrently(
        "customer",
        models.Index(
            personal.BlindIndex(name),
            name=f"customer_{name}_blind",
            condition=models.Q(**{f"{name}__isnull": False}),
        ),
    )


def beside(model, name, encrypted, plain):
    """What is short-lived ends where it is: a column of its own for what is encrypted, no filling."""
    column = f"{name}_cipher"
    return migrations.RunSQL(
        safely(f"ALTER TABLE payments_{model} ADD COLUMN IF NOT EXISTS {column} bytea"),
        safely(f"ALTER TABLE payments_{model} DROP COLUMN IF EXISTS {column}"),
        state_operations=[
            migrations.RenameField(model, name, f"plain_{name}"),
            migrations.AlterField(model, f"plain_{name}", plain),
            migrations.AddField(model, name, encrypted),
        ],
    )


def answered(not_yet, done):
    return safely(
        "ALTER TABLE payments_idempotencykey DROP CONSTRAINT IF EXISTS idempotency_key_answer,"
        f" ADD CONSTRAINT idempotency_key_answer CHECK (status IS NULL AND {not_yet}"
        f" OR status IS NOT NULL AND {done}) NOT VALID",
        "ALTER TABLE payments_idempotencykey VALIDATE CONSTRAINT idempotency_key_answer",
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0027_audit")]
    operations = [
        *(column(name) for name in NAMES),
        *(migrations.RunSQL(KEEP_ONE.format(name=name), DROP_BOTH.format(name=name)) for name in NAMES),
        *(triggers(name) for name in NAMES),
        *(index(name) for name in NAMES),
        migrations.RunSQL(
            safely(
                "ALTER TABLE payments_customer DROP CONSTRAINT IF EXISTS customer_erased_is_nobody,"
                " ADD CONSTRAINT customer_erased_is_nobody CHECK (erased_at IS NULL OR"
                " email_cipher IS NULL AND name_cipher IS NULL AND email = '' AND name = '') NOT VALID",
                "ALTER TABLE payments_customer VALIDATE CONSTRAINT customer_erased_is_nobody",
            ),
            safely("ALTER TABLE payments_customer DROP CONSTRAINT IF EXISTS customer_erased_is_nobody"),
            state_operations=[
                migrations.AddConstraint(
                    "customer",
                    models.CheckConstraint(
                        name="customer_erased_is_nobody",
                        condition=models.Q(erased_at__isnull=True)
                        | models.Q(email__isnull=True, name__isnull=True, plain_email="", plain_name=""),
                    ),
                )
            ],
        ),
        beside("providercall", "given", personal.Json(db_column="given_cipher", default=dict),
               models.JSONField(db_column="given", default=dict, editable=False)),
        beside("idempotencykey", "body", personal.Bytes(db_column="body_cipher", default=None),
               models.BinaryField(db_column="body", null=True)),
        migrations.RunSQL(
            answered("body IS NULL AND body_cipher IS NULL", "(body IS NOT NULL OR body_cipher IS NOT NULL)"),
            answered("body IS NULL", "body IS NOT NULL"),
            state_operations=[
                migrations.RemoveConstraint("idempotencykey", "idempotency_key_answer"),
                migrations.AddConstraint(
                    "idempotencykey",
                    models.CheckConstraint(
                        name="idempotency_key_answer",
                        condition=models.Q(status__isnull=True, body__isnull=True, plain_body__isnull=True)
                        | (
                            models.Q(status__isnull=False)
                            & (models.Q(body__isnull=False) | models.Q(plain_body__isnull=False))
                        ),
                    ),
                ),
            ],
        ),
    ]
