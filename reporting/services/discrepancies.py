"""What does not agree: found by the set, looked after by a person, booked or accepted by one, above a limit by two."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection
from moneyed import Money
from psycopg.types.json import Jsonb

from payments.gateway import accounts
from payments.kernel import audit, clock, ids, money, unit
from payments.kernel.errors import Refusal, invariant
from payments.ledger import postings
from payments.ledger import services as ledger
from reporting import policy
from reporting.models import Discrepancy, DiscrepancyKind, Wanted


class DiscrepancyClosed(Refusal):
    """Somebody has settled or accepted this difference, or what came later has explained it."""

    code, status = "discrepancy_closed", 409


class DiscrepancyProposed(Refusal):
    """Somebody has said what this difference is: another person answers that first."""

    code, status = "discrepancy_proposed", 409


class DiscrepancyNotProposed(Refusal):
    """Nobody has said what this difference is, or not any more: it has changed meanwhile."""

    code, status = "discrepancy_not_proposed", 409


class DiscrepancyOfOneself(Refusal):
    """Who has said what a difference is does not agree to it as well: somebody else does."""

    code, status = "discrepancy_of_oneself", 403


class CounterNotOffered(Refusal):
    """A difference of this kind is not booked on that account, or is not booked at all, only accepted."""

    code, status = "counter_account_not_offered", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One difference as somebody finds it; `Discrepancy` says what each word means.

    `at` is the account where it stands, "" where nothing is to be booked, and `counter` the likeliest other one.
    """

    kind: DiscrepancyKind
    subject_id: str
    amount: Money
    detail: str
    since: datetime
    account_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    counter: str = ""


# --- found ----------------------------------------------------------------------------------------------------------

_OPEN: Final = """
WITH found AS MATERIALIZED ({found}),
     left_over AS (
    SELECT f.subject_id, f.account_id, f.currency, f.detail, f.evidence, f.at, f.counter, f.since,
           f.amount_minor - coalesce(sum(d.amount_minor), 0) AS amount_minor, count(d.id) AS closed,
           coalesce(sum(d.amount_minor) FILTER (WHERE d.status = 'accepted'), 0) AS accepted
      FROM found f LEFT JOIN reporting_discrepancy d
        ON d.subject_id = ANY(coalesce(f.covers, ARRAY[f.subject_id])) AND d.status IN ('settled', 'accepted')
       AND (d.kind = %(kind)s OR f.covers IS NOT NULL AND d.kind = ANY(%(shifts)s))
     GROUP BY f.subject_id, f.account_id, f.currency, f.amount_minor, f.detail, f.evidence, f.at, f.counter, f.since),
     opened AS (
    INSERT INTO reporting_discrepancy AS d (id, account_id, kind, subject_id, currency, amount_minor, detail, evidence,
           proposal, status, since, opened_at, taken_by, wanted, settled_by, settled_because, approved_by, version,
           created_at)
    SELECT uuidv7(), account_id, %(kind)s, subject_id, currency, amount_minor, detail, evidence,
           CASE WHEN at = '' OR amount_minor = 0 OR amount_minor * accepted < 0 AND abs(amount_minor) <= abs(accepted)
                THEN '{{}}'::jsonb ELSE jsonb_build_object(
                'at', at, 'debit', CASE WHEN amount_minor > 0 THEN at ELSE counter END,
                'credit', CASE WHEN amount_minor > 0 THEN counter ELSE at END,
                'amount_minor', abs(amount_minor), 'currency', currency) END,
           'open', since, %(now)s, '', '', '', '', '', 1, %(now)s
      FROM left_over WHERE closed = 0 OR amount_minor <> 0
        ON CONFLICT (subject_id, kind) WHERE status IN ('open', 'proposed') DO UPDATE
       SET amount_minor = excluded.amount_minor, currency = excluded.currency, detail = excluded.detail,
           evidence = excluded.evidence, proposal = excluded.proposal, status = 'open', wanted = '', settled_by = '',
           settled_because = '', version = d.version + 1
     WHERE (d.amount_minor, d.currency, d.detail) IS DISTINCT FROM
           (excluded.amount_minor, excluded.currency, excluded.detail)
    RETURNING d.id, old.status AS was),
     explained AS (
    UPDATE reporting_discrepancy d SET status = 'cleared', closed_at = %(now)s, version = d.version + 1
      FROM left_over f WHERE f.closed > 0 AND f.amount_minor = 0
       AND d.subject_id = f.subject_id AND d.kind = %(kind)s AND d.status IN ('open', 'proposed')
    RETURNING d.id, old.status AS was),
     moved AS (
    INSERT INTO payments_statechange (id, object_id, from_state, to_state, event, because, by, at)
    SELECT uuidv7(), 'disc_' || replace(id::text, '-', ''), was, 'open', 'withdraw', 'the difference has changed',
           'reconciliation', %(now)s FROM opened WHERE was = 'proposed'
     UNION ALL
    SELECT uuidv7(), 'disc_' || replace(id::text, '-', ''), was, 'cleared', 'clear', 'what was settled before is all',
           'reconciliation', %(now)s FROM explained)
SELECT count(*) FROM opened"""

