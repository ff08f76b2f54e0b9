"""What the lines of bank statements are: payouts that arrived or were sent back, refunds by bank, or not ours."""

from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q

from payments.gateway import accounts
from payments.gateway.switches import AnotherPersonNeeded
from payments.kernel import audit, clock, ids, jobs, money, unit
from payments.kernel.errors import Refusal
from payments.ledger import postings
from payments.ledger import services as ledger
from reporting import banks, models
from reporting.models import BankAccount, BankLine, BankMatch, DiscrepancyKind, LineStatus, MatchKind, Payout
from reporting.services import arrivals, discrepancies
from reporting.states import DiscrepancyStatus, PayoutStatus

BY_ITSELF: Final = "bank statements"
OPEN: Final = (LineStatus.WAITING, LineStatus.CHOOSE, LineStatus.UNEXPLAINED)


class BankLineDecided(Refusal):
    """What this line is has been said before: take that back first, or look at it again."""

    code, status = "bank_line_decided", 409


class BankMatchInvalid(Refusal):
    """The line cannot be this payout: its amount, currency or owner differs, or the payout is another line already."""

    code, status = "bank_match_invalid", 422


# --- by itself ------------------------------------------------------------------------------------------------------


def match(account_id: str) -> int:
    """Match an account's open lines where it is certain, and say what the others are; how many were matched."""
    account = BankAccount.objects.get(pk=account_id)
    matched = 0
    while certain := [pair for pair in banks.pairs(account) if pair.certain]:
        done = sum(_matched(pair) for pair in certain)
        matched += done
        if not done:
            break
    _mark(account)
    return matched


def _matched(pair: banks.Pair) -> bool:
    because = "the line names it" if pair.named else "its amount, on a day on which it was due, and no other has both"
    try:
        with unit.work():
            _match(pair.line_id, pair.target_id, pair.kind, because=because, by=BY_ITSELF)
    except (unit.Stale, BankLineDecided, BankMatchInvalid, IntegrityError):
        return False  # somebody has said so in this very moment
    return True


_EXPLAINED_NOT: Final = """
SELECT 'bl_' || replace(l.id::text, '-', '') AS subject_id, owner.id AS account_id, l.currency, l.amount_minor,
       CASE WHEN l.amount_minor > 0 THEN 'Money came to ' ELSE 'Money left ' END || %(code)s || ' on ' || l.day
         || ', and no payout or refund explains it: ' || coalesce(nullif(l.counterparty, ''), 'nobody is named')
         AS detail,
       jsonb_build_object('day', l.day, 'counterparty', l.counterparty, 'text', left(l.text, 300),
                          'reference', l.reference, 'end_to_end', l.end_to_end, 'bank_reference', l.bank_reference)
         AS evidence,
       CASE WHEN owner.id IS NULL THEN '' ELSE 'bank/' || %(code)s END AS at,
       CASE WHEN owner.id IS NULL THEN ''
            WHEN l.amount_minor < 0 THEN 'bank_charges/' || owner.code ELSE 'suspense/' || owner.code END AS counter,
       l.day::timestamptz AS since, NULL::text[] AS covers
  FROM reporting_bankline l
  LEFT JOIN (SELECT (array_agg(id))[1] AS id, min(code) AS code FROM payments_provideraccount
              WHERE legal_entity_id = %(entity)s HAVING count(*) = 1) owner ON true
 WHERE l.account_id = %(account)s AND l.status = 'unexplained'"""

_EXPLAINED: Final = """
SELECT 'bl_' || replace(l.id::text, '-', '') AS subject_id FROM reporting_bankline l
 WHERE l.account_id = %(account)s AND l.status = 'choose'"""


def _mark(account: BankAccount) -> None:
    """Say of every open line whether several payouts could be it or none; what none explains is a difference."""
    found = {pair.line_id for pair in banks.pairs(account)}
    bound = {
        "account": ids.decode("ba", account.pk),
        "entity": ids.decode("le", account.legal_entity_id),
        "code": account.code,
    }
    with transaction.atomic():
        rows = BankLine.objects.filter(account=account, status__in=OPEN)
        for status, those in ((LineStatus.CHOOSE, Q(pk__in=found)), (LineStatus.UNEXPLAINED, ~Q(pk__in=found))):
            rows.filter(those).exclude(status=status).update(status=status, version=F("version") + 1)
        discrepancies.open_many(DiscrepancyKind.BANK_UNEXPLAINED, _EXPLAINED_NOT, bound)
        discrepancies.clear_many(
            DiscrepancyKind.BANK_UNEXPLAINED, _EXPLAINED, bound, because="a payout could be it: somebody chooses"
        )


