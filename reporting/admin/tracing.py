"""What customers ask: where their money is, when it comes, how their bank finds it, which of two payments is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.gateway.models import ProviderCall
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.states import AttemptStatus
from payments.kernel import money
from refunds.models import Origin, Refund
from refunds.states import RefundStatus
from reporting.admin import sentence, xray

WITH_US: Final = gettext_lazy("With us")
WHERE: Final = {
    **dict.fromkeys(
        (RefundStatus.REQUESTED, RefundStatus.APPROVED, RefundStatus.HELD), gettext_lazy("With us, set aside for it")
    ),
    RefundStatus.NEEDS_APPROVAL: gettext_lazy("With us, set aside for it"),
    RefundStatus.PROPOSED: gettext_lazy("Left our bank account, as one person of finance says"),
    **dict.fromkeys((RefundStatus.SENT, RefundStatus.PENDING), gettext_lazy("On its way: the provider has it")),
    RefundStatus.REQUIRES_ACTION: gettext_lazy("At the provider, which waits for the customer"),
    RefundStatus.UNKNOWN: gettext_lazy("Not known: the provider is being asked"),
    RefundStatus.SUCCEEDED: gettext_lazy("With the customer's bank or wallet"),
}
"""Where the money of a refund is; in every other state it is with us."""

TOLD: Final = {
    RefundStatus.REQUESTED: gettext_lazy(
        "{amount} are to go back {to}, and are not sent yet: it is tried again by itself."
    ),
    RefundStatus.NEEDS_APPROVAL: gettext_lazy(
        "{amount} wait for a second person: {beyond}. Nothing goes back before that."
    ),
    RefundStatus.REJECTED: gettext_lazy("{who} rejected it{on}: nothing goes back."),
    RefundStatus.HELD: gettext_lazy("{amount} are about to go back {to}."),
    RefundStatus.CANCELED: gettext_lazy("It was canceled{on}, before it was sent: nothing goes back."),
    RefundStatus.UNKNOWN: gettext_lazy(
        "Whether {amount} went back {to} is not known yet. Nobody should refund it again."
    ),
    RefundStatus.SUCCEEDED: gettext_lazy("{amount} went back {to}{on}."),
    RefundStatus.FAILED: gettext_lazy("{amount} did not go back, {why}"),
    RefundStatus.CANCELED_AT_PSP: gettext_lazy("{amount} did not go back: the refund was canceled at the provider."),
    RefundStatus.BOUNCED: gettext_lazy("{amount} came back: the customer did not get them, {why}"),
}
"""What happened; in every other state it is on its way."""

TOOK: Final = (AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED)
"""Attempts that reserved or took money, however they did it."""

SHOWS_IT: Final = (5, 10)
"""Business days until a card's bank shows it (docs.stripe.com/refunds)."""


@dataclass(frozen=True)
class Trace:
    """A refund in plain words."""

    told: str
    where: str
    arrives: str
    reference: str
    no_reference: str
    statement: str


def trace(refund: Refund) -> Trace:
    """What happened to a refund, where its money is, and what a customer and their bank need to find it."""
    on_card = refund.attempt.method in xray.ON_CARDS
    tells = refund.status == RefundStatus.SUCCEEDED and refund.origin != Origin.BANK
    waits = _("The provider tells it some days after the refund: look again then.") if on_card and tells else ""
    return Trace(
        told=_told(refund),
        where=str(WHERE.get(RefundStatus(refund.status), WITH_US)),
        arrives=_arrives(refund, on_card=on_card),
        reference=refund.acquirer_reference,
        no_reference=waits,
        statement=statement([refund.attempt]),
    )


def _told(refund: Refund) -> str:
    """One or two sentences."""
    by_bank = refund.origin == Origin.BANK
    words = TOLD.get(RefundStatus(refund.status)) or _("{amount} are on their way back {to}.")
    return str(words).format(
        amount=shown.amount_text(refund.amount),
        to=_("by bank transfer") if by_bank else _("to %(method)s") % {"method": sentence.method(refund.attempt)},
        who=refund.rejected_by,
        on=_on(refund.settled_at),
        beyond=refund.approval_reason,
        why=sentence.why_failed(refund),
    )


