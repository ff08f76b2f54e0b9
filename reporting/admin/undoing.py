"""Refunds that have not left: what can still be taken back, what waits for a second person, and the words for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.kernel import clock
from refunds.models import Origin, Refund
from refunds.states import REFUND, RefundStatus

TOO_LATE: Final = {
    RefundStatus.SUCCEEDED: gettext_lazy("it has gone back to the customer"),
    RefundStatus.CANCELED: gettext_lazy("it was canceled already"),
    RefundStatus.REJECTED: gettext_lazy("it was rejected: nothing goes back"),
    RefundStatus.FAILED: gettext_lazy("it has failed: the money is still here"),
    RefundStatus.CANCELED_AT_PSP: gettext_lazy("it was canceled at the PSP: the money is still here"),
    RefundStatus.BOUNCED: gettext_lazy("it has come back: the customer did not get it"),
    RefundStatus.PROPOSED: gettext_lazy("finance has paid it by bank transfer"),
}
"""Why something cannot be taken back; everything else has been sent."""


@dataclass(frozen=True)
class Undo:
    """A refund that is held, until when, and where it is taken back. `seconds` are left now, by our clock."""

    refund: Refund
    amount: str
    until: datetime
    seconds: int
    address: str


def held(rows: Iterable[Refund]) -> list[Undo]:
    """Those of the refunds that wait for their time to be taken back to be over."""
    now = clock.now()
    return [
        Undo(
            row,
            shown.amount_text(row.amount),
            row.held_until.astimezone(UTC),
            max(int((row.held_until - now).total_seconds()), 0),
            reverse("admin:refunds_refund_cancel", args=[row.pk]),
        )
        for row in rows
        if row.status == RefundStatus.HELD and row.held_until is not None
    ]


def too_late(row: Refund) -> str:
    """Why a refund was not taken back, in plain words."""
    amount = shown.amount_text(row.amount)
    said = {"amount": amount}
    if REFUND.allows(row.status, "cancel"):
        if row.origin == Origin.DUPLICATE:
            return _("%(amount)s came too late and is not owed to us. Nothing was changed.") % said
        return _("%(amount)s could not be taken back. Nothing was changed.") % said
    why: Any = TOO_LATE.get(RefundStatus(row.status))
    if why is None and row.sent_at:
        why = _("it was sent to the bank at %(at)s UTC") % {"at": f"{row.sent_at.astimezone(UTC):%H:%M:%S}"}
    said["why"] = str(why or _("it was sent to the bank"))
    return _("%(amount)s cannot be taken back any more: %(why)s. Nothing was changed.") % said


def done(row: Refund, event: str) -> str:
    """What has come of a decision, in plain words."""
    amount = shown.amount_text(row.amount)
    if event == "approve" and row.held_until is not None:
        until = row.held_until.astimezone(UTC)
        return _("Approved: %(amount)s go back at %(until)s UTC. Until then it can be taken back.") % {
            "amount": amount,
            "until": f"{until:%H:%M:%S}",
        }
    return {
        "approve": _("Approved: %(amount)s go back.") % {"amount": amount},
        "reject": _("Rejected: %(amount)s stay here, and can be refunded otherwise.") % {"amount": amount},
        "cancel": _("Taken back: %(amount)s stay here, and can be refunded again.") % {"amount": amount},
    }[event]


def waiting() -> QuerySet[Refund]:
    """What waits for a second person, oldest first."""
    rows = Refund.objects.filter(status=RefundStatus.NEEDS_APPROVAL, settled_at__isnull=True)
    return rows.select_related("intent__order").order_by("pk")


def ago(moment: datetime) -> str:
    """How long something waits, in its two largest units: `3 h 12 min`."""
    minutes = max(int((clock.now() - moment).total_seconds()) // 60, 0)
    if minutes < 60:
        return _("%(minutes)s min") % {"minutes": minutes}
    hours, days = minutes // 60, minutes // 1440
    return (
        f"{days} d {hours % 24} h"
        if days
        else _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes % 60}
    )
