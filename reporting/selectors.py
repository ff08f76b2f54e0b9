"""Reading report runs, settlement files and closes, and the proofs that they hold."""

import zoneinfo
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from payments.connectors.settlements import FileKind
from payments.gateway.models import LegalEntity, ProviderAccount
from payments.intents.models import PaymentAttempt
from payments.kernel import clock, ids, invariants
from reporting.models import (
    Close,
    CloseCheck,
    CloseKind,
    Discrepancy,
    DiscrepancyKind,
    Payout,
    ReportRun,
    SettlementFile,
    TieOut,
)
from reporting.models.settlements import Source
from reporting.states import CloseStatus, FileStatus, RunStatus


def runs_of(client_id: str | None) -> QuerySet[ReportRun]:
    """A client's own reports; everybody's when None, which is for staff."""
    rows = ReportRun.objects.all()
    return rows if client_id is None else rows.filter(client_id=client_id)


def run(run_id: str, *, client_id: str | None) -> ReportRun:
    """One report; `DoesNotExist` when it is not this client's."""
    return runs_of(client_id).get(pk=run_id)


def hold(run_id: str, *, client_id: str | None = None) -> ReportRun:
    """The same, locked until the end of the transaction."""
    return runs_of(client_id).select_for_update().get(pk=run_id)


def last_ready(report: str) -> ReportRun | None:
    """The ready run of a report with the highest number."""
    return ReportRun.objects.filter(report=report, status=RunStatus.READY).order_by("-number").first()


def hold_file(file_id: str) -> SettlementFile:
    """A settlement file, locked until the end of the transaction."""
    return SettlementFile.objects.select_for_update().get(pk=file_id)


def same_file(file: SettlementFile) -> SettlementFile | None:
    """The one of the same account, reference and content that is kept already."""
    return SettlementFile.objects.filter(
        account_id=file.account_id, reference=file.reference, sha256=file.sha256
    ).first()


def standing_file(account_id: str, reference: str) -> SettlementFile | None:
    """The one of this reference that is loaded, or waits to be."""
    return _standing().filter(account_id=account_id, reference=reference).first()


def paid_out(account_id: str, reference: str) -> int | None:
    """What a payout comes to in minor units, by the PSP's own word; None while it has not told of it."""
    found = Payout.objects.filter(account_id=account_id, provider_reference=reference)
    return found.values_list("amount_minor", flat=True).first()


def last_settled_day(account_id: str) -> date | None:
    """The last day of which an account has a file that was fetched."""
    files = _standing().filter(account_id=account_id, source=Source.FETCHED)
    last: date | None = files.aggregate(last=Max("day"))["last"]
    return last


def settled_days(account_id: str, since: date) -> set[date]:
    """The days since then of which an account has the file of all that moved."""
    files = _standing().filter(account_id=account_id, kind=FileKind.ACTIVITY, day__gte=since)
    return {day for day in files.values_list("day", flat=True) if day is not None}


def settled_batches(account_id: str) -> dict[int, datetime]:
    """The numbered batches of an account, and when each one came."""
    files = _standing().filter(account_id=account_id, kind=FileKind.BATCH)
    came = files.values_list("reference", "created_at")
    return {int(number): at for number, at in came if number.isascii() and number.isdigit()}


def counted_by_match(file: SettlementFile) -> list[tuple[str, int]]:
    """What became of the lines of a file, and of how many; the most first."""
    rows = file.rows.order_by().values_list("match").annotate(count=Count("pk"))
    return sorted(rows, key=lambda row: -row[1])


