"""Refunds by bank transfer, where no PSP can give the money back: one person records it, another one confirms it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Sum

from payments.gateway.switches import AnotherPersonNeeded
from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture, PaymentIntent
from payments.intents.selectors import Held as HeldPayment
from payments.kernel import attention, audit, clock, ids, money, unit
from payments.kernel.attention import AttentionItem, AttentionKind, Decision
from payments.methods import catalogue
from payments.methods import selectors as methods
from refunds import selectors
from refunds.models import BankTransfer, Dispute, Origin, Reason, Refund, RefundLine
from refunds.selectors import Held, Source
from refunds.services import moves, refusals
from refunds.states import LIVING, RefundStatus

SETTLES: Final = (AttentionKind.OVERPAYMENT, AttentionKind.REFUND_BOUNCED)
"""The matters that a bank transfer ends."""

DISPUTED_THERE: Final = "refund_payment_disputed"
NOTHING_LEFT: Final = "Nothing is left to give back: it has gone, or waits to be confirmed."
CAME_TO_NOTHING: Final = (RefundStatus.FAILED, RefundStatus.CANCELED_AT_PSP, RefundStatus.BOUNCED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDraft:
    """What finance writes down of a transfer that the bank has made; `amount` is minor units.

    It settles a matter (`item`), or gives back what a payment (`payment_intent`) cannot give back otherwise.
    """

    item: str | None = None
    payment_intent: str | None = None
    amount: int
    bank_account: str
    bank_reference: str
    value_date: date
    because: str


@dataclass(frozen=True, slots=True)
class Owed:
    """Up to `left` minor units can be given back of one attempt's money by bank transfer, and why by that."""

    source: Source
    left: int
    why: str
    item: AttentionItem | None = None
    instead_of: Refund | None = None

    @property
    def payment(self) -> HeldPayment:
        """The payment, held, with the attempt that took the money."""
        return HeldPayment(self.source.payment.intent, self.source.payment.order, self.source.attempt)


def bank_accounts(currency: str) -> list[str]:
    """The codes of our bank accounts in a currency."""
    return [code for code, of in settings.BANK_ACCOUNTS.items() if of == currency]


def possible(intent: PaymentIntent) -> bool:
    """Whether some of a payment's money is with us that its method cannot give back; read, without a lock."""
    payment = HeldPayment(intent, intent.order)
    return any(source.available and why_by_bank(source) for source in selectors.sources(payment))


def look(*, item: str | None = None, payment_intent: str | None = None) -> Owed:
    """What could be given back now; refuses as `propose` does."""
    with unit.work():
        return _owed(item, payment_intent)


def propose(draft: TransferDraft, *, by: str) -> BankTransfer:
    """Put a transfer on record that the bank has made, and reserve its amount until a second person confirms it.

    Saying the same twice is saying it once: a form that is sent again gets the transfer that it has made. Refuses what
    cannot be (`TransferInvalid`), another transfer of the same reference (`TransferRecordedAlready`), what the payment
    method can still give back (`TransferNotNeeded`), and more than is left.
    """
    _refuse_unless_clear(draft)
    earlier = _recorded(draft)
    if earlier is None:
        try:
            return _propose(draft, by)
        except (IntegrityError, refusals.RefundNothingToRefund):
            earlier = _recorded(draft)  # by somebody in this very moment
            if earlier is None:
                raise
    if (earlier.proposed_by, earlier.refund.amount_minor, earlier.value_date, earlier.because) != (
        by,
        draft.amount,
        draft.value_date,
        draft.because,
    ):
        raise refusals.TransferRecordedAlready(
            f"The transfer {draft.bank_reference} of {draft.bank_account} is on record already.", param="bank_reference"
        )
    return earlier


def _recorded(draft: TransferDraft) -> BankTransfer | None:
    rows = BankTransfer.objects.filter(bank_account=draft.bank_account, bank_reference=draft.bank_reference)
    return rows.exclude(decision=Decision.WITHDRAWN).select_related("refund").first()


