"""A transfer finds its entries in the month that it was booked in; before, each looked through all of their months."""

from django.db import migrations

CHECK = """
CREATE OR REPLACE FUNCTION payments_check_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    since uuid := payments_uuid_floor(NEW.booked_at - interval '1 minute');
    until uuid := payments_uuid_floor(NEW.booked_at + interval '1 minute');
BEGIN
    IF (SELECT count(*) FROM payments_entry WHERE transfer_id = NEW.id AND id BETWEEN since AND until) >= 2 THEN
        RETURN NULL;  -- as nearly all: ids are of the moment in which something is booked
    END IF;
    IF (SELECT count(*) FROM payments_entry WHERE transfer_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'transfer % has fewer than two entries', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION payments_check_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM payments_entry WHERE transfer_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'transfer % has fewer than two entries', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0032_staff")]
    operations = [migrations.RunSQL(CHECK, BEFORE)]
