"""A dispute in plain words: what happened, what money moved, and what to do by when."""

from datetime import datetime
from typing import Final

from payments.admin import shown
from payments.kernel import clock
from refunds.models import Dispute
from refunds.states import ANSWERABLE, DisputeStatus

STAGES: Final = {
    "inquiry": "The customer's bank asks about",
    "chargeback": "The customer's bank has charged back",
    "second": "The customer's bank insists, for the second time, on",
    "arbitration": "The card scheme is asked to decide about",
}
ENDS: Final = {
    DisputeStatus.UNDER_REVIEW: "The bank looks at our answer, which takes weeks. Nothing is to be done.",
    DisputeStatus.WON: "It was decided for us. A bank may still come back with a second stage.",
    DisputeStatus.LOST: "It was decided against us: the money is lost.",
    DisputeStatus.ACCEPTED: "We have accepted it: the customer keeps the money.",
    DisputeStatus.EXPIRED: "Nobody answered in time: the customer keeps the money.",
    DisputeStatus.WITHDRAWN: "The bank or the customer has given it up.",
}


def happened(row: Dispute) -> str:
    """One or two sentences of what the bank wants and why."""
    why = row.get_reason_display()
    code = f" (the scheme's code {row.network_reason_code})" if row.network_reason_code else ""
    return f"{STAGES[row.stage]} {shown.amount_text(row.amount)}. Reason: {why}{code}."


def moved(row: Dispute) -> str:
    """What became of the money."""
    taken, lost = row.amount_withdrawn, row.amount_lost
    if row.amount_withdrawn_minor <= 0:
        return "No money is taken at present."
    if row.amount_lost_minor:
        return f"{shown.amount_text(lost)} were taken and are lost."
    return f"{shown.amount_text(taken)} were taken by the PSP until it is decided; they cannot be refunded meanwhile."


def to_do(row: Dispute, answer: str) -> str:
    """What has to be done, by when; "" when it is nobody's turn."""
    if row.status not in ANSWERABLE:
        return ENDS[DisputeStatus(row.status)]
    if answer:
        return "The answer is on its way to the bank."
    if row.defendable is False:
        return "The bank hears no evidence in this kind of dispute. It can only be accepted, or left to end by itself."
    if row.respond_by is None:
        return "It waits for our answer. The PSP does not say by when: answer soon."
    return f"It waits for our answer. Submit evidence or accept it by {row.respond_by:%Y-%m-%d %H:%M} UTC{left(row)}."


def left(row: Dispute) -> str:
    """How long that is, in words that follow a date: " (in 3 days)"."""
    if row.respond_by is None or row.status not in ANSWERABLE:
        return ""
    return f" ({_until(row.respond_by)})"


def due(row: Dispute, _viewer: shown.Viewer) -> str:
    """The day, and how near it is, for lists."""
    if row.respond_by is None or row.status not in ANSWERABLE:
        return shown.NOTHING
    hours = (row.respond_by - clock.now()).total_seconds() / 3600
    tone = "bad" if hours <= 24 else "wait" if hours <= 7 * 24 else "quiet"
    words = f"{row.respond_by:%Y-%m-%d}, {_until(row.respond_by)}"
    return shown.status("due", words, {"due": tone})


def _until(moment: datetime) -> str:
    hours = (moment - clock.now()).total_seconds() / 3600
    if hours <= 0:
        return "over"
    if hours < 48:
        return f"in {max(int(hours), 1)} h"
    return f"in {int(hours // 24)} days"
