"""What the database refuses of refunds: another currency than the payment's, and more than is refundable.

Not one transaction: every step is short, gives up when it would have to wait behind others, and can be run again.
"""

from typing import ClassVar

from django.db import migrations

SHORT_WAIT = "SET LOCAL lock_timeout = '2s';"

CHECK_REFUND = """
CREATE OR REPLACE FUNCTION refunds_check_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid record;
BEGIN
    SELECT a.intent_id, a.account_id, a.order_id, i.currency INTO paid
      FROM payments_paymentattempt a JOIN payments_paymentintent i ON i.id = a.intent_id WHERE a.id = NEW.attempt_id;
    IF paid.currency <> NEW.currency OR paid.intent_id <> NEW.intent_id OR paid.account_id <> NEW.account_id
       OR paid.order_id <> NEW.order_id THEN
        RAISE EXCEPTION 'refund % has another currency, payment intent, provider account or order than its attempt',
              NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

# The reservation on the payment's row comes first, then the refund: a unit of work sends its UPDATEs before its INSERTs.
# What a PSP reports never comes here. The lock makes the later of two refunds at once see the earlier; our own code has
# it already.
CHECK_REFUNDABLE = """
CREATE OR REPLACE FUNCTION refunds_check_refundable() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid record;
    given record;
BEGIN
    SELECT amount_captured_minor AS captured, amount_refunding_minor AS refunding, amount_refunded_minor AS refunded
      INTO paid FROM payments_paymentintent WHERE id = NEW.intent_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount_minor) FILTER (WHERE settled_at IS NULL), 0) AS refunding,
           coalesce(sum(amount_minor) FILTER (WHERE status = 'succeeded'), 0) AS refunded
      INTO given FROM refunds_refund WHERE intent_id = NEW.intent_id;
    IF paid.captured < paid.refunding + paid.refunded THEN
        RAISE EXCEPTION 'refund % exceeds what is refundable: captured %, refunding % and refunded %',
              NEW.id, paid.captured, paid.refunding, paid.refunded USING ERRCODE = '23514';
    END IF;
    IF paid.refunding < given.refunding OR paid.refunded < given.refunded THEN
        RAISE EXCEPTION 'refund % is not reserved on its payment intent', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

COLUMNS = (
    "id", "client_id", "intent_id", "order_id", "attempt_id", "account_id", "currency", "amount_minor", "origin",
    "duplicate_of_id",
)  # fmt: skip
TRIGGERS = {
    "fits_payment": "CREATE TRIGGER fits_payment BEFORE INSERT ON refunds_refund FOR EACH ROW"
    " EXECUTE FUNCTION refunds_check_refund();",
    "what_stays": f"CREATE TRIGGER what_stays BEFORE UPDATE OF {', '.join(COLUMNS)} ON refunds_refund FOR EACH ROW"
    f" WHEN (({', '.join(f'OLD.{column}' for column in COLUMNS)}) IS DISTINCT FROM"
    f" ({', '.join(f'NEW.{column}' for column in COLUMNS)})) EXECUTE FUNCTION"
    " payments_refuse('a refund keeps its payment, provider account, amount, currency and origin');",
    "within_refundable": "CREATE TRIGGER within_refundable AFTER INSERT ON refunds_refund FOR EACH ROW"
    " WHEN (NEW.origin <> 'outside')"
    " EXECUTE FUNCTION refunds_check_refundable();",
    "within_refundable_again": "CREATE TRIGGER within_refundable_again AFTER UPDATE OF status, settled_at"
    " ON refunds_refund FOR EACH ROW"
    " WHEN (NEW.origin <> 'outside' AND OLD.settled_at IS NOT NULL AND NEW.settled_at IS NULL)"
    " EXECUTE FUNCTION refunds_check_refundable();",
}


def trigger(name: str, create: str) -> migrations.RunSQL:
    """One trigger, made in one short transaction."""
    drop = f"{SHORT_WAIT} DROP TRIGGER IF EXISTS {name} ON refunds_refund;"
    return migrations.RunSQL(drop + create, drop)


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("refunds", "0001_initial"), ("payments", "0003_the_database_refuses")]
    operations: ClassVar = [
        migrations.RunSQL(CHECK_REFUND, "DROP FUNCTION refunds_check_refund()"),
        migrations.RunSQL(CHECK_REFUNDABLE, "DROP FUNCTION refunds_check_refundable()"),
        *(trigger(name, create) for name, create in TRIGGERS.items()),
    ]
