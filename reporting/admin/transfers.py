"""Refunds by bank transfer: recorded by one person of finance, confirmed by another."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from moneyed import Money

from payments.admin import base, fresh, reasons, shown
from payments.intents.models import PaymentIntent
from payments.kernel import clock, money
from payments.kernel.attention import AttentionItem, Decision
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from payments.orders.states import derived
from refunds.models import BankTransfer
from refunds.services import transfers
from refunds.services.transfers import Owed

MAY_PROPOSE = "refunds.add_banktransfer"
MAY_DECIDE = "refunds.change_banktransfer"
TONES = {"waiting": "wait", "confirmed": "good", "withdrawn": "quiet", "came_back": "bad"}


def person(request: HttpRequest) -> str:
    """Who does it, as it is recorded."""
    return f"staff {request.user.get_username()}"[:80]


def _day(label: Any, help_text: Any) -> forms.DateField:
    return forms.DateField(label=label, help_text=help_text, widget=forms.DateInput(attrs={"type": "date"}))


class TransferForm(forms.Form):
    """What the bank has done: everything that the second person compares with the bank's statement."""

    amount = forms.CharField(max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    bank_account = forms.ChoiceField(label=gettext_lazy("From our bank account"))
    bank_reference = forms.CharField(
        max_length=80,
        min_length=3,
        validators=[reasons.no_card_number],
        help_text=gettext_lazy("As the bank's statement calls the transfer."),
    )
    value_date = _day(gettext_lazy("Value date"), gettext_lazy("The day on which it left the account."))
    because = reasons.reason_field(
        gettext_lazy("What is it for, and how did the customer tell us where to? No account numbers.")
    )
    because.label = gettext_lazy("Why")

    def __init__(self, owed: Owed, data: Any = None) -> None:
        self.currency = owed.source.attempt.currency
        left = money.from_minor(owed.left, self.currency)
        super().__init__(data, initial={"amount": money.decimal_text(left), "value_date": clock.now().date()})
        self.fields["amount"].help_text = _("Up to %(amount)s.") % {"amount": shown.amount_text(left)}
        known = transfers.bank_accounts(self.currency)
        self.fields["bank_account"].choices = [(code, code) for code in known]  # type: ignore[attr-defined]  # a choice
        if not known:
            self.fields["bank_account"].help_text = _("No bank account in %(currency)s is named in BANK_ACCOUNTS.") % {
                "currency": self.currency
            }

    def clean_amount(self) -> int:
        """Minor units; refuses what is no amount of the currency."""
        try:
            return money.to_minor(money.parse(self.cleaned_data["amount"].strip(), self.currency))
        except Refusal as refusal:
            example = money.decimal_text(money.from_minor(1999, self.currency))
            raise forms.ValidationError(_("Write it like %(example)s.") % {"example": example}) from refusal


class WithdrawForm(forms.Form):
    """Why it is not confirmed."""

    reason = reasons.reason_field(gettext_lazy("What is wrong with it? At least five letters; it is kept."))


class ReturnedForm(forms.Form):
    """When it was on our account again, and why."""

    day = _day(gettext_lazy("Came back on"), gettext_lazy("The day on which it was on our account again."))
    reason = reasons.reason_field(gettext_lazy("What does the bank say? At least five letters; it is kept."))


class DecisionFilter(admin.SimpleListFilter):
    """Whether the second person has said something."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [
            ("waiting", _("Waiting")),
            ("confirmed", _("Confirmed")),
            ("withdrawn", _("Withdrawn")),
            ("back", _("Came back")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The transfers that stand so."""
        match self.value():
            case "waiting":
                return queryset.filter(decision=Decision.WAITING)
            case "back":
                return queryset.filter(returned_on__isnull=False)
            case "confirmed" | "withdrawn" as decision:
                return queryset.filter(decision=decision)
        return queryset


def _stands(row: BankTransfer) -> str:
    state = "came_back" if row.returned_on else row.decision or "waiting"
    return shown.status(state, _("Waits for a second person") if state == "waiting" else "", tones=TONES)


TRANSFER_COLUMNS = (
    shown.Column("Transfer", lambda row, viewer: viewer.reference(row.pk)),
    shown.amount_of("refund.amount", "Amount"),
    shown.Column("State", lambda row, _: _stands(row)),
    shown.text_of("bank_reference", "Bank's reference"),
    shown.text_of("proposed_by", "Recorded by"),
    shown.text_of("decided_by", "Decided by"),
)


@admin.register(BankTransfer)
class BankTransferAdmin(base.ModelAdmin):
    """Money that finance has given back from a bank account, because no PSP could."""

    called = ("bank transfer", "bank transfers")
    columns = (
        shown.amount_of("refund.amount", "Amount"),
        shown.Column("State", lambda row, _: _stands(row)),
        shown.text_of("bank_account", "From"),
        shown.code_of("bank_reference", "Bank's reference"),
        shown.text_of("value_date", "Value date"),
        shown.text_of("proposed_by", "Recorded by"),
        shown.time_of("proposed_at", "Recorded"),
    )
    sections = (
        (
            "About",
            (
                *columns[2:],
                shown.said_of("because", "Why"),
                shown.reference_of("refund_id", "Refund"),
                shown.reference_of("refund.intent_id", "Payment"),
                shown.reference_of("refund.order_id", "Order"),
                shown.reference_of("item_id", "Settles"),
                shown.text_of("decided_by", "Decided by"),
                shown.time_of("decided_at", "Decided"),
                shown.said_of("decided_because", "Why not confirmed"),
                shown.text_of("returned_on", "Came back on"),
                shown.said_of("returned_because", "Why it came back"),
                shown.text_of("returned_by", "Recorded that it came back"),
            ),
        ),
    )
    list_select_related = ("refund",)
    list_filter = (DecisionFilter, base.CreatedFilter)
    ordering = (Case(When(decision="", then=0), default=1), "-pk")  # type: ignore[assignment]  # expressions too
    id_lookups = {"re": "refund", "attn": "item", "pi": "refund__intent", "ord": "refund__order_id"}
    search_help_text = "The bank's reference, or the id of a transfer, refund, payment or order"
    nothing_here = "Nothing was given back by bank transfer yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what stands on the bank's statement."""
        accounts = list(BankTransfer.objects.order_by().values_list("bank_account", flat=True).distinct())
        return Q(bank_account__in=accounts, bank_reference=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.refund.amount), _stands(row)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was done with it."""
        moves = StateChange.objects.filter(object_id=row.refund_id).order_by("pk")
        columns = (shown.time_of("at", "When"), shown.said_of("because", "What"), shown.text_of("by", "By whom"))
        return (shown.table("What was done", moves, columns, viewer, empty="Nothing yet."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Confirm or withdraw, while it waits; tell that it came back, once it has left."""
        if not base.from_role(request, MAY_DECIDE):
            return ()
        if row.decision == Decision.WAITING:
            mine = row.proposed_by == person(request)
            withdraw = shown.Doing("Withdraw", self.address_of("withdraw", row))
            return (
                (withdraw,) if mine else (shown.Doing("Confirm", self.address_of("confirm", row), main=True), withdraw)
            )
        if row.decision == Decision.CONFIRMED and row.returned_on is None:
            return (shown.Doing("It came back", self.address_of("returned", row)),)
        return ()

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what people say of a transfer."""
        new = path("new/", self.admin_site.admin_view(self.new), name="refunds_banktransfer_new")
        more = [self.route(name, getattr(self, name), name) for name in ("confirm", "withdraw", "returned")]
        return [new, *more, *super().get_urls()]

    # --- one person records

    def new(self, request: HttpRequest) -> HttpResponse:
        """Record what the bank has done, for a matter (`?item=`) or for a payment (`?payment=`)."""
        if not base.from_role(request, MAY_PROPOSE):
            raise PermissionDenied
        item, intent = request.GET.get("item"), request.GET.get("payment")
        about = (AttentionItem, item) if item else (PaymentIntent, intent)
        back = shown.address(*about) if about[1] else self.list_url()
        try:
            owed = transfers.look(item=item, payment_intent=intent)
        except (ObjectDoesNotExist, ValidationError):
            messages.warning(request, _("There is no such matter or payment. Start from its page."))
            return HttpResponseRedirect(self.list_url())
        except Refusal as refusal:
            messages.warning(request, refusal.detail)
            return HttpResponseRedirect(back)
        form = TransferForm(owed, request.POST or None)
        if form.is_valid():
            draft = transfers.TransferDraft(item=item, payment_intent=intent, **form.cleaned_data)
            row = self._propose(request, form, draft)
            if row is not None:
                return HttpResponseRedirect(shown.address(BankTransfer, row.pk))
        order = owed.payment.order
        what = order.reference if order is not None else owed.payment.intent.pk
        context = {"form": form, "owed": owed, "effects": _effects(owed), "what": what, "back": back,
                   "left": money.from_minor(owed.left, form.currency)}  # fmt: skip
        return self.page(request, "admin/transfer.html", _("Give it back by bank transfer"), context)

    def _propose(self, request: HttpRequest, form: TransferForm, draft: transfers.TransferDraft) -> BankTransfer | None:
        try:
            row = transfers.propose(draft, by=person(request))
        except Refusal as refusal:
            form.add_error(refusal.param if refusal.param in form.fields else "amount", refusal.detail)
            return None
        self.log_change(request, row, f"Recorded: {row.because}")
        messages.success(request, _("Recorded. It counts once another person of finance has confirmed it."))
        return row

    # --- another one confirms, or says why not

    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what was recorded beside what it does; on POST it is done."""
        row = self._waiting(request, object_id)
        ask = row if isinstance(row, HttpResponse) else fresh.required(request)
        if ask is not None:
            return ask
        if request.method == "POST":
            self._done(request, row, "Confirmed", lambda: transfers.confirm(row.pk, by=person(request)))
            return HttpResponseRedirect(shown.address(BankTransfer, row.pk))
        amount = shown.amount_text(row.refund.amount)
        effect = _(
            "%(proposed_by)s says: %(amount)s left %(bank_account)s on %(value_date)s as "
            "%(bank_reference)s. “%(because)s” Look at the bank's statement. If it stands there like "
            "that, confirm: %(amount)s of the payment count as refunded, and the ledger books them "
            "from order_clearing to bank/%(bank_account)s."
        ) % {
            "proposed_by": row.proposed_by,
            "amount": amount,
            "bank_account": row.bank_account,
            "value_date": row.value_date,
            "bank_reference": row.bank_reference,
            "because": row.because,
        }
        context = {"row": row, "effect": effect, "button": _("Confirm %(amount)s") % {"amount": amount}, "danger": True,
                   "what": str(row), "back": shown.address(BankTransfer, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Confirm a bank transfer"), context)

    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say why it is not confirmed; what was reserved is free again."""
        row = self._waiting(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = WithdrawForm(request.POST or None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            withdraw = lambda: transfers.withdraw(row.pk, because=reason, by=person(request))  # noqa: E731
            self._done(request, row, f"Withdrawn: {reason}", withdraw)
            return HttpResponseRedirect(shown.address(BankTransfer, row.pk))
        effect = _("It is taken for not made: its amount can be given back otherwise, and nothing is booked.")
        context = {"row": row, "form": form, "effect": effect, "button": _("Withdraw it"), "what": str(row),
                   "back": shown.address(BankTransfer, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Withdraw a bank transfer"), context)

    def returned(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record that the customer's bank has sent it back."""
        row = self._deciding(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = ReturnedForm(request.POST or None)
        if form.is_valid():
            said = form.cleaned_data
            came = lambda: transfers.returned(row.pk, on=said["day"], because=said["reason"], by=person(request))  # noqa: E731
            self._done(request, row, f"Came back: {said['reason']}", came)
            return HttpResponseRedirect(shown.address(BankTransfer, row.pk))
        effect = _(
            "%(amount)s are on %(bank_account)s again. The refund counts as come back, and a new "
            "matter asks finance for another way to the customer."
        ) % {"amount": shown.amount_text(row.refund.amount), "bank_account": row.bank_account}
        context = {"row": row, "form": form, "effect": effect, "button": _("It came back"), "what": str(row),
                   "back": shown.address(BankTransfer, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("A bank transfer came back"), context)

    def _deciding(self, request: HttpRequest, object_id: str) -> Any:
        if not base.from_role(request, MAY_DECIDE):
            raise PermissionDenied
        return self.row(request, object_id)

    def _waiting(self, request: HttpRequest, object_id: str) -> Any:
        """The row that waits, or the answer that somebody was quicker."""
        row = self._deciding(request, object_id)
        if isinstance(row, BankTransfer) and row.decision != Decision.WAITING:
            at = row.decided_at.astimezone(UTC) if row.decided_at else clock.now()
            messages.warning(
                request,
                _("%(decided_by)s has decided already at %(at)s UTC: %(decision)s. Nothing was changed.")
                % {
                    "decided_by": row.decided_by,
                    "decision": shown.within(shown.said(row.decision)),
                    "at": f"{at:%Y-%m-%d %H:%M:%S}",
                },
            )
            return HttpResponseRedirect(shown.address(BankTransfer, row.pk))
        return row

    def _done(self, request: HttpRequest, row: BankTransfer, words: str, act: Any) -> None:
        try:
            act()
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return
        self.log_change(request, row, words)
        messages.success(request, f"{words.partition(':')[0]}.")


def new_address(**what: str) -> str:
    """Where a transfer is recorded, for `item` or `payment`."""
    [(name, pk)] = what.items()
    return f"{reverse('admin:refunds_banktransfer_new')}?{name}={pk}"


def _effects(owed: Owed) -> list[tuple[str, str, str]]:
    """What giving back all of it changes: name, now, after."""
    intent, order = owed.payment.intent, owed.payment.order
    amount = money.from_minor(owed.left, intent.currency)
    told = [_effect(_("Refunded of this payment"), intent.amount_refunded, amount)]
    if order is not None:
        told.append(
            _effect(
                _("Refunded of order %(reference)s") % {"reference": order.reference}, order.amount_refunded, amount
            )
        )
        after = derived(order.amount_total_minor, order.amount_paid_minor, order.amount_refunded_minor + owed.left)
        told.append((_("The order is"), shown.plain(order.status), shown.plain(after)))
    return told


def _effect(name: str, before: Money, amount: Money) -> tuple[str, str, str]:
    return name, shown.amount(before), shown.amount(before + amount)
