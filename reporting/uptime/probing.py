"""How trying it again goes: what became of the payments at a place since a step, against those that went elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt
from typing import Final

from reporting.models.rollups import DIMENSIONS
from reporting.uptime import minutes, reading

ENOUGH: Final = 10
"""Payments that tell how trying it again goes."""
PATIENCE: Final = timedelta(minutes=10)
"""Where fewer try it in this time, the next step is made on those that did: a small shop would never come back."""
FAILED: Final = 0.2
"""The share of probes that may fail for the provider's reasons."""
CLEARLY: Final = 2.33
"""One in a hundred by chance: the two-proportion test, one-sided."""
SLOWER: Final = 2.0
"""So many times the usual time to answer is slow."""


class Result(StrEnum):
    """How trying it again goes."""

    GOOD = "good"
    BAD = "bad"
    TOO_EARLY = "too_early"


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of payments: how many ended, were approved, failed for the provider's reasons; the median answer."""

    ended: int = 0
    approved: int = 0
    failed: int = 0
    median: float | None = None

    @property
    def rate(self) -> float:
        """The share that was approved."""
        return self.approved / self.ended if self.ended else 0.0

    def told(self) -> str:
        """In words."""
        return f"{self.approved:,} of {self.ended:,} approved" if self.ended else "nobody has tried"


def judge(own: Seen, elsewhere: Seen, *, waited: timedelta, usual: float | None) -> Result:
    """Whether the next step may be made, the last one is taken back, or it is too early to tell.

    `usual` is the median answer in milliseconds before the incident, where that was one of time.
    """
    if own.failed > FAILED * own.ended and own.failed >= (3 if waited < PATIENCE else 1):
        return Result.BAD
    if own.ended >= ENOUGH // 2 and (own.approved == 0 or _worse(own, elsewhere) or _slow(own, usual)):
        return Result.BAD
    return Result.GOOD if own.ended >= ENOUGH or waited >= PATIENCE else Result.TOO_EARLY


def _worse(own: Seen, elsewhere: Seen) -> bool:
    if elsewhere.ended < ENOUGH:
        return False
    pooled = (own.approved + elsewhere.approved) / (own.ended + elsewhere.ended)
    error = sqrt(pooled * (1 - pooled) * (1 / own.ended + 1 / elsewhere.ended))
    return error > 0 and (elsewhere.rate - own.rate) / error > CLEARLY


def _slow(own: Seen, usual: float | None) -> bool:
    return usual is not None and own.median is not None and own.median > SLOWER * usual


def seen(scope: Mapping[str, str], since: datetime, until: datetime) -> tuple[Seen, Seen]:
    """What became of a place's payments in these minutes, and of the same ones at other accounts."""
    own, elsewhere = Seen(), Seen()
    which = "".join(f" AND {name} = %({name})s" for name in DIMENSIONS if name in scope and name != "account")
    sql = f"""
        SELECT account = %(account)s, sum(attempts - waiting - abandoned)::int, sum(approved)::int,
               sum(unavailable + unknown + declined_technical)::int
          FROM reporting_attemptsminute WHERE at >= %(since)s AND at < %(until)s{which} GROUP BY 1"""  # noqa: S608
    for here, ended, approved, failed in minutes.rows(sql, {**scope, "since": since, "until": until}):
        if here:
            own = Seen(ended, approved, failed, median(scope, since, until))
        else:
            elsewhere = Seen(ended, approved, failed)
    return own, elsewhere


def median(scope: Mapping[str, str], since: datetime, until: datetime) -> float | None:
    """Within how many milliseconds half of a place's answers came."""
    which = "".join(f" AND {name} = %({name})s" for name in DIMENSIONS if name in scope)
    sql = f"""
        SELECT bucket, sum(answers)::int FROM (
               SELECT unnest(buckets) AS bucket, unnest(counts) AS answers FROM reporting_attemptsminute
                WHERE at >= %(since)s AND at < %(until)s{which}) told GROUP BY 1"""  # noqa: S608  our own SQL
    return reading.quantile(dict(minutes.rows(sql, {**scope, "since": since, "until": until})), 0.5)


def accounts(scope: Mapping[str, str], since: datetime, until: datetime) -> list[str]:
    """The accounts that took a place's payments in these minutes."""
    which = "".join(f" AND {name} = %({name})s" for name in DIMENSIONS if name in scope)
    sql = f"""
        SELECT DISTINCT account FROM reporting_attemptsminute WHERE at >= %(since)s AND at <= %(until)s{which}
         ORDER BY 1"""  # noqa: S608  our own SQL
    return [account for (account,) in minutes.rows(sql, {**scope, "since": since, "until": until})]


def mix(scope: Mapping[str, str], since: datetime, until: datetime) -> list[tuple[str, str, str]]:
    """Method, country and currency of what a place took in these minutes, the most frequent first; at most twenty."""
    which = "".join(f" AND {name} = %({name})s" for name in DIMENSIONS if name in scope)
    sql = f"""
        SELECT method, country, currency FROM reporting_attemptsminute WHERE at >= %(since)s AND at < %(until)s{which}
         GROUP BY 1, 2, 3 ORDER BY sum(attempts) DESC, 1, 2, 3 LIMIT 20"""  # noqa: S608  our own SQL
    return list(minutes.rows(sql, {**scope, "since": since, "until": until}))
