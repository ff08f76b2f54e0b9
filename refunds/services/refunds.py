"""Asking for money to be given back, as a client or as a person, and taking that back before it is sent."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from payments.gateway import accounts
from payments.intents import selectors as intent_selectors
from payments.intents.selectors import Held as HeldPayment
from payments.intents.services.refusals import IntentUnexpectedState
from payments.kernel import audit, clock, ids, money, unit
from payments.methods import catalogue
from payments.methods import selectors as methods
from payments.orders import selectors as order_selectors
from payments.orders.models import OrderLine
from refunds import policy, selectors
from refunds.models import Origin, Reason, RefundLine
from refunds.policy import Person
from refunds.selectors import Held, RefundWithLines, Source
from refunds.services import limits, moves, refusals
from refunds.services.limits import Word

SUSPICIOUS_FOR: Final = timedelta(minutes=10)
"""The same amount of the same payment within this time has to be confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDraft:
    """What is to be given back, of an intent or of a whole order: an amount, or lines, or else all that is left.

    `amount` is minor units, `lines` are units by order line id.
    """

    payment_intent: str | None = None
    order: str | None = None
    amount: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    reason: str
    note: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    confirm_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """What one refund will give back: minor units of one source, and the lines they stand for."""

    source: Source
    amount: int
    lines: Sequence[RefundLine] = ()


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks, of whose payments (None: of everybody's), and by whose limit it goes."""

    by: str
    origin: Origin
    word: Word
    client_id: str | None = None
    approved_by: str = ""


def request(draft: RefundDraft, *, client_id: str, by: str) -> Held:
    """Reserve the money of a client's payment and have it sent, at once; the refund that was made.

    Where money of several payments has to be given back, it is the first of several: the others are its `related`.
    Beyond the client's limit it waits for a person of the staff (`needs_approval`). `DoesNotExist` when the client has
    no such payment, `IntentUnexpectedState` when it took no money; else refuses with `refusals`, in their order.
    """
    return _request(draft, _Asker(by, Origin.API, limits.of_client(client_id), client_id=client_id))


def request_as(person: Person, draft: RefundDraft, *, approved_by: Person | None = None) -> Held:
    """The same by a person of the staff, of any payment: held for a while, in which one click takes it back.

    Beyond the person's limit it waits for a second one. Who has agreed before, to a batch, is `approved_by`: it goes at
    once and by that limit then, and refuses with `refusals` of approvals.
    """
    if approved_by is None:
        return _request(draft, _Asker(person.name, Origin.STAFF, limits.of_person(person)))
    limits.refuse_unless_decides(approved_by, person.name)
    word = limits.of_person(approved_by)
    return _request(draft, _Asker(person.name, Origin.BULK, word, approved_by=approved_by.name))


def _request(draft: RefundDraft, asker: _Asker) -> Held:
    if draft.reason == Reason.OTHER and not draft.note.strip():
        raise refusals.RefundNoteRequired("Say in the note why the money is given back.", param="note")
    with unit.work() as work:
        parts = _parts(draft, _payments(draft, asker.client_id))
        for part in parts:
            _refuse_unless_supported(part)
        if not draft.confirm_duplicate:
            _refuse_duplicate(parts)
        made = _begin(draft, parts, asker)
        audit.did("refund.requested", made.refund.pk, because=draft.reason)
        work.returns(made)
    return made


def _payments(draft: RefundDraft, client_id: str | None) -> list[HeldPayment]:
    """The payments that the draft is about, locked."""
    if draft.order is not None:
        payments = selectors.hold_order(draft.order, client_id=client_id)
    else:
        payments = [intent_selectors.hold(str(draft.payment_intent), client_id=client_id)]
    if not any(payment.intent.amount_captured_minor for payment in payments):
        raise IntentUnexpectedState("No money was taken, or none that stayed: there is nothing to give back.")
    return payments


def _parts(draft: RefundDraft, payments: Sequence[HeldPayment]) -> list[_Part]:
    """What each refund will give back, so that together they are what was asked for."""
    found = _able([source for payment in payments for source in selectors.sources(payment)])
    found.sort(key=lambda source: (source.wanted, source.captured_at), reverse=True)
    if draft.lines:
        return _parts_by_line(_lines(draft, payments), found, payments)
    left = sum(source.available for source in found)
    wanted = left if draft.amount is None else draft.amount
    _refuse_beyond(wanted, left, payments, param="amount")
    amounts = policy.spread(wanted, [source.available for source in found])
    return [_Part(source, amount) for source, amount in zip(found, amounts, strict=True) if amount]


def _refuse_beyond(wanted: int, left: int, payments: Sequence[HeldPayment], *, param: str) -> None:
    currency, disputed = payments[0].intent.currency, sum(one.intent.amount_disputed_minor for one in payments)
    if disputed and left < max(wanted, 1) and wanted <= left + disputed:
        text = money.text(money.from_minor(disputed, currency))
        raise refusals.PaymentDisputed(
            f"{text} are in dispute, or were lost to one: the customer's bank decides about that money, and a refund"
            f" would give it back twice. {money.text(money.from_minor(left, currency))} can be refunded.",
            param=param,
            refundable=left,
        )
    if left <= 0 or wanted <= 0:
        raise refusals.RefundNothingToRefund("There is nothing to refund.")
    if wanted > left:
        text = money.text(money.from_minor(left, currency))
        raise refusals.RefundExceedsRefundable(f"{text} can be refunded.", param=param, refundable=left)


def _lines(draft: RefundDraft, payments: Sequence[HeldPayment]) -> list[RefundLine]:
    """The lines to be given back with what their units come to, given what of them has been given back before."""
    order = payments[0].order
    known = {line.pk: line for line in order_selectors.lines([order])[order.pk]} if order is not None else {}
    unknown = next((line_id for line_id in draft.lines if line_id not in known), None)
    if unknown is not None:
        raise refusals.RefundLineUnknown(f"The order has no line {unknown}.", param="lines")
    wanted = [known[line_id] for line_id in draft.lines]
    taken = selectors.refunded_units(wanted)
    return [_line(line, draft.lines[line.pk], *taken[line.pk]) for line in wanted]


def _line(line: OrderLine, units: int, taken: int, taken_minor: int) -> RefundLine:
    if taken + units > line.quantity:
        raise refusals.RefundLineAlreadyRefunded(
            f"{line.quantity - taken} of {line.quantity} units of {line.name} are left.",
            param="lines",
            line=line.pk,
            quantity_left=line.quantity - taken,
        )
    worth = policy.worth(line.amount_total, line.quantity, taken + units) - taken_minor
    return RefundLine(line=line, quantity=units, currency=line.currency, amount_minor=max(worth, 0))


def _parts_by_line(
    lines: Sequence[RefundLine], found: Sequence[Source], payments: Sequence[HeldPayment]
) -> list[_Part]:
    """Every line is given back by one payment; a line that none of them covers can be given back by amount only."""
    available = [source.available for source in found]
    total = sum(line.amount_minor for line in lines)
    _refuse_beyond(total, sum(available), payments, param="lines")
    places = policy.place([line.amount_minor for line in lines], available)
    if places is None:
        raise refusals.RefundExceedsRefundable(
            "No single payment covers these lines: refund by amount.", param="lines", refundable=max(available)
        )
    parts = []
    for index in dict.fromkeys(places):
        chosen = [line for line, place in zip(lines, places, strict=True) if place == index]
        parts.append(_Part(found[index], sum(line.amount_minor for line in chosen), chosen))
    return parts


def _able(found: Sequence[Source]) -> list[Source]:
    """The money that its payment method can give back; refuses when that is none of it."""
    able = [one for one in found if methods.offer(one.attempt.method, one.attempt.account_id).refund]
    if found and not able:
        raise refusals.RefundNotSupported(f"{found[0].attempt.method} cannot give money back.", param="payment_intent")
    in_time = [one for one in able if (end := window_end(one)) is None or clock.now() <= end]
    if able and not in_time:
        raise refusals.RefundWindowOver(
            f"{able[0].attempt.method} gives money back until {window_end(able[0]):%Y-%m-%d}, for this payment."
            " Finance can give it back by bank transfer.",
            param="payment_intent",
        )
    return in_time


def window_end(source: Source) -> datetime | None:
    """Until when the payment's method gives money back; None when it always does. Forms say it beforehand."""
    days = catalogue.METHODS[source.attempt.method].refund_window_days
    return None if days is None else source.captured_at + timedelta(days=days)


def _refuse_unless_supported(part: _Part) -> None:
    """What the payment method cannot do is refused here: the provider would only say no later, unseen."""
    attempt = part.source.attempt
    offer, name = methods.offer(attempt.method, attempt.account_id), attempt.method
    amount = money.from_minor(part.amount, attempt.currency)
    unsayable = accounts.connector(accounts.account(attempt.account_id)).cannot_say(amount)
    if unsayable:
        raise refusals.RefundAmountNotSupported(unsayable, param="lines" if part.lines else "amount")
    if part.amount < part.source.available and not offer.partial_refund:
        text = money.text(money.from_minor(part.source.available, attempt.currency))
        raise refusals.PartialRefundNotSupported(f"{name} gives back all of it only: {text}.", param="amount")
    if not offer.multiple_refunds and selectors.was_given_back(attempt.pk):
        raise refusals.PartialRefundNotSupported(f"{name} gives back once only.", param="amount")


def _refuse_duplicate(parts: Sequence[_Part]) -> None:
    since = clock.now() - SUSPICIOUS_FOR
    for part in parts:
        earlier = selectors.alike(part.source.payment.intent.pk, part.amount, since=since)
        if earlier is not None:
            raise refusals.RefundDuplicateSuspected(
                f"{money.text(earlier.amount)} of this payment is being refunded by {earlier.pk}, made at"
                f" {earlier.created_at:%H:%M:%S} UTC. If it is meant once more, say so.",
                param="confirm_duplicate",
                refund=earlier.pk,
            )


def _begin(draft: RefundDraft, parts: Sequence[_Part], asker: _Asker) -> Held:
    """Put it on record, and let it go or ask a second person: one request is one amount for the limit."""
    currency = parts[0].source.payment.intent.currency
    total = money.from_minor(sum(part.amount for part in parts), currency)
    why = limits.beyond(asker.word, total)
    if why and asker.approved_by:
        raise refusals.ApprovalBeyondLimit(f"It is beyond the limit of {asker.approved_by} as well: {why}.")
    names = [ids.new("re") for _ in parts]
    agreed = {"approved_by": asker.approved_by, "decided_at": clock.now()} if asker.approved_by else {}
    made = []
    for name, part in zip(names, parts, strict=True):
        held = moves.begin(
            dataclasses.replace(part.source.payment, attempt=part.source.attempt),
            part.amount,
            part.lines,
            id=name,
            reason=draft.reason,
            note=draft.note,
            origin=asker.origin,
            requested_by=asker.by,
            related=[other for other in names if other != name],
            metadata=dict(draft.metadata),
            **agreed,
        )
        if why:
            moves.ask(held, why, asker.by)
        else:
            moves.let_go(held, asker.word.name, asker.by, undo=asker.origin == Origin.STAFF)
        made.append(held)
    return made[0]


def cancel(refund_id: str, *, client_id: str | None, by: str) -> RefundWithLines:
    """Take a refund back before it is sent; `RefundUnexpectedState` when it is too late for that.

    A duplicate is always given back: the order owes nothing for it, so that nobody else would look after that money.
    """
    with unit.work() as work:
        held = selectors.hold(refund_id, client_id=client_id)
        if not held.refund.may("cancel"):
            raise refusals.RefundUnexpectedState(f"The refund is {held.refund.status}.")
        if held.refund.origin == Origin.DUPLICATE:
            raise refusals.RefundUnexpectedState("This money came too late and is not owed to you: it goes back.")
        moves.cancel(held, "canceled before it was sent", by)
        audit.did("refund.canceled", refund_id)
        work.returns(held)
    return held
