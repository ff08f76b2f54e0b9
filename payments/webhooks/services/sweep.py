"""What no webhook has brought: read from the PSP's own list, or its reports, into the same storage, hourly or by hand.

The storage's unique key makes every look harmless: what is known already stays as it is.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog

from payments.connectors.base import NotificationRefused, PspEvent
from payments.gateway import accounts, events
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, jobs, unit
from payments.kernel.jobs import Retry
from payments.webhooks.models import CameBy, EventSweep, InboundEvent
from payments.webhooks.services import inbound

log = structlog.get_logger(__name__)

GRACE: Final = timedelta(minutes=5)
"""What happened within this time may still come by webhook: an hourly look leaves it alone."""
OVERLAP: Final = timedelta(minutes=15)
"""Each look begins so much before the end of the last: a PSP's list may show an event late."""
RETRY: Final = timedelta(minutes=5)
SECONDS: Final = 120
"""An hourly look stops after this long, between two stretches of time, and goes on with its next turn."""
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=1)
"""Of the stretches of time that are asked about one by one: long where little happens."""
PAGE: Final = 100
DAY: Final = timedelta(days=1)
OVERDUE: Final = timedelta(hours=12)
"""A day's report is made in the night: one that is not there so long after its day is worth a word."""


class Missing(events.NotYet):
    """No report tells of the time since `since`; a later report would have shown that none is to come."""

    def __init__(self, since: datetime, why: str) -> None:
        super().__init__(f"{why}, and no later one: what happened since {since:%Y-%m-%d} is not told")
        self.since = since


@dataclass(frozen=True, slots=True)
class Told:
    """One event on a PSP's list, and the body that its webhook would have had."""

    event: PspEvent
    body: bytes


@dataclass(slots=True)
class Found:
    """What a look at a PSP's list has come to."""

    listed: int = 0
    known: int = 0
    unreadable: int = 0
    missed: list[Told] = field(default_factory=list)


def sweep_all() -> None:
    """Wish for a look at the list of every account; also of disabled ones: what they began still ends."""
    with unit.work():
        for account in ProviderAccount.objects.order_by("code"):
            jobs.enqueue("sweep_account", unique=f"sweep_account:{account.pk}", account_id=account.pk)


def sweep(account_id: str) -> None:
    """Bring in what no webhook brought, from where the last look ended, stretch by stretch.

    Raises `Retry` when the PSP gives no answer, or when there is more than fits one turn; each stretch that is in
    stays in. A day whose report is not there yet is looked for again with the next turn.
    """
    account = accounts.account(account_id)
    kept = events.kept(account)
    row, ends = _row(account, kept), time.monotonic() + SECONDS
    since = max(row.swept_until - (timedelta(0) if events.daily(account) else OVERLAP), clock.now() - kept)
    for found, until in _stretches(account, since, clock.now() - GRACE, row):
        new = [each for each in found.missed if _keep(account, each, CameBy.SWEEP)]
        _note(row, until, sum(not each.event.retold for each in new))
        if time.monotonic() > ends:
            raise Retry(timedelta(0), f"everything before {until:%Y-%m-%d %H:%M} UTC is in, the rest comes next")


def _row(account: ProviderAccount, kept: timedelta) -> EventSweep:
    """How far the account was swept; one that is new here has nothing to tell of the time before."""
    found = EventSweep.objects.filter(provider_account_id=account.pk).first()
    if found is not None:
        return found
    begins = max(account.created_at, clock.now() - kept)
    with unit.work() as work:
        work.add(EventSweep(provider_account_id=account.pk, swept_until=begins), once=True)
    return EventSweep.objects.get(provider_account_id=account.pk)


def _note(row: EventSweep, until: datetime, new: int) -> None:
    """The stretch before `until` is in, for ever."""
    with unit.work():
        row.change(swept_until=max(row.swept_until, until), looked_at=clock.now(), missed=row.missed + new, problem="")


def _stretches(
    account: ProviderAccount, since: datetime, until: datetime, row: EventSweep
) -> Iterator[tuple[Found, datetime]]:
    """Ask about the time from `since` to `until` in stretches, or of the days that are over, the oldest first."""
    if events.daily(account):
        until = _midnight(until)
    try:
        yield from stretches(account, since, until)
    except Missing as missing:
        overdue = clock.now() - missing.since - DAY >= OVERDUE
        with unit.work():
            row.change(looked_at=clock.now(), problem=str(missing) if overdue else "")
    except events.NotTold as reason:
        log.warning("sweep_failed", account=account.code, why=str(reason))
        with unit.work():
            row.change(looked_at=clock.now(), problem=str(reason))
        raise Retry(RETRY, str(reason)) from reason


def stretches(account: ProviderAccount, since: datetime, until: datetime) -> Iterator[tuple[Found, datetime]]:
    """What is found in each stretch, and its end; shorter ones where much happens. Raises `events.NotTold`."""
    if events.daily(account):
        yield from _days(account, _midnight(since), until)
        return
    since, until, span = since.replace(microsecond=0), until.replace(microsecond=0), SHORTEST
    while since < until:
        upto = min(since + span, until)
        found = _look(account, since, upto)
        yield found, upto
        since, span = upto, min(2 * span, LONGEST) if found.listed <= PAGE else max(span / 2, SHORTEST)


