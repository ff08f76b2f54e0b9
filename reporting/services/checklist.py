"""The checklist of a close: each item looks for itself, says what it found in words, and with what figures."""

import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Max

from payments.connectors.settlements import FileKind
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, invariants, money
from reporting import banks
from reporting.models import (
    BankAccount,
    CheckState,
    Close,
    CloseCheck,
    CloseKind,
    Discrepancy,
    DiscrepancyKind,
    Item,
    Match,
    SettlementFile,
    SettlementLine,
)
from reporting.services import closing_reports
from reporting.states import CloseStatus, DiscrepancyStatus, FileStatus


@dataclass(frozen=True, slots=True)
class Found:
    """What one item says; `at` is when it was looked at, None for now."""

    state: CheckState
    says: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None


Look = Callable[[Close], Found]

HOLDS: Final = ("ledger_", "capture_posted", "refund_posted", "refunds_in_flight", "dispute_movement", "disputes_held")
"""How the names of the invariants begin that are about the ledger."""

ACCEPTABLE: Final = frozenset({Item.FILES, Item.MATCHED, Item.UNEXPLAINED, Item.BANK})
"""What others owe us, or cannot say, a person may accept. Our own books are right or are put right."""

PASSED: Final = (CheckState.DONE, CheckState.ACCEPTED)

FRESH: Final = timedelta(minutes=10)
"""What is laborious is not done again while reports are waited for."""


def look(close: Close, earlier: Mapping[Item, CloseCheck], *, anew: bool = False) -> Iterator[tuple[Item, Found]]:
    """Every item of a close in its order; `earlier` is what was found last, and what was accepted of it.

    What is laborious waits until nothing above it is missing. No transaction is open: reports are asked for here.
    """
    clear = True
    for item, how, laborious in ITEMS[CloseKind(close.kind)]:
        last = earlier.get(item)
        if laborious and not clear:
            found = Found(CheckState.WAITING, "Looked at when nothing above is missing.")
        elif item in (Item.BALANCE, Item.INVARIANTS) and not anew and last is not None and _is_fresh(last):
            found = Found(CheckState.DONE, last.says, last.figures, last.checked_at)
        else:
            found = how(close)
        clear &= found.state in PASSED or (last is not None and accepts(last, found))
        yield item, found


def _is_fresh(last: CloseCheck) -> bool:
    return last.state == CheckState.DONE and last.checked_at > clock.now() - FRESH


def accepts(row: CloseCheck, found: Found) -> bool:
    """Whether a person has accepted what is missing: the same as was missing then."""
    return (
        row.accepted_at is not None
        and found.state == CheckState.MISSING
        and row.item in ACCEPTABLE
        and row.accepted_figures == found.figures
    )


def codes(close: Close) -> list[str]:
    """The provider and bank accounts whose movements are in the entity's books, by code."""
    owners = (ProviderAccount, BankAccount)
    return [
        str(code)
        for owner in owners
        for code in owner._default_manager.filter(legal_entity=close.entity_id).values_list("code", flat=True)
    ]


_MOVED: Final = """
SELECT DISTINCT place FROM payments_transfer
 WHERE place = ANY(%(codes)s) AND effective_at >= %(start)s AND effective_at < %(end)s"""


