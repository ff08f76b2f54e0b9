"""Entries look for their transfers by key: by transaction, each of a million would look through all of a million.

Since transfers are indexed by transaction, the planner took it that one had few, and was done with a hundred thousand
postings after hours.
"""

from typing import ClassVar

from django.db import migrations

CHECK = """
SET LOCAL lock_timeout = '2s';
CREATE OR REPLACE FUNCTION payments_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    SELECT transfer_id, currency, sum(amount_minor) AS off INTO bad
      FROM added GROUP BY transfer_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of transfer % sum to % %', bad.transfer_id, bad.off, bad.currency
              USING ERRCODE = '23514';
    END IF;
    SELECT e.id INTO bad FROM added e
      LEFT JOIN payments_account a ON a.id = e.account_id AND a.currency = e.currency
      LEFT JOIN payments_transfer t ON t.id = e.transfer_id{found}
     WHERE a.id IS NULL OR t.id IS NULL{other} LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % has another currency than its account, or comes after its transfer', bad.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$
"""
BY_KEY = CHECK.format(found="", other=" OR t.xid <> pg_current_xact_id()")
BY_EITHER = CHECK.format(found=" AND t.xid = pg_current_xact_id()", other="")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("payments", "0050_attempt_issuer")]
    operations: ClassVar = [migrations.RunSQL(BY_KEY, BY_EITHER)]