def lines_named(term: str) -> Q:
    """Which lines somebody means: by our payment or payout, or what the PSP calls the payment, payout or movement."""
    found = Q(payment_reference=term) | Q(payout_reference=term) | Q(key=term)
    try:
        match term.rpartition("_")[0]:
            case "pi":
                ids.decode("pi", term)
                paid = PaymentAttempt.objects.filter(intent=term).exclude(provider_reference="")
                found = Q(payment_reference__in=paid.values("provider_reference"))
            case "po":
                ids.decode("po", term)
                found = Q(payout_reference__in=Payout.objects.filter(pk=term).values("provider_reference"))
    except ValueError:
        pass  # a PSP's own id that looks like one of ours
    every = ProviderAccount.objects.values("pk")  # both indexes begin with the account
    return Q(account__in=every) & found | Q(movement_id=term)


def _standing() -> QuerySet[SettlementFile]:
    return SettlementFile.objects.filter(status__in=[FileStatus.STORED, FileStatus.LOADED])


def settling() -> list[str]:
    """The accounts whose settlement has been loaded, by id."""
    rows = SettlementFile.objects.filter(status=FileStatus.LOADED).order_by("account_id")
    return list(rows.values_list("account_id", flat=True).distinct())


def close(close_id: str) -> Close:
    """One close with its entity and checks; `DoesNotExist` when there is none."""
    return Close.objects.select_related("entity").prefetch_related("checks").get(pk=close_id)


def hold_close(close_id: str) -> Close:
    """The same, locked until the end of the transaction."""
    return Close.objects.select_for_update(of=("self",)).select_related("entity").get(pk=close_id)


def hold_check(check_id: str) -> CloseCheck:
    """One item of a checklist with its close, the close locked first and then the item."""
    row = CloseCheck.objects.get(pk=check_id)
    close = hold_close(row.close_id)
    row = CloseCheck.objects.select_for_update().get(pk=check_id)
    row.close = close
    return row


def last_close(entity_id: str | None = None, kind: str = CloseKind.DAY) -> Close | None:
    """The last day, or month, that is over, of one entity or of whichever comes last; None before there is any."""
    rows = Close.objects.filter(kind=kind, ends_at__lte=clock.now())
    if entity_id is not None:
        rows = rows.filter(entity=entity_id)
    return rows.select_related("entity").prefetch_related("checks").order_by("-ends_at", "entity_id").first()


def last_days() -> list[Close]:
    """The last day of each entity that is over, as it stands."""
    return [row for row in last_closes() if row.kind == CloseKind.DAY]


def last_closes() -> list[Close]:
    """The last day and the last month of each entity that are over, as they stand."""
    rows = Close.objects.filter(ends_at__lte=clock.now()).select_related("entity").prefetch_related("checks")
    return list(rows.order_by("entity_id", "kind", "-day").distinct("entity_id", "kind"))


def last_begun(entity_id: str) -> Close | None:
    """The day of an entity that has begun last."""
    return Close.objects.filter(entity=entity_id, kind=CloseKind.DAY).order_by("-day").first()


def next_close(entity_id: str, kind: str) -> Close | None:
    """The first period of this kind that is over and not locked."""
    rows = Close.objects.filter(entity=entity_id, kind=kind, ends_at__lte=clock.now())
    return rows.exclude(status=CloseStatus.LOCKED).order_by("day").first()


def unproven(entity_id: str) -> QuerySet[Close]:
    """Locked periods whose reports are not known to be final, oldest first."""
    rows = Close.objects.filter(entity=entity_id, status=CloseStatus.LOCKED, proven_at=None)
    return rows.order_by("ends_at", "kind")


def locked_after(close: Close) -> Close | None:
    """What has to be opened again before this: the month of a day, or the next of the same kind."""
    later = Q(kind=close.kind, day__gt=close.day)
    if close.kind == CloseKind.DAY:
        later |= Q(kind=CloseKind.MONTH, starts_at__lt=close.ends_at, ends_at__gt=close.starts_at)
    rows = Close.objects.filter(later, entity=close.entity_id, status=CloseStatus.LOCKED)
    return rows.order_by("-kind", "-day").first()


FIRST_BOOKED = """
SELECT effective_at FROM payments_transfer WHERE place = ANY(%s) ORDER BY id LIMIT 1"""


