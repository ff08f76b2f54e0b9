"""Our accounts at banks, and the statements that finance uploads."""

from collections.abc import Callable, Mapping, Sequence
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

from payments.admin import base, shown
from payments.kernel.errors import Refusal
from refunds.services import filing
from reporting import banks
from reporting.admin import banklines
from reporting.admin.transfers import person
from reporting.bankfiles import base as files
from reporting.bankfiles import sheet
from reporting.models import BankAccount, BankLine, BankStatement
from reporting.services import statements

MAY_OPEN: Final = "reporting.add_bankaccount"
MAY_CHANGE: Final = "reporting.change_bankaccount"
MAY_UPLOAD: Final = "reporting.add_bankstatement"

TEXT: Final = widgets.UnfoldAdminTextInputWidget
CHOICE: Final = widgets.UnfoldAdminSelectWidget
OPTIONS: Final[Mapping[str, tuple[Any, Mapping[str, Any]]]] = {
    "separator": (gettext_lazy("Columns are separated by"), sheet.SEPARATORS),
    "decimal": (gettext_lazy("Amounts look like"), sheet.DECIMALS),
    "dates": (gettext_lazy("Days look like"), {name: name for name in sheet.DATES}),
    "encoding": (gettext_lazy("Letters are written in"), sheet.ENCODINGS),
}


def _column(name: str) -> str:
    return f"column_{name}"


class NamesForm(forms.Form):
    """How statements name the account, and how its CSV files are written."""

    iban = forms.CharField(
        max_length=42, widget=TEXT, required=False, label="IBAN", help_text=gettext_lazy("DE89 3704 0044 0532 0130 00")
    )
    number = forms.CharField(
        max_length=40,
        widget=TEXT,
        required=False,
        help_text=gettext_lazy("Where there is no IBAN: as statements write it."),
    )

    def __init__(self, data: Any = None, *, row: BankAccount | None = None) -> None:
        said = row.dialect if row is not None else {}
        columns = {_column(name): column for name, column in said.get("columns", {}).items()}
        names = {"iban": row.iban, "number": row.number} if row is not None else {}
        super().__init__(data, initial={**names, **{name: said.get(name, "") for name in OPTIONS}, **columns})
        for name, (label, known) in OPTIONS.items():
            choices = [("", _("No CSV files come from this bank")), *known.items()]
            self.fields[name] = forms.ChoiceField(
                label=_(f"CSV: {label[0].lower()}{label[1:]}"), choices=choices, required=False, widget=CHOICE
            )
        for name, label in sheet.FIELDS.items():
            self.fields[_column(name)] = forms.CharField(
                label=_("CSV column: %(label)s") % {"label": label}, max_length=60, required=False, widget=TEXT
            )

    def dialect(self) -> dict[str, Any]:
        """What was said of CSV files; {} when nothing was."""
        said = self.cleaned_data
        columns = {name: said[_column(name)] for name in sheet.FIELDS if said.get(_column(name))}
        options = {name: said[name] for name in OPTIONS if said.get(name)}
        return {**options, "columns": columns} if options or columns else {}

    def refuse(self, refusal: Refusal) -> None:
        """Say what is wrong beside the field that it is about."""
        param = _column("day") if refusal.param == "columns" else refusal.param
        self.add_error(param if param in self.fields else None, refusal.detail)


class AccountForm(NamesForm):
    """A new account: what can be said once only comes first."""

    field_order = ("code", "legal_entity", "currency")

    code = forms.SlugField(max_length=40, widget=TEXT, help_text=gettext_lazy("As the ledger calls it: main-eur"))
    legal_entity = forms.ChoiceField(widget=CHOICE, help_text=gettext_lazy("Whose account it is."))
    currency = forms.CharField(max_length=3, min_length=3, widget=TEXT, help_text="EUR")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["legal_entity"].choices = banks.owners()  # type: ignore[attr-defined]  # a choice


class UploadForm(forms.Form):
    """The file, and what it may not say itself."""

    file = forms.FileField(
        label=gettext_lazy("Statement"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"data-most": files.MOST_BYTES}),
        error_messages={"required": gettext_lazy("Choose a file.")},
        help_text=gettext_lazy("camt.053, MT940, or CSV as it was said in the bank account."),
    )
    account = forms.ChoiceField(
        required=False,
        widget=CHOICE,
        label=gettext_lazy("Bank account"),
        help_text=gettext_lazy("CSV: choose it. Others say it themselves."),
    )
    opening = forms.CharField(
        required=False,
        max_length=30,
        widget=TEXT,
        label=gettext_lazy("Balance before the first line"),
        help_text=gettext_lazy("Only for CSV without a column of balances: as the bank shows it, like 1234.56."),
    )
    closing = forms.CharField(
        required=False, max_length=30, widget=TEXT, label=gettext_lazy("Balance after the last line")
    )

    def __init__(self, data: Any = None, sent: Any = None) -> None:
        super().__init__(data, sent)
        self.fields["account"].choices = [("", _("The file says it")), *banks.accounts()]  # type: ignore[attr-defined]  # a choice


