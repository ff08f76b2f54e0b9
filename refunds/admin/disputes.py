"""Disputes: the list with due days, the page of one in plain words, and answering it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, Q, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, fresh, shown
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from refunds import defence, disputes, rates
from refunds.admin import evidence, telling
from refunds.admin.limits import CHANGE_COLUMNS
from refunds.models import Dispute, DisputeFile, DisputeMovement, DisputeStage
from refunds.services import answering, filing
from refunds.states import ANSWERABLE

CALL_COLUMNS = (
    shown.Column("Call", lambda row, viewer: viewer.link(row, row.kind)),
    shown.status_of("verdict", "Answer"),
    shown.time_of("sent_at", "Sent"),
    shown.code_of("provider_reference", "PSP's reference"),
)
TONES = {
    **dict.fromkeys(("inquiry", "needs_response", "under_review"), "wait"),
    **dict.fromkeys(("lost", "expired"), "bad"),
    **dict.fromkeys(("won", "withdrawn"), "good"),
}
MOVEMENT_COLUMNS = (
    shown.Column("Movement", lambda row, viewer: viewer.link(row, shown.said(row.get_kind_display()))),
    shown.amount_of("amount"),
    shown.time_of("moved_at"),
    shown.code_of("key", "PSP's key"),
    shown.text_of("told_by", "Told by"),
)
STAGE_COLUMNS = (
    shown.Column("Stage", lambda row, viewer: viewer.link(row, shown.said(row.get_stage_display()))),
    shown.Column("Our answer", lambda row, _viewer: shown.said(row.get_answer_display()) or _("None yet")),
    shown.text_of("answer_by", "By whom"),
    shown.said_of("answer_because", "Why"),
    shown.time_of("answered_at", "The PSP had it"),
)
FILE_COLUMNS = (
    shown.Column("Document", lambda row, viewer: viewer.link(row, _(defence.DOCUMENTS[row.kind]))),
    shown.personal_of("filename", "File"),
    shown.number_of("size", "Bytes"),
    shown.text_of("uploaded_by", "From"),
    shown.time_of("created_at"),
)


class DueFilter(admin.SimpleListFilter):
    """Which disputes must be answered by when."""

    title = gettext_lazy("to be answered")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("1", _("Within a day")), ("3", _("Within 3 days")), ("7", _("Within 7 days")), ("any", _("At all")),
                ("over", _("Too late"))]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The rows that wait for us."""
        match self.value():
            case "1" | "3" | "7" as days:
                return disputes.due_within(queryset, timedelta(days=int(days)))
            case "over":
                return disputes.due_within(queryset, timedelta(0))
            case "any":
                return queryset.filter(status__in=ANSWERABLE)
        return queryset


