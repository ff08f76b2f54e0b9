"""How far the money of a payment has come after it was captured: the PSP's payout, and our bank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from reporting.models import BankMatch, Payout, SettlementLine


@dataclass(frozen=True)
class Stop:
    """Where the money of one of our movements is: in a line of the PSP's file, in its payout, on a line of our bank."""

    line: SettlementLine
    payout: Payout | None
    arrival: BankMatch | None


def stops(movements: Sequence[str]) -> Mapping[str, Stop]:
    """How far each movement (a capture, a refund, what moved for a dispute) has come; three queries for all of them.

    What is in no file yet is not there: its money is at the PSP. Of two lines of one movement the later one counts.
    """
    lines = list(SettlementLine.objects.filter(movement_id__in=movements).order_by("pk")) if movements else []
    named = {(line.account_id, line.payout_reference) for line in lines if line.payout_reference}
    wanted = Q(pk__in=[])
    for account, reference in named:
        wanted |= Q(account_id=account, provider_reference=reference)
    payouts = {(row.account_id, row.provider_reference): row for row in Payout.objects.filter(wanted)} if named else {}
    matched = BankMatch.objects.filter(payout__in=payouts.values(), undone_at__isnull=True).select_related("line")
    arrived = {match.payout_id: match for match in matched} if payouts else {}
    found = {}
    for line in lines:
        payout = payouts.get((line.account_id, line.payout_reference))
        found[line.movement_id] = Stop(line, payout, arrived.get(payout.pk) if payout else None)
    return found