def _days(account: ProviderAccount, day: datetime, until: datetime) -> Iterator[tuple[Found, datetime]]:
    """What each day's report tells. Reports are made in the order of days: a later one shows that a day has none.

    That proves nothing about what happened there. Raises `Missing` when the last days have none.
    """
    missing: Missing | None = None
    while day < until:
        try:
            found = _look(account, day, day + DAY)
        except events.NotYet as reason:
            missing = missing or Missing(day, str(reason))
        else:
            missing = None
            yield found, day + DAY
        day += DAY
    if missing is not None:
        raise missing


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _look(account: ProviderAccount, since: datetime, until: datetime) -> Found:
    """Everything that the PSP tells of a stretch, and what of it we do not know; the oldest first."""
    found, bodies = Found(), events.told(account, since, until)
    while page := list(islice(bodies, PAGE)):
        found.listed += len(page)
        read = [told for body in page for told in _read(account, body, found)]
        keys = [told.event.event_key for told in read]
        rows = InboundEvent.objects.filter(provider_account_id=account.pk, event_key__in=keys)
        known = set(rows.values_list("event_key", flat=True))
        found.known += len(known)
        found.missed += [told for told in read if told.event.event_key not in known]
    found.missed.sort(key=lambda told: told.event.occurred_at)
    return found


def _read(account: ProviderAccount, body: bytes, found: Found) -> Sequence[Told]:
    """What cannot be an event of this account is counted and passed over: it must not stop the others."""
    try:
        told = accounts.connector(account, interactive=False).translate_notification(body)
    except NotificationRefused as refused:
        log.error("listed_event_unreadable", account=account.code, why=str(refused))  # noqa: TRY400  says why
        found.unreadable += 1
        return ()
    return [Told(event, body) for event in told]


def _keep(account: ProviderAccount, told: Told, came_by: CameBy) -> str | None:
    event = told.event
    kept = inbound.store(account.pk, event, told.body, came_by=came_by)
    if kept is not None and not event.retold:
        log.warning(
            "notification_missed", account=account.code, type=event.type, event_key=event.event_key,
            provider_reference=event.provider_reference, occurred_at=event.occurred_at.isoformat(), came_by=came_by,
        )  # fmt: skip
    return kept


# --- by hand ---


@dataclass(slots=True)
class Tally:
    """What a resync of one account has come to so far; `ends` counts new events by the state they ended in."""

    listed: int = 0
    known: int = 0
    missed: int = 0
    unreadable: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, found: Found) -> None:
        """Count one stretch."""
        self.listed += found.listed
        self.known += found.known
        self.unreadable += found.unreadable
        self.missed += len(found.missed)


def resync(
    account: ProviderAccount,
    since: datetime,
    until: datetime,
    *,
    dry_run: bool = False,
    progress: Callable[[datetime, Tally], None] = lambda _until, _tally: None,
) -> Tally:
    """Bring in, and act at once on, what the PSP has to tell of a time and we do not know; repeating it does no harm.

    After a restore that is what happened since the backup. What is ahead of something that comes later is looked at
    again at the end. With `dry_run` it is only counted. Raises `events.NotTold`. Where reports tell of days, the day
    before is read too: the account's own day may have begun earlier.
    """
    since = since - DAY if events.daily(account) else since
    tally, new = Tally(), list[str]()
    try:
        for found, upto in stretches(account, since, until):
            tally.add(found)
            if not dry_run:
                kept = [_keep(account, told, CameBy.RESYNC) for told in found.missed]
                new += [inbound_id for inbound_id in kept if inbound_id is not None]
                for inbound_id in new[-len(kept) :] if kept else ():
                    _act(inbound_id)
            progress(upto, tally)
    finally:
        for inbound_id in _unfinished(new):
            _act(inbound_id)
        tally.ends.update(_states(new).values())
    return tally


def _act(inbound_id: str) -> None:
    """As its job would, which finds it done. What stands in the way is noted on the row, and its job comes again."""
    try:
        inbound.process(inbound_id)
    except (Retry, unit.Stale) as later:
        log.info("resync_waits", inbound_id=inbound_id, why=str(later))
    except Exception:
        log.exception("resync_failed", inbound_id=inbound_id)


def _unfinished(new: Sequence[str]) -> list[str]:
    return [inbound_id for inbound_id, state in _states(new).items() if state not in inbound.DONE]


def _states(new: Sequence[str]) -> dict[str, str]:
    """The state of each, the oldest first."""
    states: dict[str, str] = {}
    for start in range(0, len(new), 1000):
        part = new[start : start + 1000]
        found = dict(InboundEvent.objects.filter(pk__in=part).values_list("pk", "state"))
        states |= {inbound_id: found[inbound_id] for inbound_id in part}
    return states
