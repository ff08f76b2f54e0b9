"""Reading bank accounts: which payout or refund each open line may be, and the proofs that matches are booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from payments.gateway.models import LegalEntity
from payments.kernel import ids, invariants
from reporting.models import BankAccount, BankLine, BankMatch, BankStatement, MatchKind, Payout
from reporting.states import PayoutStatus

ON_ITS_WAY: Final = (PayoutStatus.ANNOUNCED, PayoutStatus.PAID)
SHORT_BY_AT_MOST: Final = 20
"""A line that names no payout may be one of which a bank has kept a charge, up to the 20th part of it."""
SHORTEST_NAME: Final = 6
"""A reference of fewer letters and digits than this says nothing when it stands in a bank's text."""


def _folded(column: str) -> str:
    """As `folded` of a line: capitals and digits only, since banks break references into pieces."""
    return f"regexp_replace(upper({column}), '[^A-Z0-9]', '', 'g')"


_NAMED: Final = f"""(length(p.trace_key) >= {SHORTEST_NAME} AND position(p.trace_key IN l.folded) > 0
              OR length(p.name_key) >= {SHORTEST_NAME} AND position(p.name_key IN l.folded) > 0)"""

_PAIRS: Final = f"""
WITH line AS MATERIALIZED (
    SELECT l.id, l.day, l.amount_minor, l.folded, a.code, a.currency, a.legal_entity_id
      FROM reporting_bankline l JOIN reporting_bankaccount a ON a.id = l.account_id
     WHERE l.account_id = %(account)s AND l.status IN ('waiting', 'choose', 'unexplained')
       AND NOT EXISTS (SELECT FROM reporting_discrepancy d
                        WHERE d.subject_id = 'bl_' || replace(l.id::text, '-', '') AND d.kind = 'bank_unexplained'
                          AND d.status IN ('settled', 'accepted'))),
     payout AS MATERIALIZED (
    SELECT p.id, p.amount_minor, p.status, p.announced_at::date AS announced_on,
           coalesce(p.arrives_on, p.announced_at::date + 3) AS due_on,
           {_folded("p.trace")} AS trace_key, {_folded("p.provider_reference")} AS name_key,
           here.day AS arrived_on, here.amount_minor AS came_minor, back.id IS NOT NULL AS is_back
      FROM reporting_payout p
      JOIN payments_provideraccount a ON a.id = p.account_id
      LEFT JOIN (SELECT m.payout_id, l.day, l.amount_minor
                   FROM reporting_bankmatch m JOIN reporting_bankline l ON l.id = m.line_id
                  WHERE m.kind = 'arrived' AND m.undone_at IS NULL) here ON here.payout_id = p.id
      LEFT JOIN reporting_bankmatch back ON back.payout_id = p.id AND back.kind = 'sent_back' AND back.undone_at IS NULL
     WHERE p.currency = %(currency)s AND a.legal_entity_id = %(entity)s AND p.status <> 'canceled'
       AND p.announced_at > (SELECT min(day) FROM line) - interval '200 days'),
     exact AS (
    SELECT l.id AS line_id, p.id AS target_id, 'arrived' AS kind, {_NAMED} AS named, l.folded
      FROM line l JOIN payout p ON p.amount_minor = l.amount_minor
     WHERE p.arrived_on IS NULL
       AND ({_NAMED} OR p.status IN ('announced', 'paid') AND l.day BETWEEN p.announced_on - 1 AND p.due_on + 7)
     UNION ALL
    SELECT l.id, p.id, 'sent_back', {_NAMED}, l.folded
      FROM line l JOIN payout p ON p.came_minor = -l.amount_minor
     WHERE p.arrived_on <= l.day AND NOT p.is_back
       AND ({_NAMED} OR p.status = 'failed' AND l.day <= p.arrived_on + 30)
     UNION ALL
    SELECT l.id, t.id, CASE WHEN l.amount_minor < 0 THEN 'transfer' ELSE 'returned' END, true, l.folded
      FROM line l
      JOIN refunds_banktransfer t ON t.bank_account = l.code AND t.decision = 'confirmed'
      JOIN refunds_refund r ON r.id = t.refund_id AND r.currency = l.currency
     WHERE position({_folded("t.bank_reference")} IN l.folded) > 0
       AND (l.amount_minor = -r.amount_minor AND abs(l.day - t.value_date) <= 10
            OR l.amount_minor = r.amount_minor AND abs(l.day - t.returned_on) <= 10)
       AND NOT EXISTS (SELECT FROM reporting_bankmatch m WHERE m.transfer_id = t.id AND m.undone_at IS NULL
                          AND m.kind = CASE WHEN l.amount_minor < 0 THEN 'transfer' ELSE 'returned' END)),
     pair AS (
    SELECT *, false AS short FROM exact
     UNION ALL
    SELECT l.id, p.id, 'arrived', alone.named, l.folded, true
      FROM line l JOIN payout p ON l.amount_minor < p.amount_minor AND sign(l.amount_minor) = sign(p.amount_minor)
     CROSS JOIN LATERAL (SELECT {_NAMED} AND NOT EXISTS (
           SELECT FROM payout o WHERE o.id <> p.id AND {_NAMED.replace("p.", "o.")}) AS named) alone
     WHERE p.arrived_on IS NULL AND p.status IN ('announced', 'paid')
       AND (alone.named OR (p.amount_minor - l.amount_minor) * {SHORT_BY_AT_MOST} <= abs(p.amount_minor)
                        AND l.day BETWEEN p.announced_on - 1 AND p.due_on + 7)
       AND NOT EXISTS (SELECT FROM exact e WHERE e.line_id = l.id AND (e.named OR NOT alone.named))
       AND NOT EXISTS (SELECT FROM exact e WHERE e.target_id = p.id AND (e.named OR NOT alone.named))),
     believed AS (
    SELECT line_id, target_id, kind, named, short FROM pair
     WHERE NOT EXISTS (SELECT FROM reporting_bankmatch m
                        WHERE m.line_id = pair.line_id AND m.kind = pair.kind AND m.undone_at IS NOT NULL
                          AND pair.target_id IN (m.payout_id, m.transfer_id))
       AND (named OR NOT EXISTS (SELECT FROM pair other WHERE other.named
                                    AND (other.line_id = pair.line_id OR other.target_id = pair.target_id)))
       AND (named OR NOT EXISTS (SELECT FROM payout p, (SELECT pair.folded) l
                                  WHERE p.id <> pair.target_id AND {_NAMED})))
SELECT line_id, target_id, kind, named,
       (named OR NOT short) AND count(*) OVER (PARTITION BY line_id) = 1
       AND count(*) OVER (PARTITION BY target_id, kind) = 1 AS certain
  FROM believed ORDER BY line_id, target_id"""  # noqa: S608  our own pieces


