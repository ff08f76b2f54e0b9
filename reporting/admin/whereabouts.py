"""Where the money of a payment is now, movement by movement: at the PSP, in which payout, at our bank since when."""

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _

from payments.admin import shown
from payments.intents.models import Capture, PaymentIntent
from payments.intents.states import CaptureStatus
from refunds.models import Refund
from refunds.states import RefundStatus
from reporting import settled
from reporting.admin import tracing
from reporting.models import Payout
from reporting.settled import Stop
from reporting.states import PayoutStatus

Place = tuple[str, object]
"""Which money, and where it is."""


def now(
    intent: PaymentIntent, captures: Sequence[Capture], refunds: Sequence[Refund], viewer: shown.Viewer
) -> list[Place]:
    """What is reserved, every capture and every refund, each with where its money is."""
    taken = [row for row in captures if row.status == CaptureStatus.SUCCEEDED]
    stops = settled.stops([row.pk for row in (*taken, *refunds)])
    places: list[Place] = []
    if intent.amount_capturable_minor:
        reserved = _("%(amount)s reserved") % {"amount": shown.amount_text(intent.amount_capturable)}
        places.append((reserved, _("At the customer’s bank, set aside for us. Nothing was taken yet.")))
    for row in taken:
        said = _("%(amount)s taken") % {"amount": shown.amount_text(row.amount)}
        places.append((said, _taken(stops.get(row.pk), viewer)))
    for refund in refunds:
        said = _("%(amount)s given back") if refund.status == RefundStatus.SUCCEEDED else _("%(amount)s to go back")
        places.append((said % {"amount": shown.amount_text(refund.amount)}, _returned(refund, stops, viewer)))
    if intent.amount_disputed_minor:
        disputed = _("%(amount)s disputed") % {"amount": shown.amount_text(intent.amount_disputed)}
        places.append((disputed, _("Held back by the PSP, until the bank has decided, or lost.")))
    return places


def _taken(stop: Stop | None, viewer: shown.Viewer) -> object:
    if stop is None:
        return _("At the PSP. No settlement file has told of it yet.")
    if stop.payout is None:
        return _("At the PSP, settled. It leaves with a payout that is not announced yet.")
    return _paid_out(stop, stop.payout, viewer)


def _paid_out(stop: Stop, payout: Payout, viewer: shown.Viewer) -> object:
    link = viewer.link(payout, payout.provider_reference)
    if stop.arrival is not None:
        day = f"{stop.arrival.line.day:%-d %b %Y}"
        return format_html(_("At our bank since {}, in payout {}."), day, link)
    match payout.status:
        case PayoutStatus.ARRIVED:
            return format_html(_("At our bank, in payout {}."), link)
        case PayoutStatus.FAILED | PayoutStatus.CANCELED:
            return format_html(_("Back at the PSP: payout {} did not reach our bank."), link)
    due = f"{payout.arrives_on:%-d %b %Y}" if payout.arrives_on else _("a day that the PSP has not said")
    return format_html(_("On its way to our bank in payout {}, due on {}."), link, due)


def _returned(refund: Refund, stops: Any, viewer: shown.Viewer) -> object:
    """A refund leaves our balance at the PSP, so that a payout has so much less."""
    where = tracing.WHERE.get(RefundStatus(refund.status), tracing.WITH_US)
    stop = stops.get(refund.pk)
    if stop is None or stop.payout is None:
        return f"{where}."
    link = viewer.link(stop.payout, stop.payout.provider_reference)
    return format_html(_("{}. Payout {} was so much less."), where, link)
