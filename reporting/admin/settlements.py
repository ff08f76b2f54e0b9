"""Settlement files: what PSPs said, as it came; uploaded, watched while they are read, and proven on their pages."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from payments.admin import base, shown
from payments.gateway import accounts
from payments.kernel.errors import Refusal
from reporting import selectors
from reporting.models import Match, SettlementFile, SettlementLine
from reporting.services import settlements
from reporting.states import FileStatus

RIGHT: Final = "reporting.add_settlementfile"
TONES: Final = {"stored": "wait", "loaded": "good", "refused": "bad"}
MATCHES: Final = {
    "waiting": "wait", "matched": "good", "booked": "good", "amount_differs": "bad", "missing_here": "bad",
    "duplicate": "bad", "unknown_type": "bad", "set_aside": "quiet",
}  # fmt: skip
SHORT: Final = {
    "waiting": gettext_lazy("Waiting"),
    "matched": gettext_lazy("Matched"),
    "booked": gettext_lazy("Booked"),
    "amount_differs": gettext_lazy("Amount differs"),
    "missing_here": gettext_lazy("Unknown here"),
    "duplicate": gettext_lazy("Twice"),
    "unknown_type": gettext_lazy("Unknown kind"),
    "set_aside": gettext_lazy("Set aside"),
}
MOST_BYTES: Final = 4_000_000_000
"""Sent by a browser; a larger file is loaded by `manage.py settlements load`."""
KINDS: Final = {"payout": gettext_lazy("Payout"), "batch": gettext_lazy("Batch"), "activity": gettext_lazy("Day")}


class UploadForm(forms.Form):
    """Whose file it is, and the file."""

    account = forms.ChoiceField(label=gettext_lazy("Provider account"), choices=list)
    file = forms.FileField(
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv", "data-most": MOST_BYTES}),
        error_messages={"required": gettext_lazy("Choose a file.")},
    )

    def __init__(self, *data: Any) -> None:
        super().__init__(*data)
        self.fields["account"].choices = [(code, code) for code in accounts.codes()]  # type: ignore[attr-defined]


def _covers(row: SettlementFile) -> str:
    return f"{KINDS[row.kind]} {row.reference}"


def _summed(row: SettlementFile, name: str) -> object:
    """One of the sums, a line per currency."""
    if not row.sums:
        return shown.NOTHING
    return shown.stacked(shown.minor(said[name], currency) for currency, said in row.sums.items())


def _comes_to(said: Mapping[str, int]) -> int:
    return said["settled"] - said["fees"] - said["paid_out"] + said["carried"]


SUMS: Final = (
    shown.Column("Currency", lambda row, _: row[0]),
    shown.Column("Settled", lambda row, _: shown.minor(row[1]["settled"], row[0]), right=True),
    shown.Column("Fees and tax", lambda row, _: shown.minor(-row[1]["fees"], row[0]), right=True),
    shown.Column("Paid out", lambda row, _: shown.minor(-row[1]["paid_out"], row[0]), right=True),
    shown.Column("Carried", lambda row, _: shown.minor(row[1]["carried"], row[0]), right=True),
    shown.Column("Comes to", lambda row, _: shown.minor(_comes_to(row[1]), row[0]), right=True),
)
COUNTS: Final = (
    shown.Column("What became of them", lambda row, _: _match(row[0])),
    shown.Column("Lines", lambda row, _: _linked(row[2], f"{row[1]:,}"), right=True),
)


def _linked(address: str, words: str) -> str:
    return format_html('<a class="bo-link" href="{}">{}</a>', address, words)


def _movement(row: SettlementLine, viewer: shown.Viewer) -> str:
    """The PSP's id of it; of what is about no payment it may be words, with a name in them."""
    said = row.movement_reference
    return shown.copyable(said if row.payment_reference else shown.masked(said, viewer))


def _match(match: str, words: Mapping[str, Any] | None = None) -> str:
    return shown.status(match, (words or dict(Match.choices))[match], tones=MATCHES)


def _amount(name: str, title: str, currency: str = "currency") -> shown.Column:
    return shown.Column(
        title, lambda row, _: shown.minor(getattr(row, f"{name}_minor"), getattr(row, currency)), right=True
    )


LINES: Final = (
    shown.Column("What", lambda row, _viewer: shown.said(row.type)),
    shown.text_of("psp_type", "PSP's word"),
    shown.time_of("occurred_at", "When"),
    _amount("settled", gettext_noop("Settled")),
    _amount("net", gettext_noop("Net")),
    shown.Column("Match", lambda row, _: _match(row.match, SHORT)),
    shown.text_of("payment_reference", "Payment at the PSP"),
    shown.text_of("payout_reference", "Payout"),
)


