"""Which minutes have changed since they were counted: found from what is new, whenever that was committed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from reporting.uptime.counting import APPROVED

OVERLAP: Final = timedelta(minutes=10)
"""Nothing is committed later than this after it has made its keys: units of work take milliseconds, and a transaction
that idles is ended after one minute."""

_OF: Final = "uuid_extract_timestamp(CASE WHEN {0} ~ '^{1}_[0-9a-f]{{32}}$' THEN right({0}, 32)::uuid END)"
_NEW: Final = (
    "{0}.id >= payments_uuid_floor(%(since)s) AND {0}.id < payments_uuid_floor(%(until)s) AND age({0}.xmin) <= %(age)s"
)
_APPROVED: Final = ", ".join(f"'{state}'" for state in APPROVED)

CHANGED: Final = f"""
WITH moved AS MATERIALIZED (
     SELECT object_id, from_state, to_state FROM payments_statechange s
      WHERE {_NEW.format("s")} AND object_id ~ '^(att|pi|re|dp)_[0-9a-f]{{32}}$'),
began (of, at) AS (
     SELECT 'attempts', {_OF.format("object_id", "att")} FROM moved
      WHERE object_id LIKE 'att\\_%%' AND from_state NOT IN ({_APPROVED})
      UNION
     SELECT 'tallies', {_OF.format("object_id", "(pi|re)")} FROM moved
      WHERE object_id LIKE 'pi\\_%%' OR object_id LIKE 're\\_%%'
      UNION
     SELECT 'tallies', uuid_extract_timestamp(a.intent_id) FROM moved
       JOIN payments_paymentattempt a ON a.id = right(moved.object_id, 32)::uuid
      WHERE moved.object_id LIKE 'att\\_%%' AND to_state IN ({_APPROVED})
      UNION
     SELECT 'tallies', d.opened_at FROM moved JOIN refunds_dispute d ON d.id = right(moved.object_id, 32)::uuid
      WHERE moved.object_id LIKE 'dp\\_%%'
      UNION
     SELECT 'tallies', uuid_extract_timestamp(i.id) FROM payments_paymentintent i WHERE {_NEW.format("i")}
      UNION
     SELECT 'tallies', uuid_extract_timestamp(r.id) FROM refunds_refund r WHERE {_NEW.format("r")}
      UNION
     SELECT 'tallies', d.opened_at FROM refunds_dispute d WHERE {_NEW.format("d")})
SELECT DISTINCT of, date_trunc('minute', at, 'UTC') FROM began WHERE at IS NOT NULL
"""  # noqa: S608  our own SQL
"""A minute counts anew when something of it has moved so that its sums change: what was approved stays approved.

Keys bound what is read; that a row is new is told by the transaction that wrote it, never by its key: one that was
committed late has an early key. `age` is how many transactions ago everything had ended that was counted before.
"""


@dataclass
class Minutes:
    """The first moments of minutes to be counted anew: of attempts, and of what else is counted."""

    attempts: set[datetime] = field(default_factory=set)
    tallies: set[datetime] = field(default_factory=set)


def found(since: datetime, until: datetime, age: int) -> Minutes:
    """The minutes that have changed by what was written from `since` until `until`, `age` transactions ago or later."""
    known: dict[str, Any] = {"since": since - OVERLAP, "until": until, "age": age}
    minutes = Minutes()
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, known)
        for of, at in cursor.fetchall():
            (minutes.attempts if of == "attempts" else minutes.tallies).add(at)
    return minutes