@dataclass(frozen=True, slots=True)
class Pair:
    """A line and what it may be; `certain` when neither could be anything else. `named`: the line says so itself."""

    line_id: str
    target_id: str
    kind: MatchKind
    named: bool
    certain: bool


def pairs(account: BankAccount) -> list[Pair]:
    """What the open lines of an account may be, found by one statement: by reference, else by amount within a window.

    Equal amounts pair. Banks on the way keep charges: a line of less than a payout pairs with it when it names it and
    no other, or, for a person to choose, when it is hardly less and nothing is equal. A line that names a payout is no
    other; one that was told apart by a person is not paired with the same again.
    """
    bound: dict[str, Any] = {
        "account": ids.decode("ba", account.pk),
        "entity": ids.decode("le", account.legal_entity_id),
        "currency": account.currency,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, bound)
        return [
            Pair(ids.encode("bl", line), ids.encode(_prefix(kind), target), MatchKind(kind), named, certain)
            for line, target, kind, named, certain in cursor.fetchall()
        ]


def _prefix(kind: str) -> str:
    return "po" if kind in ("arrived", "sent_back") else "bt"


def possible(line: BankLine) -> QuerySet[Payout]:
    """The payouts of the account's owner that a person may say a line is: of its amount or more, or sent back."""
    live = Q(bank_matches__kind=MatchKind.ARRIVED, bank_matches__undone_at__isnull=True)
    owned = Payout.objects.filter(account__legal_entity=line.account.legal_entity_id, currency=line.currency)
    arrived = owned.filter(live, bank_matches__line__amount_minor=-line.amount_minor).values("pk")
    short = [one.target_id for one in pairs(line.account) if (one.line_id, one.kind) == (line.pk, MatchKind.ARRIVED)]
    coming = owned.filter(Q(amount_minor=line.amount_minor) | Q(pk__in=short)).exclude(status=PayoutStatus.CANCELED)
    came = BankMatch.objects.filter(kind=MatchKind.ARRIVED, undone_at__isnull=True, payout__isnull=False)
    found = owned.filter(Q(pk__in=arrived) | Q(pk__in=coming.exclude(pk__in=came.values("payout")).values("pk")))
    return found.select_related("account").order_by("-announced_at")


