"""Learning what is usual, every hour, from sums by hour; and reading it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Min, Q

from payments.kernel import clock
from reporting.models import AttemptsHour, Baseline, BaselineKind, BaselineMark, IssuerBaseline
from reporting.uptime import minutes, rollups
from reporting.uptime.baselines import ATTEMPTS, HALF_LIFE, WIDTH, WIDTH_OF_HOURS, Baselines, Usual
from reporting.uptime.observed import hour_of_week

HOUR: Final = timedelta(hours=1)
LATE: Final = timedelta(minutes=15)
"""So long after its end an hour is learned: most of what is late has come by then."""
LOOKED_BACK: Final = timedelta(weeks=8)
"""What is older has faded to nearly nothing."""
AHEAD: Final = timedelta(days=1)
"""A mark further ahead was left by a clock that was: from here on is learned again. Less than that is waited for, since
an hour that is learned twice counts twice."""
AT_ONCE: Final = 48
"""Hours that are learned in one transaction."""
FADED: Final = 0.5
"""Attempts: a cell or an issuer of which less is left is forgotten; one attempt is remembered for ten days."""


def learn() -> bool:
    """Learn the hours that are over and counted, and not learned yet; True when there are more.

    Killed anywhere, all is as it was. Whoever comes second finds the mark held, and does nothing.
    """
    BaselineMark.objects.bulk_create([BaselineMark(id=1)], ignore_conflicts=True)
    with transaction.atomic():
        mark = BaselineMark.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        ends = _ends()
        if mark is None or ends is None:
            return False
        if mark.until is not None and mark.until - ends > AHEAD:
            mark.until = ends
        since = mark.until or AttemptsHour.objects.filter(at__gte=ends - LOOKED_BACK).aggregate(at=Min("at"))["at"]
        until = min(ends, since + AT_ONCE * HOUR) if since else ends
        if since is not None and since < until:
            _learn(since, until)
        mark.until = until if mark.until is None else max(mark.until, until)
        mark.save()
        return until < ends


def learn_anew(since: datetime) -> None:
    """Forget what is usual, and learn it anew from the hours that began `since`; of issuers from those of two days."""
    BaselineMark.objects.bulk_create([BaselineMark(id=1)], ignore_conflicts=True)
    with transaction.atomic():
        mark = BaselineMark.objects.select_for_update().get(pk=1)
        Baseline.objects.all().delete()
        IssuerBaseline.objects.all().delete()
        mark.until = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        mark.save()
    while learn():
        pass


def _ends() -> datetime | None:
    """The end of the last hour that can be learned; the clock may have been set back."""
    counted = rollups.counted_until()
    if counted is None:
        return None
    return (min(counted, clock.now()) - LATE).astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _learn(since: datetime, until: datetime) -> None:
    hours = [since + HOUR * number for number in range(int((until - since) / HOUR))]
    of_week = {hour_of_week(at) for at in hours}
    usual = read(*of_week)
    seen, issued = minutes.by_hour(since, until), minutes.by_issuer("hour", since, until)
    for at in hours:
        came: dict[str, int] = {}
        for told in minutes.notifications(at, at + HOUR).values():
            for account, count in told.items():
                came[account] = came.get(account, 0) + count
        usual.learn(at, seen.get(at, {}), came)
        usual.learn_issuers(at, issued.get(at, {}))
    Baseline.objects.filter(~Q(kind=BaselineKind.HOUR) | Q(hour__in=of_week)).delete()
    Baseline.objects.bulk_create(_rows(usual, until), batch_size=2000)
    if any(issued.values()):
        IssuerBaseline.objects.all().delete()
        IssuerBaseline.objects.bulk_create(_issuers(usual, until), batch_size=2000)


def read(*hours: int) -> Baselines:
    """What is usual in these hours of the week, in two queries. What was learned before more was is filled up."""
    usual = Baselines()
    for one in IssuerBaseline.objects.all():
        usual.issuers.cells[one.account, one.method, one.country, one.currency, "", one.issuer] = Usual(
            one.at, one.sums
        )
    usual.issuers.refresh()
    for row in Baseline.objects.filter(~Q(kind=BaselineKind.HOUR) | Q(hour__in=hours)):
        found = Usual(row.at, row.sums)
        match row.kind:
            case BaselineKind.CELL:
                found.sums += [0.0] * (WIDTH - len(found.sums))
                usual.cells[row.account, row.method, row.country, row.currency, row.channel] = found
            case BaselineKind.HOUR:
                found.sums += [0.0] * (WIDTH_OF_HOURS - len(found.sums))
                usual.hours[row.account, row.method, row.hour] = found
            case BaselineKind.ANSWERS:
                usual.sketches[row.account, row.method] = found
            case BaselineKind.WEBHOOKS:
                usual.webhooks[row.account] = found
            case _:
                usual.spreads[row.method] = found
    usual.refresh()
    return usual


def _rows(usual: Baselines, now: datetime) -> Iterator[Baseline]:
    for cell, sums in usual.cells.items():
        if _remembered(sums, now):
            yield _row(BaselineKind.CELL, cell, sums)
    for (account, method, hour), sums in usual.hours.items():
        yield _row(BaselineKind.HOUR, (account, method), sums, hour)
    for group, sums in usual.sketches.items():
        yield _row(BaselineKind.ANSWERS, group, sums)
    for account, sums in usual.webhooks.items():
        yield _row(BaselineKind.WEBHOOKS, (account,), sums)
    for method, sums in usual.spreads.items():
        yield _row(BaselineKind.SPREAD, ("", method), sums)


def _issuers(usual: Baselines, now: datetime) -> Iterator[IssuerBaseline]:
    """Those that have not faded to nothing until now, also where no card of theirs has been seen any more."""
    for (account, method, country, currency, _, issuer), known in usual.issuers.cells.items():
        if _remembered(known, now):
            yield IssuerBaseline(
                account=account, method=method, country=country, currency=currency, issuer=issuer, at=known.at,
                sums=known.sums,
            )  # fmt: skip


def _remembered(cell: Usual, now: datetime) -> bool:
    return cell.sums[ATTEMPTS] * cell.kept(now, HALF_LIFE) >= FADED


def _row(kind: BaselineKind, place: Iterable[str], usual: Usual, hour: int = 0) -> Baseline:
    account, method, country, currency, channel = [*place, "", "", "", "", ""][:5]
    return Baseline(
        kind=kind, account=account, method=method, country=country, currency=currency, channel=channel,
        hour=hour, at=usual.at, sums=usual.sums,
    )  # fmt: skip
