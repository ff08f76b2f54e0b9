"""How often payments are disputed: per month, method and country, and against the schemes' limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection

from refunds import schemes
from refunds.schemes import Level, Programme

COUNTED: Final = """
    WITH first AS (
             SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date - make_interval(months => %(months)s) AS day),
         paid AS (
             SELECT date_trunc('month', c.captured_at AT TIME ZONE 'UTC')::date AS month, a.method,
                    coalesce(o.country, '') AS country, lower(a.card_brand) AS brand, count(DISTINCT a.id) AS payments
               FROM payments_capture c JOIN payments_paymentattempt a ON a.id = c.attempt_id
               JOIN payments_paymentintent i ON i.id = a.intent_id LEFT JOIN payments_order o ON o.id = i.order_id
              WHERE c.status = 'succeeded' AND c.captured_at >= (SELECT day FROM first) AT TIME ZONE 'UTC'
              GROUP BY 1, 2, 3, 4),
         said AS (
             SELECT attempt_id, opened_at AS at, CASE WHEN stage = 'inquiry' THEN 0 ELSE 1 END AS dispute, 0 AS fraud
               FROM refunds_dispute
             UNION ALL SELECT attempt_id, warned_at, 0, 1 FROM refunds_fraudwarning),
         told AS (
             SELECT date_trunc('month', s.at AT TIME ZONE 'UTC')::date AS month, a.method,
                    coalesce(o.country, '') AS country, lower(a.card_brand) AS brand,
                    sum(s.dispute) AS disputes, sum(s.fraud) AS frauds
               FROM said s JOIN payments_paymentattempt a ON a.id = s.attempt_id
               JOIN payments_paymentintent i ON i.id = a.intent_id LEFT JOIN payments_order o ON o.id = i.order_id
              WHERE s.at >= (SELECT day FROM first) AT TIME ZONE 'UTC'
              GROUP BY 1, 2, 3, 4)
    SELECT month, method, country, brand, coalesce(payments, 0), coalesce(disputes, 0), coalesce(frauds, 0)
      FROM paid FULL JOIN told USING (month, method, country, brand) ORDER BY month DESC, method, country, brand
"""
"""Inquiries are no chargebacks: no scheme counts them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What was paid, disputed and reported as fraud within a month, of one method in one country."""

    month: date
    method: str
    country: str
    payments: int
    disputes: int
    frauds: int

    @property
    def percent(self) -> float:
        """Disputes per hundred payments of the month."""
        return 100 * schemes.ratio(self.disputes, self.payments)


@dataclass(frozen=True, slots=True)
class Standing:
    """How near a month is to a scheme's limit; `counted` are the disputes that it counts, `of` the payments."""

    programme: Programme
    month: date
    counted: int
    of: int
    level: Level

    @property
    def percent(self) -> float:
        """In hundredths, as the schemes say it."""
        return 100 * schemes.ratio(self.counted, self.of)


Counted = tuple[date, str, str, str, int, int, int]


def counted(months: int) -> Sequence[Counted]:
    """Month, method, country, brand, payments, disputes, frauds: this month and so many before it, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, {"months": months})
        return [tuple(row) for row in cursor.fetchall()]


def by_method_and_country(rows: Sequence[Counted]) -> list[Rate]:
    """The rates of each month, most disputed first."""
    sums: dict[tuple[date, str, str], list[int]] = {}
    for month, method, country, _, *numbers in rows:
        known = sums.setdefault((month, method, country), [0, 0, 0])
        sums[month, method, country] = [a + int(b) for a, b in zip(known, numbers, strict=True)]
    found = [Rate(*key, *numbers) for key, numbers in sums.items()]
    return sorted(found, key=lambda rate: (rate.month, rate.disputes, rate.payments), reverse=True)


def against_limits(rows: Sequence[Counted]) -> list[Standing]:
    """Each month against each programme, newest first; a programme that compares with the month before needs that."""
    months, found = sorted({row[0] for row in rows}, reverse=True), []
    for month, before in zip(months, [*months[1:], None], strict=True):
        for programme in schemes.PROGRAMMES:
            base = before if programme.of_last_month else month
            if base is not None:
                found.append(_standing(programme, month, base, rows))
    return found


def _standing(programme: Programme, month: date, base: date, rows: Sequence[Counted]) -> Standing:
    def summed(of: date, index: int) -> int:
        names = schemes.BRANDS[programme.brand]
        return sum(int(_at(row, index)) for row in rows if row[0] == of and row[3] in names)

    disputes = summed(month, 5) + (summed(month, 6) if programme.with_frauds else 0)
    payments = summed(base, 4)
    return Standing(programme, month, disputes, payments, schemes.level(programme, disputes, payments))


def _at(row: Any, index: int) -> Any:
    return row[index]