def comes(line: BankLine, payout: Payout) -> bool:
    """Whether a line would be the payout's arrival, and not its way back: both raise our balance, or both lower it."""
    return (line.amount_minor > 0) == (payout.amount_minor > 0)


def possible_one(line: BankLine, payout_id: str) -> Payout | None:
    """One of them by its id; None when it is none of them, or no id."""
    try:
        return possible(line).filter(pk=payout_id).first()
    except ValidationError:
        return None


def with_what_they_are(lines: QuerySet[BankLine]) -> QuerySet[BankLine]:
    """The lines, each with `live`: its match that stands, in a list of none or one."""
    standing = BankMatch.objects.filter(undone_at__isnull=True).select_related("payout", "transfer")
    return lines.prefetch_related(Prefetch("matches", standing, to_attr="live"))


def accounts() -> list[tuple[str, str]]:
    """Id and words of every bank account, by code."""
    rows = BankAccount.objects.order_by("code")
    return [(row.pk, f"{row.code} ({row.currency})") for row in rows]


def owners() -> list[tuple[str, str]]:
    """Id and name of every legal entity, by name."""
    return list(LegalEntity.objects.order_by("name").values_list("pk", "name"))


def due_by(day: date) -> QuerySet[Payout]:
    """Payouts on their way that should be at the bank by a day: three days after they left where the PSP names none."""
    soon = Q(arrives_on=None, announced_at__lt=datetime.combine(day - timedelta(days=2), time(), UTC))
    return Payout.objects.filter(Q(arrives_on__lte=day) | soon, status__in=ON_ITS_WAY)


_GAPS: Final = """
SELECT a.code, s.to_day + 1, s.next_day - 1 FROM reporting_bankaccount a
  JOIN (SELECT account_id, to_day, closing_minor, lead(from_day) OVER days AS next_day,
               lead(opening_minor) OVER days AS next_minor
          FROM reporting_bankstatement WINDOW days AS (PARTITION BY account_id ORDER BY from_day)) s
    ON s.account_id = a.id
 WHERE a.id = ANY(%s) AND s.next_day > s.to_day + 1 AND s.to_day < %s AND s.next_minor <> s.closing_minor
 ORDER BY 1, 2"""


def gaps(accounts: Sequence[str], until: date) -> list[str]:
    """Days up to `until` between two statements of an account that no statement has, and on which its balance moved."""
    with connection.cursor() as cursor:
        cursor.execute(_GAPS, [[ids.decode("ba", one) for one in accounts], until])
        return [f"{code} from {first} to {last}" for code, first, last in cursor.fetchall()]


def before(statement: BankStatement) -> BankStatement | None:
    """The statement of the same account that ends before this one begins, the latest of them."""
    rows = BankStatement.objects.filter(account=statement.account_id, to_day__lt=statement.from_day)
    return rows.order_by("-to_day").first()


def after(account_id: str, day: Any) -> BankStatement | None:
    """The statement of an account that begins after a day, the earliest of them."""
    return BankStatement.objects.filter(account=account_id, from_day__gt=day).order_by("from_day").first()


