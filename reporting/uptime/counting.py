"""How sums by minute, hour and day are made, set by set: from what happened, and from finer sums."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection

from payments.intents.states import AttemptStatus as A
from refunds.states import LIVING
from reporting.models.rollups import DIMENSIONS, TALLIED, Lens

GAMMA: Final = 1.1
"""Neighbouring buckets of a sketch differ by this factor, so that what is read from it is at most 5 % off."""
BUCKETS: Final = 128
"""Up to three minutes; whatever takes longer is in the last one."""

_DIMS: Final = ", ".join(DIMENSIONS)
_CATEGORIES: Final = ("hard", "soft", "customer", "fraud")
SUMS: Final = {
    "attempts": "true",
    "approved": "fate = 'approved'",
    **{f"declined_{name}": f"fate = 'declined' AND category = '{name}'" for name in _CATEGORIES},
    "declined_technical": f"fate = 'declined' AND category NOT IN {_CATEGORIES}",
    **{name: f"fate = '{name}'" for name in ("unavailable", "unknown", "waiting", "abandoned")},
}
"""What is counted of attempts, and which of them."""
MINORS: Final = {
    "asked_minor": "true",
    "approved_minor": "fate = 'approved'",
    "not_approved_minor": "fate IN ('declined', 'unavailable', 'unknown')",
}
_NAMES: Final = (*SUMS, *MINORS)

APPROVED: Final = (A.AUTHORIZED, A.CAPTURED, A.CAPTURE_FAILED)
"""What became of the money later is no matter of the approval."""


def _listed(states: Sequence[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


WITHIN: Final = "{0} >= payments_uuid_floor(s.at) AND {0} < payments_uuid_floor(s.at + interval '1 {grain}')"
"""Keys carry when they were made: no other index is needed to find what began within a minute."""

_FACTS: Final = f"""
    SELECT s.at, p.code AS account, a.method, coalesce(nullif(o.country, ''), c.country, '') AS country, a.currency,
           a.channel, a.issuer, a.amount_minor AS minor, coalesce(a.decline ->> 'category', '') AS category,
           CASE WHEN a.authorized_at IS NOT NULL OR a.status IN ({_listed(APPROVED)}) THEN 'approved'
                WHEN a.status IN ('declined', 'unknown') THEN a.status
                WHEN a.status = 'failed' THEN 'unavailable'
                WHEN a.status IN ('voided', 'expired') THEN 'abandoned' ELSE 'waiting' END AS fate,
           CASE WHEN k.latency_ms > 0
                THEN least({BUCKETS - 1}, ceil(ln(k.latency_ms::float8) / ln({GAMMA}::float8)))::smallint END AS bucket
      FROM unnest(%(starts)s::timestamptz[]) AS s (at)
      JOIN payments_paymentattempt a ON {WITHIN.format("a.id", grain="{grain}")}
      JOIN payments_provideraccount p ON p.id = a.account_id
      JOIN payments_paymentintent i ON i.id = a.intent_id
      LEFT JOIN payments_order o ON o.id = i.order_id
      LEFT JOIN payments_customer c ON c.id = i.customer_id
      LEFT JOIN payments_providercall k
        ON k.id = CASE WHEN a.call_id ~ '^call_[0-9a-f]{{{{32}}}}$' THEN substr(a.call_id, 6)::uuid END"""  # noqa: S608

_COUNTED: Final = f"""
    SELECT at, {_DIMS}, bucket, count(bucket) AS answers,
           {", ".join(f"count(*) FILTER (WHERE {which}) AS {name}" for name, which in SUMS.items())},
           {", ".join(f"sum(minor) FILTER (WHERE {which}) AS {name}" for name, which in MINORS.items())}
      FROM fact GROUP BY at, {_DIMS}, bucket"""  # noqa: S608  our own SQL

ISSUERS: Final = 40
"""So many of a minute are told apart, those of most attempts; all others are one, so that sums stay few."""
OTHERS: Final = "other"
_ISSUED: Final = f"""answered AS (
    SELECT at, account, method, country, currency, issuer, count(*) FILTER (WHERE fate = 'approved') AS approved,
           count(*) FILTER (WHERE fate = 'declined') AS declined, sum(minor) AS asked_minor,
           coalesce(sum(minor) FILTER (WHERE fate = 'declined'), 0) AS not_approved_minor
      FROM fact WHERE issuer <> '' AND fate IN ('approved', 'declined')
     GROUP BY at, account, method, country, currency, issuer),
