"""A dispute in plain words: what happened, what money moved, and what to do by when."""

from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import shown
from payments.kernel import clock
from refunds.models import Dispute
from refunds.states import ANSWERABLE, DisputeStatus

STAGES: Final = {
    "inquiry": gettext_lazy("The customer's bank asks about %(amount)s. Reason: %(why)s."),
    "chargeback": gettext_lazy("The customer's bank has charged back %(amount)s. Reason: %(why)s."),
    "second": gettext_lazy("The customer's bank insists, for the second time, on %(amount)s. Reason: %(why)s."),
    "arbitration": gettext_lazy("The card scheme is asked to decide about %(amount)s. Reason: %(why)s."),
}
ENDS: Final = {
    DisputeStatus.UNDER_REVIEW: gettext_lazy("The bank looks at our answer, which takes weeks. Nothing is to be done."),
    DisputeStatus.WON: gettext_lazy("It was decided for us. A bank may still come back with a second stage."),
    DisputeStatus.LOST: gettext_lazy("It was decided against us: the money is lost."),
    DisputeStatus.ACCEPTED: gettext_lazy("We have accepted it: the customer keeps the money."),
    DisputeStatus.EXPIRED: gettext_lazy("Nobody answered in time: the customer keeps the money."),
    DisputeStatus.WITHDRAWN: gettext_lazy("The bank or the customer has given it up."),
}


def happened(row: Dispute) -> str:
    """One or two sentences of what the bank wants and why."""
    why = shown.said(row.get_reason_display())
    if row.network_reason_code:
        why = _("%(why)s (the scheme's code %(code)s)") % {"why": why, "code": row.network_reason_code}
    return STAGES[row.stage] % {"amount": shown.amount_text(row.amount), "why": why}


def moved(row: Dispute) -> str:
    """What became of the money."""
    taken, lost = row.amount_withdrawn, row.amount_lost
    if row.amount_withdrawn_minor <= 0:
        return _("No money is taken at present.")
    if row.amount_lost_minor:
        return _("%(amount)s were taken and are lost.") % {"amount": shown.amount_text(lost)}
    words = _("%(amount)s were taken by the PSP until it is decided; they cannot be refunded meanwhile.")
    return words % {"amount": shown.amount_text(taken)}


def to_do(row: Dispute, answer: str) -> str:
    """What has to be done, by when; "" when it is nobody's turn."""
    if row.status not in ANSWERABLE:
        return str(ENDS[DisputeStatus(row.status)])
    if answer:
        return _("The answer is on its way to the bank.")
    if row.defendable is False:
        return _(
            "The bank hears no evidence in this kind of dispute. It can only be accepted, or left to end by itself."
        )
    if row.respond_by is None:
        return _("It waits for our answer. The PSP does not say by when: answer soon.")
    words = _("It waits for our answer. Submit evidence or accept it by %(until)s UTC%(left)s.")
    return words % {"until": f"{row.respond_by:%Y-%m-%d %H:%M}", "left": left(row)}


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
        return _("over")
    if hours < 48:
        return _("in %(count)s h") % {"count": max(int(hours), 1)}
    return ngettext("in %(count)s day", "in %(count)s days", int(hours // 24)) % {"count": int(hours // 24)}
