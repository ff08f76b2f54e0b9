"""The limits that refunds are held to; refunds themselves stand where everything is seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from payments.admin import base, fresh, shown
from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from refunds import selectors
from refunds.models import RefundLimit
from refunds.services import limiting
from refunds.states import LimitStatus

CHANGE_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.said_of("by", "By whom"),
)


class LimitForm(forms.Form):
    """A limit as somebody wants it."""

    whose = forms.CharField(
        max_length=80, widget=widgets.UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "A role (support), an API client by its name, or api: every client without a limit of its own."
        ),
    )  # fmt: skip
    currency = forms.CharField(max_length=3, widget=widgets.UnfoldAdminTextInputWidget, help_text="EUR")
    each = forms.CharField(
        max_length=20, required=False, label=gettext_lazy("At once"), widget=widgets.UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("250.00. Empty: any amount."),
    )  # fmt: skip
    daily = forms.CharField(
        max_length=20, required=False, label=gettext_lazy("In 24 hours"), widget=widgets.UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("2000.00. Empty: any amount."),
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


LIMIT_DOINGS: Final[Mapping[str, tuple[Any, Any]]] = {
    "agree": (
        gettext_lazy("Agree"),
        gettext_lazy("It is in force at once. Another proposal for the same is withdrawn."),
    ),
    "withdraw": (gettext_lazy("Withdraw"), gettext_lazy("It comes to nothing. What is in force stays.")),
}


@admin.register(RefundLimit)
class RefundLimitAdmin(base.ModelAdmin):
    """How much goes back on the word of one role or client; beyond it a second person is asked."""

    columns = (
        shown.Column("Whose", lambda row, viewer: shown.role(row.role) or viewer.link(row.client, row.client.name)),
        shown.text_of("currency"),
        shown.Column("At once", lambda row, _: _most(row.each_minor, row.currency), right=True),
        shown.Column("In 24 hours", lambda row, _: _most(row.daily_minor, row.currency), right=True),
        shown.status_of(tones={"active": "good", "proposed": "wait"}),
        shown.said_of("proposed_by"),
        shown.said_of("approved_by"),
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
        return f"{shown.role(row.role) or row.client.name} · {row.currency}"

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was done with it."""
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        return (shown.table("What happened", moves, CHANGE_COLUMNS, viewer, empty="It was there from the beginning."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """A proposal is agreed to by another person, or withdrawn."""
        if row.status != LimitStatus.PROPOSED or not base.from_role(request, "refunds.change_refundlimit"):
            return ()
        own = row.proposed_by == selectors.person(request.user).name
        return [
            shown.Doing(words, self.address_of(move, row), main=move == "agree")
            for move, (words, _) in LIMIT_DOINGS.items()
            if not (own and move == "agree")
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new limit."""
        new = reverse("admin:refunds_refundlimit_new") if base.from_role(request, "refunds.add_refundlimit") else ""
        return super().changelist_view(request, {"new_url": new, "new_words": _("New limit"), **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of a limit's life."""
        new = path("new/", self.admin_site.admin_view(self.new), name="refunds_refundlimit_new")
        return [new, *(self.route(move, self._view(move), move) for move in LIMIT_DOINGS), *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Propose a limit."""
        if not base.from_role(request, "refunds.add_refundlimit"):
            raise PermissionDenied
        form = LimitForm(request.POST or None)
        row = form.propose(selectors.person(request.user).name) if form.is_valid() else None
        if row is not None:
            self.log_addition(request, row, f"Proposed: {row.status}")
            return HttpResponseRedirect(shown.address(RefundLimit, row.pk))
        effect = _(
            "It is in force at once when it allows no more than the one before it; else another person has to agree."
        )
        context = {"form": form, "effect": effect, "button": _("Propose"), "what": _("New"), "back": self.list_url()}
        return self.page(request, "admin/confirm.html", _("New limit"), context)

    def _view(self, move: str) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, move)

        return view

    def move(self, request: HttpRequest, object_id: str, move: str) -> HttpResponse:
        """Ask once more, then do it."""
        if not base.from_role(request, "refunds.change_refundlimit"):
            raise PermissionDenied
        if move == "agree" and (ask := fresh.required(request)) is not None:
            return ask
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        words, effect = LIMIT_DOINGS[move]
        if request.method == "POST":
            try:
                {"agree": limiting.agree, "withdraw": limiting.withdraw}[move](
                    row.pk, by=selectors.person(request.user).name
                )
                self.log_change(request, row, shown.english(words))
            except Refusal as refusal:
                messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return HttpResponseRedirect(shown.address(RefundLimit, row.pk))
        context = {"row": row, "effect": effect, "button": words, "danger": move == "withdraw",
                   "what": str(row), "back": shown.address(RefundLimit, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{words}: {row}", context)


def _most(minor: int | None, currency: str) -> object:
    return _("Any amount") if minor is None else shown.amount(money.from_minor(minor, currency))