sized AS (SELECT *, sum(approved + declined) OVER (PARTITION BY at, issuer) AS size FROM answered),
placed AS (SELECT *, dense_rank() OVER (PARTITION BY at ORDER BY size DESC, issuer) AS place FROM sized),
issued AS (
    INSERT INTO reporting_issuerminute (at, account, method, country, currency, issuer, approved, declined, asked_minor,
           not_approved_minor)
    SELECT at, account, method, country, currency, CASE WHEN place <= {ISSUERS} THEN issuer ELSE '{OTHERS}' END,
           sum(approved), sum(declined), sum(asked_minor), sum(not_approved_minor)
      FROM placed GROUP BY 1, 2, 3, 4, 5, 6)"""  # noqa: S608  our own SQL
"""By issuer, from the same facts: at the cost of no second look at the attempts. And without a join, which could only
be a nested loop here (`NEARBY`): a day that is counted anew has a hundred thousand of these sums."""

_FINER: Final = f"""
    SELECT s.at, {{seen}}, buckets, counts, {", ".join(_NAMES)}
      FROM unnest(%(starts)s::timestamptz[]) AS s (at)
      JOIN reporting_attempts{{finer}} f ON f.at >= s.at AND f.at < s.at + interval '1 {{grain}}' {{narrowed}}"""  # noqa: S608

_MERGED: Final = f"""
    SELECT at, {_DIMS}, NULL::smallint AS bucket, 0 AS answers, {", ".join(f"sum({name}) AS {name}" for name in _NAMES)}
      FROM finer GROUP BY at, {_DIMS}
     UNION ALL
    SELECT at, {_DIMS}, u.bucket, sum(u.answers), {", ".join(["0"] * len(_NAMES))}
      FROM finer, unnest(finer.buckets, finer.counts) AS u (bucket, answers) GROUP BY at, {_DIMS}, u.bucket"""  # noqa: S608

_SKETCH: Final = "coalesce(array_agg({0} ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{{{{}}}}')"
_PUT: Final = f"""
INSERT INTO reporting_attempts{{grain}} ({{lens}}at, {_DIMS}, {", ".join(_NAMES)}, buckets, counts)
SELECT {{lens_value}}at, {_DIMS}, {", ".join(f"coalesce(sum({name}), 0)" for name in _NAMES)},
       {_SKETCH.format("bucket")}, {_SKETCH.format("answers")}
  FROM part GROUP BY at, {_DIMS} ORDER BY at, country"""  # noqa: S608  our own SQL

_LENSES: Final = {
    Lens.PROVIDERS: ("account", "method", "currency"),
    Lens.COUNTRIES: ("country", "currency"),
    Lens.ANSWERS: ("account", "method"),
    Lens.ACCOUNTS: ("account",),
    Lens.METHODS: ("method",),
    Lens.DAYS: (),
}

_TALLIED: Final = f"""
    SELECT s.at, w.what, '' AS label, '' AS account, coalesce(nullif(o.country, ''), c.country, '') AS country,
           i.currency, i.amount_minor AS minor
      FROM unnest(%(starts)s::timestamptz[]) AS s (at)
      JOIN payments_paymentintent i ON {WITHIN.format("i.id", grain="{grain}")}
      LEFT JOIN payments_order o ON o.id = i.order_id
      LEFT JOIN payments_customer c ON c.id = i.customer_id
      CROSS JOIN LATERAL (VALUES ('created', true), ('confirmed', i.latest_attempt_id <> ''),
           ('authorized', i.amount_captured_minor > 0 OR i.status = 'requires_capture' OR EXISTS (
               SELECT FROM payments_paymentattempt a WHERE a.intent_id = i.id
                  AND (a.authorized_at IS NOT NULL OR a.status IN ({_listed(APPROVED)})))),
           ('captured', i.amount_captured_minor > 0)) AS w (what, held)
     WHERE w.held
     UNION ALL
    SELECT s.at, CASE WHEN r.status IN ({_listed(LIVING)}) THEN 'refund' ELSE 'refund_ended' END,
           CASE WHEN r.status IN ({_listed(LIVING)}) THEN r.reason ELSE r.status END, p.code, coalesce(o.country, ''),
           r.currency, r.amount_minor
      FROM unnest(%(starts)s::timestamptz[]) AS s (at)
      JOIN refunds_refund r ON {WITHIN.format("r.id", grain="{grain}")}
      JOIN payments_provideraccount p ON p.id = r.account_id
      JOIN payments_paymentintent i ON i.id = r.intent_id LEFT JOIN payments_order o ON o.id = i.order_id
     UNION ALL
    SELECT s.at, 'dispute', d.status, p.code, coalesce(o.country, ''), d.currency, d.amount_minor
      FROM unnest(%(starts)s::timestamptz[]) AS s (at)
      JOIN refunds_dispute d ON d.opened_at >= s.at AND d.opened_at < s.at + interval '1 {{grain}}'
      JOIN payments_provideraccount p ON p.id = d.account_id
      JOIN payments_paymentintent i ON i.id = d.intent_id LEFT JOIN payments_order o ON o.id = i.order_id"""  # noqa: S608

_PUT_TALLIES: Final = f"""
INSERT INTO reporting_tally{{grain}} (at, {", ".join(TALLIED)}, count, amount_minor)
SELECT at, {", ".join(TALLIED)}, {{count}}, sum(minor) FROM ({{source}}) part GROUP BY at, {", ".join(TALLIED)}"""  # noqa: S608

_FINER_TALLIES: Final = f"""
    SELECT s.at, {", ".join(TALLIED)}, f.count, f.amount_minor AS minor
      FROM unnest(%(starts)s::timestamptz[]) AS s (at)
      JOIN reporting_tally{{finer}} f ON f.at >= s.at AND f.at < s.at + interval '1 {{grain}}'"""  # noqa: S608

NEARBY: Final = """
SELECT set_config(name, 'off', true) FROM
       unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'jit']) AS name
