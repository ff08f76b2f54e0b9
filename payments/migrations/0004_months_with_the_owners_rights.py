"""Months are made and detached with the owner's rights, so that the application's role need not own a table."""

from typing import ClassVar

from django.db import migrations

# The application's role owns no table. So that it can keep the months all the same, making one, and detaching one that
# carries no money, are done with the owner's rights, by who was granted to ask for it.
MONTHS = """
CREATE OR REPLACE FUNCTION payments_detach_partition(parent text, part text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF parent <> 'payments_delivery' THEN
        RAISE EXCEPTION 'months of % stay: they prove money', parent USING ERRCODE = '23514';
    END IF;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, part);
END $$;
REVOKE EXECUTE ON FUNCTION payments_ensure_partition(text, date), payments_detach_partition(text, text) FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION payments_ensure_partition(text, date) SECURITY DEFINER SET search_path = %I, pg_temp',
                   current_schema());
    EXECUTE format('ALTER FUNCTION payments_detach_partition(text, text) SECURITY DEFINER SET search_path = %I, pg_temp',
                   current_schema());
END $$;
"""
NO_MONTHS = """
DROP FUNCTION payments_detach_partition(text, text);
ALTER FUNCTION payments_ensure_partition(text, date) SECURITY INVOKER RESET search_path;
GRANT EXECUTE ON FUNCTION payments_ensure_partition(text, date) TO PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("payments", "0003_the_database_refuses")]
    operations: ClassVar = [migrations.RunSQL("SET LOCAL lock_timeout = '2s';" + MONTHS, NO_MONTHS)]
