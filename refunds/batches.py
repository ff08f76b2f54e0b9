"""Reading batches of refunds: what their rows ask of the payments, how far they are, and what came of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.db import connection
from django.db.models import Count, Max, Q, QuerySet, Sum
from moneyed import Money

from payments.kernel import clock, ids, invariants, money
from payments.methods import catalogue
from payments.methods import selectors as methods
from refunds.models import Origin, Refund, RefundBatch, RefundBatchRow
from refunds.states import LIVING, RefundStatus
from refunds.verdicts import TWICE, Asked, Home, Source, Verdict

UNDER_WAY: Final = (RefundStatus.REQUESTED, RefundStatus.SENT, RefundStatus.UNKNOWN)
"""Refunds of which the PSP has not said anything yet."""

LATELY: Final = timedelta(days=30)
"""The same amount of the same payment that was refunded within this time has to be confirmed in a batch."""

LIVE: Final = ", ".join(f"'{status}'" for status in LIVING)

FACTS: Final = f"""
WITH asked AS MATERIALIZED (
    SELECT w.number, w.object_id, w.amount, w.currency_written, coalesce(o.id, i.order_id, i.id) AS home,
           coalesce(o.id, i.order_id) AS order_id
      FROM refunds_refundbatchrow w
      LEFT JOIN payments_paymentintent i ON i.id = CASE left(w.object_id, 3)
                WHEN 'pi_' THEN substr(w.object_id, 4)::uuid END
      LEFT JOIN payments_order o ON o.id = CASE left(w.object_id, 4) WHEN 'ord_' THEN substr(w.object_id, 5)::uuid END
     WHERE w.batch_id = %(batch)s AND w.readable AND (%(number)s::int IS NULL OR w.number = %(number)s)),
homes AS MATERIALIZED (SELECT DISTINCT home, order_id FROM asked WHERE home IS NOT NULL),
these AS MATERIALIZED (
    SELECT h.home, i.id FROM homes h JOIN payments_paymentintent i ON i.order_id = h.order_id
     UNION ALL SELECT home, home FROM homes WHERE order_id IS NULL),
paid AS MATERIALIZED (
    SELECT t.home, i.id, i.currency, i.amount_disputed_minor AS disputed,
           greatest(i.amount_captured_minor - i.amount_refunded_minor - i.amount_refunding_minor
                    - i.amount_disputed_minor, 0) AS refundable
      FROM these t JOIN payments_paymentintent i ON i.id = t.id),
taken AS MATERIALIZED (
    SELECT p.home, p.id AS intent_id, p.refundable, p.disputed, c.attempt_id, sum(c.amount_minor)::bigint AS captured,
           max(coalesce(c.captured_at, c.created_at)) AS captured_at
      FROM paid p JOIN payments_capture c ON c.intent_id = p.id AND c.status = 'succeeded'
     GROUP BY p.home, p.id, p.refundable, p.disputed, c.attempt_id),
given AS MATERIALIZED (
    SELECT r.attempt_id, sum(r.amount_minor)::bigint AS minor
      FROM (SELECT DISTINCT attempt_id FROM taken) t JOIN refunds_refund r ON r.attempt_id = t.attempt_id
     WHERE r.status IN ({LIVE}) GROUP BY r.attempt_id),
contested AS MATERIALIZED (
    SELECT d.attempt_id, sum(d.amount_withdrawn_minor)::bigint AS minor
      FROM (SELECT DISTINCT attempt_id FROM taken WHERE disputed > 0) t
      JOIN refunds_dispute d ON d.attempt_id = t.attempt_id
     WHERE d.amount_withdrawn_minor > 0 GROUP BY d.attempt_id),
sources AS (
    SELECT t.home, jsonb_agg(jsonb_build_object(
               'intent', t.intent_id, 'account', a.account_id, 'method', a.method, 'refundable', t.refundable,
               'disputed', t.disputed, 'captured', t.captured - coalesce(d.minor, 0), 'captured_at', t.captured_at,
               'given', coalesce(g.minor, 0)) ORDER BY t.intent_id, t.captured_at) AS found
      FROM taken t JOIN payments_paymentattempt a ON a.id = t.attempt_id
      LEFT JOIN given g ON g.attempt_id = t.attempt_id
      LEFT JOIN contested d ON d.attempt_id = t.attempt_id
     GROUP BY t.home),
lately AS (
    SELECT p.home, jsonb_agg(jsonb_build_array(r.intent_id, r.amount_minor, r.id, r.created_at) ORDER BY r.id) AS found
      FROM paid p JOIN refunds_refund r ON r.intent_id = p.id
     WHERE r.status IN ({LIVE}) AND r.created_at >= %(since)s GROUP BY p.home),