"""
"""PostgreSQL takes a range of keys for a ninth of the table, and would read all of it. We know that it is minutes."""


def from_attempts(grain: str, starts: Sequence[datetime]) -> None:
    """Count the attempts that began in each minute, hour or day, anew; of minutes also by issuer."""
    issued = ""
    if grain == "minute":
        _run("DELETE FROM reporting_issuerminute WHERE at = ANY(%(starts)s::timestamptz[])", starts)
        issued = f", {_ISSUED}"
    _put(grain, f"WITH fact AS MATERIALIZED ({_FACTS.format(grain=grain)}){issued}, part AS ({_COUNTED})", starts)


def from_finer(grain: str, finer: str, starts: Sequence[datetime]) -> None:
    """Sum up the minutes of each hour, or the hours of each day, anew."""
    source = _FINER.format(finer=finer, grain=grain, seen=_DIMS, narrowed="")
    _put(grain, f"WITH finer AS ({source}), part AS ({_MERGED})", starts)


def through_lenses(starts: Sequence[datetime]) -> None:
    """Sum up each day once more for each narrower lens."""
    _run("DELETE FROM reporting_attemptsday WHERE lens <> 0 AND at = ANY(%(starts)s::timestamptz[])", starts)
    for lens, kept in _LENSES.items():
        seen = ", ".join(name if name in kept else f"'' AS {name}" for name in DIMENSIONS)
        source = _FINER.format(finer="day", grain="day", seen=seen, narrowed=f"AND f.lens = {int(_finer(lens))}")
        put = _PUT.format(grain="day", lens="lens, ", lens_value=f"{int(lens)}, ")
        _run(f"WITH finer AS ({source}), part AS ({_MERGED}) {put}", starts)


def _finer(lens: Lens) -> Lens:
    """What a lens is summed up from: everything, or the few sums that tell no currencies apart either."""
    return Lens.ANSWERS if lens > Lens.ANSWERS else Lens.EVERYTHING


def _put(grain: str, source: str, starts: Sequence[datetime]) -> None:
    of_day = grain == "day"
    narrowed = "lens = 0 AND " if of_day else ""
    _run(f"DELETE FROM reporting_attempts{grain} WHERE {narrowed}at = ANY(%(starts)s::timestamptz[])", starts)  # noqa: S608
    put = _PUT.format(grain=grain, lens="lens, " if of_day else "", lens_value="0, " if of_day else "")
    _run(f"{source} {put}", starts)


def tallies(grain: str, starts: Sequence[datetime]) -> None:
    """Count payments, refunds and disputes that began in each minute, hour or day, anew."""
    _put_tallies(grain, _TALLIED.format(grain=grain), "count(*)", starts)


def tallies_from_finer(grain: str, finer: str, starts: Sequence[datetime]) -> None:
    """Sum up the minutes of each hour, or the hours of each day, anew."""
    _put_tallies(grain, _FINER_TALLIES.format(grain=grain, finer=finer), "sum(part.count)", starts)


def _put_tallies(grain: str, source: str, count: str, starts: Sequence[datetime]) -> None:
    _run(f"DELETE FROM reporting_tally{grain} WHERE at = ANY(%(starts)s::timestamptz[])", starts)  # noqa: S608
    _run(_PUT_TALLIES.format(grain=grain, source=source, count=count), starts)


def _run(sql: str, starts: Sequence[datetime]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"starts": list(starts)})
