"""Bulk refunds: a file is uploaded, looked through, approved by a second lead, and watched while it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import base, fresh, reasons, shown
from payments.kernel.errors import Refusal
from refunds import batches as reading
from refunds import selectors, uploads
from refunds.models import Reason, RefundBatch, RefundBatchRow
from refunds.services import bulk, bulk_files
from reporting.admin import batches

EXAMPLE: Final = """id,amount,reason,currency,note
pi_01936b2d9c6e7b3f8f4e2a1d5c7b9e04,19.99,damaged,EUR,The handle was chipped
ord_01936b2d9c6e7b3f8f4e2a1d5c7b9e02,all,not_delivered,,"""

CSV: Final = "text/csv; charset=utf-8; header=present"  # RFC 4180 section 3


class UploadForm(forms.Form):
    """The file."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv", "data-most": uploads.MOST_BYTES}),
        error_messages={"required": gettext_lazy("Choose a file.")},
    )


class ReasonForm(forms.Form):
    """Why: everybody who looks later reads it."""

    reason = forms.CharField(
        max_length=200,
        min_length=5,
        validators=[reasons.no_card_number],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("At least five letters."),
    )


class AskForm(forms.Form):
    """Where the very same file was uploaded before, that it is meant once more."""

    once_more = forms.BooleanField(
        label=gettext_lazy("Yes, refund this file once more"),
        error_messages={"required": gettext_lazy("Say that it is meant once more.")},
    )


class CheckForm(forms.Form):
    """Whether what looks like the same refund twice is meant."""

    with_duplicates = forms.BooleanField(
        required=False,
        label=gettext_lazy("Rows that look like the same refund twice are meant"),
        help_text=gettext_lazy("Each of them is refunded then. Look at the tab “Twice” first."),
    )


@dataclass(frozen=True)
class Move:
    """Something that is done with a bulk refund: its button, the right it needs, what it does, and what it asks."""

    words: Any
    right: str
    effect: Any
    done: Any
    does: Callable[..., RefundBatch]
    form: type[forms.Form] | None = None
    danger: bool = False


MOVES: Final[Mapping[str, Move]] = {
    "ask": Move(
        gettext_lazy("Ask for approval"),
        "add",
        gettext_lazy(
            "Another lead is asked to approve all rows that go back. Rows and verdicts stay as they are from now on."
        ),
        gettext_lazy("Approval is asked for."),
        bulk.ask,
    ),
    "approve": Move(
        gettext_lazy("Approve"),
        "change",
        gettext_lazy(
            "You agree with all rows that go back. They are refunded one by one, beginning in a "
            "minute; until then all of it can be called back."
        ),
        gettext_lazy("Approved. It begins in a minute."),
        bulk.approve,
    ),
    "reject": Move(
        gettext_lazy("Reject"),
        "change",
        gettext_lazy("Nothing of it is refunded."),
        gettext_lazy("Rejected."),
        bulk.reject,
        ReasonForm,
        danger=True,
    ),
    "check_again": Move(
        gettext_lazy("Check again"),
        "add",
        gettext_lazy("Every row is checked against how its payment stands now."),
        gettext_lazy("The rows are checked again."),
        bulk.check_again,
        CheckForm,
    ),
    "pause": Move(
        gettext_lazy("Pause"),
        "change",
        gettext_lazy(
            "No more rows become refunds until somebody resumes. Up to 50 that are on their way already are still sent."
        ),
        gettext_lazy("Paused."),
        bulk.pause,
    ),
    "resume": Move(
        gettext_lazy("Resume"),
        "change",
        gettext_lazy("It goes on with the next row."),
        gettext_lazy("It goes on."),
        bulk.resume,
    ),
    "cancel": Move(
        gettext_lazy("Call off"),
        "add",
        gettext_lazy(
            "All rows that are no refunds yet are left out, and refunds that have not left for "
            "the PSP are taken back. What has gone back stays gone."
        ),
        gettext_lazy("It is called off."),
        bulk.cancel,
        ReasonForm,
        danger=True,
    ),
}


