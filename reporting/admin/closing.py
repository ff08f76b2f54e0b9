"""The daily and monthly close: what is missing, in words; accepting it, locking, opening again by two."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, fresh, reasons, shown
from payments.kernel import clock
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from reporting import selectors
from reporting.admin import reports
from reporting.admin.transfers import person
from reporting.models import CheckState, Close, CloseCheck, Item
from reporting.services import checklist, closing, closing_reports, reopening
from reporting.states import CloseStatus

MAY_CLOSE: Final = "reporting.change_close"

TONES: Final = {"locked": "good", "ready": "wait", "checking": "bad", "reopened": "bad", "open": "quiet",
                "done": "good", "accepted": "good", "waiting": "wait", "missing": "bad"}  # fmt: skip
WORDS: Final = {
    CloseStatus.OPEN: gettext_lazy("Open"),
    CloseStatus.CHECKING: gettext_lazy("Something is missing"),
    CloseStatus.READY: gettext_lazy("Ready to be locked"),
    CloseStatus.LOCKED: gettext_lazy("Locked"),
    CloseStatus.REOPENED: gettext_lazy("Opened again"),
}

BEHIND: Final = {
    Item.FILES: ("reporting_settlementfile", gettext_lazy("Settlement files")),
    Item.MATCHED: ("reporting_settlementline", gettext_lazy("Settlement lines")),
    Item.UNEXPLAINED: ("reporting_tieout", gettext_lazy("Comparisons with the PSPs")),
    Item.DAYS: ("reporting_close", gettext_lazy("Days")),
    Item.BANK: ("reporting_payout", gettext_lazy("Payouts")),
    Item.BALANCE: ("payments_account", gettext_lazy("Ledger accounts")),
    Item.INVARIANTS: ("payments_transfer", gettext_lazy("Ledger transfers")),
    Item.REPORTS: ("reporting_reportrun", gettext_lazy("Reports")),
}
"""Where what is behind an item is listed."""


class ReasonForm(forms.Form):
    """Why: everybody who looks later reads it."""

    reason = reasons.reason_field(gettext_lazy("Why? At least five letters; it stays with the period."))


def state(row: Close) -> str:
    """How far a period is, as a label: what only waits for its reports lacks nothing."""
    if row.status == CloseStatus.CHECKING and not any(one.state == CheckState.MISSING for one in row.checklist()):
        return shown.status("waiting", _("Being looked at"), tones=TONES)
    return shown.status(row.status, WORDS[CloseStatus(row.status)], tones=TONES)


def _missing(row: Close) -> str:
    """What people have to do something about; what only waits comes by itself."""
    if row.status == CloseStatus.LOCKED:
        return shown.NOTHING
    left = [check for check in row.checklist() if check.state == CheckState.MISSING]
    return shown.stacked(check.says for check in left) if left else shown.NOTHING


def _reports(row: Close) -> str:
    if row.status != CloseStatus.LOCKED:
        return shown.NOTHING
    return (
        shown.status("done", _("Final"), TONES) if row.proven_at else shown.status("waiting", _("Being proven"), TONES)
    )


def _behind(check: CloseCheck) -> str:
    name, words = BEHIND[Item(check.item)]
    try:
        return format_html('<a class="bo-link" href="{}">{}</a>', reverse(f"admin:{name}_changelist"), words)
    except NoReverseMatch:
        return shown.NOTHING


def _accepted(check: CloseCheck) -> str:
    if check.state != CheckState.ACCEPTED:
        return shown.NOTHING
    return f"{check.accepted_by}: “{check.accepted_because}”"


CHECK_COLUMNS = (
    shown.Column("Item", lambda row, viewer: viewer.link(row)),
    shown.Column("State", lambda row, _: shown.status(row.state, shown.said(row.get_state_display()), tones=TONES)),
    shown.said_of("says", "What it says"),
    shown.Column("Accepted", lambda row, viewer: shown.masked(_accepted(row), viewer)),
    shown.Column("Behind it", lambda row, _: _behind(row)),
    shown.time_of("checked_at", "Looked at"),
)
HISTORY = (
    shown.time_of("at", "When"),
    shown.Column("What", lambda row, _viewer: shown.said(row.event)),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


@admin.register(Close)
class CloseAdmin(base.ModelAdmin):
    """The days and months of each company, newest first."""

    called = ("close", "closes")
    columns = (
        shown.Column("Period", lambda row, _: row.words),
        shown.Column("State", lambda row, _: state(row)),
        shown.linked("entity", "Company"),
        shown.Column("Missing", lambda row, _: _missing(row)),
        shown.Column("Reports", lambda row, _: _reports(row)),
        shown.text_of("locked_by", "Locked by"),
        shown.time_of("locked_at", "Locked"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:3],
                shown.Column("Begins and ends (UTC)", lambda row, _: _bounds(row)),
                shown.text_of("time_zone", "Time zone"),
                shown.number_of("edition", "Times locked"),
                *columns[4:],
                shown.time_of("checked_at", "Looked at"),
                shown.text_of("reopen_asked_by", "Who wants it open again"),
                shown.said_of("reopen_because", "Why open again"),
                shown.text_of("reopened_by", "Who agreed"),
            ),
        ),
    )
    list_select_related = ("entity",)
    list_filter = ("kind", "status", "entity")
    ordering = ("-ends_at", "kind", "entity_id")
    search_help_text = "Id of a close"
    nothing_here = "Nothing is to be closed yet: days begin with the first booking."
    record_template = "admin/close.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the checklists, and without days that have not begun to matter."""
        return super().get_queryset(request).prefetch_related("checks")

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """The company and its period."""
        return f"{row.entity}, {row.words}"

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """The company, its period, and how far it is."""
        return shown.joined((f"{row.entity}, {row.words}", state(row)), " ")

    def facts(self, request: HttpRequest, row: Close) -> dict[str, Any]:
        """The page, with what is to be done, in a sentence."""
        return {**super().facts(request, row), "advice": _advice(row)}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The checklist, the reports of every edition, and what was done."""
        moves = StateChange.objects.filter(object_id=row.pk).order_by("-at", "-pk")
        return (
            shown.table("Checklist", row.checklist(), CHECK_COLUMNS, viewer, empty="It was not looked at yet."),
            shown.table("Reports", _editions(row), REPORT_COLUMNS, viewer, empty="No report was written for it yet."),
            shown.table("What was done", moves, HISTORY, viewer, empty="Nothing yet."),
        )

    # --- what this person may do

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Look again, lock, open again: what is offered to this person, and nothing that would be refused."""
        if not base.from_role(request, MAY_CLOSE) or row.ends_at > clock.now():
            return ()
        if row.status != CloseStatus.LOCKED:
            ready = row.status == CloseStatus.READY
            again = shown.Doing("Look again", self.address_of("again", row), main=not ready)
            return (shown.Doing("Lock now", self.address_of("lock", row), main=True), again) if ready else (again,)
        if row.reopen_asked_by:
            withdraw = shown.Doing("Leave it locked", self.address_of("withdraw", row))
            mine = row.reopen_asked_by == person(request)
            agree = shown.Doing("Agree to open again", self.address_of("agree", row), main=True)
            return (withdraw,) if mine else (agree, withdraw)
        if selectors.locked_after(row) is None:
            return (shown.Doing("Ask to open again", self.address_of("ask", row)),)
        return ()

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what people do about a period."""
        pages = [self.route(name, getattr(self, name), name) for name in ("again", "lock", "ask", "agree", "withdraw")]
        return [*pages, *super().get_urls()]

    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Look at every item again."""
        effect = _("Every item is looked at again. When nothing is missing, the period is locked soon, by itself.")
        return self._asked(request, object_id, (gettext_lazy("Look again"), effect), self._again)

    def _again(self, request: HttpRequest, row: Close, _reason: str) -> str:
        found = closing.check(row.pk, by=person(request), anew=True)
        return _("Looked at: %(state)s.") % {"state": shown.within(WORDS[CloseStatus(found.status)])}

    def lock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lock it without waiting for the timetable."""
        effect = _(
            "Its books take nothing more: what comes later stands in the open period. Opening it again takes two."
        )
        return self._asked(request, object_id, (gettext_lazy("Lock now"), effect), self._lock)

    def _lock(self, request: HttpRequest, row: Close, _reason: str) -> str:
        closing.lock_now(row.pk, by=person(request))
        return _("Locked.")

    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Want it open again."""
        effect = _("Nothing is opened yet: another person has to agree. Its reports may become others.")
        return self._asked(request, object_id, (gettext_lazy("Ask to open again"), effect), self._ask, ReasonForm)

    def _ask(self, request: HttpRequest, row: Close, reason: str) -> str:
        reopening.ask(row.pk, because=reason, by=person(request))
        return _("Recorded. Another person has to agree on this page.")

    def agree(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The second person opens it."""
        if base.from_role(request, MAY_CLOSE) and (ask := fresh.required(request)) is not None:
            return ask
        effect = _(
            "If you agree, its books take what belongs to it again, until it is locked anew as a further edition."
        )
        return self._asked(request, object_id, (gettext_lazy("Agree to open again"), effect), self._agree)

    def _agree(self, request: HttpRequest, row: Close, _reason: str) -> str:
        closing.patiently(lambda: reopening.agree(row.pk, by=person(request)))
        return _("It is open again.")

    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It stays locked."""
        said = (gettext_lazy("Leave it locked"), _("It stays locked, and the wish is gone."))
        return self._asked(request, object_id, said, self._stay)

    def _stay(self, request: HttpRequest, row: Close, _reason: str) -> str:
        reopening.withdraw(row.pk, by=person(request))
        return _("It stays locked.")

    def _asked(
        self, request: HttpRequest, object_id: str, said: tuple[Any, str],
        act: Callable[[HttpRequest, Close, str], str], form_class: type[ReasonForm] | None = None,
    ) -> HttpResponse:  # fmt: skip
        row = self.row(request, object_id)
        return row if isinstance(row, HttpResponse) else asked(self, request, row, said, act, form_class)


def asked(
    page: base.ModelAdmin, request: HttpRequest, row: Any, said: tuple[Any, str],
    act: Callable[[HttpRequest, Any, str], str], form_class: type[ReasonForm] | None = None,
) -> HttpResponse:  # fmt: skip
    """Say what it does, ask for the reason where one is needed, and do it on POST."""
    if not base.from_role(request, MAY_CLOSE):
        raise PermissionDenied
    words, effect = said
    back = shown.address(type(row), row.pk)
    form = form_class(request.POST or None) if form_class is not None else None
    if request.method == "POST" and (form is None or form.is_valid()):
        reason = form.cleaned_data["reason"] if form is not None else ""
        try:
            messages.success(request, act(request, row, reason))
            page.log_change(request, row, f"{shown.english(words)}: {reason}".removesuffix(": "))
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
        return HttpResponseRedirect(back)
    context = {"row": row, "form": form, "effect": effect, "button": words, "what": str(row), "back": back,
               "danger": shown.english(words) in ("Lock now", "Agree to open again")}  # fmt: skip
    return page.page(request, "admin/confirm.html", f"{words}: {row}", context)


def _bounds(row: Close) -> str:
    return shown.joined((shown.moment(row.starts_at), shown.moment(row.ends_at)), " – ")


def _advice(row: Close) -> str:
    """What is to be done, in a sentence."""
    if row.ends_at > clock.now():
        return _("This period is not over yet. When it is, it is looked at and locked by itself.")
    if row.reopen_asked_by and row.status == CloseStatus.LOCKED:
        return _("%(reopen_asked_by)s wants it open again: “%(reopen_because)s” Another person has to agree.") % {
            "reopen_asked_by": row.reopen_asked_by,
            "reopen_because": row.reopen_because,
        }
    return {
        CloseStatus.LOCKED: _(
            "Its books take nothing more. What comes late stands in the open period, with this date."
        ),
        CloseStatus.READY: _("Nothing is missing: it is locked by itself within minutes, or by you now."),
        CloseStatus.REOPENED: _("Its books take what belongs to it, until it is locked anew."),
        CloseStatus.OPEN: _("It is over, and looked at soon. Days are closed in their order."),
    }.get(CloseStatus(row.status), _what_is_missing(row))


def _what_is_missing(row: Close) -> str:
    left = [check for check in row.checklist() if check.state == CheckState.MISSING]
    if not left:
        return _("It is being looked at, and locked by itself when the reports are written.")
    said = " ".join(check.says for check in left)
    return _(
        "Missing: %(said)s It is looked at again by itself; what others cannot deliver can be accepted, item by item."
    ) % {"said": said}


def _editions(row: Close) -> list[Any]:
    """The reports of every edition, the newest first; `differs` says where the bytes are others than before."""
    found = []
    for edition in range(closing_reports.edition(row), 0, -1):
        now, before = closing_reports.runs(row, edition), closing_reports.runs(row, edition - 1)
        for name, run in sorted(now.items()):
            run.edition, run.differs = edition, name in before and before[name].sha256 != run.sha256  # type: ignore[attr-defined]
            found.append(run)
    return found


REPORT_COLUMNS = (
    shown.Column("Report", lambda row, viewer: viewer.link(row, reports.title(row))),
    shown.number_of("edition"),
    shown.status_of("status", tones=reports.TONES),
    shown.number_of("rows"),
    shown.Column(
        "Since the edition before",
        lambda row, _viewer: shown.status("missing", _("Changed"), TONES) if row.differs else shown.NOTHING,
    ),
    shown.Column("SHA-256", lambda row, _: shown.copyable(row.sha256)),
)


@admin.register(CloseCheck)
class CloseCheckAdmin(base.ModelAdmin):
    """One item of a checklist: what it says, with its figures."""

    called = ("item of a close", "items of closes")
    columns = (
        shown.Column("Item", lambda row, _viewer: shown.recite(str(row))),
        shown.Column("State", lambda row, _: shown.status(row.state, shown.said(row.get_state_display()), tones=TONES)),
        shown.linked("close", "Period", lambda close: f"{close.entity}, {close.words}"),
        shown.said_of("says", "What it says"),
        shown.time_of("checked_at", "Looked at"),
    )
    sections = (
        (
            "About",
            (*columns[1:], shown.Column("Behind it", lambda row, _: _behind(row)),
             shown.text_of("accepted_by", "Accepted by"), shown.said_of("accepted_because", "Accepted because"),
             shown.time_of("accepted_at", "Accepted"), shown.raw_of("figures")),
        ),
    )  # fmt: skip
    list_select_related = ("close__entity",)
    list_filter = ("item", "state")
    nothing_here = "No period was looked at yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """The item, and what it says."""
        return shown.joined(
            (shown.recite(str(row)), shown.status(row.state, shown.said(row.get_state_display()), tones=TONES)), " "
        )

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Accept what is missing."""
        acceptable = row.state == CheckState.MISSING and row.item in checklist.ACCEPTABLE
        if not acceptable or row.close.status == CloseStatus.LOCKED or not base.from_role(request, MAY_CLOSE):
            return ()
        return (shown.Doing("Accept with a reason", self.address_of("accept", row)),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and accepting."""
        return [self.route("accept", self.accept, "accept"), *super().get_urls()]

    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Accept what is missing, with the reason."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        effect = _(
            "%(entity)s, %(close)s: %(says)s The period can be locked in spite of this, as long as it is this that is"
            " missing."
        ) % {"entity": row.close.entity, "close": row.close, "says": row.says}
        said = (gettext_lazy("Accept with a reason"), effect)
        return asked(self, request, row, said, self._accept, ReasonForm)

    @staticmethod
    def _accept(request: HttpRequest, row: CloseCheck, reason: str) -> str:
        closing.accept(row.pk, because=reason, by=person(request))
        return _("Accepted. The period is locked by itself when nothing else is missing.")