_ONE: Final = """
SELECT %(subject_id)s::text AS subject_id, %(account_id)s::uuid AS account_id, %(currency)s::text AS currency,
       %(amount_minor)s::bigint AS amount_minor, %(detail)s::text AS detail, %(evidence)s::jsonb AS evidence,
       %(at)s::text AS at, %(counter)s::text AS counter, %(since)s::timestamptz AS since, NULL::text[] AS covers"""

_CLEAR: Final = """
WITH gone AS MATERIALIZED ({subjects}),
     cleared AS (
    UPDATE reporting_discrepancy d SET status = 'cleared', closed_at = %(now)s, version = d.version + 1
      FROM gone WHERE d.subject_id = gone.subject_id AND d.kind = %(kind)s AND d.status IN ('open', 'proposed')
    RETURNING d.id, old.status AS was),
     moved AS (
    INSERT INTO payments_statechange (id, object_id, from_state, to_state, event, because, by, at)
    SELECT uuidv7(), 'disc_' || replace(id::text, '-', ''), was, 'cleared', 'clear', %(because)s, 'reconciliation',
           %(now)s FROM cleared)
SELECT count(*) FROM cleared"""


def open_many(kind: DiscrepancyKind, found: str, params: Mapping[str, Any]) -> int:
    """Open a difference for every row, or let an open one of the same subject follow it; how many were written.

    `found` is a SELECT of `subject_id, account_id, currency, amount_minor, detail, evidence, at, counter, since,
    covers`; a transfer is proposed between the account `at`, where it stands ("": none), and `counter`.
    What people have settled or accepted of the subject before is taken off: nothing left, nothing opened. `covers`
    (text[]) are the subjects that count there, NULL for the own one and kind. What takes back what was accepted is only
    accepted as well: nothing had been booked. Call it inside a transaction.
    """
    return _counted(_OPEN.format(found=found), kind, params)


def open_one(found: Found) -> None:
    """The same for one, with the open unit of work."""
    account = None if found.account_id is None else ids.decode("pa", found.account_id)
    values = {
        "subject_id": found.subject_id,
        "account_id": account,
        "currency": found.amount.currency.code,
        "amount_minor": money.to_minor(found.amount),
        "detail": found.detail,
        "evidence": Jsonb(dict(found.evidence)),
        "at": found.at,
        "counter": found.counter,
        "since": found.since,
    }
    unit.current().run(_OPEN.format(found=_ONE), _bound(found.kind, values))  # type: ignore[arg-type]  # by name


def clear_many(kind: DiscrepancyKind, subjects: str, params: Mapping[str, Any], *, because: str) -> int:
    """Clear the open differences of these subjects (a SELECT of `subject_id`); how many there were.

    Call it inside a transaction.
    """
    return _counted(_CLEAR.format(subjects=subjects), kind, {**params, "because": because})


def clear_one(kind: DiscrepancyKind, subject_id: str, *, because: str) -> None:
    """The same for one, with the open unit of work; nothing when none is open."""
    one = "SELECT %(subject_id)s::text AS subject_id"
    values = _bound(kind, {"subject_id": subject_id, "because": because})
    unit.current().run(_CLEAR.format(subjects=one), values)  # type: ignore[arg-type]  # by name


def _counted(sql: str, kind: DiscrepancyKind, params: Mapping[str, Any]) -> int:
    invariant(connection.in_atomic_block, "differences are found in a transaction")
    with connection.cursor() as cursor:
        cursor.execute(sql, _bound(kind, params))
        return int(cursor.fetchone()[0])


def _bound(kind: DiscrepancyKind, params: Mapping[str, Any]) -> dict[str, Any]:
    return {**params, "kind": kind.value, "shifts": list(policy.SHIFTS_BALANCE), "now": clock.now()}


# --- by people ------------------------------------------------------------------------------------------------------