def _arrives(refund: Refund, *, on_card: bool) -> str:
    """When the customer should see it; "" when nothing is on its way."""
    if refund.status not in WHERE or refund.status == RefundStatus.PROPOSED or refund.origin == Origin.BANK:
        return ""
    if not on_card or refund.sent_at is None:
        return shown.capital(f"{xray.arrival(refund.attempt.method)}.")
    first, last = (_business_days(refund.sent_at, days) for days in SHOWS_IT)
    days = {"first": f"{first:%-d %b}", "last": f"{last:%-d %b %Y}"}
    return _("Between %(first)s and %(last)s. If it is not there by then, their bank can look for it.") % days


def latest_arrival(refund: Refund) -> datetime | None:
    """The last day on which a refund to a card should be seen by its holder; None where nobody can say."""
    if refund.attempt.method not in xray.ON_CARDS or refund.sent_at is None or refund.origin == Origin.BANK:
        return None
    return _business_days(refund.sent_at, SHOWS_IT[1])


def _business_days(moment: datetime, days: int) -> datetime:
    """So many days from Monday to Friday later; holidays differ by country and are not known here."""
    day = moment.astimezone(UTC)
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def statement(attempts: Sequence[PaymentAttempt]) -> str:
    """What the customer's statement calls a payment, as the PSP has said in its answers; "" where it has not."""
    asked = ProviderCall.objects.filter(owner_id__in=[one.pk for one in attempts]).order_by("-pk")
    said = (call.raw.get("statement_descriptor") for call in asked if isinstance(call.raw, dict))
    return next((str(one) for one in said if one), "")


# --- charged twice? ---


def twice(intent: PaymentIntent) -> list[tuple[str, str]]:
    """Every time money was reserved or taken for a payment's order, with what becomes of it; nothing when that is one.

    An authorisation that was never taken looks like a payment on the customer's statement until their bank drops it.
    """
    money_moved = Q(authorized_at__isnull=False) | Q(status__in=TOOK)
    tries = PaymentAttempt.objects.select_related("account").prefetch_related("captures").filter(money_moved)
    tries = tries.filter(intent__order=intent.order_id) if intent.order_id else tries.filter(intent=intent)
    found = [(_named(one), _becomes(one, intent)) for one in tries.order_by("pk")]
    return found if len(found) > 1 else []


def _named(attempt: PaymentAttempt) -> str:
    amount, when = shown.amount_text(attempt.amount), attempt.authorized_at or attempt.created_at
    return _("%(amount)s by %(method)s%(on)s, %(where)s") % {
        "amount": amount, "method": sentence.method(attempt), "on": _on(when), "where": attempt.account.code,
    }  # fmt: skip


def _becomes(attempt: PaymentAttempt, intent: PaymentIntent) -> str:
    if attempt.status in (AttemptStatus.VOIDED, AttemptStatus.EXPIRED):
        return _(
            "An authorisation, never taken. It was released and vanishes from the statement; their bank decides when."
        )
    if attempt.status == AttemptStatus.AUTHORIZED:
        return _("An authorisation, not taken yet. It becomes a payment, or vanishes once it is released.")
    if attempt.status == AttemptStatus.CAPTURE_FAILED:
        return _("The capture failed afterwards: the provider did not keep the money.")
    late = Refund.objects.filter(attempt=attempt, origin=Origin.DUPLICATE).order_by("-pk").first()
    if late is not None:
        stands = {"state": shown.within(shown.said(late.status))}
        return _("Taken, but too late: it goes back by itself. That refund: %(state)s.") % stands
    taken = sum(one.amount_minor for one in attempt.captures.all() if one.status == "succeeded")
    if 0 < taken < attempt.amount_minor:
        part = shown.amount_text(money.from_minor(taken, attempt.currency))
        return _("Taken: %(part)s of it. The rest of the authorisation vanishes from the statement.") % {"part": part}
    if attempt.intent_id == intent.pk:
        return _("Taken: this payment.")
    return _("Taken: another payment of the same order.")


def _on(moment: datetime | None) -> str:
    return _(" on %(day)s") % {"day": f"{moment.astimezone(UTC):%-d %b %Y}"} if moment is not None else ""
