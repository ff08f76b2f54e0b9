"""What does not agree between books, PSPs and bank: by age and owner, with the evidence, and what is done about it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from payments.admin import base, fresh, reasons, shown
from payments.kernel import clock, money
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from reporting.admin import transfers
from reporting.models import Discrepancy
from reporting.services import discrepancies

MAY_ACT: Final = "reporting.change_discrepancy"
TONES: Final = {"open": "bad", "proposed": "wait", "settled": "good", "accepted": "quiet", "cleared": "quiet"}
LARGE: Final = ("Book it", "Accept as it is", "Agree")
"""What is said of money: above the limit of one person, only by who has just shown who they are."""
STATES: Final = {"proposed": gettext_lazy("Waits for a second person")}
HELP: Final = gettext_lazy("How do you know? At least five letters; everybody who looks later reads it.")
BOOKS: Final = {
    "order_clearing": gettext_lazy("What we owe the commerce side"),
    "psp_fees": gettext_lazy("Fees of the PSP"),
    "fee_tax": gettext_lazy("Tax on fees"),
    "dispute_fees": gettext_lazy("Fees for disputes"),
    "dispute_losses": gettext_lazy("Lost to disputes"),
    "fx_result": gettext_lazy("Gains and losses of conversion"),
    "bank_charges": gettext_lazy("Charges of banks"),
    "rounding": gettext_lazy("Rounding"),
    "suspense": gettext_lazy("Suspense: nobody knows yet"),
    "psp_reserve": gettext_lazy("Held back by the PSP"),
    "psp_receivable": gettext_lazy("What the PSP owes us"),
    "cash_in_transit": gettext_lazy("Payouts on their way"),
    "refunds_in_flight": gettext_lazy("Refunds on their way"),
}
"""The first part of an account's code, in words."""

Act = Callable[[HttpRequest, Discrepancy, dict[str, Any]], str]


class ReasonForm(forms.Form):
    """Why."""

    reason = reasons.reason_field(HELP)


class SettleForm(ReasonForm):
    """Where the difference belongs, and why."""

    counter = forms.ChoiceField(label=gettext_lazy("Where it belongs"))
    field_order = ("counter", "reason")

    def __init__(self, codes: Sequence[str], data: Any = None) -> None:
        super().__init__(data)
        self.fields["counter"].choices = [(code, in_words(code)) for code in codes]  # type: ignore[attr-defined]  # a choice


def in_words(code: str) -> str:
    """An account of the ledger for people: What the PSP owes us (psp_receivable/stripe-us)."""
    return f"{BOOKS.get(code.partition('/')[0]) or _('Account')} ({code})"


class StateFilter(admin.SimpleListFilter):
    """Differences that still need a person, and whose they are."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("open", _("Open")), ("mine", _("Open and mine")), ("nobody", _("Open and nobody's")),
                ("second", _("Waits for a second person")), ("closed", _("Closed"))]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The differences that stand so."""
        chosen, still = self.value(), Q(status__in=("open", "proposed"))
        found = {
            "open": still,
            "mine": still & Q(taken_by=transfers.person(request)),
            "nobody": still & Q(taken_by=""),
            "second": Q(status="proposed"),
            "closed": ~still,
        }
        return queryset if chosen not in found else queryset.filter(found[chosen])