def _used(close: Close) -> Sequence[ProviderAccount]:
    """The accounts of which something was booked in the period, and whose settlement is ours by then."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, {"codes": codes(close), "start": close.starts_at, "end": close.ends_at})
        moved = [code for (code,) in cursor]
    rows = ProviderAccount.objects.filter(code__in=moved).order_by("code")
    return [row for row in rows if row.settles_from is None or row.settles_from <= close.day]


def _last_day(close: Close) -> date:
    """The last day, in UTC as files count them, of which something is in the period."""
    return (close.ends_at - timedelta(microseconds=1)).astimezone(UTC).date()


def _files(close: Close) -> Found:
    """Every account that moved money has told of the period up to its end, and no file of it is left over."""
    until = _last_day(close)
    silent = {row.code: said for row in _used(close) if (said := _untold(row, close, until))}
    ours = SettlementFile.objects.filter(account__legal_entity=close.entity_id)
    waiting = ours.filter(status=FileStatus.STORED).count()
    left = Discrepancy.objects.filter(
        account__legal_entity=close.entity_id,
        kind__in=(DiscrepancyKind.FILE_MISSING, DiscrepancyKind.FILE_CONFLICT),
        status__in=(DiscrepancyStatus.OPEN, DiscrepancyStatus.PROPOSED),
        since__lt=close.ends_at,
    )
    lost = sorted(left.values_list("subject_id", flat=True))
    figures = {"silent": silent, "waiting": waiting, "lost": lost, "until": str(until)}
    if not (silent or waiting or lost):
        return Found(CheckState.DONE, "Every account that moved money has told of it.", figures)
    parts = [f"{code} {said}" for code, said in silent.items()]
    parts += [f"{waiting} not loaded yet"] if waiting else []
    parts += [f"missing or in conflict: {', '.join(lost[:5])}"] if lost else []
    return Found(CheckState.MISSING, _sentence(parts), figures)


def _untold(account: ProviderAccount, close: Close, until: date) -> str:
    """What an account has not told of a period, up to a day (UTC), in words; "" when it has told all.

    Who tells by the day tells of each; who tells by batch has told of it with the first one that goes beyond its end.
    """
    files = SettlementFile.objects.filter(account=account, status=FileStatus.LOADED)
    first = close.starts_at.astimezone(UTC).date()
    days = set(files.filter(kind=FileKind.ACTIVITY, day__gte=first - timedelta(days=30)).values_list("day", flat=True))
    if days:
        wanted = [first + timedelta(days=number) for number in range((until - first).days + 1)]
        left = [str(day) for day in wanted if day not in days]
        return f"has not told of {', '.join(left[:5])}" if left else ""
    batches = files.exclude(kind=FileKind.ACTIVITY)
    if batches.filter(loaded_at__gte=close.ends_at, rows__occurred_at__gte=close.ends_at).exists():
        return ""
    newest = batches.order_by("-loaded_at").first()
    last = newest and newest.rows.aggregate(last=Max("occurred_at"))["last"]
    return f"has told up to {last:%Y-%m-%d %H:%M} UTC, not all of {until}" if last else f"has told nothing, not {until}"


def _matched(close: Close) -> Found:
    """No line of the period, or before it, waits to be compared."""
    waiting = SettlementLine.objects.filter(
        account__legal_entity=close.entity_id, match=Match.WAITING, occurred_at__lt=close.ends_at
    ).count()
    if not waiting:
        return Found(CheckState.DONE, "No line waits to be compared with our books.", {"waiting": 0})
    return Found(CheckState.MISSING, f"{waiting:,} lines wait to be compared with our books.", {"waiting": waiting})


_TIED: Final = """
SELECT DISTINCT ON (a.code, t.currency) a.code, t.currency, t.unexplained_minor, t.open_minor
  FROM payments_provideraccount a
 CROSS JOIN LATERAL (
       SELECT min(f.matched_at) AS at FROM reporting_settlementfile f
        WHERE f.account_id = a.id AND f.status = 'loaded'
          AND (f.kind = 'activity' AND f.day >= %(until)s OR f.kind <> 'activity' AND f.loaded_at >= %(end)s
               AND EXISTS (SELECT FROM reporting_settlementline l WHERE l.file_id = f.id AND l.occurred_at >= %(end)s)
               AND NOT EXISTS (
               SELECT FROM reporting_settlementfile d WHERE d.account_id = a.id AND d.kind = 'activity'))) told
  JOIN reporting_tieout t ON t.account_id = a.id AND t.as_of >= greatest(%(end)s, told.at)
 WHERE a.code = ANY(%(codes)s)
 ORDER BY a.code, t.currency, t.unexplained_minor <> 0, t.as_of DESC"""
"""Comparisons since the period's end, and since the file that tells of its last day was compared with our books: before
that what it will say is a matter of time. What is explained once is explained up to then: one that agrees goes before a
later one that does not."""


def _unexplained(close: Close) -> Found:
    """Since the end of the period each account that moved money was compared with its PSP, and nothing is left over."""
    used = {row.code for row in _used(close)}
    with connection.cursor() as cursor:
        cursor.execute(_TIED, {"codes": codes(close), "end": close.ends_at, "until": _last_day(close)})
        rows = cursor.fetchall()
    unknown = sorted(used - {code for code, *_ in rows})
    off = {f"{code} {currency}": minor for code, currency, minor, _ in rows if minor}
    figures = {"unexplained_minor": off, "not_compared": unknown}
    if not (off or unknown):
        explained = sum(1 for row in rows if row[3])
        more = f" Differences that have a name: {explained} accounts and currencies." if explained else ""
        return Found(CheckState.DONE, f"Ledger and PSPs agree.{more}", figures)
    parts = [f"{code}: {_amount(minor, currency)} unexplained" for code, currency, minor, _ in rows if minor]
    parts += [f"{code} was not compared since" for code in unknown]
    return Found(CheckState.MISSING, _sentence(parts), figures)


def _days(close: Close) -> Found:
    """Every day of the month is locked."""
    days = Close.objects.filter(entity=close.entity_id, kind=CloseKind.DAY, ends_at__gt=close.starts_at)
    left = days.filter(ends_at__lte=close.ends_at).exclude(status=CloseStatus.LOCKED).order_by("day")
    open_days = [str(day) for day in left.values_list("day", flat=True)]
    whole = days.filter(ends_at__gte=close.ends_at, starts_at__lt=close.ends_at).exists()
    if whole and not open_days:
        return Found(CheckState.DONE, "Every day is locked.", {"open": []})
    return Found(CheckState.MISSING, _sentence([f"{day} is not locked" for day in open_days[:5]]), {"open": open_days})


def _bank(close: Close) -> Found:
    """The statements of every bank account reach the end of the month, and every payout of it is at the bank."""
    last = (close.ends_at - timedelta(microseconds=1)).astimezone(zoneinfo.ZoneInfo(close.time_zone)).date()
    accounts = BankAccount.objects.filter(legal_entity=close.entity_id).annotate(until=Max("statements__to_day"))
    short = {row.code: str(row.until or "") for row in accounts if row.until is None or row.until < last}
    due = banks.due_by(last).filter(account__legal_entity=close.entity_id)
    payouts = sorted(due.values_list("provider_reference", flat=True))
    lost = banks.gaps([row.pk for row in accounts], last)
    figures = {"statements": short, "payouts": payouts, "until": str(last), "lost": lost}
    if not (short or payouts or lost):
        return Found(CheckState.DONE, "Every statement is in, and shows every payout of the month.", figures)
    parts = [f"{code} has statements {f'up to {until}' if until else 'of no day'}" for code, until in short.items()]
    parts += [f"a statement is lost: {words}" for words in lost[:5]]
    parts += [f"{len(payouts)} payouts were not seen: {', '.join(payouts[:5])}"] if payouts else []
    return Found(CheckState.MISSING, _sentence(parts), figures)


_SUMS: Final = """
WITH moved AS MATERIALIZED (
    SELECT id, booked_at FROM payments_transfer
     WHERE effective_at >= %(start)s AND effective_at < %(end)s AND place = ANY(%(codes)s))
