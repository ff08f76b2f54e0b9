"""What only a bank account has a part in is in the books of the company that owns it: a function is replaced."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("payments.migrations.0022_closed_books").KEEP_CLOSED
KEEP_CLOSED = BEFORE.replace(
    """WHERE code = NEW.place;
""",
    """WHERE code = NEW.place;
    IF entity IS NULL THEN
        SELECT legal_entity_id INTO entity FROM reporting_bankaccount WHERE code = NEW.place;
    END IF;
""",
)


class Migration(migrations.Migration):
    dependencies = [("reporting", "0009_settlement_sums")]
    operations = [migrations.RunSQL(KEEP_CLOSED, BEFORE)]
