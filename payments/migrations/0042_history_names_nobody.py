"""The history of rows says of descriptions, notes and secrets only that they changed: nobody can erase it.

Safe while payments are taken: a function takes the place of another.
"""

from django.db import migrations

DIFFERENCE = r"""
CREATE OR REPLACE FUNCTION payments_difference(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(regexp_replace(jsonb_object_agg(key,
               CASE WHEN key = ANY ('{%s}') THEN '"[hidden]"'::jsonb ELSE value END)::text,
               '([A-Za-z0-9])[A-Za-z0-9._%%+-]*@([A-Za-z0-9])[A-Za-z0-9-]*(\.[A-Za-z0-9.-]+)',
               '\1•••@\2•••\3', 'g')::jsonb, '{}')
      FROM jsonb_each(one)
     WHERE value IS DISTINCT FROM other -> key AND key <> ALL ('{version,event_sequence,xid,last_login}')
$$;
"""
BEFORE = "metadata,next_action,last_payment_error,texts,password"


class Migration(migrations.Migration):
    dependencies = [("payments", "0041_answers_of_their_object")]
    operations = [migrations.RunSQL(DIFFERENCE % f"{BEFORE},description,note,filename,client_secret,token", DIFFERENCE % BEFORE)]
