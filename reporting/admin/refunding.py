"""The refund form: what a refund would do, and asking for it exactly once."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import IntegrityError
from moneyed import Money

from payments.admin import shown
from payments.gateway import accounts
from payments.intents import selectors as intent_selectors
from payments.intents.models import PaymentIntent
from payments.intents.services.refusals import IntentUnexpectedState
from payments.kernel import ids, money, unit
from payments.kernel.errors import Refusal
from payments.ledger import postings
from payments.orders.states import derived
from payments.rest import cards
from payments.rest.models import IdempotencyKey
from refunds import selectors
from refunds.models import Reason, Refund
from refunds.policy import Person
from refunds.services import refunds, refusals
from refunds.states import RefundStatus

OPERATION = "back_office.refund"


class RefundForm(forms.Form):
    """How much goes back, and why. The token makes a form that is sent twice one refund."""

    amount = forms.CharField(
        max_length=20, label="Amount", error_messages={"required": "Write how much goes back, or press “All”."}
    )
    reason = forms.ChoiceField(choices=[("", "Choose a reason"), *Reason.choices])
    note = forms.CharField(
        required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text="Colleagues read it later."
    )
    confirm_duplicate = forms.BooleanField(required=False, label="Yes, give the same amount back once more")
    token = forms.CharField(max_length=40, widget=forms.HiddenInput)

    def __init__(self, intent: PaymentIntent, data: Any = None) -> None:
        left = selectors.refundable(intent)
        super().__init__(data, initial={"token": ids.new("form")})
        self.intent = intent
        self.duplicate = False
        self.fields["amount"].help_text = f"Up to {shown.amount_text(left)}."
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "autocomplete": "off", "autofocus": True}

    def clean_amount(self) -> Money:
        """The amount; refuses what is no amount of the currency."""
        text = self.cleaned_data["amount"].strip()
        try:
            amount = money.parse(text, self.intent.currency)
        except Refusal as refusal:
            places = money.exponent(self.intent.currency)
            example = money.decimal_text(money.from_minor(1999, self.intent.currency))
            raise forms.ValidationError(f"Write it like {example}, with at most {places} decimals.") from refusal
        if amount.amount <= 0:
            raise forms.ValidationError("The amount must be more than nothing.")
        return amount

    def clean_note(self) -> str:
        """The note; a card number is refused here as by the API, for it would be kept."""
        note: str = self.cleaned_data["note"]
        if cards.look_like_number(note):
            raise forms.ValidationError("This looks like a card number, which is never written down here.")
        return note

    def draft(self) -> refunds.RefundDraft:
        """What is asked for."""
        amount = self.cleaned_data["amount"]
        return refunds.RefundDraft(
            payment_intent=self.intent.pk,
            amount=money.to_minor(amount),
            reason=self.cleaned_data["reason"],
            note=self.cleaned_data["note"],
            confirm_duplicate=self.cleaned_data["confirm_duplicate"],
        )


@dataclass(frozen=True)
class _Once:
    """Commits the form's token with the refund: the same form cannot commit another."""

    intent: PaymentIntent
    token: str

    def contribute(self, work: unit.Unit, result: object) -> None:
        """Add the key; the database refuses a second one, and with it the second refund."""
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        work.add(
            IdempotencyKey(
                client_id=self.intent.client_id,
                operation=OPERATION,
                key=self.token,
                body_hash=digest,
                object_id=result.pk,  # type: ignore[attr-defined]  # the refund that was made
            )
        )

    def earlier(self) -> Refund | None:
        """The refund that this form has made already."""
        keys = IdempotencyKey.objects.filter(client_id=self.intent.client_id, operation=OPERATION, key=self.token)
        made = keys.values_list("object_id", flat=True).first()
        return Refund.objects.get(pk=made) if made else None


