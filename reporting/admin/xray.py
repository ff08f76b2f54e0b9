"""What a refund would do, before it is asked for: what can go back, of what, by what means, and what that changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from moneyed import Money

from payments.admin import shown
from payments.gateway import accounts
from payments.intents.models import PaymentIntent
from payments.intents.selectors import Held
from payments.kernel import clock, money
from payments.ledger import postings
from payments.methods import catalogue
from payments.methods import selectors as methods
from payments.orders import selectors as order_selectors
from payments.orders.models import OrderLine
from payments.orders.states import derived
from refunds import policy, selectors
from refunds.models import Refund
from refunds.policy import Person
from refunds.selectors import Source
from refunds.services import limits, refunds
from reporting.admin import differences

ON_CARDS: Final = frozenset(["card", "apple_pay", "google_pay"])
CARDS: Final = gettext_lazy("5 to 10 business days after it is sent")
"""docs.stripe.com/refunds: the customer's bank decides when it shows it."""
OTHERS: Final = gettext_lazy("some days after it is sent; how many, their bank or wallet decides")


@dataclass(frozen=True)
class Reach:
    """What some payments can give back: `left` by their methods, and `stuck` with us, each with why."""

    left: Money
    stuck: Sequence[tuple[str, str]]
    sources: Sequence[Source]
    refunding: Money
    captured: Money
    disputed: Money


@dataclass(frozen=True)
class LineChoice:
    """A line of the order: how many of its units can go back, and if none, why. Amounts are minor units."""

    pk: str
    name: str
    sku: str
    quantity: int
    left: int
    taken: int
    taken_minor: int
    total_minor: int
    worth: str
    why: str

    @property
    def field(self) -> str:
        """Its field in the form."""
        return f"units_{self.pk}"


@dataclass(frozen=True)
class Effect:
    """A number that the refund changes, of this payment and of the whole order; `sign` is which way it counts."""

    name: str
    now: Money
    order_now: Money
    sign: int
    all_goes: Money

    @property
    def cells(self) -> tuple[str, str]:
        """Now, and after all of it has gone back, to be read."""
        return shown.amount(self.now), shown.amount(self.all_goes)

    @property
    def minor(self) -> tuple[int, int]:
        """Of the payment and of the order, for the page that follows what is chosen."""
        return money.to_minor(self.now), money.to_minor(self.order_now)


@dataclass(frozen=True)
class Xray:
    """What can be given back of a payment, and of its order where several payments paid that."""

    intent: PaymentIntent
    payment: Reach
    order_reach: Reach | None
    lines: Sequence[LineChoice]
    in_flight: Sequence[Refund]
    effects: Sequence[Effect]
    steps: Sequence[tuple[str, str]]
    notes: Sequence[str]
    order_status: str
    alone: int | None

    @property
    def currency(self) -> str:
        """The one currency of it all."""
        return self.intent.currency

    @property
    def exponent(self) -> int:
        """Its decimals."""
        return money.exponent(self.currency)

    @property
    def seen(self) -> str:
        """What is left, as the form brings it back."""
        whole = self.order_reach
        return f"{self.left_minor}/{money.to_minor(whole.left) if whole else ''}"

    @property
    def left_minor(self) -> int:
        """Minor units that this payment can give back."""
        return money.to_minor(self.payment.left)

    @property
    def order_left_minor(self) -> int:
        """The same of the whole order."""
        return money.to_minor(self.order_reach.left) if self.order_reach else self.left_minor

    @property
    def left_text(self) -> str:
        """What this payment can give back, to be read."""
        return shown.amount_text(self.payment.left)

    @property
    def order_left_text(self) -> str:
        """What the whole order can give back, to be read."""
        return shown.amount_text(self.order_reach.left) if self.order_reach else ""

    @property
    def in_parts(self) -> bool:
        """Whether any of its methods gives back less than all."""
        return any(_offer(one).partial_refund for one in self.payment.sources)

    @property
    def approval(self) -> str:
        """Whether somebody else is asked, as far as that is known before there is an amount."""
        if self.alone is None:
            return _("Nobody else is asked: your own word is enough for any amount.")
        most = shown.amount_text(money.from_minor(self.alone, self.currency))
        if not self.alone:
            return _("Whatever you ask for waits for a second person: your own limit allows nothing more now.")
        if self.alone >= self.order_left_minor:
            return _("Nobody else is asked: up to %(most)s go back on your own word now.") % {"most": most}
        return _("Up to %(most)s go back on your own word now. More than that waits for a second person.") % {
            "most": most
        }