@admin.register(SettlementFile)
class SettlementFileAdmin(base.ModelAdmin):
    """Files of PSPs, each with its proof."""

    called = ("settlement file", "settlement files")
    columns = (
        shown.Column("Covers", lambda row, _: _covers(row)),
        shown.status_of(tones=TONES),
        shown.Column("Account", lambda row, _: row.account.code),
        shown.Column("Day", lambda row, _: str(row.day or shown.NOTHING)),
        shown.number_of("lines"),
        shown.Column("Settled", lambda row, _: _summed(row, "settled"), right=True),
        shown.Column("Paid out", lambda row, _: _summed(row, "paid_out"), right=True),
        shown.choice_of("source"),
        shown.time_of("created_at", "Came"),
    )
    sections = (
        (
            "About",
            (
                shown.linked("account"),
                shown.Column("Covers", lambda row, _: _covers(row)),
                shown.Column("Day", lambda row, _: str(row.day or shown.NOTHING)),
                shown.text_of("name", "Name at the PSP"),
                shown.Column("Size", lambda row, _viewer: _("%(size)s bytes") % {"size": f"{row.size:,}"}),
                shown.number_of("lines"),
                shown.number_of("told_before", "Told before by another file"),
                shown.number_of("set_aside", "Of before the cut-over"),
                shown.choice_of("source"),
                shown.text_of("uploaded_by"),
                shown.time_of("created_at", "Came"),
                shown.time_of("loaded_at"),
                shown.time_of("matched_at", "Compared with our books"),
                shown.Column("SHA-256 of the file", lambda row, _: shown.copyable(row.sha256), wide=True),
            ),
        ),
    )
    list_filter = ("status", "account", "kind", "source", base.CreatedFilter)
    list_select_related = ("account",)
    search_help_text = "Id of a file, its payout, batch or day"
    nothing_here = "No settlement file yet. They are fetched every hour; one that you have can be uploaded."
    record_template = "admin/settlement_file.html"
    change_list_template = "admin/list_with_new.html"

    def find(self, term: str, viewer: shown.Viewer) -> Q:  # noqa: ARG002  as every list
        """By what it covers."""
        return Q(account__code__in=accounts.codes(), reference=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What it covers, and how it stands."""
        return shown.joined((_covers(row), shown.status(row.status, tones=TONES)), " ")

    def facts(self, request: HttpRequest, row: SettlementFile) -> dict[str, Any]:
        """The page, with the address that says how far it is."""
        moving = row.status == FileStatus.STORED
        more = {"moving": moving, "sentence": _sentence(row), "said": _so_far(row)}
        return {**super().facts(request, row), **more, "progress_url": self.address_of("progress", row)}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The proof, what became of the lines, and the first of them."""
        if row.status != FileStatus.LOADED:
            return ()
        listed = shown.list_address(SettlementLine)
        counts = [
            (match, count, f"{listed}?q={row.pk}&match__exact={match}")
            for match, count in selectors.counted_by_match(row)
        ]
        empty = _("The file has no line that another file had not told before.")
        return (
            shown.table("Proof", list(row.sums.items()), SUMS, viewer, empty="Nothing moved."),
            shown.table("What became of its lines", counts, COUNTS, viewer, empty=empty),
            shown.table("Lines", row.rows.order_by("number"), LINES, viewer, empty=empty),
        )

    def doings(self, request: HttpRequest, row: SettlementFile) -> Sequence[shown.Doing]:
        """Download, and another try."""
        if not base.from_role(request, RIGHT):
            return ()
        found = [shown.Doing("Download as it came", self.address_of("original", row))]
        if row.may("read_again"):
            found.append(shown.Doing("Read again", self.address_of("read_again", row)))
        return found

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to upload one."""
        new = reverse("admin:reporting_settlementfile_new") if base.from_role(request, RIGHT) else ""
        return super().changelist_view(
            request, {"new_url": new, "new_words": _("Upload a file"), **(extra_context or {})}
        )

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of files."""
        new = path("new/", self.admin_site.admin_view(self.new), name="reporting_settlementfile_new")
        pages = [self.route(name, getattr(self, name), name) for name in ("original", "progress", "read_again")]
        return [new, *pages, *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Upload a file."""
        if not base.from_role(request, RIGHT):
            raise PermissionDenied
        sent = request.method == "POST"
        form = UploadForm(request.POST, request.FILES) if sent else UploadForm()
        if sent and form.is_valid() and (row := self._uploaded(request, form)) is not None:
            return HttpResponseRedirect(shown.address(SettlementFile, row.pk))
        context = {"form": form, "back": self.list_url()}
        return self.page(request, "admin/new_settlement_file.html", _("Upload a settlement file"), context)

    def _uploaded(self, request: HttpRequest, form: UploadForm) -> SettlementFile | None:
        code, file = form.cleaned_data["account"], form.cleaned_data["file"]
        try:
            kept = settlements.upload(code, file.name, file.file, by=_by(request))
        except Refusal as refusal:
            form.add_error("file", refusal.detail)
            return None
        if kept.new:
            self.log_addition(request, kept.file, "Uploaded")
        else:
            messages.info(request, _("This very file is here already. Nothing was changed."))
        return kept.file

    def original(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """The bytes as they came."""
        row = self._theirs(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        try:
            content = settlements.original(row)
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(shown.address(SettlementFile, row.pk))
        self.log_change(request, row, "Downloaded the file")
        return FileResponse(content, as_attachment=True, filename=row.name, content_type="application/octet-stream")

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far it is, for the page that waits."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        return JsonResponse({"status": row.status, "said": _so_far(row), "done": row.lines})

    def read_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Try a refused file once more."""
        row = self._theirs(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back = shown.address(SettlementFile, row.pk)
        if request.method == "POST":
            try:
                settlements.read_again(row.pk, by=_by(request))
                self.log_change(request, row, "Read again")
            except Refusal as refusal:
                messages.warning(request, refusal.detail)
            return HttpResponseRedirect(back)
        effect = _("The same bytes are read once more. It helps where the reason was ours, or is gone.")
        context = {"row": row, "effect": effect, "button": _("Read again"), "what": _covers(row), "back": back}
        return self.page(request, "admin/confirm.html", _("Read again"), context)

    def _theirs(self, request: HttpRequest, object_id: str) -> Any:
        if not base.from_role(request, RIGHT):
            raise PermissionDenied
        return self.row(request, object_id)


@admin.register(SettlementLine)
class SettlementLineAdmin(base.ModelAdmin):
    """Movements of our balance at PSPs, as their files say."""

    called = ("settlement line", "settlement lines")
    columns = (*LINES, shown.linked("file", text=lambda file: file.reference))
    sections = (
        (
            "What the PSP says",
            (
                *LINES,
                _amount("gross", gettext_noop("Paid by the customer"), "gross_currency"),
                shown.Column("Rate", lambda row, _: shown.NOTHING if row.rate is None else f"{row.rate.normalize():f}"),
                _amount("fee", gettext_noop("Fee")),
                _amount("tax", gettext_noop("Tax on the fee")),
                shown.code_of("key"),
                shown.Column("Movement at the PSP", _movement),
                shown.reference_of("our_reference", "Reference of ours"),
                shown.method_of(),
                shown.said_of("detail"),
            ),
        ),
        (
            "Where it stands",
            (
                shown.linked("file"),
                shown.number_of("number", "Row below the header"),
                shown.linked("account"),
                shown.reference_of("movement_id", "Movement of ours"),
            ),
        ),
    )
    list_filter = ("match", "type", "account")
    list_select_related = ("file", "account")
    id_lookups = {"st": "file"}
    search_help_text = "Id of a payment, a file, a payout; or the PSP's reference"
    nothing_here = "No settlement line yet. They come with the files."

    def find(self, term: str, viewer: shown.Viewer) -> Q:  # noqa: ARG002  as every list
        """By the payment, the payout, or what the PSP calls either."""
        return selectors.lines_named(term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much moved, and what became of it."""
        return shown.joined((shown.said(row.type), shown.minor(row.net_minor, row.currency), _match(row.match)), " ")


def _by(request: HttpRequest) -> str:
    return f"staff {request.user.get_username()}"[:80]


def _so_far(row: SettlementFile) -> str:
    return _("%(lines)s lines so far.") % {"lines": f"{row.lines:,}"}


def _sentence(row: SettlementFile) -> str:
    match row.status:
        case FileStatus.STORED:
            return _("The file is being read. This page changes when it is loaded.")
        case FileStatus.REFUSED:
            return _("Refused: nothing of it was loaded. Rows are counted below the header.")
    found = _("Loaded with %(lines)s lines.") % {"lines": f"{row.lines:,}"}
    if row.told_before:
        found += _(
            " %(told_before)s of them another file had told before: they were told which payout they are of."
        ) % {"told_before": f"{row.told_before:,}"}
    if row.set_aside:
        found += _(" %(set_aside)s are of before the account's cut-over, and are set aside.") % {
            "set_aside": f"{row.set_aside:,}"
        }
    return found