@admin.register(Dispute)
class DisputeAdmin(base.ModelAdmin):
    """A customer's bank disputes a payment."""

    columns = (
        shown.amount_of("amount", "Dispute"),
        shown.status_of(tones=TONES),
        shown.Column("Answer by (UTC)", telling.due),
        shown.Column("Reason", lambda row, _: shown.said(row.get_reason_display()).partition(":")[0]),
        shown.choice_of("stage"),
        shown.reference_of("intent_id", "Payment"),
        shown.time_of("opened_at", "Since"),
    )
    sections = (
        (
            "About",
            (
                shown.choice_of("reason"),
                shown.text_of("network_reason_code", "The scheme's reason"),
                shown.reference_of("intent_id", "Payment"),
                shown.reference_of("order_id", "Order"),
                shown.linked("account", "Provider account"),
                shown.code_of("provider_reference", "PSP's reference"),
                shown.time_of("opened_at", "Since"),
                shown.time_of("respond_by", "Answer by"),
                shown.time_of("closed_at", "Ended"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = (DueFilter, "status", "stage", "reason", base.CreatedFilter)
    ordering = (  # type: ignore[assignment]  # expressions too
        Case(When(closed_at=None, then=0), default=1), F("respond_by").asc(nulls_last=True), "-pk",
    )  # fmt: skip
    id_lookups = {"pi": "intent", "ord": "order_id", "att": "attempt", "dps": "stages", "dpm": "movements"}
    search_help_text = "PSP's reference, or the id of a dispute, payment or order"
    nothing_here = "No bank disputes a payment. What one does appears here by itself."
    record_template = "admin/dispute.html"
    change_list_template = "admin/list_with_new.html"

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's id of the dispute."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(account_id__in=accounts, provider_reference=term)

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to the rates."""
        address = reverse("admin:refunds_dispute_rates")
        return super().changelist_view(
            request, {"new_url": address, "new_words": _("Dispute rates"), **(extra_context or {})}
        )

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), shown.status(row.status, tones=TONES)), " ")

    def facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What happened, what moved, what to do; then the rest."""
        whole = disputes.held_for_reading(row.pk)
        return {
            **super().facts(request, row),
            "happened": telling.happened(row),
            "moved": telling.moved(row),
            "to_do": telling.to_do(row, whole.latest.answer),
            "urgent": row.status in ANSWERABLE and not whole.latest.answer,
            "advice": _(defence.advice(row.reason).words) if row.status in ANSWERABLE else "",
            "said": _said(whole, self.viewer(request, row)),
        }

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Money, documents, stages, moves, calls."""
        files = DisputeFile.objects.filter(stage__dispute=row, removed_at=None).order_by("pk")
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        calls = ProviderCall.objects.filter(owner_id=row.pk).order_by("pk")
        stages, moved, table = row.stages.order_by("pk"), row.movements.order_by("pk"), shown.table
        return (
            table("Money that moved", moved, MOVEMENT_COLUMNS, viewer, empty="No money has moved."),
            table("Documents", files, FILE_COLUMNS, viewer, empty="No document was handed in."),
            table("Stages", stages, STAGE_COLUMNS, viewer, empty="None."),
            table("What happened", moves, CHANGE_COLUMNS, viewer, empty="It stands as it began."),
            table("Calls to the PSP", calls, CALL_COLUMNS, viewer, empty="The PSP was told nothing yet."),
        )

    # --- answering it

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Evidence, submit and accept, while it waits for us."""
        stage = _latest(row)
        if row.status not in ANSWERABLE or stage.answer:
            return ()
        found = []
        if _may(request, "change") and row.defendable is not False:
            ready = bool(stage.texts) or stage.files.filter(removed_at=None).exists()
            found.append(shown.Doing("Evidence", self.address_of("evidence", row), main=not ready))
            if ready:
                found.append(shown.Doing("Submit to the bank", self.address_of("submit", row), main=True))
        if _may(request, "accept"):
            found.append(shown.Doing("Accept", self.address_of("accept", row)))
        return tuple(found)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what answers a dispute."""
        rates_page = path("rates/", self.admin_site.admin_view(self.rates), name="refunds_dispute_rates")
        routes = [self.route(name, getattr(self, name), name) for name in ("evidence", "submit", "accept")]
        return [rates_page, *routes, *super().get_urls()]

    def evidence(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form of what can be said and shown; nothing goes to the bank by saving it."""
        row = self._to_answer(request, object_id, "change")
        if isinstance(row, HttpResponse):
            return row
        sent = request.method == "POST"
        if not sent and (ask := self.shown_first(request, row)) is not None:  # it is filled in with what is known
            return ask
        form = evidence.EvidenceForm(
            disputes.held_for_reading(row.pk), request.POST if sent else None, request.FILES if sent else None
        )
        back = shown.address(Dispute, row.pk)
        if sent and form.is_valid() and form.save(by=_by(request)):
            self.log_change(request, row, "Kept evidence")
            messages.success(request, _("Kept. Nothing has gone to the bank: submit it when it is complete."))
            return HttpResponseRedirect(back)
        context = {"row": row, "form": form, "advice": _(defence.advice(row.reason).words), "back": back,
                   "to_do": telling.to_do(row, ""), "what": shown.short(row.pk)}  # fmt: skip
        return self.page(request, "admin/evidence.html", _("Evidence: %(id)s") % {"id": shown.short(row.pk)}, context)

    def submit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the evidence, after a second look."""
        row = self._to_answer(request, object_id, "change")
        if isinstance(row, HttpResponse):
            return row
        if request.method == "POST":
            return self._answered(
                request, row, "Submitted evidence", lambda: answering.submit(row.pk, client_id=None, by=_by(request))
            )
        effect = _("The evidence goes to the bank as it is now, once. It cannot be changed or added to afterwards.")
        return self._confirm(request, row, _("Submit to the bank"), effect)

    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the customer keep the money, with the reason."""
        row = self._to_answer(request, object_id, "accept")
        ask = row if isinstance(row, HttpResponse) else fresh.required(request)
        if ask is not None:
            return ask
        form = evidence.AcceptForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            act = lambda: answering.accept(row.pk, because=reason, client_id=None, by=_by(request))  # noqa: E731
            return self._answered(request, row, f"Accepted: {reason}", act)
        kept = {"amount": shown.amount_text(row.amount)}
        effect = _("The customer keeps %(amount)s. That cannot be taken back.") % kept
        return self._confirm(request, row, _("Accept the dispute"), effect, form=form, danger=True)

    def _to_answer(self, request: HttpRequest, object_id: str, verb: str) -> Any:
        """The row, or the answer that it does not wait for one; `PermissionDenied` for who may not."""
        if not _may(request, verb):
            raise PermissionDenied
        row = self.row(request, object_id)
        if not isinstance(row, HttpResponse) and (row.status not in ANSWERABLE or _latest(row).answer):
            messages.warning(request, _("It does not wait for an answer."))
            return HttpResponseRedirect(shown.address(Dispute, row.pk))
        return row

    def _answered(self, request: HttpRequest, row: Any, done: str, act: Any) -> HttpResponse:
        try:
            act()
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
        else:
            self.log_change(request, row, done)
            messages.success(request, _("It is on its way to the bank. This page shows what comes of it."))
        return HttpResponseRedirect(shown.address(Dispute, row.pk))

    def _confirm(self, request: HttpRequest, row: Any, words: str, effect: str, **more: Any) -> HttpResponse:
        context = {"row": row, "effect": effect, "button": words, "what": shown.short(row.pk),
                   "back": shown.address(Dispute, row.pk), **more}  # fmt: skip
        return self.page(request, "admin/confirm.html", words, context)

    # --- rates

    def rates(self, request: HttpRequest) -> HttpResponse:
        """How often payments are disputed, and how near that is to the schemes' limits."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        counted, viewer = rates.counted(12), shown.Viewer(request.user)
        tables = (
            shown.table("Against the schemes' limits", rates.against_limits(counted), LIMIT_COLUMNS, viewer,
                        empty="No card was paid with in the last year."),
            shown.table("By month, method and country", rates.by_method_and_country(counted), RATE_COLUMNS, viewer,
                        empty="Nothing was paid in the last year."),
        )  # fmt: skip
        context = {"kind": _("Rates"), "headline": _("How often payments are disputed"), "row_id": "", "sections": (),
                   "tables": tables, "doings": ()}  # fmt: skip
        return self.page(request, "admin/rates.html", _("Dispute rates"), context)


LEVELS: Final[Mapping[str, tuple[str, Any]]] = {
    "fine": ("good", gettext_lazy("Fine")),
    "near": ("wait", gettext_lazy("Near the limit")),
    "over": ("bad", gettext_lazy("Over the limit")),
}
LIMIT_COLUMNS = (
    shown.Column("Month", lambda row, _: f"{row.month:%Y-%m}"),
    shown.Column("Programme", lambda row, _: row.programme.name),
    shown.number_of("counted", "Disputes counted"),
    shown.number_of("of", "Payments"),
    shown.Column("Rate", lambda row, _: f"{row.percent:.2f} %", right=True),
    shown.Column("Limit", lambda row, _viewer: _limit(row), right=True),
    shown.Column(
        "Stands", lambda row, _: shown.status(row.level, LEVELS[row.level][1], {row.level: LEVELS[row.level][0]})
    ),
)
RATE_COLUMNS = (
    shown.Column("Month", lambda row, _: f"{row.month:%Y-%m}"),
    shown.method_of(),
    shown.text_of("country"),
    shown.number_of("payments"),
    shown.number_of("disputes"),
    shown.number_of("frauds", "Reported as fraud"),
    shown.Column("Rate", lambda row, _: f"{row.percent:.2f} %", right=True),
)


def _limit(row: Any) -> str:
    said = {"ratio": f"{100 * row.programme.ratio:.1f}", "count": f"{row.programme.count:,}"}
    return _("%(ratio)s %% and %(count)s") % said


def _latest(row: Dispute) -> DisputeStage:
    return row.stages.get(stage=row.stage)


def _may(request: HttpRequest, verb: str) -> bool:
    """Who has it from a role: being superuser is not enough (docs/decisions/0007)."""
    return base.from_role(request, f"refunds.{verb}_dispute")


def _by(request: HttpRequest) -> str:
    return f"staff {request.user.get_username()}"[:80]


def _said(whole: disputes.DisputeWithStages, viewer: shown.Viewer) -> list[tuple[str, str]]:
    """The texts of the evidence, in the order of the form."""
    texts = whole.latest.texts
    return [
        (_(words), shown.words(viewer.personal(texts[kind]), viewer))
        for kind, words in defence.TEXTS.items()
        if texts.get(kind)
    ]


@admin.register(DisputeStage)
class DisputeStageAdmin(base.ModelAdmin):
    """One stage of a dispute, and our answer to it."""

    called = ("stage of a dispute", "stages of disputes")
    columns = (*STAGE_COLUMNS, shown.reference_of("dispute_id", "Dispute"))
    sections = (("About", columns),)
    id_lookups = {"dp": "dispute"}
    search_help_text = "Id of a dispute"
    nothing_here = "No bank disputes a payment."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Which stage, and what we said to it."""
        return f"{shown.said(row.stage)}: {shown.within(shown.said(row.get_answer_display() or _('Not answered')))}"


@admin.register(DisputeMovement)
class DisputeMovementAdmin(base.ModelAdmin):
    """Money of a dispute that moved."""

    called = ("movement of a dispute", "movements of disputes")
    columns = (*MOVEMENT_COLUMNS, shown.reference_of("dispute_id", "Dispute"))
    sections = (("About", columns),)
    list_filter = ("kind", base.CreatedFilter)
    id_lookups = {"dp": "dispute"}
    search_help_text = "Id of a dispute or of a movement"
    nothing_here = "No money of a dispute has moved."


@admin.register(DisputeFile)
class DisputeFileAdmin(base.ModelAdmin):
    """A document that was handed in as evidence."""

    called = ("document of a dispute", "documents of disputes")
    columns = (*FILE_COLUMNS, shown.Column("Dispute", lambda row, viewer: viewer.reference(row.stage.dispute_id)))
    sections = (("About", (*columns, shown.code_of("sha256", "SHA-256"), shown.time_of("removed_at", "Taken back"))),)
    list_select_related = ("stage",)
    id_lookups = {"dp": "stage__dispute", "dps": "stage"}
    search_help_text = "Id of a dispute or of a document"
    nothing_here = "No document was handed in."

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Read it, for who may see personal data."""
        if not self.viewer(request, row).sees_personal_data:
            return ()
        return (shown.Doing("Download", self.address_of("download", row), main=True),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the document itself."""
        return [self.route("download", self.download, "download"), *super().get_urls()]

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The document as it was handed in, for who has said why; that somebody read it is on record."""
        if not shown.Viewer(request.user).sees_personal_data:
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if (ask := self.shown_first(request, row)) is not None:
            return ask
        try:
            content = filing.read(row.sha256)
        except (OSError, ValueError) as gone:
            raise Http404(_("The document is gone.")) from gone
        self.log_change(request, row, "Downloaded")
        headers = {"Content-Disposition": f'attachment; filename="{row.kind}-{row.sha256[:8]}"'}
        return HttpResponse(content, content_type=row.content_type, headers=headers)