coin AS (SELECT home, min(currency) AS currency FROM paid GROUP BY home)
SELECT a.home, a.number, a.object_id, a.amount, a.currency_written, coin.currency, s.found, l.found
  FROM asked a LEFT JOIN coin USING (home) LEFT JOIN sources s USING (home) LEFT JOIN lately l USING (home)
 ORDER BY a.home, a.number
"""  # noqa: S608  states of ours
"""Every readable row with its order and all of that order's payments (or its payment without an order), what was
captured by each attempt, and what is left of it: for a whole file in one statement, by the ids' own indexes."""

CHUNK: Final = 2000


def facts(batch_id: str, number: int | None = None) -> Iterator[tuple[Asked, Home | None]]:
    """Every readable row, or the one of this number, with the home that it takes money from.

    Rows of one home come together and in their order, with one object for all of them; None where there is no such
    order or payment. For all of them inside a transaction: they are fetched as they are asked for.
    """
    last, home = None, None
    with connection.chunked_cursor() if number is None else connection.cursor() as cursor:
        params: dict[str, Any] = {"batch": ids.decode("rb", batch_id), "since": clock.now() - LATELY, "number": number}
        cursor.execute(FACTS, params)
        while rows := cursor.fetchmany(CHUNK):
            for key, number, object_id, amount, currency, coin, sources, lately in rows:
                if key is None or key != last:
                    last, home = key, _home(key, coin, orjson.loads(sources or "[]"), orjson.loads(lately or "[]"))
                yield Asked(number, object_id, amount, currency), home


def _home(key: object, coin: str | None, sources: Sequence[Any], lately: Sequence[Any]) -> Home | None:
    if key is None:
        return None
    left: dict[str, int] = {}
    found = []
    for one in sources:
        intent = _public("pi", one["intent"])
        budget = left.get(intent, one["refundable"])
        available = max(0, min(budget, one["captured"] - one["given"]))
        left[intent] = budget - available
        account = _public("pa", one["account"])
        found.append(_source(one, intent, account, available))
    before = {(_public("pi", intent), minor): (_public("re", refund), datetime.fromisoformat(at))
              for intent, minor, refund, at in lately}  # fmt: skip
    return Home(coin or "", found, before)


def _source(one: Any, intent: str, account: str, available: int) -> Source:
    offer, method = methods.offer(one["method"], account), catalogue.METHODS.get(one["method"])
    return Source(
        intent=intent,
        account=account,
        method=method.name("en") if method else one["method"],
        available=available,
        disputed=one["disputed"],
        captured_at=datetime.fromisoformat(one["captured_at"]),
        given_back=bool(one["given"]),
        refund=offer.refund,
        partial=offer.partial_refund,
        several=offer.multiple_refunds,
        window_days=method.refund_window_days if method else None,
    )


def _public(prefix: str, key: str) -> str:
    return f"{prefix}_{key.replace('-', '')}"


# --- how far a batch is ---


def hold(batch_id: str) -> RefundBatch:
    """The batch, locked; `DoesNotExist` when there is none."""
    return RefundBatch.objects.select_for_update().get(pk=batch_id)


def earlier(sha256: str) -> RefundBatch | None:
    """The latest upload of the very same file."""
    return RefundBatch.objects.filter(sha256=sha256).order_by("-pk").first()


def waiting(batch_id: str) -> QuerySet[RefundBatchRow]:
    """The rows that are still to become refunds, in their order."""
    return RefundBatchRow.objects.filter(batch=batch_id, verdict=Verdict.FITS, done_at=None).order_by("number")


def under_way() -> int:
    """How many refunds of all batches the PSPs have still to hear of, or to answer."""
    return Refund.objects.filter(origin=Origin.BULK, settled_at=None, status__in=UNDER_WAY).count()


@dataclass(frozen=True, slots=True)
class Total:
    """Rows of one kind in one currency, what they come to, and the largest of them."""

    count: int
    amount: Money
    largest: Money


def totals(batch_id: str) -> list[Total]:
    """What goes back, per currency, as it was checked."""
    return _summed(RefundBatchRow.objects.filter(batch=batch_id, verdict=Verdict.FITS))


def refunded(batch_id: str) -> list[Total]:
    """What has become refunds, per currency."""
    return _summed(RefundBatchRow.objects.filter(batch=batch_id, refund__isnull=False))