invariants.declare(
    10,
    "bank_line_booked",
    "Every line of a bank statement that is a payout is so once, and is booked once with its amount",
    """WITH said AS (
            SELECT m.id, m.line_id, m.kind, m.undone_at, l.amount_minor, l.currency, a.code,
                   'po_' || replace(m.payout_id::text, '-', '')
                         || CASE WHEN m.number > 1 THEN '/' || m.number ELSE '' END AS source
              FROM reporting_bankmatch m JOIN reporting_bankline l ON l.id = m.line_id
              JOIN reporting_bankaccount a ON a.id = l.account_id WHERE m.payout_id IS NOT NULL)
       SELECT s.id::text, coalesce(sum(e.amount_minor), 0) || ' booked of ' || s.amount_minor || ' ' || s.currency
         FROM said s
         LEFT JOIN payments_transfer t ON t.source_id = s.source AND t.event IN ('payout_arrived', 'payout_sent_back')
         LEFT JOIN payments_account c ON c.code = 'bank/' || s.code AND c.currency = s.currency
         LEFT JOIN payments_entry e ON e.transfer_id = t.id AND e.account_id = c.id
        GROUP BY s.id, s.amount_minor, s.currency, s.undone_at
       HAVING coalesce(sum(e.amount_minor), 0) <> CASE WHEN s.undone_at IS NULL THEN s.amount_minor ELSE 0 END
           OR count(DISTINCT t.id) <> CASE WHEN s.undone_at IS NULL THEN 1 ELSE 2 END
       UNION ALL
       SELECT l.id::text, l.status || ' with ' || count(m.id) || ' matches' FROM reporting_bankline l
         LEFT JOIN reporting_bankmatch m ON m.line_id = l.id AND m.undone_at IS NULL
        GROUP BY l.id HAVING count(m.id) <> CASE WHEN l.status = 'matched' THEN 1 ELSE 0 END""",
    "SELECT count(*) FROM reporting_bankline",
)
invariants.declare(
    10,
    "cash_in_transit",
    "The ledger's cash in transit is what payouts were announced and have neither arrived nor come back",
    """WITH told AS (
            SELECT p.id, a.code, p.currency, p.amount_minor, p.status, 'po_' || replace(p.id::text, '-', '') AS source
              FROM reporting_payout p JOIN payments_provideraccount a ON a.id = p.account_id),
            due AS (
            SELECT code, currency,
                   (CASE WHEN EXISTS (SELECT FROM payments_transfer t
                                       WHERE t.event = 'payout_announced' AND t.source_id = source) THEN 1 ELSE 0 END
                    - CASE WHEN EXISTS (SELECT FROM payments_transfer t
                                         WHERE t.event = 'payout_returned' AND t.source_id = source) THEN 1 ELSE 0 END
                   ) * amount_minor
                   - (SELECT coalesce(sum(l.amount_minor), 0)
                        FROM reporting_bankmatch m JOIN reporting_bankline l ON l.id = m.line_id
                       WHERE m.payout_id = told.id AND m.undone_at IS NULL) AS minor
              FROM told),
            has AS (
            SELECT split_part(c.code, '/', 2) AS code, e.currency, sum(e.amount_minor) AS minor
              FROM payments_account c JOIN payments_entry e ON e.account_id = c.id
              JOIN payments_transfer t ON t.id = e.transfer_id AND t.event LIKE 'payout%'
             WHERE c.code LIKE 'cash_in_transit/%' GROUP BY 1, 2)
       SELECT coalesce(h.code, d.code) || ' ' || coalesce(h.currency, d.currency),
              coalesce(h.minor, 0) || ' in the ledger, ' || coalesce(d.minor, 0) || ' on their way'
         FROM has h FULL JOIN (SELECT code, currency, sum(minor) AS minor FROM due GROUP BY 1, 2) d
           ON d.code = h.code AND d.currency = h.currency
        WHERE coalesce(h.minor, 0) <> coalesce(d.minor, 0)""",
    "SELECT count(*) FROM reporting_payout",
)
