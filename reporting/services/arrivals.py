"""What of payouts is missing at the bank: all of one that does not come, or the part that a bank has kept."""

from typing import Final

from django.db.models import Sum

from payments.gateway import accounts
from payments.kernel import clock, money
from payments.ledger import postings
from reporting import policy
from reporting.models import BankLine, Discrepancy, DiscrepancyKind, Payout
from reporting.services import discrepancies
from reporting.services.discrepancies import Found
from reporting.states import DiscrepancyStatus, PayoutStatus

KIND: Final = DiscrepancyKind.MISSING_AT_BANK
LATE: Final = 3
"""Days after a payout should have arrived from which on it is missing: a weekend, and a statement that comes late."""

_MISSING: Final = f"""
WITH due AS (
    SELECT p.*, a.code, a.legal_entity_id, coalesce(p.arrives_on, p.announced_at::date + 3) AS due_on,
           EXISTS (SELECT FROM reporting_bankmatch m
                    WHERE m.payout_id = p.id AND m.kind = 'sent_back' AND m.undone_at IS NULL) AS sent_back
      FROM reporting_payout p JOIN payments_provideraccount a ON a.id = p.account_id
     WHERE p.status IN ('announced', 'paid'))
SELECT 'po_' || replace(due.id::text, '-', '') AS subject_id, due.account_id, due.currency, -due.amount_minor
       AS amount_minor,
       CASE WHEN due.sent_back THEN 'Our bank has sent this payout back, and the PSP does not say that it has it'
            ELSE 'Due on ' || due.due_on || ', and on no statement; statements reach until ' || seen.until
       END AS detail,
       jsonb_build_object('payout', due.provider_reference, 'trace', due.trace, 'due_on', due.due_on) AS evidence,
       'cash_in_transit/' || due.code AS at, 'psp_receivable/' || due.code AS counter,
       due.due_on::timestamptz AS since, NULL::text[] AS covers
  FROM due JOIN LATERAL (
       SELECT max(s.to_day) AS until FROM reporting_bankstatement s JOIN reporting_bankaccount b ON b.id = s.account_id
        WHERE b.legal_entity_id = due.legal_entity_id AND b.currency = due.currency
       HAVING min(s.from_day) <= due.due_on) seen ON true
 WHERE due.due_on + {LATE} < %(today)s"""  # noqa: S608  a number of ours

_SETTLED: Final = """
SELECT d.subject_id, sum(d.amount_minor) FILTER (WHERE d.status = 'accepted') AS accepted,
       (array_agg(CASE WHEN d.proposal ->> 'credit' = d.proposal ->> 'at' THEN d.proposal ->> 'debit'
                       ELSE d.proposal ->> 'credit' END ORDER BY d.closed_at DESC)
        FILTER (WHERE d.status = 'settled'))[1] AS counter
  FROM reporting_discrepancy d
 WHERE d.kind = 'missing_at_bank' AND d.status IN ('settled', 'accepted')
 GROUP BY 1 HAVING count(*) FILTER (WHERE d.status = 'settled') > 0"""

_BACK: Final = f"""
SELECT said.subject_id, p.account_id, p.currency, coalesce(said.accepted, 0)::bigint AS amount_minor,
       'The PSP has it back, after what was missing had been settled by hand' AS detail,
       jsonb_build_object('payout', p.provider_reference, 'trace', p.trace) AS evidence,
       'cash_in_transit/' || a.code AS at, said.counter,
       p.announced_at AS since, NULL::text[] AS covers
  FROM ({_SETTLED}) said
  JOIN reporting_payout p ON said.subject_id = 'po_' || replace(p.id::text, '-', '')
  JOIN payments_provideraccount a ON a.id = p.account_id
 WHERE p.status IN ('failed', 'canceled')"""  # noqa: S608  our own pieces
"""What was booked because it was missing stands against what the PSP's saying so has booked."""

_FOUND: Final = """
SELECT d.subject_id FROM reporting_discrepancy d
  JOIN reporting_payout p ON d.subject_id = 'po_' || replace(p.id::text, '-', '')
 WHERE d.kind = 'missing_at_bank' AND d.status IN ('open', 'proposed') AND p.status NOT IN ('announced', 'paid')
   AND sign(d.amount_minor) = -sign(p.amount_minor)
   AND NOT (p.status = 'arrived' AND EXISTS (
       SELECT FROM reporting_bankmatch m JOIN reporting_bankline l ON l.id = m.line_id
        WHERE m.payout_id = p.id AND m.kind = 'arrived' AND m.undone_at IS NULL
          AND l.amount_minor <> p.amount_minor))"""
"""With the other sign it is one that came after it was given up, and what has arrived short: those only people end."""


def watch() -> None:
    """Look for payouts that should have arrived and have not. Call it inside a transaction.

    Only where statements are uploaded: an owner without any of a currency from before a payout was due is not asked.
    """
    discrepancies.clear_many(KIND, _FOUND, {}, because="the payout has arrived, or came to nothing")
    discrepancies.open_many(KIND, _MISSING, {"today": clock.now().date()})
    discrepancies.open_many(KIND, _BACK, {})


def arrived(payout: Payout, line: BankLine) -> None:
    """It is missing no more, but for what the line comes to less. With the open unit of work.

    The part that is missing is one difference, a bank's charge by default. What was booked because all of it seemed
    lost stands against the money that came: that is open again.
    """
    short = line.amount_minor - payout.amount_minor if payout.status == PayoutStatus.ARRIVED else 0
    said = Discrepancy.objects.filter(kind=KIND, subject_id=payout.pk)
    settled = said.filter(status=DiscrepancyStatus.SETTLED).order_by("closed_at").last()
    if not short:
        discrepancies.clear_one(KIND, payout.pk, because="it has arrived")
    if not short and settled is None:
        return
    came = f"{money.text(line.amount)} of {money.text(payout.amount)} arrived on {line.day}"
    detail = f"{came}: a bank on the way has kept a charge, or the PSP has sent less" if short else came
    accepted = said.filter(status=DiscrepancyStatus.ACCEPTED).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    code = accounts.account(payout.account_id).code
    discrepancies.open_one(
        Found(
            kind=KIND,
            subject_id=payout.pk,
            account_id=payout.account_id,
            amount=money.from_minor(short + accepted, payout.currency),
            detail=detail if settled is None else f"{detail}. It had been settled by hand before",
            evidence={"payout": payout.provider_reference, "trace": payout.trace, "bank_line": line.pk},
            since=clock.now(),
            at=postings.in_transit(code),
            counter=policy.code("bank_charges", code) if settled is None else _counter(settled),
        )
    )


def _counter(settled: Discrepancy) -> str:
    """Where the last of it was booked: what is found now is taken from there."""
    said = settled.proposal
    return str(said["debit"] if said["credit"] == said["at"] else said["credit"])


def undone(payout: Payout) -> None:
    """It has not arrived after all: what had been found when it did is nothing. With the open unit of work."""
    discrepancies.clear_one(KIND, payout.pk, because="the match with the bank was undone")
