"""Refunds: found and read, taken back, approved and rejected; they are asked for on the page of their payment."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold import widgets

from payments.admin import base, shown
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from refunds import selectors
from refunds.models import Origin, Refund, RefundLimit, RefundLine
from refunds.services import approvals, limiting, refunds
from refunds.states import REFUND, LimitStatus

LINE_COLUMNS = (
    shown.reference_of("line_id", "Order line"),
    shown.number_of("quantity", "Units"),
    shown.amount_of("amount"),
)
CALL_COLUMNS = (
    shown.Column("Call", lambda row, viewer: viewer.link(row, row.kind)),
    shown.status_of("verdict", "Answer"),
    shown.time_of("sent_at", "Sent"),
    shown.code_of("provider_reference", "PSP's reference"),
)
CHANGE_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


MAY_REFUND, MAY_DECIDE = "refunds.add_refund", "refunds.approve_refund"

DOINGS: Final[Mapping[str, tuple[str, str, str]]] = {
    "cancel": ("Take back", MAY_REFUND, "Nothing goes back. The amount, and the lines, can be refunded again."),
    "approve": ("Approve", MAY_DECIDE, "The money goes back by your word, and counts against your limit. It is held for"
                " a moment, in which it can be taken back."),
    "reject": ("Reject", MAY_DECIDE, "Nothing goes back. Whoever asked for it reads the reason."),
}  # fmt: skip
"""Event -> the button's words, the right that it takes, and what it does."""


class WhyForm(forms.Form):
    """Why: whoever looks later reads it."""

    reason = forms.CharField(
        max_length=500,
        min_length=5,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="At least five letters; it is kept with the refund.",
    )