def _propose(draft: TransferDraft, by: str) -> BankTransfer:
    with unit.work() as work:
        owed = _owed(draft.item, draft.payment_intent)
        _refuse_unless_it_fits(draft, owed)
        facts = {"reason": _reason(owed), "note": draft.because, "origin": Origin.BANK, "requested_by": by}
        held = moves.begin(owed.payment, draft.amount, _lines(owed, draft.amount), **facts)
        moves.propose(held, because=f"{draft.bank_account} {draft.bank_reference}: {draft.because}", by=by)
        row = BankTransfer(
            id=ids.new("bt"),
            refund=held.refund,
            item=owed.item,
            bank_account=draft.bank_account,
            bank_reference=draft.bank_reference,
            value_date=draft.value_date,
            because=draft.because,
            proposed_by=by,
            proposed_at=clock.now(),
        )
        work.add(row)
        audit.did("bank_transfer.recorded", row.pk, because=draft.because)
    return row


def confirm(transfer_id: str, *, by: str) -> BankTransfer:
    """The second person: it has left the bank. Ledger, payment, order, matter and event follow in one commit."""
    with unit.work():
        held, row = _held(transfer_id)
        _refuse_decided(row)
        if by == row.proposed_by:
            raise AnotherPersonNeeded("Who recorded a transfer does not confirm it: somebody else of finance does.")
        row.change(decision=Decision.CONFIRMED, decided_by=by, decided_at=clock.now())
        because = f"{row.bank_account} {row.bank_reference}, recorded by {row.proposed_by}, confirmed by {by}"
        moves.transfer(held, row.bank_account, value_date=row.value_date, because=because, by=by)
        _settle_item(row, held, by)
        audit.did("bank_transfer.confirmed", row.pk, because=because)
    return row


def withdraw(transfer_id: str, *, because: str, by: str) -> BankTransfer:
    """It was recorded by mistake, or the second person disagrees: what was reserved is free again."""
    with unit.work():
        held, row = _held(transfer_id)
        _refuse_decided(row)
        row.change(decision=Decision.WITHDRAWN, decided_by=by, decided_because=because, decided_at=clock.now())
        moves.withdraw(held, because=because, by=by)
        audit.did("bank_transfer.withdrawn", row.pk, because=because)
    return row


def returned(transfer_id: str, *, on: date, because: str, by: str) -> BankTransfer:
    """The customer's bank has sent it back on that day: the money is ours again, owed, and a matter for finance."""
    with unit.work():
        held, row = _held(transfer_id)
        if row.decision != Decision.CONFIRMED or row.returned_on is not None:
            raise refusals.TransferDecidedAlready("Only a confirmed transfer comes back, and once.")
        _refuse_day(on, row.value_date, param="returned_on")
        row.change(returned_by=by, returned_because=because, returned_on=on)
        moves.give_up_transfer(held, row.bank_account, returned_on=on, because=because, by=by)
        audit.did("bank_transfer.returned", row.pk, because=because)
    return row


def _held(transfer_id: str) -> tuple[Held, BankTransfer]:
    held = selectors.hold(BankTransfer.objects.values_list("refund_id", flat=True).get(pk=transfer_id))
    row = BankTransfer.objects.select_for_update(of=("self",)).select_related("item").get(pk=transfer_id)
    return held, row


def _refuse_decided(row: BankTransfer) -> None:
    if row.decision != Decision.WAITING:
        raise refusals.TransferDecidedAlready(
            f"{row.decided_by} has {row.decision} it at {row.decided_at:%Y-%m-%d %H:%M:%S} UTC."
        )


# --- what is owed ---------------------------------------------------------------------------------------------------