def age(row: Discrepancy) -> str:
    """How long ago it happened, while it is open; else how long it took."""
    hours = int(((row.closed_at or clock.now()) - row.since).total_seconds() // 3600)
    return (
        f"{hours}\N{NO-BREAK SPACE}h" if hours < 48 else _("%(hours)s\N{NO-BREAK SPACE}days") % {"hours": hours // 24}
    )


def _amount(row: Discrepancy) -> object:
    return shown.amount(row.amount) if row.amount_minor else shown.NOTHING


COLUMNS: Final = (
    shown.choice_of("kind", "Difference"),
    shown.Column("State", lambda row, _: shown.status(row.status, STATES.get(row.status, ""), tones=TONES)),
    shown.Column("They say more by", lambda row, _: _amount(row), right=True),
    shown.linked("account", "Provider account"),
    shown.Column("Age", lambda row, _: age(row), right=True),
    shown.text_of("taken_by", "Looked after by"),
)
MOVES: Final = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.said(row.from_state)} → {shown.said(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)
TRANSFER: Final = (
    shown.Column("Debit", lambda row, _: in_words(row["debit"])),
    shown.Column("Credit", lambda row, _: in_words(row["credit"])),
    shown.Column(
        "Amount", lambda row, _: shown.amount(money.from_minor(row["amount_minor"], row["currency"])), right=True
    ),
)


def _evidence(row: Discrepancy, viewer: shown.Viewer) -> Sequence[shown.Table]:
    """What both sides say: single facts, and the PSP's lines."""
    facts = {name: value for name, value in row.evidence.items() if name not in ("lines", "currency", "gross_currency")}
    order = [*FACTS, *facts]
    said = [(name, facts[name], row) for name in sorted(facts, key=order.index) if facts[name] not in ("", None)]
    lines = row.evidence.get("lines", ())
    told = [shown.table("The PSP's lines", list(lines), TOLD, viewer, empty="None.")] if lines else []
    return (shown.table("The evidence", said, SAID, viewer, empty="There is nothing but the lines."), *told)


def _fact(fact: tuple[str, Any, Discrepancy], viewer: shown.Viewer) -> object:
    name, value, row = fact
    if name.endswith("_minor") and isinstance(value, int):
        currency = row.evidence.get("gross_currency", row.currency) if name == "gross_minor" else row.currency
        return shown.minor(value, currency)
    return (
        viewer.reference(value) if name in ("line", "ours", "movement", "tie_out") else shown.masked(str(value), viewer)
    )


def _of_line(name: str, title: str, currency: str = "currency") -> shown.Column:
    return shown.Column(title, lambda line, _: shown.minor(line[f"{name}_minor"], line[currency]), right=True)


FACTS: Final = {
    "booked_minor": gettext_lazy("We have booked"),
    "told_minor": gettext_lazy("The PSP has settled"),
    "expected_minor": gettext_lazy("At its rate"),
    "charged_minor": gettext_lazy("The PSP has charged"),
    "agreed_minor": gettext_lazy("The contract says"),
    "fixed_minor": gettext_lazy("Of that fixed"),
    "percent": gettext_lazy("Of that per cent"),
    "gross_minor": gettext_lazy("Paid by the customer"),
    "payout_minor": gettext_lazy("The payout"),
    "lines_minor": gettext_lazy("Its lines"),
    "here_minor": gettext_lazy("In this batch"),
    "there_minor": gettext_lazy("In the other batch"),
    "net_minor": gettext_lazy("Settled, less fees"),
    "fee_minor": gettext_lazy("Fee"),
    "word": gettext_lazy("The PSP's word"),
    "of": gettext_lazy("When"),
    "line": gettext_lazy("Its line"),
    "ours": gettext_lazy("Our reference"),
    "payment": gettext_lazy("Payment at the PSP"),
    "movement": gettext_lazy("Movement"),
    "tie_out": gettext_lazy("The tie-out"),
    "end_to_end": gettext_lazy("End-to-end reference"),
    "due_on": gettext_lazy("Due on"),
}
"""What single facts are called, where their names do not say it."""

SAID: Final = (
    shown.Column("What", lambda fact, _: FACTS.get(fact[0]) or shown.said(fact[0])),
    shown.Column("Says", _fact, right=True),
)
TOLD: Final = (
    shown.Column("Line", lambda line, viewer: viewer.reference(line["line"])),
    shown.Column("PSP's word", lambda line, _: line["word"]),
    shown.Column("When (UTC)", lambda line, _: shown.moment(datetime.fromisoformat(line["of"]))),
    _of_line("gross", gettext_noop("Paid by the customer"), "gross_currency"),
    _of_line("fee", gettext_noop("Fee")),
    _of_line("net", gettext_noop("Settled, less fees")),
)


@admin.register(Discrepancy)
class DiscrepancyAdmin(base.ModelAdmin):
    """Something that books, PSP and bank do not agree about."""

    called = ("difference", "differences")
    columns = (*COLUMNS, shown.reference_of("subject_id", "About"))
    sections = (
        (
            "What does not agree",
            (
                shown.said_of("detail", "What is known"),
                shown.reference_of("subject_id", "About"),
                *COLUMNS[1:],
                shown.time_of("since", "Happened"),
                shown.time_of("opened_at", "Found"),
                shown.choice_of("wanted", "What was said of it"),
                shown.said_of("settled_because", "Why"),
                shown.text_of("settled_by", "Said by"),
                shown.text_of("approved_by", "Agreed by"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = (StateFilter, "kind", "account")
    ordering = (Case(When(status__in=("open", "proposed"), then=0), default=1), "since", "pk")  # type: ignore[assignment]  # expressions too
    id_lookups = dict.fromkeys(("cap", "re", "dpm", "sl", "po", "st", "bl"), "subject_id")
    search_help_text = "Id of a difference, or of what it is about"
    nothing_here = "Nothing differs: books, PSPs and bank agree."

    def heading(self, row: Any, viewer: shown.Viewer) -> str:  # noqa: ARG002  the base's
        """The words on top."""
        return str(shown.said(row.get_kind_display()))

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What it is, and how much."""
        return (
            shown.joined((shown.said(row.get_kind_display()), _amount(row)), ": ")
            if row.amount_minor
            else self.heading(row, _viewer)
        )

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The transfer that would settle it, and what was done."""
        settles = _("What was booked") if row.status == "settled" else _("What would settle it")
        proposal = [row.proposal] if row.proposal else []
        moves = StateChange.objects.filter(object_id=row.pk).order_by("at", "pk")
        nothing = _("Nothing is to be booked: it is explained and accepted, or cleared by what comes later.")
        return (
            *_evidence(row, viewer),
            shown.table(settles, proposal, TRANSFER, viewer, empty=nothing),
            shown.table("What happened", moves, MOVES, viewer, empty="Nobody has done anything about it yet."),
        )

    # --- what this person may do

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """What is offered to this person, and nothing that would be refused."""
        if not base.from_role(request, MAY_ACT) or row.closed_at is not None:
            return ()
        me = transfers.person(request)
        if row.status == "proposed":
            offers = [("approve", _("Agree"), True)] if row.settled_by != me else []
            offers.append(("withdraw", _("Withdraw what was said"), False))
        else:
            offers = [("settle", _("Book it"), True)] if discrepancies.counters(row) else []
            offers.append(("accept", _("Accept as it is"), not offers))
        if row.taken_by != me:
            offers.append(("take", _("I look after it"), False))
        return [shown.Doing(words, self.address_of(name, row), main=main) for name, words, main in offers]

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what people do about a difference."""
        names = ("take", "settle", "accept", "approve", "withdraw")
        return [*(self.route(name, getattr(self, name), name) for name in names), *super().get_urls()]

    def take(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put one's name on it."""

        def act(request: HttpRequest, row: Discrepancy, _said: dict[str, Any]) -> str:
            discrepancies.take(row.pk, by=transfers.person(request))
            return _("You look after it.")

        return self._asked(request, object_id, (gettext_lazy("I look after it"), _("Your name stands on it.")), act)

    def settle(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say where it belongs; it is booked."""

        def act(request: HttpRequest, row: Discrepancy, said: dict[str, Any]) -> str:
            by = transfers.person(request)
            done = discrepancies.settle(row.pk, said["counter"], because=said["reason"], by=by)
            return _("Booked.") if done.status == "settled" else _("Another person has to agree; then it is booked.")

        return self._asked(
            request,
            object_id,
            (gettext_lazy("Book it"), _("It moves to the account that you choose.")),
            act,
            SettleForm,
        )

    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say why it stays as it is."""

        def act(request: HttpRequest, row: Discrepancy, said: dict[str, Any]) -> str:
            done = discrepancies.accept(row.pk, because=said["reason"], by=transfers.person(request))
            return _("Accepted.") if done.status == "accepted" else _("Another person has to agree.")

        return self._asked(
            request, object_id, (gettext_lazy("Accept as it is"), _("Nothing is booked.")), act, ReasonForm
        )

    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Agree to what somebody else has said."""

        def act(request: HttpRequest, row: Discrepancy, _said: dict[str, Any]) -> str:
            discrepancies.approve(row.pk, by=transfers.person(request))
            return _("Agreed, and done.")

        return self._asked(
            request, object_id, (gettext_lazy("Agree"), _("It is done as the other person has said.")), act
        )

    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It is open again."""

        def act(request: HttpRequest, row: Discrepancy, said: dict[str, Any]) -> str:
            discrepancies.withdraw(row.pk, because=said["reason"], by=transfers.person(request))
            return _("Withdrawn: it is open again.")

        return self._asked(
            request, object_id, (gettext_lazy("Withdraw what was said"), _("It is open again.")), act, ReasonForm
        )

    def _asked(
        self, request: HttpRequest, object_id: str, offered: tuple[Any, str], act: Act, form_class: Any = None
    ) -> HttpResponse:
        """Say what it does, ask for what is needed, and do it on POST."""
        if not base.from_role(request, MAY_ACT):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        words, effect = offered
        large = shown.english(words) in LARGE and discrepancies.needs_two(row)
        if large and (ask := fresh.required(request)) is not None:
            return ask
        form = self._form(form_class, row, request.POST or None)
        back = shown.address(Discrepancy, row.pk)
        if request.method == "POST" and (form is None or form.is_valid()):
            given = {} if form is None else form.cleaned_data
            logged = f"{shown.english(words)}: {given.get('reason', '')}".removesuffix(": ")
            self._done(request, row, logged, lambda: act(request, row, given))
            return HttpResponseRedirect(back)
        two = _(" It is above what one person settles: another has to agree.") if discrepancies.needs_two(row) else ""
        context = {"row": row, "form": form, "effect": self._effect(row, effect) + (two if form else ""),
                   "button": words, "what": shown.said(row.get_kind_display()), "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", words, context)

    @staticmethod
    def _form(form_class: Any, row: Discrepancy, data: Any) -> Any:
        if form_class is SettleForm:
            return SettleForm(discrepancies.counters(row), data)
        return None if form_class is None else form_class(data)

    @staticmethod
    def _effect(row: Discrepancy, effect: str) -> str:
        if row.status != "proposed":
            return effect
        return _("%(person)s wants: %(action)s. “%(because)s” %(does)s") % {
            "person": row.settled_by,
            "action": shown.said(row.get_wanted_display()),
            "because": row.settled_because,
            "does": effect,
        }

    def _done(self, request: HttpRequest, row: Discrepancy, words: str, act: Callable[[], str]) -> None:
        try:
            said = act()
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return
        self.log_change(request, row, words)
        messages.success(request, said)
