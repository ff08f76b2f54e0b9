"""Many payments at once: copies of one real payment with its posting, written by SQL without triggers."""

from django.db import connection, transaction

from payments.intents.models import Capture
from payments.kernel import ids

COPIES = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE copies ON COMMIT DROP AS
    SELECT n, gen_random_uuid() AS intent, gen_random_uuid() AS attempt, gen_random_uuid() AS capture,
           uuidv7(make_interval(secs => -n / 1000.0)) AS transfer, uuidv7(make_interval(secs => -n / 1000.0)) AS debit,
           uuidv7(make_interval(secs => -n / 1000.0)) AS credit
      FROM generate_series(1, %(count)s) n;
INSERT INTO payments_paymentintent
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', intent))).* FROM copies, payments_paymentintent i
     WHERE i.id = (SELECT intent_id FROM payments_capture WHERE id = %(capture)s);
INSERT INTO payments_paymentattempt
    SELECT (jsonb_populate_record(a, jsonb_build_object('id', attempt, 'intent_id', intent,
                                                        'provider_reference', 'pi_' || n))).*
      FROM copies, payments_paymentattempt a
     WHERE a.id = (SELECT attempt_id FROM payments_capture WHERE id = %(capture)s);
INSERT INTO payments_capture
    SELECT (jsonb_populate_record(c, jsonb_build_object('id', capture, 'attempt_id', attempt, 'intent_id', intent))).*
      FROM copies, payments_capture c WHERE c.id = %(capture)s;
CREATE TEMP TABLE template ON COMMIT DROP AS
    SELECT * FROM payments_transfer
     WHERE event = 'captured' AND source_id = 'cap_' || replace(%(capture)s::text, '-', '');
INSERT INTO payments_transfer (id, event, source_id, place, effective_at, booked_at, narrative, refs)
    SELECT transfer, event, 'cap_' || replace(capture::text, '-', ''), place, effective_at, booked_at, narrative,
           refs || jsonb_build_object('intent', 'pi_' || replace(intent::text, '-', ''))
      FROM copies, template;
INSERT INTO payments_entry (id, transfer_id, account_id, amount_minor, currency, booked_at)
    SELECT CASE WHEN e.amount_minor > 0 THEN debit ELSE credit END, transfer, e.account_id, e.amount_minor, e.currency,
           e.booked_at
      FROM copies, payments_entry e JOIN template t ON t.id = e.transfer_id;
"""


def copy_payment(intent_id: str, count: int) -> None:
    """Add `count` copies of a captured payment to the tables that reports read; analyses them afterwards."""
    capture = ids.decode("cap", Capture.objects.get(intent=intent_id).pk)
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in COPIES.split(";\n"):
            if statement.strip():
                cursor.execute(statement, {"count": count, "capture": capture})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