STATEMENTS: Final = (
    shown.Column("Statement", lambda row, viewer: viewer.link(row)),
    shown.text_of("reference", "Bank's number"),
    shown.amount_of("opening", "At the beginning"),
    shown.amount_of("closing", "At the end"),
    shown.number_of("lines"),
)


@admin.register(BankAccount)
class BankAccountAdmin(base.ModelAdmin):
    """One of our accounts at a bank."""

    called = ("bank account", "bank accounts")
    columns = (
        shown.text_of("code"),
        shown.text_of("currency"),
        shown.linked("legal_entity"),
        shown.Column("Statements name it", lambda row, _: shown.copyable(row.iban or row.number)),
        shown.Column("CSV", lambda row, _viewer: _("Declared") if row.dialect else _("Not declared")),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.Column("In the ledger", lambda row, _: shown.copyable(f"bank/{row.code}")),
                shown.text_of("made_by", "Written down by"),
                shown.time_of("created_at", "Written down"),
                shown.raw_of("dialect", "How its CSV files are written"),
            ),
        ),
    )
    list_select_related = ("legal_entity",)
    change_list_template = "admin/list_with_new.html"
    ordering = ("code",)
    search_help_text = "Id of an account, its code, or its IBAN"
    nothing_here = "No bank account is written down: payouts are not looked for at any bank."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its code or IBAN."""
        return Q(code=term) | Q(iban=files.compact(term) or term)

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Its code."""
        return _("Bank account %(code)s") % {"code": row.code}

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new account."""
        new = reverse("admin:reporting_bankaccount_new") if base.from_role(request, MAY_OPEN) else ""
        return super().changelist_view(
            request, {"new_url": new, "new_words": _("New account"), **(extra_context or {})}
        )

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Its statements, the newest first."""
        rows = row.statements.order_by("-to_day")
        return (shown.table("Statements", rows, STATEMENTS, viewer, empty="No statement was uploaded yet."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Upload what the bank says; say anew how it says it."""
        found = []
        if base.from_role(request, MAY_UPLOAD):
            address = f"{reverse('admin:reporting_bankstatement_new')}?account={row.pk}"
            found.append(shown.Doing("Upload a statement", address, main=True))
        if base.from_role(request, MAY_CHANGE):
            found.append(shown.Doing("Change", self.address_of("edit", row)))
        return found

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and those of what finance writes down."""
        new = path("new/", self.admin_site.admin_view(self.new), name="reporting_bankaccount_new")
        return [new, self.route("edit", self.edit, "edit"), *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Write an account down."""
        if not base.from_role(request, MAY_OPEN):
            raise PermissionDenied
        form = AccountForm(request.POST or None)
        if form.is_valid():
            said = {name: form.cleaned_data[name] for name in ("code", "legal_entity", "iban", "number")}
            draft = statements.Draft(**said, currency=form.cleaned_data["currency"].upper(), dialect=form.dialect())
            opened = self._said(request, form, lambda: statements.open_account(draft, by=person(request)))
            if opened is not None:
                return opened
        effect = _(
            "Payouts of its owner in its currency are looked for on its statements. Code, owner and currency stay."
        )
        context = {"form": form, "effect": effect, "button": _("Write down"), "what": _("New"), "back": self.list_url()}
        return self.page(request, "admin/confirm.html", _("New bank account"), context)

    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say anew how statements name it and how its CSV files are written."""
        if not base.from_role(request, MAY_CHANGE):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = NamesForm(request.POST or None, row=row)
        if form.is_valid():
            said = {name: form.cleaned_data[name] for name in ("iban", "number")}
            change = lambda: statements.change_account(row.pk, **said, dialect=form.dialect())  # noqa: E731
            changed = self._said(request, form, change)
            if changed is not None:
                return changed
        effect = _("It counts for files that are uploaded from now on. What was loaded stays as it is.")
        context = {"form": form, "effect": effect, "button": _("Save"), "what": row.code,
                   "back": shown.address(BankAccount, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Change %(code)s") % {"code": row.code}, context)

    def _said(self, request: HttpRequest, form: NamesForm, act: Callable[[], BankAccount]) -> HttpResponse | None:
        try:
            row = act()
        except Refusal as refusal:
            form.refuse(refusal)
            return None
        self.log_change(request, row, "Written down")
        messages.success(request, _("Written down."))
        return HttpResponseRedirect(shown.address(BankAccount, row.pk))


@admin.register(BankStatement)
class BankStatementAdmin(base.ModelAdmin):
    """What a bank says happened on one account."""

    called = ("bank statement", "bank statements")
    columns = (
        shown.Column("Days", lambda row, _viewer: shown.recite(str(row))),
        shown.linked("account"),
        *STATEMENTS[1:],
        shown.text_of("uploaded_by"),
        shown.time_of("created_at", "Uploaded"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.text_of("kind", "Kind of file"),
                shown.text_of("name", "File"),
                shown.number_of("size", "Bytes"),
                shown.Column("Goes on from", lambda row, viewer: _goes_on_from(row, viewer)),
                shown.Column("SHA-256 of the file", lambda row, _: shown.copyable(row.sha256), wide=True),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = ("account", base.CreatedFilter)
    change_list_template = "admin/list_with_new.html"
    id_lookups = {"ba": "account", "bl": "rows"}
    search_help_text = "Id of a statement, of a bank account, or of a line"
    nothing_here = "No bank statement was uploaded yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Which account and days."""
        return _("%(code)s, %(from_day)s to %(to_day)s") % {
            "code": row.account.code,
            "from_day": row.from_day,
            "to_day": row.to_day,
        }

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to upload."""
        new = reverse("admin:reporting_bankstatement_new") if base.from_role(request, MAY_UPLOAD) else ""
        return super().changelist_view(request, {"new_url": new, "new_words": _("Upload"), **(extra_context or {})})

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Its lines with what they are."""
        lines = banks.with_what_they_are(BankLine.objects.filter(statement=row).order_by("number"))
        return (shown.table("Lines", lines, banklines.LINES, viewer, empty="Nothing happened on these days."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """The file as it came."""
        if not base.from_role(request, MAY_UPLOAD):
            return ()
        return (shown.Doing("The file as it came", self.address_of("file", row)),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, that of a new file, and that of one that was kept."""
        new = path("new/", self.admin_site.admin_view(self.new), name="reporting_bankstatement_new")
        return [new, self.route("file", self.file, "file"), *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Upload a file: all of it is loaded, or it is said why nothing is."""
        if not base.from_role(request, MAY_UPLOAD):
            raise PermissionDenied
        sent = request.method == "POST"
        form = UploadForm(request.POST, request.FILES) if sent else UploadForm()
        if not sent:
            form.initial["account"] = request.GET.get("account", "")
        if sent and form.is_valid() and (rows := self._uploaded(request, form)):
            one = shown.address(BankStatement, rows[0].pk)
            return HttpResponseRedirect(one if len(rows) == 1 else self.list_url())
        effect = _(
            "Its balances must prove its lines, and its days must be new. Then every line is compared with the payouts"
            " on their way; what is certain is booked, the rest is shown to you. The same file again changes nothing."
        )
        context = {"form": form, "effect": effect, "button": _("Upload"), "what": _("New"), "back": self.list_url()}
        return self.page(request, "admin/confirm.html", _("Upload a bank statement"), context)

    def _uploaded(self, request: HttpRequest, form: UploadForm) -> list[BankStatement]:
        said = form.cleaned_data
        file = said["file"]
        upload = statements.Upload(
            file=file, name=file.name, account=said["account"] or None, opening=said["opening"], closing=said["closing"]
        )
        try:
            rows = statements.upload(upload, by=person(request))
        except Refusal as refusal:
            form.add_error(refusal.param if refusal.param in form.fields else "file", refusal.detail)
            return []
        for row in rows:
            self.log_addition(request, row, "Uploaded")
        messages.success(
            request,
            _("%(sum)s lines are loaded; they are compared now.") % {"sum": f"{sum(row.lines for row in rows):,}"},
        )
        return rows

    def file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file that was uploaded, byte by byte."""
        if not base.from_role(request, MAY_UPLOAD):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        try:
            content = filing.read(row.sha256)
        except (OSError, ValueError):
            messages.warning(
                request, _("The file is gone, or was changed where it is kept: ask whoever runs the servers.")
            )
            return HttpResponseRedirect(shown.address(BankStatement, row.pk))
        self.log_change(request, row, "Downloaded the file")
        name = f"{row.pk}.{ {'camt.053': 'xml', 'CSV': 'csv'}.get(row.kind, 'sta') }"
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
        )


def _goes_on_from(row: BankStatement, viewer: shown.Viewer) -> object:
    """The statement before it, and whether its balance is where this one begins."""
    before = banks.before(row)
    if before is None:
        return _("The first statement of this account")
    link = viewer.link(before)
    if before.closing_minor == row.opening_minor:
        return link
    missing = _("a statement between them is missing: the balances do not follow")
    return shown.joined((link, shown.status("missing", missing, tones={"missing": "bad"})), ": ")