def watch() -> None:
    """Match what is open on every account once more, and look for payouts that should have arrived and have not.

    Only where statements are uploaded: an owner without any of a currency from before a payout was due is not asked.
    """
    for account_id in BankLine.objects.filter(status__in=OPEN).values_list("account_id", flat=True).distinct():
        match(account_id)
    with transaction.atomic():
        arrivals.watch()


# --- by people ------------------------------------------------------------------------------------------------------


def choose(line_id: str, payout_id: str, *, because: str, by: str) -> BankMatch:
    """Say which payout a line is: it has arrived, or has been sent back. It is booked in the same commit."""
    line, payout = BankLine.objects.get(pk=line_id), Payout.objects.get(pk=payout_id)
    kind = MatchKind.ARRIVED if banks.comes(line, payout) else MatchKind.SENT_BACK
    try:
        with unit.work() as work:
            row = _match(line_id, payout_id, kind, because=because, by=by)
            audit.did("bank_line.matched", line_id, because=because)
            work.returns(row)
    except IntegrityError:
        raise BankMatchInvalid("The line cannot be this payout: look at its amount and its owner.") from None
    return row


def set_aside(line_id: str, *, because: str, by: str) -> None:
    """Say that a line is none of our business, and why: nothing is booked, and nobody is asked about it any more."""
    with unit.work():
        line = _open_line(line_id)
        line.change(status=LineStatus.SET_ASIDE, said_by=by, said_because=because)
        audit.did("bank_line.set_aside", line.pk, because=because)
        discrepancies.clear_one(DiscrepancyKind.BANK_UNEXPLAINED, line.pk, because=f"set aside by {by}: {because}")


def look_again(line_id: str, *, by: str) -> None:
    """Take back that a line was set aside: it is compared anew."""
    with unit.work():
        line = BankLine.objects.select_for_update().get(pk=line_id)
        if line.status != LineStatus.SET_ASIDE:
            raise BankLineDecided("Only a line that was set aside is looked at again.")
        line.change(status=LineStatus.WAITING, said_by="", said_because=f"looked at again by {by}"[:200])
        audit.did("bank_line.looked_at_again", line.pk)
        _enqueue(line)


def undo(match_id: str, *, because: str, by: str) -> BankMatch:
    """Take back a match that was wrong: what it had booked is reversed, and the line is open again.

    Never by who has made it: `AnotherPersonNeeded`. A payout that was sent back since is undone from its end.
    """
    with unit.work() as work:
        row = BankMatch.objects.get(pk=match_id)
        payout = Payout.objects.select_for_update().get(pk=row.payout_id) if row.payout_id else None
        line = BankLine.objects.select_for_update().get(pk=row.line_id)
        row = BankMatch.objects.select_for_update().get(pk=match_id)
        _refuse_undoing(row, by)
        row.change(undone_by=by, undone_because=because, undone_at=clock.now())
        audit.did("bank_match.undone", row.pk, because=because)
        line.change(status=LineStatus.WAITING)
        if payout is not None:
            _book(row, payout, line, reverse=True)
            arrived_after_all = row.kind == MatchKind.SENT_BACK
            _move(payout, arrived=arrived_after_all, because=f"a match with the bank was undone: {because}", by=by)
            if not arrived_after_all:
                arrivals.undone(payout)
        _enqueue(line)
        work.returns(row)
    return row


def _refuse_undoing(row: BankMatch, by: str) -> None:
    if row.undone_at is not None:
        raise BankLineDecided(f"{row.undone_by} has undone it already.")
    if row.made_by == by:
        raise AnotherPersonNeeded("Who has said what a line is does not undo it: somebody else of finance does.")
    back = BankMatch.objects.filter(payout=row.payout_id, kind=MatchKind.SENT_BACK, undone_at__isnull=True)
    if row.kind == MatchKind.ARRIVED and back.exists():
        raise BankLineDecided("The payout was sent back since: undo that match first.")


def _refuse_settled(line: BankLine) -> None:
    """Whoever books the difference at this moment goes first."""
    said = models.Discrepancy.objects.filter(kind=DiscrepancyKind.BANK_UNEXPLAINED, subject_id=line.pk)
    if any(row.status == DiscrepancyStatus.SETTLED for row in said.select_for_update()):
        raise BankLineDecided("The difference that this line was has been booked: it would be booked twice.")


# --- one match, in the open unit ------------------------------------------------------------------------------------


