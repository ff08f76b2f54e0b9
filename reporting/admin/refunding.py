"""The refund form: what a refund would do, and asking for it exactly once."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.db import IntegrityError, models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import reasons, shown
from payments.intents.models import PaymentIntent
from payments.intents.services.refusals import IntentUnexpectedState
from payments.kernel import ids, money, unit
from payments.kernel.errors import Refusal
from payments.rest.models import IdempotencyKey
from refunds.models import Reason, Refund
from refunds.policy import Person
from refunds.services import refunds, refusals
from refunds.states import RefundStatus
from reporting.admin import xray

OPERATION = "back_office.refund"


class By(models.TextChoices):
    """How it is said how much goes back."""

    LINES = "lines", "Lines of the order"
    AMOUNT = "amount", "An amount"
    ALL = "all", "All that is left"


class Scope(models.TextChoices):
    """Whose money goes back, where several payments paid one order."""

    PAYMENT = "payment", "This payment"
    ORDER = "order", "The whole order"


class RefundForm(forms.Form):
    """How much goes back, by lines, by amount or all that is left, and why.

    The token makes a form that is sent twice one refund; `seen` is what was left when it was opened.
    """

    scope = forms.ChoiceField(required=False, choices=Scope.choices, initial=Scope.PAYMENT, widget=forms.RadioSelect)
    by = forms.ChoiceField(required=False, choices=By.choices, initial=By.AMOUNT, widget=forms.RadioSelect)
    amount = forms.CharField(required=False, max_length=20, label=gettext_lazy("Amount"))
    reason = forms.ChoiceField(choices=[("", gettext_lazy("Choose a reason")), *Reason.choices])
    note = forms.CharField(
        required=False,
        max_length=500,
        validators=[reasons.no_card_number],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Colleagues read it later."),
    )
    confirm_duplicate = forms.BooleanField(
        required=False, label=gettext_lazy("Yes, give the same amount back once more")
    )
    token = forms.CharField(max_length=40, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)

    def __init__(self, look: xray.Xray, data: Any = None) -> None:
        by = By.AMOUNT if look.in_parts else By.ALL
        super().__init__(data, initial={"token": ids.new("form"), "seen": look.seen, "by": by})
        self.look, self.intent = look, look.intent
        self.duplicate = False
        self.fields["amount"].help_text = _("Up to %(amount)s.") % {"amount": shown.amount_text(look.payment.left)}
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}
        for line in look.lines:
            self.fields[line.field] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=line.left,
                label=_("Units of %(name)s") % {"name": line.name},
                disabled=bool(line.why),
            )

    def clean(self) -> dict[str, Any]:
        """What is asked for: minor units, or units of lines; a form that does not say by what is by amount."""
        said = self.cleaned_data
        said["units"] = {}
        try:
            match said.get("by") or By.AMOUNT:
                case By.LINES:
                    said["amount"], said["units"] = None, self._units()
                case By.ALL:
                    said["amount"] = self._all()
                case _:
                    said["amount"] = self._amount()
        except forms.ValidationError as error:
            by = said.get("by") or By.AMOUNT
            self.add_error("amount" if by == By.AMOUNT else "by", error)
        return said

    def _amount(self) -> int:
        text = self.cleaned_data.get("amount", "").strip()
        if not text:
            raise forms.ValidationError(_("Write how much goes back, or choose “All that is left”."))
        try:
            amount = money.parse(text, self.intent.currency)
        except Refusal as refusal:
            places = money.exponent(self.intent.currency)
            example = money.decimal_text(money.from_minor(1999, self.intent.currency))
            raise forms.ValidationError(
                _("Write it like %(example)s, with at most %(places)s decimals.")
                % {"example": example, "places": places}
            ) from refusal
        if amount.amount <= 0:
            raise forms.ValidationError(_("The amount must be more than nothing."))
        return money.to_minor(amount)

    def _all(self) -> int:
        """All that was left on the screen, and nothing else: what has changed since then is looked at again."""
        if self.cleaned_data.get("seen") != self.look.seen:
            left = shown.amount_text(self._reach.left)
            raise forms.ValidationError(
                _("Meanwhile something else was given back: %(left)s are left now. Look again.") % {"left": left}
            )
        return money.to_minor(self._reach.left)

    def _units(self) -> dict[str, int]:
        units = {line.pk: self.cleaned_data.get(line.field) or 0 for line in self.look.lines}
        if not any(units.values()) and not self.errors:
            raise forms.ValidationError(_("Say of at least one line how many units go back."))
        return {pk: many for pk, many in units.items() if many}

    @property
    def _reach(self) -> xray.Reach:
        whole = self.look.order_reach
        return whole if whole is not None and self.cleaned_data.get("scope") == Scope.ORDER else self.look.payment

    def draft(self) -> refunds.RefundDraft:
        """What is asked for."""
        said, of_order = self.cleaned_data, self._reach is not self.look.payment
        return refunds.RefundDraft(
            payment_intent=None if of_order else self.intent.pk,
            order=self.intent.order_id if of_order else None,
            amount=said["amount"],
            lines=said["units"],
            reason=said["reason"],
            note=said["note"],
            confirm_duplicate=said["confirm_duplicate"],
        )

    def refuse(self, refusal: Refusal) -> None:
        """Say beside its field why it cannot be."""
        where = refusal.param if refusal.param in ("note", "confirm_duplicate") else "amount"
        by_amount = (self.cleaned_data.get("by") or By.AMOUNT) == By.AMOUNT
        self.add_error("by" if where == "amount" and not by_amount else where, refusal.detail)

    @property
    def rows(self) -> list[tuple[xray.LineChoice, Any]]:
        """The order's lines with their fields."""
        return [(line, self[line.field]) for line in self.look.lines]


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
        form.refuse(refusal)
    return None


def undo_seconds() -> int:
    """For how long a refund can be taken back after it was asked for."""
    return int(settings.REFUND_UNDO.total_seconds())


def promise(made: Refund) -> str:
    """What will come of a refund that was asked for."""
    amount = money.text(made.amount)
    if made.status == RefundStatus.NEEDS_APPROVAL:
        return _("%(amount)s wait for a second person: %(approval_reason)s.") % {
            "amount": amount,
            "approval_reason": made.approval_reason,
        }
    if made.status == RefundStatus.HELD:
        return _("%(amount)s go back at %(held_until)s UTC. Until then the refund can be taken back.") % {
            "amount": amount,
            "held_until": f"{made.held_until:%H:%M:%S}",
        }
    return _("%(amount)s are on their way back. The timeline shows what comes of it.") % {"amount": amount}
