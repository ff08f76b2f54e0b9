"""The attention queue: what needs a person, who looks after it, and settling it by two."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, fresh, reasons, several, shown
from payments.intents.services import extending
from payments.intents.services import settling as payments
from payments.kernel import attention, clock
from payments.kernel.attention import AttentionItem, AttentionKind, Settlement
from payments.kernel.errors import Refusal
from refunds.models import BankTransfer
from refunds.services import duplicates, settling
from refunds.services import transfers as services
from reporting.admin import queue, transfers
from reporting.admin.advice import ADVICE, OF_A_DISPUTE

MAY_LOOK_AFTER = "payments.change_attentionitem"
MAY_PROPOSE = "payments.add_settlement"
MAY_CONFIRM = "payments.change_settlement"
NOT_WAITING = gettext_lazy("It does not wait for a release.")
RELEASE = gettext_lazy(
    "A limit has stopped these. The money goes back to the customers at once, and this is on record."
)
MAY_RELEASE = "refunds.add_refund"
TONES = {"waiting": "wait", "confirmed": "good", "withdrawn": "quiet"}
HELP = gettext_lazy("How do you know? At least five letters; everybody who looks later reads it.")


class ReasonForm(forms.Form):
    """Why: it is kept with what was done."""

    reason = reasons.reason_field(HELP)


class ProposalForm(ReasonForm):
    """What is to be done, and why."""

    action = forms.ChoiceField(label=gettext_lazy("What is to be done"))
    field_order = ("action", "reason")

    def __init__(self, offers: Any, data: Any = None) -> None:
        super().__init__(data)
        self.offers = [(action, shown.said(action.label), _(effect)) for action, effect in offers.items()]
        self.fields["action"].choices = [(action, words) for action, words, _ in self.offers]  # type: ignore[attr-defined]  # a choice


def _settles(row: Settlement) -> str:
    if not row.decision and row.item.closed_at is not None:
        return shown.status("withdrawn", _("Settled otherwise"), tones=TONES)
    state = row.decision or "waiting"
    return shown.status(state, _("Waits for a second person") if state == "waiting" else "", tones=TONES)


PROPOSAL_COLUMNS = (
    shown.choice_of("action", "Proposal"),
    shown.Column("State", lambda row, _: _settles(row)),
    shown.said_of("because", "Why"),
    shown.text_of("proposed_by", "Proposed by"),
    shown.text_of("decided_by", "Answered by"),
    shown.said_of("decided_because", "Why not"),
    shown.time_of("decided_at", "Answered"),
)


@admin.register(Settlement)
class SettlementAdmin(base.ModelAdmin):
    """What one person proposed about a matter, and what another one said."""

    called = ("proposal", "proposals")
    columns = (*PROPOSAL_COLUMNS, shown.reference_of("item_id", "Matter"))
    sections = (("About", columns),)
    list_select_related = ("item",)
    ordering = (Case(When(decision="", item__closed_at=None, then=0), default=1), "-pk")  # type: ignore[assignment]  # expressions too
    id_lookups = {"attn": "item"}
    search_help_text = "Id of a proposal or of its matter"
    nothing_here = "Nobody has proposed anything yet."


@admin.register(AttentionItem)
class AttentionItemAdmin(queue.Looking):
    """Why an object needs a person; closed with the evidence."""

    called = ("matter that needs attention", "matters that need attention")
    columns = (
        shown.choice_of("kind", "Matter"),
        shown.Column("State", lambda row, _: queue.state(row)),
        shown.Column("Severity", lambda row, _: queue.severity(row)),
        shown.amount_of("amount"),
        shown.reference_of("object_id", "About"),
        shown.Column("Age", lambda row, _: _age(row), right=True),
        shown.text_of("taken_by", "Looked after by"),
        shown.time_of("opened_at"),
    )
    sections = (
        (
            "About",
            (*columns, shown.words_of("detail", "What is known"),
             shown.said_of("snoozed_because", "Why it was snoozed"), shown.text_of("snoozed_by"),
             shown.time_of("closed_at"),
             shown.said_of("closed_because"), shown.text_of("closed_by")),
        ),
    )  # fmt: skip
    actions = ("release_selected",)
    ordering: ClassVar[Sequence[Any]] = (
        Case(When(closed_at=None, then=0), default=1), F("amount_minor").desc(nulls_last=True), "opened_at",
    )  # fmt: skip
    list_filter = (queue.OpenFilter, queue.SeverityFilter, "kind", base.CreatedFilter)
    id_lookups = dict.fromkeys(("pi", "att", "cap", "re", "ord", "in"), "object_id")
    search_help_text = "Id of a matter, or of what it is about"
    nothing_here = "Nothing needs a person. That is how it should be."
    record_template = "admin/matter.html"

    def heading(self, row: Any, viewer: shown.Viewer) -> str:  # noqa: ARG002  the base's
        """What kind of matter it is."""
        return shown.said(row.get_kind_display())

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """The matter, and the money that it is about."""
        amount = (shown.amount(row.amount),) if row.amount is not None else ()
        return shown.joined((shown.said(row.get_kind_display()), *amount), " ")

    def facts(self, request: HttpRequest, row: AttentionItem) -> dict[str, Any]:
        """What happened, what is safe, what is proposed, and why the rest is not offered."""
        happened, safe = OF_A_DISPUTE if settling.is_dispute(row) else ADVICE[row.kind]
        is_open = row.closed_at is None
        waiting = row.settlements.filter(decision="").first() if is_open else None
        return {
            **super().facts(request, row),
            "happened": happened,
            "safe": safe if is_open else _("Nothing is left to do: %(who)s has closed it.") % {"who": row.closed_by},
            "waiting": waiting,
            "wanted": shown.said(waiting.get_action_display()) if waiting else "",
            "why_not": _(settling.why_not(row)) if is_open else "",
        }

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was proposed, and paid by bank."""
        proposals, table = row.settlements.select_related("item").order_by("pk"), shown.table
        found = [table("Proposals", proposals, PROPOSAL_COLUMNS, viewer, empty="Nobody has proposed anything.")]
        if row.kind in services.SETTLES:
            paid = BankTransfer.objects.filter(item=row).select_related("refund").order_by("pk")
            columns = transfers.TRANSFER_COLUMNS
            found.append(table("Bank transfers", paid, columns, viewer, empty="Nothing was paid by bank."))
        return found

    # --- what this person may do

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """What is offered to this person, and nothing that would be refused."""
        if row.closed_at is not None:
            return ()
        return [
            shown.Doing(words, address or self.address_of(name, row), main=main)
            for name, words, address, main in self._offers(request, row)
        ]

    def _offers(self, request: HttpRequest, row: AttentionItem) -> Sequence[tuple[str, str, str, bool]]:
        """Name of the page, words, its address where it is not one of ours, and whether it is what one came for."""
        may, found = base.from_role, []
        waiting = row.settlements.filter(decision="").first()
        if waiting is not None:
            mine = waiting.proposed_by == transfers.person(request)
            if may(request, MAY_CONFIRM) and not mine:
                found.append(("confirm", _("Confirm"), "", True))
            if may(request, MAY_CONFIRM) or mine:
                found.append(("withdraw", _("Withdraw the proposal"), "", False))
        elif may(request, MAY_PROPOSE) and settling.offered(row):
            differs = row.kind == AttentionKind.AMOUNT_DIFFERS
            found.append(("propose", _("Propose") if differs else _("Propose to close"), "", differs))
        if row.kind in services.SETTLES and may(request, transfers.MAY_PROPOSE):
            found.append(("", _("Pay back by bank"), transfers.new_address(item=row.pk), True))
        if row.kind == AttentionKind.AUTO_REFUND_LIMIT and self.has_release_permission(request):
            found.append(("release", _("Give it back"), "", True))
        if may(request, MAY_LOOK_AFTER):
            found += self._minor_offers(request, row)
        return found

    def _minor_offers(self, request: HttpRequest, row: AttentionItem) -> Sequence[tuple[str, str, str, bool]]:
        found = []
        if payments.still_reserved(row):
            found.append(("again", _("Ask to cancel again"), "", True))
        elif row.kind in attention.ONE_CLOSES:
            found.append(("close", _("Close with evidence"), "", False))
        if extending.may_be_extended(row):
            found.append(("extend", _("Hold it for longer"), "", True))
        if row.taken_by != transfers.person(request):
            found.append(("take", _("I look after it"), "", False))
        return [*found, *self.whose(row)]

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what people do about a matter."""
        names = ("take", "close", "propose", "confirm", "withdraw", "release", "again", "extend")
        return [*(self.route(name, getattr(self, name), name) for name in names), *super().get_urls()]

    # --- looking after it

    def take(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put one's name on it."""
        effect = _("Your name stands on it, so that nobody else does the same work.")
        return self._asked(request, object_id, MAY_LOOK_AFTER, (gettext_lazy("I look after it"), effect), self._take)

    def _take(self, request: HttpRequest, row: AttentionItem, _reason: str) -> str:
        attention.take(row.pk, by=transfers.person(request))
        return _("You look after it.")

    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close it with the evidence."""
        effect = _("Nothing moves. It closes with what you write.")
        return self._asked(
            request, object_id, MAY_LOOK_AFTER, (gettext_lazy("Close with evidence"), effect), self._close, ReasonForm
        )

    def _close(self, request: HttpRequest, row: AttentionItem, reason: str) -> str:
        settling.close(row.pk, because=reason, by=transfers.person(request))
        return _("Closed.")

    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the PSP once more to cancel."""
        effect = _("The PSP is asked once more. This closes by itself when the reservation has ended.")
        words = gettext_lazy("Ask to cancel again")
        return self._asked(request, object_id, MAY_LOOK_AFTER, (words, effect), self._again)

    def _again(self, request: HttpRequest, row: AttentionItem, _reason: str) -> str:
        payments.cancel_again(row.pk, by=transfers.person(request))
        return _("The PSP is asked again.")

    def extend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the PSP to hold a reservation for longer."""
        effect = _(
            "The PSP is asked to hold it anew, and the customer's bank decides. This closes by itself when it does."
        )
        words = gettext_lazy("Hold it for longer")
        return self._asked(request, object_id, MAY_LOOK_AFTER, (words, effect), self._extend)

    def _extend(self, request: HttpRequest, row: AttentionItem, _reason: str) -> str:
        extending.extend_by_hand(row.pk, by=transfers.person(request))
        return _("The PSP is asked to hold it for longer.")

    # --- two people

    def propose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One person says what is to be done."""
        row = self._open(request, object_id, MAY_PROPOSE)
        if isinstance(row, HttpResponse):
            return row
        form = ProposalForm(settling.offered(row), request.POST or None)
        if form.is_valid():
            said = form.cleaned_data
            self._done(request, row, f"Proposed {said['action']}: {said['reason']}", lambda: settling.propose(
                row.pk, said["action"], because=said["reason"], by=transfers.person(request)))  # fmt: skip
            return HttpResponseRedirect(shown.address(AttentionItem, row.pk))
        what, back = shown.said(row.get_kind_display()), shown.address(AttentionItem, row.pk)
        context = {"row": row, "form": form, "why_not": _(settling.why_not(row)), "happened": row.detail,
                   "what": what, "back": back}  # fmt: skip
        return self.page(request, "admin/propose.html", _("Propose what is to be done"), context)

    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person agrees, and it is done."""
        return self._answered(request, object_id, gettext_lazy("Confirm"), None)

    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It is not done after all."""
        return self._answered(request, object_id, gettext_lazy("Withdraw the proposal"), ReasonForm)

    def _answered(
        self, request: HttpRequest, object_id: str, words: Any, form: type[ReasonForm] | None
    ) -> HttpResponse:
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        waiting = row.settlements.filter(decision="").first()
        mine = waiting is not None and waiting.proposed_by == transfers.person(request)
        if not base.from_role(request, MAY_CONFIRM) and not (form is not None and mine):
            raise PermissionDenied
        if form is None and (ask := fresh.required(request)) is not None:
            return ask
        if waiting is None:
            messages.warning(request, _("No proposal waits for an answer. Nothing was changed."))
            return HttpResponseRedirect(shown.address(AttentionItem, row.pk))
        does = _(settling.offered(row).get(waiting.action, ""))
        effect = _("%(person)s wants: %(action)s. “%(because)s” %(does)s") % {
            "person": waiting.proposed_by, "action": shown.said(waiting.get_action_display()),
            "because": waiting.because, "does": does,
        }  # fmt: skip

        def answer(request: HttpRequest, _row: AttentionItem, reason: str) -> str:
            if form is None:
                settling.confirm(waiting.pk, by=transfers.person(request))
                return _("Confirmed.")
            attention.withdraw(waiting.pk, because=reason, by=transfers.person(request))
            return _("Withdrawn.")

        return self._asked(request, object_id, "", (words, effect), answer, form)

    # --- what a limit has stopped

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The release, while something waits for it."""
        found: dict[str, Any] = super().get_actions(request) if duplicates.stopped().exists() else {}
        return found

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Who may let money go that a limit has stopped: leads, who both refund and look after matters."""
        return base.from_role(request, MAY_RELEASE) and base.from_role(request, MAY_LOOK_AFTER)

    @admin.action(description="Give back what a limit stopped among these", permissions=["release"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[AttentionItem]) -> Any:
        """Release the chosen refunds, once their number is confirmed with a reason."""
        if (ask := fresh.required(request)) is not None:
            return ask

        def act(keys: Sequence[Any], reason: str) -> str:
            chosen, by = queryset.filter(pk__in=keys), transfers.person(request)
            released = [row for row in chosen if duplicates.release(row.pk, because=reason, by=by)]
            for row in released:
                self.log_change(request, row, f"Released: {reason}")
            return _("%(count)s will be given back now.") % {"count": len(released)}

        wait = queryset.filter(kind=AttentionKind.AUTO_REFUND_LIMIT, closed_at=None)
        return several.asked(self, request, wait, several.Ask(_("Give back"), RELEASE, act, NOT_WAITING, danger=True))

    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then let the refund go."""
        if not self.has_release_permission(request):
            raise PermissionDenied
        if (ask := fresh.required(request)) is not None:
            return ask
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if row.kind != AttentionKind.AUTO_REFUND_LIMIT or row.closed_at is not None:
            messages.warning(request, NOT_WAITING)
            return HttpResponseRedirect(shown.address(AttentionItem, row.pk))
        effect = _("It was stopped: %(detail)s. The money goes back to the customer at once, and this is on record.")
        effect %= {"detail": row.detail}

        def go(request: HttpRequest, row: AttentionItem, reason: str) -> str:
            if not duplicates.release(row.pk, because=reason, by=transfers.person(request)):
                raise attention.MatterClosed(shown.english(NOT_WAITING))
            return _("It will be given back now.")

        return self._asked(request, object_id, MAY_RELEASE, (gettext_lazy("Give it back"), effect), go, ReasonForm)

    def _open(self, request: HttpRequest, object_id: str, permission: str) -> Any:
        """The open item, for who may do this; or the answer that it is closed."""
        if permission and not base.from_role(request, permission):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, AttentionItem) and row.closed_at is not None:
            messages.warning(request, _("%(who)s has closed it. Nothing was changed.") % {"who": row.closed_by})
            return HttpResponseRedirect(shown.address(AttentionItem, row.pk))
        return row

    def _asked(
        self, request: HttpRequest, object_id: str, permission: str, said: tuple[Any, str],
        act: Callable[[HttpRequest, AttentionItem, str], str], form_class: type[ReasonForm] | None = None,
    ) -> HttpResponse:  # fmt: skip
        """Say what it does, ask for the reason where one is needed, and do it on POST."""
        row = self._open(request, object_id, permission)
        if isinstance(row, HttpResponse):
            return row
        words, effect = said
        form = form_class(request.POST or None) if form_class is not None else None
        if request.method == "POST" and (form is None or form.is_valid()):
            reason = form.cleaned_data["reason"] if form is not None else ""
            logged = f"{shown.english(words)}: {reason}".removesuffix(": ")
            self._done(request, row, logged, lambda: act(request, row, reason))
            return HttpResponseRedirect(shown.address(AttentionItem, row.pk))
        what, back = shown.said(row.get_kind_display()), shown.address(AttentionItem, row.pk)
        context = {"row": row, "form": form, "effect": effect, "button": words, "what": what, "back": back,
                   "danger": shown.english(words) in ("Confirm", "Give it back")}  # fmt: skip
        return self.page(request, "admin/confirm.html", words, context)

    def _done(self, request: HttpRequest, row: AttentionItem, words: str, act: Callable[[], Any]) -> None:
        try:
            said = act()
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return
        self.log_change(request, row, words)
        messages.success(request, said if isinstance(said, str) else _("Recorded. Another person has to confirm it."))


def _age(row: AttentionItem) -> str:
    """How long it has been, or was, open."""
    minutes = int(((row.closed_at or clock.now()) - row.opened_at).total_seconds() // 60)
    if minutes < 60:
        return _("%(minutes)s\N{NO-BREAK SPACE}min") % {"minutes": minutes}
    hours = f"{minutes // 60}\N{NO-BREAK SPACE}h"
    return hours if minutes < 48 * 60 else _("%(minutes)s\N{NO-BREAK SPACE}days") % {"minutes": minutes // 1440}