def _match(line_id: str, target_id: str, kind: MatchKind, *, because: str, by: str) -> BankMatch:
    if not target_id.startswith("po_"):
        return _match_transfer(line_id, target_id, kind, because=because, by=by)
    payout = Payout.objects.select_for_update(of=("self",)).select_related("account").get(pk=target_id)
    line = _open_line(line_id)
    _refuse_settled(line)
    _refuse_unless_it_fits(payout, line, kind)
    last = BankMatch.objects.filter(payout=payout).aggregate(last=Max("number"))["last"] or 0
    row = BankMatch(
        id=ids.new("bm"), line=line, kind=kind, payout=payout, number=last + 1, because=because[:200], made_by=by
    )
    unit.current().add(row)
    _book(row, payout, line, reverse=False)
    _move(payout, arrived=kind == MatchKind.ARRIVED, because=f"{line} at {line.account.code}: {because}", by=by)
    _end(line)
    if kind == MatchKind.ARRIVED:
        arrivals.arrived(payout, line)
    return row


def _match_transfer(line_id: str, transfer_id: str, kind: MatchKind, *, because: str, by: str) -> BankMatch:
    line = _open_line(line_id)
    row = BankMatch(id=ids.new("bm"), line=line, kind=kind, transfer_id=transfer_id, because=because[:200], made_by=by)
    unit.current().add(row)
    _end(line)
    return row


def _open_line(line_id: str) -> BankLine:
    line = BankLine.objects.select_for_update(of=("self",)).select_related("account").get(pk=line_id)
    if line.status not in OPEN:
        raise BankLineDecided(f"This line is {LineStatus(line.status).label.lower()}.")
    return line


def _refuse_unless_it_fits(payout: Payout, line: BankLine, kind: MatchKind) -> None:
    if payout.account.legal_entity_id != line.account.legal_entity_id:
        raise BankMatchInvalid("The payout is another company's than the bank account.")
    standing = BankMatch.objects.filter(payout=payout, undone_at__isnull=True)
    live = dict(standing.values_list("kind", "line__amount_minor"))
    if kind in live:
        raise BankMatchInvalid("The payout is another line already.")
    if kind == MatchKind.SENT_BACK and MatchKind.ARRIVED not in live:
        raise BankMatchInvalid("A payout that has not arrived was not sent back from here.")
    came = line.amount_minor <= payout.amount_minor
    fits = came if kind == MatchKind.ARRIVED else line.amount_minor == -live[MatchKind.ARRIVED]
    if not fits or line.currency != payout.currency:
        raise BankMatchInvalid(f"The line is {money.text(line.amount)}, and the payout {money.text(payout.amount)}.")


def _end(line: BankLine) -> None:
    line.change(status=LineStatus.MATCHED)
    discrepancies.clear_one(DiscrepancyKind.BANK_UNEXPLAINED, line.pk, because="it is known now what the line is")


def _book(row: BankMatch, payout: Payout, line: BankLine, *, reverse: bool) -> None:
    """Book a match, or what takes it back: under the match's own name, so that each is booked once."""
    came = (row.kind == MatchKind.ARRIVED) != reverse
    recipe, event, words = (
        (postings.payout_arrived, postings.Event.PAYOUT_ARRIVED, "has arrived on")
        if came
        else (postings.payout_sent_back, postings.Event.PAYOUT_SENT_BACK, "has left")
    )
    account, bank = accounts.account(payout.account_id).code, line.account.code
    amount = line.amount if row.kind == MatchKind.ARRIVED else -line.amount
    ledger.post(
        event,
        row.source,
        recipe(account, bank, amount),
        narrative=f"Payout of {money.text(amount)} {words} {bank}{': a match was undone' if reverse else ''}",
        refs={"payout": payout.pk, "bank_line": line.pk},
        effective_at=_moment(line.day, line.account.legal_entity.time_zone),
    )


def _move(payout: Payout, *, arrived: bool, because: str, by: str) -> None:
    """The payout follows its money, as far as the PSP has not said more: one that failed stays failed."""
    event = "arrive" if arrived else "undo_arrival"
    stands = payout.status in banks.ON_ITS_WAY if arrived else payout.status == PayoutStatus.ARRIVED
    if stands and payout.may(event):
        payout.advance(event, because=because, by=by)


def _enqueue(line: Any) -> None:
    jobs.enqueue("match_bank_lines", account_id=line.account_id, unique=f"match_bank_lines/{line.account_id}")


def _moment(day: date, zone: str) -> datetime:
    """A bank's day is one of its company's books: west of Greenwich, midnight UTC is the evening before."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