def ask(form: RefundForm, person: Person) -> Refund | None:
    """Ask for the refund of a valid form; None when it is refused, with the reason beside its field."""
    once = _Once(form.intent, form.cleaned_data["token"])
    earlier = once.earlier()
    if earlier is not None:
        return earlier
    try:
        with unit.joined_by(once):
            return refunds.request_as(person, form.draft()).refund
    except IntegrityError:
        earlier = once.earlier()
        if earlier is None:
            raise
        return earlier
    except refusals.RefundDuplicateSuspected as refusal:
        form.duplicate = True
        form.add_error("confirm_duplicate", refusal.detail)
    except IntentUnexpectedState as refusal:
        form.add_error(None, refusal.detail)
    except Refusal as refusal:
        form.add_error(refusal.param if refusal.param in form.fields else "amount", refusal.detail)
    return None


def promise(made: Refund) -> str:
    """What will come of a refund that was asked for."""
    amount = money.text(made.amount)
    if made.status == RefundStatus.NEEDS_APPROVAL:
        return f"{amount} wait for a second person: {made.approval_reason}."
    if made.status == RefundStatus.HELD:
        return f"{amount} go back at {made.held_until:%H:%M:%S} UTC. Until then the refund can be taken back."
    return f"{amount} are on their way back. The timeline shows what comes of it."


@dataclass(frozen=True)
class Effect:
    """A number that the refund changes: before, and after it; `sign` is which way the amount counts."""

    name: str
    before: Money
    after: Money
    sign: int

    @property
    def before_text(self) -> str:
        """Before, to be read."""
        return shown.amount(self.before)

    @property
    def after_text(self) -> str:
        """After, to be read."""
        return shown.amount(self.after)

    @property
    def minor(self) -> int:
        """Before, in minor units, for the page that follows what is typed."""
        return money.to_minor(self.before)


@dataclass(frozen=True)
class Xray:
    """What can be given back, what is on its way, and what giving back all of it would change."""

    refundable: Money
    in_flight: list[Refund]
    refunding: Money
    refunded: Money
    captured: Money
    effects: list[Effect]
    ledger: list[tuple[str, str]]
    order_status: str
    exponent: int

    @property
    def captured_text(self) -> str:
        """Captured, to be read."""
        return shown.amount(self.captured)

    @property
    def all_text(self) -> str:
        """All that is left, to be read."""
        return shown.amount_text(self.refundable)

    @property
    def all_written(self) -> str:
        """All that is left, as it is written into the form."""
        return money.decimal_text(self.refundable)

    @property
    def refundable_minor(self) -> int:
        """Refundable, in minor units."""
        return money.to_minor(self.refundable)


def xray(intent: PaymentIntent) -> Xray:
    """Look through a payment before money goes back."""
    left, order = selectors.refundable(intent), intent.order
    effects = [
        Effect("Still refundable", left, left - left, -1),
        Effect("On its way back", intent.amount_refunding, intent.amount_refunding + left, 1),
    ]
    status = ""
    if order is not None:
        refunded = order.amount_refunded
        effects.append(Effect(f"Order {order.reference}, refunded", refunded, refunded + left, 1))
        after = order.amount_refunded_minor + money.to_minor(left)
        status = shown.plain(derived(order.amount_total_minor, order.amount_paid_minor, after))
    in_flight = list(intent.refunds.filter(settled_at__isnull=True).order_by("pk"))
    return Xray(
        refundable=left, in_flight=in_flight, refunding=intent.amount_refunding, refunded=intent.amount_refunded,
        captured=intent.amount_captured, effects=effects, ledger=_ledger(intent, left), order_status=status,
        exponent=money.exponent(intent.currency),
    )  # fmt: skip


def _ledger(intent: PaymentIntent, amount: Money) -> list[tuple[str, str]]:
    """The accounts that are debited (+) and credited (−): when it is sent, and when the PSP confirms it."""
    attempt = intent_selectors.latest_attempt(intent)
    if attempt is None or not amount.amount:
        return []
    code = accounts.account(attempt.account_id).code
    steps = (("When it is sent", postings.refund_sent), ("When the PSP confirms", postings.refund_succeeded))
    told = []
    for when, posting in steps:
        debit, credit = posting(code, amount)
        told.append((when, f"{debit.account} is debited, {credit.account} is credited"))
    return told
