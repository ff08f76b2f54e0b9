"""What a PSP said beside a file and how it came out; files and lines stay as they came. Both tables are new."""

from django.db import migrations, models

FILE_KEPT = "a settlement file is kept as it came"
LINE_KEPT = "a line of a settlement is kept as it came"

FILE = "id, account_id, kind, reference, name, day, currency, total_minor, payout_key, source, file, size, sha256"
LINE = (
    "id, account_id, file_id, number, key, type, psp_type, occurred_at, gross_minor, gross_currency, settled_minor,"
    " currency, fee_minor, tax_minor, rate, payment_reference, movement_reference, our_reference, method, detail"
)


def stays(table: str, columns: str, sentence: str) -> migrations.RunSQL:
    """These columns are written once, and no row goes. Costs nothing in an UPDATE that does not name them."""
    old, new = (", ".join(f"{row}.{column.strip()}" for column in columns.split(",")) for row in ("OLD", "NEW"))
    refuse = f"EXECUTE FUNCTION payments_refuse('{sentence}')"
    return migrations.RunSQL(
        f"""
SET LOCAL lock_timeout = '2s';
CREATE TRIGGER what_stays BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW
    WHEN (({old}) IS DISTINCT FROM ({new})) {refuse};
CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW {refuse};
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse};""",
        f"""
DROP TRIGGER what_stays ON {table};
DROP TRIGGER never_deleted ON {table};
DROP TRIGGER no_truncate ON {table};""",
    )


class Migration(migrations.Migration):
    dependencies = [("payments", "0021_settlement"), ("reporting", "0004_settling_differences")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop),
        migrations.RemoveConstraint("settlementfile", "settlement_file_status"),
        migrations.AddField("settlementfile", "currency", models.CharField(blank=True, default="", max_length=3)),
        migrations.AddField("settlementfile", "payout_key", models.CharField(blank=True, default="", max_length=80)),
        migrations.AddField("settlementfile", "total_minor", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField(
            "settlementfile",
            "told_before",
            models.PositiveIntegerField(default=0, help_text="Lines that another file had told of already."),
        ),
        migrations.AlterField(
            "settlementfile",
            "lines",
            models.PositiveIntegerField(default=0, help_text="Read so far; when it is loaded, all of them."),
        ),
        migrations.AddConstraint(
            "settlementfile",
            models.CheckConstraint(
                condition=models.Q(status__in=["stored", "refused", "loaded"]), name="settlement_file_status"
            ),
        ),
        stays("reporting_settlementfile", FILE, FILE_KEPT),
        stays("reporting_settlementline", LINE, LINE_KEPT),
    ]