def _owed(item_id: str | None, intent_id: str | None) -> Owed:
    """With the payment locked: what a transfer may give back, and why."""
    if item_id is not None:
        return _owed_for(AttentionItem.objects.get(pk=item_id))
    payment = intent_selectors.hold(str(intent_id))
    unable = [(source, why) for source in selectors.sources(payment) if (why := why_by_bank(source))]
    for source, why in unable:
        if source.available:
            item = _open_item(source)
            return _owed_by(item, source) if item is not None else Owed(source, source.available, why)
    if unable:
        raise refusals.RefundNothingToRefund(NOTHING_LEFT)
    raise refusals.TransferNotNeeded(
        "There is nothing of this payment that its method could not give back: refund it the usual way."
    )


def _owed_for(item: AttentionItem) -> Owed:
    if item.kind not in SETTLES:
        raise refusals.TransferNotNeeded("No bank transfer settles this matter.")
    attempt_id, _, _ = _about(item)
    payment = intent_selectors.hold_with_attempt(attempt_id)
    item = AttentionItem.objects.select_for_update().get(pk=item.pk)
    if item.closed_at is not None:
        raise refusals.TransferDecidedAlready(f"{item.closed_by} has closed this matter: {item.closed_because}.")
    source = next((one for one in selectors.sources(payment) if one.attempt.pk == attempt_id), None)
    if source is None:
        raise refusals.RefundNothingToRefund("No money of this payment is with us: nothing can be given back.")
    return _owed_by(item, source)


def _owed_by(item: AttentionItem, source: Source) -> Owed:
    _, most, instead_of = _about(item)
    gone = instead_of is not None and _disputed_there(instead_of)
    left = 0 if gone else max(0, min(most - _transferred(item), source.available))
    return Owed(source, left, f"{item.detail}{_refunded_since(item, source)}", item, instead_of)


def _refunded_since(item: AttentionItem, source: Source) -> str:
    """What the PSP has given back of the same money since the matter began: it may have settled it already."""
    rows = Refund.objects.filter(attempt=source.attempt, created_at__gte=item.opened_at, status__in=LIVING)
    minor = rows.exclude(origin=Origin.BANK).aggregate(sum=Sum("amount_minor"))["sum"]
    if not minor:
        return ""
    text = money.text(money.from_minor(int(minor), source.attempt.currency))
    return f". Since then {text} of this payment were refunded otherwise: pay only what that was not meant for."


def _about(item: AttentionItem) -> tuple[str, int, Refund | None]:
    """The attempt whose money it is about, how much of it (minor units), and the refund that came to nothing."""
    if item.object_id.startswith("cap_"):
        capture = Capture.objects.get(pk=item.object_id)
        return capture.attempt_id, item.amount_minor or capture.amount_minor, None
    refund = Refund.objects.get(pk=item.object_id)
    return refund.attempt_id, refund.amount_minor, refund


def _transferred(item: AttentionItem) -> int:
    """What transfers for this matter have given back, or reserve for it."""
    alive = Refund.objects.filter(transfer__item=item, status__in=(RefundStatus.PROPOSED, RefundStatus.SUCCEEDED))
    return int(alive.aggregate(sum=Sum("amount_minor"))["sum"] or 0)


def _open_item(source: Source) -> AttentionItem | None:
    """The open matter that this money is about, if there is one: whoever pays settles it."""
    attempt = source.attempt
    about = [
        *Capture.objects.filter(attempt=attempt).values_list("pk", flat=True),
        *Refund.objects.filter(attempt=attempt).values_list("pk", flat=True),
    ]
    rows = AttentionItem.objects.filter(kind__in=SETTLES, object_id__in=about, closed_at__isnull=True)
    return rows.order_by("opened_at").first()


def why_by_bank(source: Source) -> str:
    """Why the PSP cannot give this money back; "" when it can."""
    attempt = source.attempt
    method = catalogue.METHODS.get(attempt.method)
    name = method.names["en"] if method is not None else attempt.method
    if not methods.offer(attempt.method, attempt.account_id).refund:
        return f"{name} cannot give money back."
    window = method.refund_window_days if method is not None else None
    if window is not None and clock.now() - source.captured_at > timedelta(days=window):
        return f"{name} gives money back within {window} days, and those are over."
    last = Refund.objects.filter(attempt=attempt).exclude(origin=Origin.BANK).order_by("-id").first()
    if last is not None and last.status in CAME_TO_NOTHING and not _disputed_there(last):
        return f"The last refund of it came to nothing: {last.failure_reason.replace('_', ' ') or last.status}."
    return ""


