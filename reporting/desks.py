"""What waits on whose desk: the counts of the first page, each by an index of what is open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import Count, Min, Q, QuerySet, Sum

from payments.gateway.models import KillSwitch, ProviderAccount
from payments.kernel import clock, ids
from payments.kernel.attention import AttentionItem
from payments.kernel.audit import AuditEvent
from payments.kernel.jobs import Job, JobState
from payments.staff.models import SignInGuess
from payments.webhooks.models import Delivery, DeliveryState
from refunds import disputes
from refunds.models import Dispute, Origin, Refund, RefundBatch
from refunds.states import BatchStatus, RefundStatus
from reporting.uptime import reading
from reporting.uptime.periods import Period

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
LATELY: Final = timedelta(days=30)
"""A refund that came back longer ago has been seen to, or stands in the attention queue."""


@dataclass(frozen=True)
class Pile:
    """Things that wait: how many, how much of each currency (minor units), and since when the oldest does."""

    count: int
    minor: Mapping[str, int]
    oldest: datetime | None


def pile(rows: QuerySet[Any], amount: str = "amount_minor", since: str = "created_at") -> Pile:
    """A pile of rows that have an amount and a currency."""
    found = list(rows.order_by().values_list("currency").annotate(Count("pk"), Sum(amount), Min(since)))
    return Pile(
        sum(count for _, count, _, _ in found),
        {currency: int(minor) for currency, _, minor, _ in found if currency and minor},
        min((oldest for *_, oldest in found), default=None),
    )


# --- refunds and disputes


def waiting() -> Pile:
    """Refunds that wait for a second person."""
    return pile(Refund.objects.filter(status=RefundStatus.NEEDS_APPROVAL, settled_at__isnull=True))


def asked_by(name: str) -> QuerySet[Refund]:
    """The refunds that somebody of the staff asked for, newest first."""
    return Refund.objects.filter(requested_by=name, origin=Origin.STAFF).order_by("-pk")


def waiting_of(name: str) -> int:
    """How many refunds of somebody wait for a second person."""
    return asked_by(name).filter(status=RefundStatus.NEEDS_APPROVAL, settled_at__isnull=True).count()


def last_of(name: str, most: int) -> list[Refund]:
    """The last refunds that somebody asked for."""
    return list(asked_by(name).select_related("intent__order", "attempt")[:most])


def not_received() -> Mapping[str, int]:
    """Refunds of the last thirty days that the customer does not have, by state."""
    since = ids.first(lately())
    rows = Refund.objects.filter(pk__gte=since, status__in=(RefundStatus.BOUNCED, RefundStatus.FAILED))
    return dict(rows.order_by().values_list("status").annotate(Count("pk")))


def lately() -> datetime:
    """The first moment of what the lists call the last thirty days."""
    return clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - LATELY


def due() -> Sequence[int]:
    """How many disputes are late to be answered, or due within one day, three and seven, with those before."""
    rows = Dispute.objects.filter(closed_at__isnull=True)
    within = [disputes.due_within(rows, DAY * days) for days in (0, 1, 3, 7)]
    return [one.count() for one in within]


def batches() -> Mapping[str, int]:
    """Bulk refunds that are not over, by state."""
    rows = RefundBatch.objects.filter(
        status__in=(BatchStatus.NEEDS_APPROVAL, BatchStatus.RUNNING, BatchStatus.PAUSED, BatchStatus.CHECKED)
    )
    return dict(rows.order_by().values_list("status").annotate(Count("pk")))


# --- matters


def matters(whose: str) -> tuple[int, int, list[tuple[str, int]]]:
    """Open matters: how many are looked after by somebody, by nobody, and by kind, the most first."""
    rows = AttentionItem.objects.filter(closed_at__isnull=True)
    of = rows.aggregate(mine=Count("pk", filter=Q(taken_by=whose)), nobodys=Count("pk", filter=Q(taken_by="")))
    kinds = rows.order_by().values_list("kind").annotate(many=Count("pk")).order_by("-many", "kind")
    return of["mine"], of["nobodys"], list(kinds)


# --- the engine


@dataclass(frozen=True)
class Hour:
    """An hour of payments: how many were approved, per cent of those that ended, and minor units that were not."""

    approved: int
    rate: float | None
    lost: Mapping[str, int]


def last_hour() -> tuple[Hour, Hour, datetime]:
    """The last whole hour, the same one a week ago, and when it began."""
    until = clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    since = until - HOUR
    return _hour(since), _hour(since - 7 * DAY), since


def _hour(since: datetime) -> Hour:
    [found] = reading.attempts(Period(since, since + HOUR), [()], {})
    sums = found.get(())
    if sums is None:
        return Hour(0, None, {})
    lost = {code: minor for code, minor in sums.minor["not_approved_minor"].items() if minor}
    return Hour(sums["approved"], sums.approval, lost)


def switched_off() -> tuple[list[str], int]:
    """Provider accounts that take no payments, and kill switches that are off."""
    accounts = ProviderAccount.objects.filter(enabled=False).order_by("code").values_list("code", flat=True)
    return list(accounts), KillSwitch.objects.filter(on_at__isnull=True).count()


def jobs() -> tuple[int, int, datetime | None]:
    """Dead jobs, jobs that are due and wait, and since when the oldest of those does."""
    of = Job.objects.aggregate(dead=Count("pk", filter=Q(state=JobState.DEAD)))
    late = Job.objects.filter(state=JobState.READY, due_at__lte=clock.now())
    found = late.aggregate(many=Count("pk"), oldest=Min("due_at"))
    return of["dead"], found["many"], found["oldest"]


def deliveries() -> tuple[int, int]:
    """Client webhooks that were tried and still wait, and those that were given up today."""
    rows = Delivery.objects.filter(state=DeliveryState.PENDING, attempts__gt=0)
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    given_up = Delivery.objects.filter(pk__gte=ids.first(today), state=DeliveryState.FAILED)
    return rows.count(), given_up.count()


# --- staff and what they do


def on_record() -> tuple[int, int]:
    """What staff did today, and how often somebody could not sign in."""
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = AuditEvent.objects.filter(pk__gte=ids.first(today))
    of = rows.aggregate(all=Count("pk"), refused=Count("pk", filter=Q(action="user.sign_in_failed")))
    return of["all"], of["refused"]


@dataclass(frozen=True)
class Staff:
    """Who may sign in; how many of them have no role or no second factor; how many places must wait to guess again."""

    all: int
    bare: int
    factorless: int
    held_up: int


def staff() -> Staff:
    """The people who work here, as whoever administers them sees it."""
    rows = User.objects.filter(is_active=True, is_staff=True)
    of = rows.aggregate(
        all=Count("pk", distinct=True),
        bare=Count("pk", distinct=True, filter=Q(groups=None, is_superuser=False)),
        factorless=Count("pk", distinct=True, filter=Q(second_factor=None)),
    )
    held_up = SignInGuess.objects.filter(waits_until__gt=clock.now()).count()
    return Staff(of["all"], of["bare"], of["factorless"], held_up)