def first_day(entity: LegalEntity) -> date | None:
    """The day with which the closes of an entity begin: from which its settlement is ours, or the first with a booking.

    None while there is neither.
    """
    accounts = ProviderAccount.objects.filter(legal_entity=entity)
    cut_over = accounts.exclude(settles_from=None).order_by("settles_from").first()
    if cut_over is not None:
        return cut_over.settles_from
    with connection.cursor() as cursor:
        cursor.execute(FIRST_BOOKED, [list(accounts.values_list("code", flat=True))])
        found = cursor.fetchone()
    return found[0].astimezone(zoneinfo.ZoneInfo(entity.time_zone)).date() if found else None


invariants.declare(
    10,
    "closed_books",
    "The books of every locked day take nothing more",
    """SELECT c.id::text, c.day || ' of ' || e.name || ' is locked, its books are closed until '
              || coalesce(e.closed_until::text, 'nothing')
         FROM reporting_close c JOIN payments_legalentity e ON e.id = c.entity_id
        WHERE c.kind = 'day' AND c.status = 'locked'
          AND (e.closed_until IS NULL OR e.closed_until < c.ends_at)""",
    "SELECT count(*) FROM reporting_close WHERE kind = 'day' AND status = 'locked'",
)


def closed_of(subject_id: str, kind: DiscrepancyKind) -> int:
    """What people have settled and accepted of a subject's differences of one kind, in minor units."""
    rows = Discrepancy.objects.filter(subject_id=subject_id, kind=kind, status__in=("settled", "accepted"))
    return int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0)


def open_differences() -> list[tuple[str, int, datetime]]:
    """Kind, how many are open, and when the oldest of them happened."""
    rows = Discrepancy.objects.filter(status__in=("open", "proposed")).values_list("kind")
    return list(rows.annotate(count=Count("pk"), since=Min("since")).order_by("kind"))


def differences_by_age(days: Sequence[int]) -> list[int]:
    """How many are open that began so many whole days ago or fewer (rising), and how many began before all of them.

    A day begins at midnight of the zone that pages are shown in: one day ago is all of yesterday.
    """
    midnight = timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    since = [midnight - timedelta(days=back) for back in days]
    rows = Discrepancy.objects.filter(status__in=("open", "proposed"))
    bounds = zip((*since, None), (None, *since), strict=True)
    counts = {
        str(number): Count("pk", filter=(Q(since__gte=low) if low else Q()) & (Q(since__lt=high) if high else Q()))
        for number, (low, high) in enumerate(bounds)
    }
    found = rows.aggregate(**counts)
    return [int(found[name]) for name in counts]


def open_of_kind(kind: DiscrepancyKind) -> int:
    """How many differences of a kind are open."""
    return Discrepancy.objects.filter(kind=kind, status__in=("open", "proposed")).count()


def files_by_status() -> dict[str, int]:
    """How many settlement files wait to be loaded, and how many are refused for which no other is loaded."""
    better = SettlementFile.objects.filter(
        account=OuterRef("account"), reference=OuterRef("reference"), status=FileStatus.LOADED
    )
    rows = SettlementFile.objects.filter(Q(status=FileStatus.STORED) | Q(status=FileStatus.REFUSED) & ~Exists(better))
    return dict(rows.values_list("status").annotate(count=Count("pk")).order_by("status"))


def runs_since(moment: datetime) -> dict[str, int]:
    """How many of the reports that were asked for since then stand how."""
    rows = ReportRun.objects.filter(client=None, created_at__gte=moment)
    return dict(rows.values_list("status").annotate(count=Count("pk")).order_by("status"))


def unexplained() -> dict[tuple[str, str], TieOut]:
    """The newest tie-out of each account and currency, by the account's code and the currency."""
    rows = TieOut.objects.select_related("account").order_by("account_id", "currency", "-as_of")
    return {(row.account.code, row.currency): row for row in rows.distinct("account_id", "currency")}


