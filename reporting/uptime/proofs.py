"""The proofs that sums by minute, hour and day are what the payments say."""

from typing import Final

from payments.kernel import invariants
from reporting.uptime.counting import APPROVED

_APPROVED: Final = ", ".join(f"'{state}'" for state in APPROVED)

_SAMPLED: Final = """
    moved AS (
        SELECT DISTINCT date_trunc('day', uuid_extract_timestamp(right(s.object_id, 32)::uuid), 'UTC') AS at
          FROM reporting_rollupmark, payments_statechange s
         WHERE s.id >= payments_uuid_floor(until - interval '10 minutes') AND s.object_id ~ '^att_[0-9a-f]{32}$'),
    counted AS (
        SELECT min(at) AS first, date_trunc('day', (SELECT until FROM reporting_rollupmark), 'UTC') AS today
          FROM reporting_attemptsday WHERE lens = 0),
    over AS MATERIALIZED (
        SELECT at FROM counted, generate_series(first, today - interval '1 day', interval '1 day') AS at
         WHERE at NOT IN (SELECT at FROM moved WHERE at IS NOT NULL)),
    sampled AS MATERIALIZED (
        (SELECT at FROM over ORDER BY at DESC LIMIT 1) UNION (SELECT at FROM over ORDER BY random() LIMIT 1))"""
"""The last day that is over, and any other; without days of which something has moved since it was counted."""

invariants.declare(
    20,
    "rollup_of_attempts",
    "The sums of a day that is over are what its attempts say: the last one, and one of all at random",
    f"""WITH {_SAMPLED},
         told AS (
        SELECT at, account, currency, sum(attempts) AS attempts, sum(approved) AS approved, sum(asked_minor) AS asked
          FROM reporting_attemptsday WHERE lens = 0 AND at IN (SELECT at FROM sampled) GROUP BY 1, 2, 3),
         are AS (
        SELECT s.at, p.code AS account, a.currency, count(*) AS attempts, sum(a.amount_minor) AS asked,
               count(*) FILTER (WHERE a.authorized_at IS NOT NULL OR a.status IN ({_APPROVED})) AS approved
          FROM sampled s JOIN payments_paymentattempt a
            ON a.id >= payments_uuid_floor(s.at) AND a.id < payments_uuid_floor(s.at + interval '1 day')
          JOIN payments_provideraccount p ON p.id = a.account_id GROUP BY 1, 2, 3)
        SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD ') || account || ' ' || currency,
               concat(told.attempts, '/', told.approved, '/', told.asked, ' counted, ',
                      are.attempts, '/', are.approved, '/', are.asked, ' there')
          FROM told FULL JOIN are USING (at, account, currency)
         WHERE (told.attempts, told.approved, told.asked) IS DISTINCT FROM (are.attempts, are.approved, are.asked)""",  # noqa: S608
    f"WITH {_SAMPLED} SELECT count(*) FROM sampled",  # noqa: S608  our own SQL
)
invariants.declare(
    20,
    "rollup_of_rollups",
    "The sums of a day are those of its hours, and the same through every lens",
    f"""WITH {_SAMPLED},
         told AS (
        SELECT at, 'lens ' || lens AS of, currency, sum(attempts) AS attempts, sum(approved_minor) AS minor
          FROM reporting_attemptsday WHERE lens < 3 AND at IN (SELECT at FROM sampled) GROUP BY 1, 2, 3
         UNION ALL
        SELECT s.at, 'hours', currency, sum(attempts), sum(approved_minor) FROM sampled s
          JOIN reporting_attemptshour h ON h.at >= s.at AND h.at < s.at + interval '1 day' GROUP BY 1, 2, 3)
        SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD ') || currency,
               string_agg(of || ': ' || attempts || '/' || minor, ', ' ORDER BY of)
          FROM told GROUP BY at, currency
        HAVING count(DISTINCT (attempts, minor)) > 1 OR count(*) FILTER (WHERE of <> 'hours') <> 3""",  # noqa: S608
    f"WITH {_SAMPLED} SELECT count(*) FROM sampled",  # noqa: S608  our own SQL
)
