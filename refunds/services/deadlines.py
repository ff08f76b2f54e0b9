"""Warning of disputes that must be answered soon, and owning those that were not, or that nobody decides."""

from datetime import datetime

from payments.kernel import attention, clock, money, rounds, unit
from payments.kernel.attention import AttentionKind
from refunds import disputes, standing
from refunds.disputes import Held
from refunds.models import Dispute, FraudWarning
from refunds.services import dispute_moves, fraud
from refunds.states import ANSWERABLE


def watch_due() -> None:
    """Look at every dispute whose time has come, and at warnings of fraud whose payment was refunded."""
    rounds.each(Dispute.objects.filter(look_at__lte=clock.now()), "look_at", watch)
    rounds.each(FraudWarning.objects.filter(decision=""), "warned_at", fraud.look)


def watch(dispute_id: str) -> None:
    """Warn 7, 3 and 1 days before the answer is due; afterwards, and where nothing was decided for long, ask a person.

    A dispute that nobody answers keeps its status: only the PSP says that it was lost.
    """
    with unit.work():
        held = disputes.hold(dispute_id)
        dispute, now = held.dispute, clock.now()
        if dispute.look_at is None or dispute.look_at > now:
            return
        if dispute.status not in ANSWERABLE or dispute.defendable is False:
            why = f"the bank has not decided about {money.text(dispute.amount)} since {_day(dispute.opened_at)}"
            _own(held, why)
        elif dispute.respond_by is None:
            why = f"{money.text(dispute.amount)} disputed, and the PSP does not say by when it must be answered"
            attention.open_item(AttentionKind.DISPUTE_DUE, dispute.pk, why)
            dispute.change(look_at=None)
        else:
            _warn(held, dispute.respond_by, now)


def _warn(held: Held, respond_by: datetime, now: datetime) -> None:
    dispute, days = held.dispute, standing.urgency(respond_by, now)
    text = money.text(dispute.amount)
    if days == 0:
        attention.close_items(dispute.pk, because="it is too late", by="deadlines", kind=AttentionKind.DISPUTE_DUE)
        dispute_moves.announce(held, "dispute.response_overdue")
        _own(held, f"{text} disputed; an answer was due on {_day(respond_by)} and nobody gave one")
        return
    if days is not None:
        left = "1 day" if days == 1 else f"{days} days"
        why = f"{text} disputed; within {left}, by {_day(respond_by)}, it must be answered"
        attention.open_anew(AttentionKind.DISPUTE_DUE, dispute.pk, why)
        dispute_moves.announce(held, "dispute.response_due")
    dispute.change(look_at=standing.look_at(dispute.status, respond_by, now, told=True))


def _own(held: Held, why: str) -> None:
    attention.open_item(AttentionKind.DISPUTE_OVERDUE, held.dispute.pk, why)
    held.dispute.change(look_at=None)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