invariants.declare(
    10,
    "report_tied",
    "Every ready report says truly whether its totals are the ledger's, and its manifest is its own",
    """SELECT id::text, 'tied: ' || tied || ', differences: ' || (manifest ->> 'differences')
         FROM reporting_reportrun WHERE status = 'ready'
          AND (tied <> (manifest -> 'control_totals' = manifest -> 'ledger_totals')
               OR tied <> (manifest ->> 'tied')::boolean OR sha256 <> manifest ->> 'sha256')""",
    "SELECT count(*) FROM reporting_reportrun WHERE status = 'ready'",
)
invariants.declare(
    13,
    "report_owned",
    "Every report that is asked for has a job",
    """WITH waiting AS (SELECT 'rep_' || replace(id::text, '-', '') AS id, status FROM reporting_reportrun
                         WHERE status IN ('requested', 'running'))
       SELECT id, status FROM waiting w WHERE NOT EXISTS (
              SELECT FROM payments_job WHERE name = 'produce_report' AND arguments ->> 'run_id' = w.id)""",
    "SELECT count(*) FROM reporting_reportrun WHERE status IN ('requested', 'running')",
)
invariants.declare(
    13,
    "settlement_file_owned",
    "Every settlement file that is kept and not loaded has a job",
    """WITH waiting AS (SELECT 'st_' || replace(id::text, '-', '') AS id, status FROM reporting_settlementfile
                         WHERE status = 'stored')
       SELECT id, status FROM waiting w WHERE NOT EXISTS (
              SELECT FROM payments_job WHERE name = 'load_settlement' AND arguments ->> 'file_id' = w.id)""",
    "SELECT count(*) FROM reporting_settlementfile WHERE status = 'stored'",
)
invariants.declare(
    10,
    "settlement_file_whole",
    "Every loaded settlement file has all of its lines; those of a batch sum to nothing, of a payout to it",
    """SELECT 'st_' || replace(f.id::text, '-', ''), 'lines: ' || f.lines || ', told before: ' || f.told_before
              || ', here: ' || (SELECT count(*) FROM reporting_settlementline WHERE file_id = f.id)
         FROM reporting_settlementfile f
        WHERE f.status = 'loaded'
          AND f.lines - f.told_before <> (SELECT count(*) FROM reporting_settlementline WHERE file_id = f.id)
        UNION ALL
       SELECT 'st_' || replace(f.id::text, '-', ''), sum(l.net_minor) || ' ' || l.currency
         FROM reporting_settlementfile f
         JOIN reporting_settlementline l ON l.account_id = f.account_id AND l.payout_reference = f.reference
        WHERE f.status = 'loaded' AND f.kind IN ('payout', 'batch')
        GROUP BY f.id, l.currency
       HAVING sum(l.net_minor) <> CASE WHEN f.kind = 'batch' OR bool_or(l.type = 'payout') THEN 0
                                       ELSE coalesce(f.total_minor, sum(l.net_minor)) END""",
    "SELECT count(*) FROM reporting_settlementfile WHERE status = 'loaded'",
)
invariants.declare(
    17,
    "report_chain",
    "Every manifest carries the hash of the one before it, without a gap",
    """SELECT id::text, 'number ' || number || ' does not follow ' || coalesce(before::text, 'nothing')
         FROM (SELECT id, number, manifest ->> 'previous' AS previous,
                      lag(number) OVER chain AS before, lag(manifest ->> 'hash') OVER chain AS hash
                 FROM reporting_reportrun WHERE number IS NOT NULL WINDOW chain AS (PARTITION BY report ORDER BY number)
              ) linked
        WHERE number <> coalesce(before, 0) + 1 OR previous IS DISTINCT FROM hash""",
    "SELECT count(*) FROM reporting_reportrun WHERE number IS NOT NULL",
)