def look(intent: PaymentIntent, person: Person) -> Xray:
    """Look through a payment before money goes back on this person's word. Read without locks: asking checks again."""
    order = intent.order
    payments = [Held(one, order) for one in order.intents.order_by("pk")] if order is not None else []
    payments = [one for one in payments if one.intent.amount_captured_minor]
    reach = _reach([Held(intent, order)])
    whole = _reach(payments) if len(payments) > 1 else None
    return Xray(
        intent=intent,
        payment=reach,
        order_reach=whole if whole is not None and whole.left > reach.left else None,
        lines=_lines(intent, whole or reach),
        in_flight=list(intent.refunds.filter(settled_at__isnull=True).order_by("pk")),
        effects=_effects(intent, reach, whole or reach),
        steps=_steps(reach),
        notes=_notes(intent, reach),
        order_status=_order_status(intent, reach.left),
        alone=limits.alone(limits.of_person(person), intent.currency),
    )


def arrival(method: str) -> str:
    """When customers see money that went back by a method, as the end of a sentence."""
    return str(CARDS if method in ON_CARDS else OTHERS)


def _offer(source: Source) -> catalogue.Offer:
    return methods.offer(source.attempt.method, source.attempt.account_id)


def _reach(payments: Sequence[Held]) -> Reach:
    able, stuck = [], []
    currency = payments[0].intent.currency
    for source in (one for payment in payments for one in selectors.sources(payment) if one.available):
        why = _why_not(source)
        if why:
            stuck.append((shown.amount_text(money.from_minor(source.available, currency)), why))
        else:
            able.append(source)
    sums = [
        money.from_minor(sum(minor), currency)
        for minor in (
            [one.available for one in able],
            [one.intent.amount_refunding_minor for one in payments],
            [one.intent.amount_captured_minor for one in payments],
            [one.intent.amount_disputed_minor for one in payments],
        )
    ]
    return Reach(sums[0], stuck, able, *sums[1:])


def _why_not(source: Source) -> str:
    """Why its method cannot give this money back any more; "" when it can."""
    name = catalogue.METHODS[source.attempt.method].name(get_language() or "en")
    if not _offer(source).refund:
        return _("%(name)s cannot give money back.") % {"name": name}
    end = refunds.window_end(source)
    if end is not None and clock.now() > end:
        return _("%(name)s gave money back until %(day)s for this payment.") % {
            "name": name,
            "day": f"{end.astimezone(UTC):%-d %b %Y}",
        }
    return ""


def _lines(intent: PaymentIntent, reach: Reach) -> list[LineChoice]:
    order = intent.order
    lines = order_selectors.lines([order])[order.pk] if order is not None else []
    taken = selectors.refunded_units(lines)
    return [_line(line, *taken[line.pk], reach) for line in lines]


def _line(line: OrderLine, taken: int, taken_minor: int, reach: Reach) -> LineChoice:
    left = max(line.quantity - taken, 0)
    next_one = policy.worth(line.amount_total, line.quantity, taken + 1) - taken_minor if left else 0
    why = ""
    if not left:
        why = _("All of it was given back, or is about to be.")
    elif not line.amount_total_minor:
        why = _("It cost nothing.")
    elif next_one > money.to_minor(reach.left):
        why = _("One costs more than is left: %(amount)s.") % {"amount": shown.amount_text(reach.left)}
    return LineChoice(
        pk=line.pk, name=line.name, sku=line.sku, quantity=line.quantity, left=left, taken=taken,
        taken_minor=taken_minor, total_minor=line.amount_total_minor, worth=shown.amount_text(line.amount_total),
        why=why,
    )  # fmt: skip


def _effects(intent: PaymentIntent, reach: Reach, whole: Reach) -> list[Effect]:
    left, order = reach.left, intent.order
    nothing = left - left
    told = [Effect(_("Captured"), reach.captured, whole.captured, 0, reach.captured)]
    if reach.disputed.amount or whole.disputed.amount:
        told.append(Effect(_("In dispute, or lost to one"), reach.disputed, whole.disputed, 0, reach.disputed))
    told += [
        Effect(_("Still refundable"), left, whole.left, -1, nothing),
        Effect(_("On its way back"), reach.refunding, whole.refunding, 1, reach.refunding + left),
    ]
    if order is not None:
        refunded = order.amount_refunded
        told.append(
            Effect(
                _("Order %(reference)s, refunded") % {"reference": order.reference},
                refunded,
                refunded,
                1,
                refunded + left,
            )
        )
    return told