SELECT entry.currency, sum(entry.amount_minor) FILTER (WHERE entry.amount_minor > 0), sum(entry.amount_minor),
       count(DISTINCT moved.id)
  FROM moved JOIN payments_entry entry ON entry.transfer_id = moved.id
 WHERE entry.id >= (SELECT payments_uuid_floor(min(booked_at) - interval '1 minute') FROM moved)
   AND entry.id <= (SELECT payments_uuid_floor(max(booked_at) + interval '1 hour') FROM moved)
 GROUP BY entry.currency ORDER BY entry.currency"""
"""Entries are written with their transfer, those of a large set within an hour: ids bound the partitions to read."""


def _balance(close: Close) -> Found:
    """Debits and credits of what the entity has booked in the period are the same in every currency."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {"codes": codes(close), "start": close.starts_at, "end": close.ends_at})
        rows = [(currency, int(debit or 0), int(off), count) for currency, debit, off, count in cursor]
    figures = {currency: {"debit_minor": debit, "off_minor": off} for currency, debit, off, _ in rows}
    off_by = [f"debits less credits are {_amount(off, currency)}" for currency, _, off, _ in rows if off]
    if off_by:
        return Found(CheckState.MISSING, _sentence(off_by), figures)
    booked = sum(count for *_, count in rows)
    return Found(CheckState.DONE, f"Debits are credits over {booked:,} transfers.", figures)


def _invariants(_close: Close) -> Found:
    """What must hold of the ledger holds."""
    findings = [finding for prefix in HOLDS for finding in invariants.verify(prefix)]
    broken = {one.check.name: [subject for subject, _ in one.broken[:5]] for one in findings if one.broken}
    if broken:
        says = _sentence([f"{name}: {', '.join(subjects)}" for name, subjects in broken.items()])
        return Found(CheckState.MISSING, says, {"broken": broken})
    return Found(CheckState.DONE, f"{len(findings)} rules hold.", {"broken": {}})


def _reports(close: Close) -> Found:
    """The reports of the period are written, final, and tie to the ledger."""
    state, says, figures = closing_reports.stand(close)
    return Found(state, says, figures)


ITEMS: Final[Mapping[CloseKind, Sequence[tuple[Item, Look, bool]]]] = {
    CloseKind.DAY: (
        (Item.FILES, _files, False),
        (Item.MATCHED, _matched, False),
        (Item.UNEXPLAINED, _unexplained, False),
        (Item.BALANCE, _balance, True),
        (Item.INVARIANTS, _invariants, True),
        (Item.REPORTS, _reports, True),
    ),
    CloseKind.MONTH: (
        (Item.DAYS, _days, False),
        (Item.UNEXPLAINED, _unexplained, False),
        (Item.BANK, _bank, False),
        (Item.BALANCE, _balance, True),
        (Item.REPORTS, _reports, True),
    ),
}
"""What each kind of close looks at: the item, how, and whether that is laborious."""


def _amount(minor: int, currency: str) -> str:
    return money.text(money.from_minor(minor, currency))


def _sentence(parts: Sequence[str]) -> str:
    """At most what the column holds."""
    text = "; ".join(parts) or "The last day is not over"
    return f"{text[:290]}…" if len(text) > 295 else f"{text}."