def _disputed_there(refund: Refund) -> bool:
    """The PSP gives nothing back for a dispute of which it has not told us yet: the money is no longer with us."""
    said = refund.failure_reason == DISPUTED_THERE
    return said and not Dispute.objects.filter(attempt=refund.attempt_id).exists()


# --- what is refused ------------------------------------------------------------------------------------------------


def _refuse_unless_clear(draft: TransferDraft) -> None:
    if draft.bank_account not in settings.BANK_ACCOUNTS:
        raise refusals.TransferInvalid(f"We have no bank account {draft.bank_account}.", param="bank_account")
    if not 3 <= len(draft.bank_reference.strip()) <= 80:
        raise refusals.TransferInvalid("Write how the bank calls it: 3 to 80 letters.", param="bank_reference")
    if not 5 <= len(draft.because.strip()) <= 200:
        raise refusals.TransferInvalid("Say why, in 5 to 200 letters.", param="because")


def _refuse_unless_it_fits(draft: TransferDraft, owed: Owed) -> None:
    currency = owed.source.attempt.currency
    if settings.BANK_ACCOUNTS[draft.bank_account] != currency:
        held = settings.BANK_ACCOUNTS[draft.bank_account]
        raise refusals.TransferInvalid(
            f"{draft.bank_account} holds {held}, and the payment is in {currency}.", param="bank_account"
        )
    _refuse_day(draft.value_date, owed.source.captured_at.date(), param="value_date")
    if owed.left <= 0 or draft.amount <= 0:
        raise refusals.RefundNothingToRefund(NOTHING_LEFT)
    if draft.amount > owed.left:
        text = money.text(money.from_minor(owed.left, currency))
        raise refusals.RefundExceedsRefundable(f"{text} can be given back.", param="amount", refundable=owed.left)


def _refuse_day(day: date, earliest: date, *, param: str) -> None:
    tomorrow = clock.now().date() + timedelta(days=1)  # where it is tomorrow already
    if not earliest <= day <= tomorrow:
        raise refusals.TransferInvalid(f"The day is between {earliest} and today.", param=param)


def _reason(owed: Owed) -> str:
    if owed.instead_of is not None:
        return owed.instead_of.reason
    return Reason.DUPLICATE if owed.item is not None else Reason.OTHER


def _lines(owed: Owed, amount: int) -> Sequence[RefundLine]:
    """The order's lines that the refund which came to nothing stood for, where they can be given back again."""
    if owed.instead_of is None or amount != owed.instead_of.amount_minor:
        return ()
    old = list(RefundLine.objects.filter(refund=owed.instead_of).select_related("line"))
    taken = selectors.refunded_units([one.line for one in old])
    if any(taken[one.line_id][0] + one.quantity > one.line.quantity for one in old):
        return ()
    return [
        RefundLine(line=one.line, quantity=one.quantity, currency=one.currency, amount_minor=one.amount_minor)
        for one in old
    ]


def _settle_item(row: BankTransfer, held: Held, by: str) -> None:
    """The matter is settled once nothing of its money is left with us; what still waits for a second person is."""
    item = row.item
    if item is None:
        return
    _, most, _ = _about(item)
    sources = selectors.sources(held.payment)
    left = sum(one.available for one in sources if one.attempt.pk == held.refund.attempt_id)
    waiting = BankTransfer.objects.filter(item=item, decision="").exclude(pk=row.pk).exists()
    if not waiting and (_transferred(item) >= most or not left):
        because = f"{money.text(held.refund.amount)} by bank transfer {row.bank_reference} from {row.bank_account}"
        attention.close_items(item.object_id, because=because, by=by, kind=AttentionKind(item.kind))