def counters(row: Discrepancy) -> list[str]:
    """The accounts that this difference may be booked on, the likeliest first; none when it is only accepted."""
    if not row.proposal:
        return []
    code = accounts.account(row.account_id).code if row.account_id else ""
    offered = [one for one in policy.counters(row.kind, code) if one != row.proposal["at"]]
    proposed = (row.proposal["debit"], row.proposal["credit"])
    return sorted(offered, key=lambda one: one not in proposed)


def take(discrepancy_id: str, *, by: str) -> None:
    """Look after an open difference, also one that somebody else has looked after."""
    with unit.work():
        row = _open(discrepancy_id)
        row.change(taken_by=by, taken_at=clock.now())
        audit.did("discrepancy.taken", row.pk)


def settle(discrepancy_id: str, counter: str, *, because: str, by: str) -> Discrepancy:
    """Say on which account the difference belongs: it is booked, above the limit once another person agrees."""
    with unit.work() as work:
        row = _open(discrepancy_id)
        if counter not in counters(row):
            raise CounterNotOffered(f"It cannot be booked on {counter}.", param="counter")
        proposal = policy.countered(row.proposal, counter)
        _say(row, Wanted.SETTLE, because=because, by=by, proposal=proposal)
        audit.did("discrepancy.settled", row.pk, because=because)
        work.returns(row)
    return row


def accept(discrepancy_id: str, *, because: str, by: str) -> Discrepancy:
    """Say why the difference stays as it is; above the limit another person has to agree. Nothing is booked."""
    with unit.work() as work:
        row = _open(discrepancy_id)
        _say(row, Wanted.ACCEPT, because=because, by=by)
        audit.did("discrepancy.accepted", row.pk, because=because)
        work.returns(row)
    return row


def approve(discrepancy_id: str, *, by: str) -> Discrepancy:
    """Agree, as another person, to what was said of a difference."""
    with unit.work() as work:
        row = _proposed(discrepancy_id)
        if row.settled_by == by:
            raise DiscrepancyOfOneself("Who has said what it is does not agree as well: somebody else does.")
        _close(row, because=row.settled_because, by=by, approved_by=by)
        audit.did("discrepancy.agreed", row.pk, because=row.settled_because)
        work.returns(row)
    return row


def withdraw(discrepancy_id: str, *, because: str, by: str) -> Discrepancy:
    """It was said by mistake, or the other person disagrees: the difference is open again."""
    with unit.work() as work:
        row = _proposed(discrepancy_id)
        row.advance("withdraw", because=because, by=by, wanted="", settled_by="", settled_because="")
        audit.did("discrepancy.withdrawn", row.pk, because=because)
        work.returns(row)
    return row


def needs_two(row: Discrepancy) -> bool:
    """Whether a second person has to agree to whatever one says of it."""
    return not policy.alone(row.amount_minor, row.currency, settings.SETTLE_ALONE)


def _held(discrepancy_id: str) -> Discrepancy:
    row = Discrepancy.objects.select_for_update().get(pk=discrepancy_id)
    if row.closed_at is not None:
        raise DiscrepancyClosed(f"This difference is {row.status}.")
    return row


def _open(discrepancy_id: str) -> Discrepancy:
    row = _held(discrepancy_id)
    if not row.may("propose"):
        raise DiscrepancyProposed(f"{row.settled_by} has said what it is. Answer that first.")
    return row


def _proposed(discrepancy_id: str) -> Discrepancy:
    row = _held(discrepancy_id)
    if not row.may("withdraw"):
        raise DiscrepancyNotProposed("Nobody has said what it is, or it has changed since.")
    return row


def _say(row: Discrepancy, wanted: Wanted, *, because: str, by: str, **more: Any) -> None:
    said = {"wanted": wanted, "settled_by": by, "settled_because": because, **more}
    if needs_two(row):
        row.advance("propose", because=because, by=by, **said)
    else:
        row.change(**said)
        _close(row, because=because, by=by)


def _close(row: Discrepancy, *, because: str, by: str, **more: Any) -> None:
    row.advance(row.wanted, because=because, by=by, closed_at=clock.now(), **more)
    if row.wanted == Wanted.SETTLE:
        said = row.proposal
        amount = money.from_minor(said["amount_minor"], said["currency"])
        ledger.post(
            postings.Event.DIFFERENCE_SETTLED,
            row.pk,
            postings.difference_settled(said["debit"], said["credit"], amount),
            narrative=f"{money.text(amount)} from {said['credit']} to {said['debit']}: {because}",
            refs={"discrepancy": row.pk, "subject": row.subject_id, **_whose(row)},
        )


def _whose(row: Discrepancy) -> dict[str, str]:
    """Conversions stand on accounts of nobody in particular: the books are those of the account that converted."""
    return {"account": accounts.account(row.account_id).code} if row.account_id else {}
