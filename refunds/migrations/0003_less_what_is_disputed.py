"""A refund that we start leaves alone what is in dispute, or lost to one. One short statement each way."""

from django.db import migrations

CHECK_REFUNDABLE = """
SET LOCAL lock_timeout = '2s';
CREATE OR REPLACE FUNCTION refunds_check_refundable() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid record;
    given record;
BEGIN
    SELECT amount_captured_minor AS captured, amount_refunding_minor AS refunding, amount_refunded_minor AS refunded,
           {disputed} AS disputed
      INTO paid FROM payments_paymentintent WHERE id = NEW.intent_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount_minor) FILTER (WHERE settled_at IS NULL), 0) AS refunding,
           coalesce(sum(amount_minor) FILTER (WHERE status = 'succeeded'), 0) AS refunded
      INTO given FROM refunds_refund WHERE intent_id = NEW.intent_id;
    IF paid.captured < paid.refunding + paid.refunded + paid.disputed THEN
        RAISE EXCEPTION 'refund % exceeds what is refundable: captured %, refunding %, refunded % and disputed %',
              NEW.id, paid.captured, paid.refunding, paid.refunded, paid.disputed USING ERRCODE = '23514';
    END IF;
    IF paid.refunding < given.refunding OR paid.refunded < given.refunded THEN
        RAISE EXCEPTION 'refund % is not reserved on its payment intent', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [("refunds", "0002_the_database_refuses"), ("payments", "0015_disputed_money")]

    operations = [
        migrations.RunSQL(
            CHECK_REFUNDABLE.format(disputed="amount_disputed_minor"), CHECK_REFUNDABLE.format(disputed="0")
        )
    ]
