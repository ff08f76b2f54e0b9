"""How the canaries fare: the newest of each account, and their days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from payments.gateway import accounts
from payments.kernel import clock, ids
from reporting.models.canaries import CanaryOutcome, CanaryRun


def latest() -> Mapping[str, CanaryRun]:
    """Account -> its newest canary that has ended, of the last day; accounts without one are left out."""
    lately = ids.first(clock.now() - timedelta(days=1))
    rows = CanaryRun.objects.filter(pk__gte=lately, ended_at__isnull=False).select_related("account", "through")
    newest = rows.order_by("account_id", "-pk").distinct("account_id")
    return {row.account.code: row for row in sorted(newest, key=lambda row: row.account.code)}


@dataclass(frozen=True, slots=True)
class Day:
    """How many of an account's canaries of a day (UTC) were good."""

    day: date
    good: int
    total: int


def of_days(days: int) -> Mapping[str, Sequence[Day]]:
    """Account -> its last days, the oldest first, as far as there were canaries."""
    since = clock.now() - timedelta(days=days)
    rows = (
        CanaryRun.objects.filter(began_at__gte=since, ended_at__isnull=False)
        .annotate(day=TruncDate("began_at"))
        .values("account_id", "day")  # its code is not joined: there are many runs, and few accounts
        .annotate(good=Count("pk", filter=Q(outcome=CanaryOutcome.GOOD)), total=Count("pk"))
        .order_by("day")
    )
    found: dict[str, list[Day]] = {}
    for row in rows:
        found.setdefault(accounts.name_of(row["account_id"]), []).append(Day(row["day"], row["good"], row["total"]))
    return dict(sorted(found.items()))