def _order_status(intent: PaymentIntent, left: Money) -> str:
    order = intent.order
    if order is None:
        return ""
    after = order.amount_refunded_minor + money.to_minor(left)
    return shown.said(derived(order.amount_total_minor, order.amount_paid_minor, after))


def _steps(reach: Reach) -> list[tuple[str, str]]:
    """What is debited and credited, and out of which payout it comes."""
    return _booked([accounts.account(one.attempt.account_id).code for one in reach.sources], reach.left)


def _booked(codes: Sequence[str], amount: Money) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    steps = ((_("When it is sent"), postings.refund_sent), (_("When the PSP confirms"), postings.refund_succeeded))
    for code in dict.fromkeys(codes):
        for when, posting in steps:
            debit, credit = posting(code, amount)
            told.append(
                (
                    when,
                    _("%(debit)s is debited, %(credit)s is credited")
                    % {"debit": differences.in_words(debit.account), "credit": differences.in_words(credit.account)},
                )
            )
        told.append((_("Payout"), _("%(code)s takes it out of what it pays out next") % {"code": code}))
    return told


def _notes(intent: PaymentIntent, reach: Reach) -> list[str]:
    """What else whoever gives it back should know."""
    told = []
    for source in reach.sources:
        name, offer = catalogue.METHODS[source.attempt.method].name(get_language() or "en"), _offer(source)
        if not offer.partial_refund:
            told.append(_("%(name)s gives back all of it only.") % {"name": name})
        if not offer.multiple_refunds:
            told.append(_("%(name)s gives back once only: what is left afterwards cannot follow.") % {"name": name})
        if end := refunds.window_end(source):
            told.append(
                _("%(name)s gives this money back until %(day)s.")
                % {"name": name, "day": f"{end.astimezone(UTC):%-d %b %Y}"}
            )
        told.append(_("The customer sees it %(arrival)s.") % {"arrival": arrival(source.attempt.method)})
    if intent.order is not None and intent.order.shipping_amount_minor:
        shipping = shown.amount_text(money.from_minor(intent.order.shipping_amount_minor, intent.currency))
        told.append(_("Shipping of %(shipping)s is no line: give it back by amount.") % {"shipping": shipping})
    return list(dict.fromkeys(told))


@dataclass(frozen=True)
class Changes:
    """What a refund that waits would change: rows of name, now, after; and whether a person's limit covers it."""

    rows: Sequence[tuple[str, str, str]]
    steps: Sequence[tuple[str, str]]
    beyond: str


def changes(refund: Refund, person: Person) -> Changes:
    """The same look at a refund that was asked for: its amount is reserved, and somebody has to decide."""
    intent, order, amount = refund.intent, refund.intent.order, refund.amount
    left = selectors.refundable(intent)
    rows = [
        (_("Captured"), intent.amount_captured, intent.amount_captured),
        (_("Refunded of this payment"), intent.amount_refunded, intent.amount_refunded + amount),
        (_("On its way back, with this one"), intent.amount_refunding, intent.amount_refunding - amount),
        (_("Still refundable"), left, left),
    ]
    if intent.amount_disputed_minor:
        rows.insert(1, (_("In dispute, or lost to one"), intent.amount_disputed, intent.amount_disputed))
    told = [(name, shown.amount(now), shown.amount(after)) for name, now, after in rows]
    if order is not None:
        refunded = order.amount_refunded
        name = _("Order %(reference)s, refunded") % {"reference": order.reference}
        told.append((name, shown.amount(refunded), shown.amount(refunded + amount)))
        told.append((_("The order is"), shown.plain(order.status), _order_status(intent, amount)))
    alone = limits.alone(limits.of_person(person), refund.currency)
    most = "" if alone is None else shown.amount_text(money.from_minor(alone, refund.currency))
    return Changes(
        rows=told,
        steps=_booked([accounts.account(refund.account_id).code], amount),
        beyond=""
        if alone is None or refund.amount_minor <= alone
        else _("It is beyond your own limit as well: %(most)s go back on your word now. Somebody else decides.")
        % {"most": most},
    )