@admin.register(RefundBatch)
class RefundBatchAdmin(base.ModelAdmin):
    """Many refunds by one file, approved together."""

    called = ("bulk refund", "bulk refunds")
    columns = (
        shown.text_of("name", "File"),
        shown.status_of(tones=batches.TONES),
        shown.number_of("rows"),
        shown.number_of("fitting", "Go back"),
        shown.text_of("uploaded_by"),
        shown.Column("Approved by", lambda row, _: row.approved_by or shown.NOTHING),
        shown.time_of("created_at", "Uploaded"),
    )
    sections = (
        (
            "About",
            (
                shown.number_of("rows"),
                shown.number_of("fitting", "Go back"),
                shown.number_of("empty", "Empty rows, passed over"),
                shown.text_of("uploaded_by"),
                shown.text_of("asked_by", "Approval asked for by"),
                shown.text_of("approved_by"),
                shown.time_of("created_at", "Uploaded"),
                shown.time_of("checked_at"),
                shown.time_of("ended_at"),
                shown.flag_of("with_duplicates", "Refunds what looks twice"),
                shown.Column("SHA-256 of the file", lambda row, _: shown.copyable(row.sha256), wide=True),
            ),
        ),
    )
    list_filter = ("status", base.CreatedFilter)
    id_lookups = {"re": "lines__refund"}
    search_help_text = "Id of a bulk refund, or of one of its refunds"
    nothing_here = "No bulk refund yet. A lead uploads a file of refunds, and another one approves it."
    record_template = "admin/batch.html"
    change_list_template = "admin/list_with_new.html"

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """The file, and how far it is."""
        return shown.joined((row.name, shown.status(row.status, tones=batches.TONES)), " ")

    def facts(self, request: HttpRequest, row: RefundBatch) -> dict[str, Any]:
        """The page, with a page of rows."""
        found = batches.facts(request, row, self.viewer(request, row))
        return {**super().facts(request, row), **found, "progress_url": self.address_of("progress", row)}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Totals, and how its refunds stand."""
        return batches.tables(row, viewer)

    def doings(self, request: HttpRequest, row: RefundBatch) -> Sequence[shown.Doing]:
        """What its state allows this person, and its files."""
        found = [
            shown.Doing(move.words, self.address_of(name, row), main=name in ("ask", "approve", "resume"))
            for name, move in MOVES.items()
            if self._offers(request, row, name, move)
        ]
        if row.checked_at is not None and row.fitting < row.rows:
            found.append(shown.Doing("Problems as CSV", self.address_of("problems", row)))
        if row.approved_at is not None:
            found.append(shown.Doing("Results as CSV", self.address_of("results", row)))
        return found

    def _offers(self, request: HttpRequest, row: RefundBatch, name: str, move: Move) -> bool:
        if not self._may(request, move.right) or not row.may(name):
            return False
        if name == "ask":
            return row.fitting > 0
        return name not in ("approve", "reject") or _by(request) not in (row.uploaded_by, row.asked_by)

    def _may(self, request: HttpRequest, verb: str) -> bool:
        """Who has it from a role: being superuser is not enough (docs/decisions/0007)."""
        return not request.user.is_superuser and self.may(request, verb)

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new one."""
        new = reverse("admin:refunds_refundbatch_new") if self._may(request, "add") else ""
        return super().changelist_view(
            request, {"new_url": new, "new_words": _("New bulk refund"), **(extra_context or {})}
        )

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of a bulk refund's life."""
        new = path("new/", self.admin_site.admin_view(self.new), name="refunds_refundbatch_new")
        moves = [self.route(name, self._view(name), name) for name in MOVES]
        pages = [self.route(name, getattr(self, name), name) for name in ("problems", "results", "progress")]
        return [new, *moves, *pages, *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Upload a file."""
        if not self._may(request, "add"):
            raise PermissionDenied
        sent = request.method == "POST"
        form = UploadForm(request.POST, request.FILES) if sent else UploadForm()
        if sent and form.is_valid() and (row := self._uploaded(request, form)) is not None:
            return HttpResponseRedirect(shown.address(RefundBatch, row.pk))
        context = {
            "form": form, "back": self.list_url(), "example": EXAMPLE, "reasons": ", ".join(Reason.values),
            "most_rows": f"{uploads.MOST_ROWS:,}", "most_megabytes": uploads.MOST_BYTES // 1_000_000,
        }  # fmt: skip
        return self.page(request, "admin/new_batch.html", _("New bulk refund"), context)

    def _uploaded(self, request: HttpRequest, form: UploadForm) -> RefundBatch | None:
        file = form.cleaned_data["file"]
        try:
            row = bulk.upload(file.read(), file.name, by=_by(request))
        except Refusal as refusal:
            form.add_error("file", refusal.detail)
            return None
        self.log_addition(request, row, "Uploaded")
        return row

    def _view(self, name: str) -> Callable[[HttpRequest, str], HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, name)

        return view

    def move(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask once more, then do it."""
        move = MOVES[name]
        if not self._may(request, move.right):
            raise PermissionDenied
        if name in ("approve", "reject") and (ask := fresh.required(request)) is not None:
            return ask
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back = shown.address(RefundBatch, row.pk)
        wanted = AskForm if name == "ask" and row.repeats_id else move.form
        sent = request.method == "POST"
        form = wanted(request.POST if sent else None) if wanted is not None else None
        if sent and (form is None or form.is_valid()):
            self._moved(request, row, move, _said(form))
            return HttpResponseRedirect(back)
        context = {"row": row, "form": form, "effect": _effect(row, name, move), "button": move.words,
                   "danger": move.danger, "what": row.name, "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{move.words}: {row.name}", context)

    def _moved(self, request: HttpRequest, row: RefundBatch, move: Move, said: Mapping[str, Any]) -> None:
        try:
            if move.does is bulk.approve:
                bulk.approve(row.pk, selectors.person(request.user))
            else:
                move.does(row.pk, by=_by(request), **said)
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return
        self.log_change(request, row, f"{shown.english(move.words)}: {said.get('because', '')}".removesuffix(": "))
        messages.success(request, move.done)

    def problems(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """The rows that are left out, with why."""
        return self._file(request, object_id, "problems", bulk_files.problems)

    def results(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """What became of every row."""
        return self._file(request, object_id, "results", bulk_files.results)

    def _file(
        self, request: HttpRequest, object_id: str, what: str, made: Callable[[RefundBatch], IO[bytes]]
    ) -> HttpResponse | FileResponse:
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        self.log_change(request, row, f"Downloaded the {what}")
        return FileResponse(made(row), as_attachment=True, filename=f"{row.pk}_{what}.csv", content_type=CSV)

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far it is, for the page that waits."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        progress = reading.progress(row)
        return JsonResponse({"status": row.status, "said": batches.said(row, progress), "done": progress.done})


@admin.register(RefundBatchRow)
class RefundBatchRowAdmin(base.ModelAdmin):
    """One row of a file; they are looked through on the page of their bulk refund."""

    called = ("row of a bulk refund", "rows of bulk refunds")
    columns = (*batches.LINES, shown.linked("batch", "Bulk refund"))
    sections = (
        (
            "About",
            (
                *columns,
                shown.text_of("written", "Id as written"),
                shown.text_of("reason"),
                shown.time_of("done_at"),
                shown.words_of("note"),
            ),
        ),
    )
    list_select_related = ("batch", "refund")
    id_lookups = {"rb": "batch", "re": "refund"}
    search_help_text = "Id of a bulk refund, or of a refund that a row became"
    nothing_here = "No row of a bulk refund yet."

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Where it stands in which file."""
        return _("Row %(number)s of %(name)s") % {"number": row.number, "name": row.batch.name}


def _by(request: HttpRequest) -> str:
    return f"staff {request.user.get_username()}"[:80]


def _said(form: forms.Form | None) -> dict[str, Any]:
    """What the form adds to the move."""
    match form:
        case ReasonForm():
            return {"because": form.cleaned_data["reason"]}
        case AskForm():
            return {"once_more": True}
        case CheckForm():
            return {"with_duplicates": form.cleaned_data["with_duplicates"]}
    return {}


def _effect(row: RefundBatch, name: str, move: Move) -> str:
    """What it does, with what goes back where that is decided."""
    if name not in ("ask", "approve"):
        return str(move.effect)
    totals = ", ".join(shown.amount_text(total.amount) for total in reading.totals(row.pk))
    words = ngettext("%(count)s row goes back: %(totals)s.", "%(count)s rows go back: %(totals)s.", row.fitting)
    return f"{words % {'count': f'{row.fitting:,}', 'totals': totals}} {move.effect}"
