"""Fee contracts: what provider accounts charge, written down by finance."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from payments.admin import base, shown
from payments.admin.switches import by
from payments.gateway import accounts, fees
from payments.gateway.models import FeeContract
from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.methods import catalogue

TEXT = widgets.UnfoldAdminTextInputWidget


class FeeForm(forms.Form):
    """One line of a contract."""

    account = forms.CharField(max_length=40, widget=TEXT, help_text=gettext_lazy("A provider account's code: adyen-eu"))
    method = forms.CharField(
        max_length=24, widget=TEXT, required=False, help_text=gettext_lazy("card; empty for every method")
    )
    currency = forms.CharField(
        max_length=3, widget=TEXT, required=False, help_text=gettext_lazy("EUR; empty for every currency")
    )
    percent = forms.DecimalField(
        min_value=0, max_digits=6, decimal_places=4, widget=TEXT, help_text=gettext_lazy("Share of the amount: 1.4")
    )
    fixed = forms.IntegerField(
        min_value=0,
        initial=0,
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Minor units: 25 for 0.25 EUR"),
    )
    valid_from = forms.DateField(widget=widgets.UnfoldAdminSingleDateWidget, help_text="2026-12-31")

    def clean_method(self) -> str:
        """A method that is not there would never be found."""
        method: str = self.cleaned_data["method"].strip()
        if method and method not in catalogue.METHODS:
            raise forms.ValidationError(_("There is no payment method %(method)s.") % {"method": method})
        return method


@admin.register(FeeContract)
class FeeContractAdmin(base.ModelAdmin):
    """What one successful payment costs. A line never changes: another one holds from its day on."""

    columns = (
        shown.Column("Account", lambda row, _: accounts.account(row.account_id).code),
        shown.Column("Method", lambda row, _viewer: row.method or _("Every method")),
        shown.Column("Currency", lambda row, _viewer: row.currency or _("Every currency")),
        shown.Column("Share", lambda row, _: f"{row.percent.normalize():f} %", right=True),
        shown.Column("Fixed", lambda row, _: _fixed(row), right=True),
        shown.Column("Valid from", lambda row, _: row.valid_from.isoformat()),
        shown.text_of("written_by"),
    )
    sections = (("About", (*columns, shown.time_of("created_at", "Written at"))),)
    change_list_template = "admin/list_with_new.html"
    ordering = ("-valid_from", "-pk")
    search_help_text = "A method, or the id of a line"
    nothing_here = "No contract is written down: backtests of routing rules cannot say what payments cost."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its method."""
        return Q(method=term)

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new line."""
        new = reverse("admin:payments_feecontract_new") if self.may(request, "add") else ""
        return super().changelist_view(request, {"new_url": new, "new_words": _("New line"), **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and that of a new line."""
        new = path("new/", self.admin_site.admin_view(self.new), name="payments_feecontract_new")
        return [new, *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Write a line down."""
        if not self.may(request, "add"):
            raise PermissionDenied
        form = FeeForm(request.POST or None)
        if form.is_valid() and (row := self._written(request, form)) is not None:
            return HttpResponseRedirect(shown.address(FeeContract, row.pk))
        effect = _("It holds from its day on, and goes before what was written earlier. What it says stays.")
        context = {"form": form, "effect": effect, "button": _("Write down"), "what": _("New"), "back": self.list_url()}
        return self.page(request, "admin/confirm.html", _("New line of a fee contract"), context)

    def _written(self, request: HttpRequest, form: FeeForm) -> FeeContract | None:
        try:
            row = fees.write(fees.Draft(**form.cleaned_data), by=by(request))
        except Refusal as refusal:
            param = refusal.param or ""
            form.add_error(param if param in form.fields else None, refusal.detail)
            return None
        self.log_addition(request, row, "Written down")
        return row


def _fixed(row: FeeContract) -> object:
    return shown.amount(money.from_minor(row.fixed_minor, row.currency)) if row.fixed_minor else shown.NOTHING