def _summed(rows: QuerySet[RefundBatchRow]) -> list[Total]:
    summed = rows.order_by("currency").values_list("currency")
    found = summed.annotate(count=Count("pk"), minor=Sum("amount_minor"), most=Max("amount_minor"))
    return [
        Total(count, money.from_minor(int(minor), currency), money.from_minor(most, currency))
        for currency, count, minor, most in found
    ]


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows that fit: all of them, those that became refunds, and those that no longer fitted."""

    fitting: int
    made: int
    refused: int

    @property
    def done(self) -> int:
        """Rows that have ended."""
        return self.made + self.refused


def progress(batch: RefundBatch) -> Progress:
    """How far a batch is."""
    ended = RefundBatchRow.objects.filter(batch=batch, done_at__isnull=False)
    found = ended.aggregate(all=Count("pk"), made=Count("refund"))
    return Progress(batch.fitting, found["made"], found["all"] - found["made"])


KINDS: Final = ("all", "fits", "problems", "duplicates", "refused")
"""What a page of rows may be narrowed to."""


def amount(row: RefundBatchRow) -> Money:
    """What goes back by a row that fits."""
    return money.from_minor(row.amount_minor or 0, row.currency)


def lines(batch: RefundBatch, kind: str = "all") -> QuerySet[RefundBatchRow]:
    """The rows of a batch in their order: all, those to be refunded, those with a problem, what looks like the same
    refund twice, or those that no longer fitted when their turn came.
    """
    rows = RefundBatchRow.objects.filter(batch=batch).select_related("refund").order_by("number")
    narrowed = {
        "fits": rows.filter(verdict=Verdict.FITS),
        "problems": rows.exclude(verdict__in=[Verdict.FITS, *TWICE]),
        "duplicates": rows.filter(Q(verdict__in=TWICE) | Q(confirmed=True)),
        "refused": rows.exclude(refusal=""),
    }
    return narrowed.get(kind, rows)


def counted(batch: RefundBatch) -> dict[str, int]:
    """How many rows each of `KINDS` has."""
    twice = Q(verdict__in=TWICE)
    found = RefundBatchRow.objects.filter(batch=batch).aggregate(
        all=Count("pk"),
        fits=Count("pk", filter=Q(verdict=Verdict.FITS)),
        problems=Count("pk", filter=~Q(verdict=Verdict.FITS) & ~twice),
        duplicates=Count("pk", filter=twice | Q(confirmed=True)),
        refused=Count("pk", filter=~Q(refusal="")),
    )
    return {kind: int(found[kind]) for kind in KINDS}


def outcomes(batch: RefundBatch) -> dict[str, int]:
    """How many refunds of a batch stand how, by status."""
    first = Refund.objects.filter(batch_rows__batch=batch)
    found = first.order_by("status").values_list("status").annotate(count=Count("pk"))
    return dict(found)


def all_of(row: RefundBatchRow) -> list[Refund]:
    """The refunds of a row: several where more than one payment had to give the money back."""
    if row.refund is None:
        return []
    others = Refund.objects.filter(pk__in=row.refund.related).order_by("pk") if row.refund.related else ()
    return [row.refund, *others]


invariants.declare(
    5,
    "batch_rows_refund_what_was_approved",
    "A row of a batch gives back what was approved of it, by refunds of its own",
    """SELECT 'rb_' || replace(w.batch_id::text, '-', ''), 'row ' || w.number || ' of ' || w.amount_minor || ' gave '
              || coalesce(made.minor, 0)
         FROM refunds_refundbatchrow w JOIN refunds_refund f ON f.id = w.refund_id
         LEFT JOIN LATERAL (SELECT sum(r.amount_minor) AS minor FROM refunds_refund r
                 WHERE r.origin = 'bulk' AND (r.id = f.id OR r.id IN (
                       SELECT replace(x, 're_', '')::uuid FROM jsonb_array_elements_text(f.related) x))) made ON true
        WHERE w.amount_minor IS DISTINCT FROM made.minor OR w.verdict <> 'fits'""",
    "SELECT count(*) FROM refunds_refundbatchrow WHERE refund_id IS NOT NULL",
)
invariants.declare(
    1,
    "batch_refund_has_its_row",
    "Every refund of a batch belongs to one row of it",
    """SELECT 're_' || replace(r.id::text, '-', ''), 'belongs to ' || count(w.id) || ' rows' FROM refunds_refund r
         LEFT JOIN refunds_refundbatchrow w ON w.refund_id = ANY(ARRAY[r.id] || ARRAY(
                   SELECT replace(x, 're_', '')::uuid FROM jsonb_array_elements_text(r.related) x))
        WHERE r.origin = 'bulk' GROUP BY r.id HAVING count(w.id) <> 1""",
    "SELECT count(*) FROM refunds_refund WHERE origin = 'bulk'",
)
invariants.declare(
    13,
    "batch_owned",
    "Every batch that is checked, about to begin or running has its job",
    """WITH moving AS (SELECT 'rb_' || replace(id::text, '-', '') AS id, status FROM refunds_refundbatch
                        WHERE status IN ('uploaded', 'approved', 'running'))
       SELECT id, status FROM moving b
        WHERE NOT EXISTS (SELECT FROM payments_job WHERE name IN ('check_refund_batch', 'run_refund_batch')
                                                     AND arguments ->> 'batch_id' = b.id)""",
    "SELECT count(*) FROM refunds_refundbatch WHERE status IN ('uploaded', 'approved', 'running')",
)