@admin.register(Refund)
class RefundAdmin(base.ModelAdmin):
    """Money given back, or on its way."""

    columns = (
        shown.amount_of("amount"),
        shown.status_of(),
        shown.choice_of("reason"),
        shown.text_of("requested_by", "Asked for by"),
        shown.reference_of("intent_id", "Payment"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (
                shown.choice_of("reason"),
                shown.text_of("requested_by", "Asked for by"),
                shown.choice_of("origin", "Comes from"),
                shown.reference_of("intent_id", "Payment"),
                shown.reference_of("order_id", "Order"),
                shown.linked("account", "Provider account"),
                shown.code_of("provider_reference", "PSP's reference"),
                shown.text_of("failure_reason", "Why it failed"),
                shown.Column("Refunds of the same request", lambda row, viewer: _related(row, viewer)),
                shown.said_of("approval_reason", "Why a second person"),
                shown.text_of("approved_by"),
                shown.text_of("rejected_by"),
                shown.said_of("decided_because", "Their reason"),
                shown.time_of("created_at"),
                shown.time_of("decided_at"),
                shown.time_of("held_until"),
                shown.time_of("sent_at"),
                shown.time_of("settled_at"),
                shown.words_of("note"),
                shown.raw_of("metadata"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = ("status", "reason", "origin", base.CreatedFilter)
    id_lookups = {"pi": "intent", "ord": "order_id", "att": "attempt"}
    search_help_text = "PSP's reference, or the id of a refund, payment or order"
    nothing_here = "No money has been given back yet. Refunds are made on the page of a payment."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's id of the refund."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(account_id__in=accounts, provider_reference=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), shown.status(row.status)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Lines, calls, moves."""
        lines, calls = row.lines.order_by("pk"), ProviderCall.objects.filter(owner_id=row.pk).order_by("pk")
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        return (
            shown.table("Lines", lines, LINE_COLUMNS, viewer, empty="It is by amount, not by lines of the order."),
            shown.table("What happened", moves, CHANGE_COLUMNS, viewer, empty="It waits to be sent."),
            shown.table("Calls to the PSP", calls, CALL_COLUMNS, viewer, empty=_not_asked(row)),
        )

    # --- what may be done

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Take it back, or decide about it, while it has not left."""
        who = selectors.person(request.user)
        return [
            shown.Doing(words, self.address_of(event, row), main=event == "approve")
            for event, (words, right, _) in DOINGS.items()
            if _has(request, right)
            and REFUND.allows(row.status, event)
            and not (right == MAY_DECIDE and row.requested_by == who.name)
        ]

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of what may be done."""
        return [*(self.route(event, self._view(event), event) for event in DOINGS), *super().get_urls()]

    def _view(self, event: str) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, event)

        return view

    def move(self, request: HttpRequest, object_id: str, event: str) -> HttpResponse:
        """Ask once more, then do it."""
        words, right, effect = DOINGS[event]
        if not _has(request, right):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = WhyForm(request.POST or None) if event == "reject" else None
        if request.method == "POST" and (form is None or form.is_valid()):
            self._moved(request, row, event, form.cleaned_data["reason"] if form is not None else "")
            return HttpResponseRedirect(shown.address(Refund, row.pk))
        context = {"row": row, "form": form, "effect": effect, "button": words, "danger": event != "approve",
                   "what": money.text(row.amount), "back": shown.address(Refund, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{words}: {money.text(row.amount)}", context)

    def _moved(self, request: HttpRequest, row: Refund, event: str, reason: str) -> None:
        who = selectors.person(request.user)
        try:
            if event == "cancel":
                refunds.cancel(row.pk, client_id=None, by=who.name)
            elif event == "approve":
                approvals.approve(row.pk, who)
            else:
                approvals.reject(row.pk, who, because=reason)
        except Refusal as refusal:
            messages.warning(request, f"{refusal.detail} Nothing was changed.")
            return
        self.log_change(request, row, f"{DOINGS[event][0]}: {reason}".removesuffix(": "))
        messages.success(request, {"cancel": "It was taken back.", "approve": "It is approved, and goes back.",
                                   "reject": "It is rejected."}[event])  # fmt: skip


def _has(request: HttpRequest, right: str) -> bool:
    """Who has it from a role: being superuser is not enough (docs/decisions/0007)."""
    return not request.user.is_superuser and bool(request.user.has_perm(right))


def _not_asked(row: Refund) -> str:
    return "No PSP is asked: finance pays it." if row.origin == Origin.BANK else "The PSP has not been asked yet."


def _related(row: Refund, viewer: shown.Viewer) -> str:
    return shown.joined(viewer.reference(other) for other in row.related)


@admin.register(RefundLine)
class RefundLineAdmin(base.ModelAdmin):
    """Units of one order line in one refund."""

    columns = (*LINE_COLUMNS, shown.reference_of("refund_id", "Refund"))
    sections = (("About", columns),)
    id_lookups = {"re": "refund", "line": "line"}
    search_help_text = "Id of a refund or of an order line"
    nothing_here = "No refund by lines of an order yet."


class LimitForm(forms.Form):
    """A limit as somebody wants it."""

    whose = forms.CharField(
        max_length=80, widget=widgets.UnfoldAdminTextInputWidget,
        help_text="A role (support), an API client by its name, or api: every client without a limit of its own.",
    )  # fmt: skip
    currency = forms.CharField(max_length=3, widget=widgets.UnfoldAdminTextInputWidget, help_text="EUR")
    each = forms.CharField(
        max_length=20, required=False, label="At once", widget=widgets.UnfoldAdminTextInputWidget,
        help_text="250.00. Empty: any amount.",
    )  # fmt: skip
    daily = forms.CharField(
        max_length=20, required=False, label="In 24 hours", widget=widgets.UnfoldAdminTextInputWidget,
        help_text="2000.00. Empty: any amount.",
    )  # fmt: skip

    def propose(self, by: str) -> RefundLimit | None:
        """Write it down; None when it is refused, with the reason beside its field."""
        said, param = self.cleaned_data, "currency"
        try:
            amounts = {}
            for param in ("each", "daily"):
                text = said[param].strip()
                amounts[param] = money.to_minor(money.parse(text, said["currency"].upper())) if text else None
            wanted = limiting.Wanted(whose=said["whose"], currency=said["currency"].upper(), **amounts)
            return limiting.propose(wanted, by=by)
        except Refusal as refusal:
            self.add_error(refusal.param if refusal.param in self.fields else param, refusal.detail)
            return None


LIMIT_DOINGS: Final[Mapping[str, tuple[str, str]]] = {
    "agree": ("Agree", "It is in force at once. Another proposal for the same is withdrawn."),
    "withdraw": ("Withdraw", "It comes to nothing. What is in force stays."),
}


@admin.register(RefundLimit)
class RefundLimitAdmin(base.ModelAdmin):
    """How much goes back on the word of one role or client; beyond it a second person is asked."""

    columns = (
        shown.Column("Whose", lambda row, viewer: row.role or viewer.link(row.client, row.client.name)),
        shown.text_of("currency"),
        shown.Column("At once", lambda row, _: _most(row.each_minor, row.currency), right=True),
        shown.Column("In 24 hours", lambda row, _: _most(row.daily_minor, row.currency), right=True),
        shown.status_of(tones={"active": "good", "proposed": "wait"}),
        shown.text_of("proposed_by"),
        shown.text_of("approved_by"),
    )
    sections = (("About", (*columns, shown.time_of("created_at"), shown.time_of("replaced_at"))),)
    list_select_related = ("client",)
    list_filter = ("status", "role")
    ordering = ("currency", "role", "-pk")
    id_lookups = {"cli": "client"}
    search_help_text = "A currency, or the id of a limit or client"
    nothing_here = "There is no limit: a second person is asked about every refund."

    change_list_template = "admin/list_with_new.html"

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By currency."""
        return Q(currency=term.upper())

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Whose, and of what."""
        return f"{row.role or row.client.name} · {row.currency}"

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was done with it."""
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        return (shown.table("What happened", moves, CHANGE_COLUMNS, viewer, empty="It was there from the beginning."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """A proposal is agreed to by another person, or withdrawn."""
        if row.status != LimitStatus.PROPOSED or not _has(request, "refunds.change_refundlimit"):
            return ()
        own = row.proposed_by == selectors.person(request.user).name
        return [
            shown.Doing(words, self.address_of(move, row), main=move == "agree")
            for move, (words, _) in LIMIT_DOINGS.items()
            if not (own and move == "agree")
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new limit."""
        new = reverse("admin:refunds_refundlimit_new") if _has(request, "refunds.add_refundlimit") else ""
        return super().changelist_view(request, {"new_url": new, "new_words": "New limit", **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of a limit's life."""
        new = path("new/", self.admin_site.admin_view(self.new), name="refunds_refundlimit_new")
        return [new, *(self.route(move, self._view(move), move) for move in LIMIT_DOINGS), *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Propose a limit."""
        if not _has(request, "refunds.add_refundlimit"):
            raise PermissionDenied
        form = LimitForm(request.POST or None)
        row = form.propose(selectors.person(request.user).name) if form.is_valid() else None
        if row is not None:
            self.log_addition(request, row, f"Proposed: {row.status}")
            return HttpResponseRedirect(shown.address(RefundLimit, row.pk))
        effect = (
            "It is in force at once when it allows no more than the one before it; else another person has to agree."
        )
        context = {"form": form, "effect": effect, "button": "Propose", "what": "New", "back": self.list_url()}
        return self.page(request, "admin/confirm.html", "New limit", context)

    def _view(self, move: str) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, move)

        return view

    def move(self, request: HttpRequest, object_id: str, move: str) -> HttpResponse:
        """Ask once more, then do it."""
        if not _has(request, "refunds.change_refundlimit"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        words, effect = LIMIT_DOINGS[move]
        if request.method == "POST":
            try:
                {"agree": limiting.agree, "withdraw": limiting.withdraw}[move](
                    row.pk, by=selectors.person(request.user).name
                )
                self.log_change(request, row, words)
            except Refusal as refusal:
                messages.warning(request, f"{refusal.detail} Nothing was changed.")
            return HttpResponseRedirect(shown.address(RefundLimit, row.pk))
        context = {"row": row, "effect": effect, "button": words, "danger": move == "withdraw",
                   "what": str(row), "back": shown.address(RefundLimit, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{words}: {row}", context)


def _most(minor: int | None, currency: str) -> object:
    return "Any amount" if minor is None else shown.amount(money.from_minor(minor, currency))
