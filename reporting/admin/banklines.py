"""The lines of bank statements: what each is, and what a person says where that is not certain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, reasons, shown
from payments.kernel.errors import Refusal
from reporting import banks
from reporting.admin.transfers import person
from reporting.models import BankLine, BankMatch, Discrepancy, LineStatus, Payout
from reporting.services import banking

MAY_SAY: Final = "reporting.change_bankline"
TONES: Final = {"matched": "good", "choose": "wait", "waiting": "wait", "unexplained": "bad", "set_aside": "quiet"}
WORDS: Final = {
    "matched": gettext_lazy("Known"),
    "choose": gettext_lazy("Choose"),
    "waiting": gettext_lazy("Being compared"),
    "unexplained": gettext_lazy("Unexplained"),
    "set_aside": gettext_lazy("Not ours"),
}
PAYOUT_TONES: Final = {"announced": "wait", "paid": "wait", "arrived": "good", "failed": "bad", "canceled": "quiet"}
PAYOUT_WORDS: Final = {"paid": gettext_lazy("On its way")}


class ReasonForm(forms.Form):
    """Why: everybody who looks later reads it."""

    reason = reasons.reason_field(gettext_lazy("How do you know? At least five letters; it is kept."))


@dataclass(frozen=True)
class Saying:
    """Something that is said of a row: its button, what is answered, what it does in words, and the act by its reason.

    Without `effect` it cannot be said.
    """

    words: Any
    done: str
    effect: str
    act: Callable[[str], object]
    asks: bool = True


def who(text: str, viewer: shown.Viewer) -> str:
    """Who is on the other side: for finance, who reads it on the bank's own page as well; masked for others."""
    return (text if viewer.may(MAY_SAY) else viewer.personal(text)) or shown.NOTHING


def payout_stands(row: Payout) -> str:
    """Where the money of a payout is, as a label."""
    return shown.status(row.status, PAYOUT_WORDS.get(row.status, ""), tones=PAYOUT_TONES)


STATE_OF_PAYOUT: Final = shown.Column("State", lambda row, _: payout_stands(row))


def stands(row: BankLine) -> str:
    """What is known of a line, as a label."""
    return shown.status(row.status, WORDS[row.status], tones=TONES)


def is_what(row: Any, viewer: shown.Viewer) -> object:
    """The payout or refund that a line is; why it was set aside."""
    for match in row.live:
        return shown.joined(
            (shown.said(match.get_kind_display()), viewer.reference(match.payout_id or match.transfer_id)), ": "
        )
    return shown.masked(row.said_because, viewer) or shown.NOTHING


LINES: Final = (
    shown.Column("Line", lambda row, viewer: viewer.link(row, str(row.number))),
    shown.text_of("day", "Booked on"),
    shown.amount_of("amount"),
    shown.Column("What it is", lambda row, _: stands(row)),
    shown.Column("Payout or refund", is_what),
    shown.Column("Other side", lambda row, viewer: who(row.counterparty, viewer)),
)

MATCHES: Final = (
    shown.Column("Match", lambda row, viewer: viewer.reference(row.pk)),
    shown.choice_of("kind", "What"),
    shown.Column("Line", lambda row, viewer: viewer.link(row.line)),
    shown.reference_of("payout_id", "Payout"),
    shown.said_of("because", "How it is known"),
    shown.said_of("made_by", "By"),
    shown.time_of("created_at", "When"),
    shown.Column("Undone", lambda row, viewer: _undone(row, viewer)),
)


def _undone(row: BankMatch, viewer: shown.Viewer) -> object:
    if row.undone_at is None:
        return shown.NOTHING
    return f"{row.undone_by}: {shown.masked(row.undone_because, viewer)}"


@admin.register(BankLine)
class BankLineAdmin(base.ModelAdmin):
    """One movement of a bank account."""

    called = ("bank line", "bank lines")
    columns = (
        shown.amount_of("amount"),
        shown.Column("What it is", lambda row, _: stands(row)),
        shown.text_of("day", "Booked on"),
        shown.text_of("account.code", "Account"),
        shown.Column("Payout or refund", is_what),
        shown.Column("Other side", lambda row, viewer: who(row.counterparty, viewer)),
    )
    sections = (
        (
            "About",
            (
                *columns[2:],
                shown.text_of("value_day", "Value date"),
                shown.linked("statement"),
                shown.number_of("number", "Line of it"),
                shown.code_of("end_to_end", "End-to-end reference"),
                shown.code_of("reference"),
                shown.code_of("bank_reference", "The bank's number of it"),
                shown.flag_of("reversal", "Takes back an earlier line"),
                shown.said_of("said_by", "Set aside by"),
                shown.said_of("text", "What the bank says"),
            ),
        ),
    )
    list_select_related = ("account", "statement")
    list_filter = ("status", "account")
    ordering = (Case(When(status__in=["choose", "unexplained"], then=0), default=1), "-day", "-pk")  # type: ignore[assignment]  # expressions too
    id_lookups = {"bs": "statement", "ba": "account", "po": "matches__payout", "bt": "matches__transfer"}
    search_help_text = "Id of a line, statement, bank account, payout or bank transfer"
    nothing_here = "No bank statement was uploaded yet."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Lines with what they are."""
        return banks.with_what_they_are(super().get_queryset(request))

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and what it is."""
        return shown.joined((shown.amount(row.amount), stands(row)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What it could be, what was said of it, and what asks about it."""
        matches = row.matches.select_related("line").order_by("pk")
        found = [shown.table("What was said of it", matches, MATCHES, viewer, empty="Nothing yet.")]
        if row.status in banking.OPEN:
            columns = self._payouts(row, viewer)
            empty = _("No payout of about its amount is on its way to this account's owner, or has come from there.")
            found.insert(0, shown.table("What it could be", banks.possible(row), columns, viewer, empty=empty))
        differences = Discrepancy.objects.filter(subject_id=row.pk).order_by("pk")
        if differences:
            found.append(shown.table("Differences", differences, DIFFERENCES, viewer, empty=""))
        return found

    def _payouts(self, line: BankLine, viewer: shown.Viewer) -> Sequence[shown.Column]:
        def this_one(row: Payout, _viewer: shown.Viewer) -> object:
            address = f"{self.address_of('choose', line)}?payout={row.pk}"
            return format_html('<a class="bo-link" href="{}">{}</a>', address, _("It is this one"))

        found = [
            shown.Column("Payout", lambda row, seer: seer.link(row, row.provider_reference)),
            shown.text_of("account.code", "From"),
            shown.amount_of("amount"),
            STATE_OF_PAYOUT,
            shown.text_of("arrives_on", "Due on"),
        ]
        may = viewer.may(MAY_SAY) and not viewer.user.is_superuser
        return [*found, shown.Column("Choose", this_one)] if may else found

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Set it aside while it is open; take that back."""
        if not base.from_role(request, MAY_SAY):
            return ()
        if row.status in banking.OPEN:
            return (shown.Doing("Not ours", self.address_of("set_aside", row)),)
        if row.status == LineStatus.SET_ASIDE:
            return (shown.Doing("Look at it again", self.address_of("look_again", row)),)
        return ()

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what people say of a line."""
        more = [self.route(name, getattr(self, name), name) for name in ("choose", "set_aside", "look_again")]
        return [*more, *super().get_urls()]

    def choose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say which payout it is (`?payout=`)."""
        pk = request.GET.get("payout", "")

        def saying(row: BankLine) -> Saying:
            act = lambda reason: banking.choose(row.pk, pk, because=reason, by=person(request))  # noqa: E731
            return Saying(
                gettext_lazy("It is this payout"), _("Booked."), _booking(row, banks.possible_one(row, pk)), act
            )

        return self._say(request, object_id, saying)

    def set_aside(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that it is none of our business."""

        def saying(row: BankLine) -> Saying:
            effect = _("%(amount)s are no payout and no refund. Nothing is booked for them.") % {
                "amount": shown.amount_text(row.amount)
            }
            act = lambda reason: banking.set_aside(row.pk, because=reason, by=person(request))  # noqa: E731
            return Saying(gettext_lazy("Not ours"), _("Set aside."), effect, act)

        return self._say(request, object_id, saying)

    def look_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take back that it was set aside."""

        def saying(row: BankLine) -> Saying:
            effect = _("It is compared with the payouts anew, and asked about again when none explains it.")
            act = lambda _: banking.look_again(row.pk, by=person(request))  # noqa: E731
            return Saying(gettext_lazy("Look at it again"), _("It is compared anew."), effect, act, asks=False)

        return self._say(request, object_id, saying)

    def _say(self, request: HttpRequest, object_id: str, saying: Callable[[BankLine], Saying]) -> HttpResponse:
        if not base.from_role(request, MAY_SAY):
            raise PermissionDenied
        row = self.row(request, object_id)
        return row if isinstance(row, HttpResponse) else said(self, request, row, saying(row))


def _booking(row: BankLine, payout: Payout | None) -> str:
    """What choosing a payout does; "" when it cannot be that one."""
    if payout is None:
        return ""
    if banks.comes(row, payout):
        words = _(
            "%(amount)s of %(day)s are the payout %(payout)s of %(account)s. The ledger books it between"
            " cash_in_transit/%(account)s and bank/%(bank)s. Only another person can undo it."
        )
    else:
        words = _(
            "%(amount)s of %(day)s send back the payout %(payout)s of %(account)s. The ledger books it between"
            " cash_in_transit/%(account)s and bank/%(bank)s. Only another person can undo it."
        )
    return words % {
        "amount": shown.amount_text(row.amount), "day": row.day, "payout": payout.provider_reference,
        "account": payout.account.code, "bank": row.account.code,
    }  # fmt: skip


def said(page: base.ModelAdmin, request: HttpRequest, row: Any, saying: Saying) -> HttpResponse:
    """Show what somebody is about to say of a row, ask why, and do it; what is refused is said on the row's page."""
    back = shown.address(type(row), row.pk)
    if not saying.effect:
        messages.warning(request, _("It cannot be this payout, or not any more. Nothing was changed."))
        return HttpResponseRedirect(back)
    form = ReasonForm(request.POST or None) if saying.asks else None
    if request.method == "POST" and (form is None or form.is_valid()):
        reason = form.cleaned_data["reason"] if form is not None else ""
        try:
            saying.act(reason)
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return HttpResponseRedirect(back)
        page.log_change(request, row, f"{shown.english(saying.words)}: {reason}".removesuffix(": "))
        messages.success(request, saying.done)
        return HttpResponseRedirect(back)
    context = {"row": row, "form": form, "effect": saying.effect, "button": saying.words, "what": str(row),
               "back": back}  # fmt: skip
    return page.page(request, "admin/confirm.html", f"{saying.words}: {row}", context)


DIFFERENCES: Final = (
    shown.Column("Difference", lambda row, viewer: viewer.reference(row.pk)),
    shown.choice_of("kind", "What"),
    shown.amount_of("amount"),
    shown.status_of(),
    shown.text_of("taken_by", "Looked after by"),
)


@admin.register(BankMatch)
class BankMatchAdmin(base.ModelAdmin):
    """What one line was said to be."""

    called = ("bank match", "bank matches")
    columns = MATCHES
    sections = (("About", (*MATCHES[1:], shown.reference_of("transfer_id", "Bank transfer"))),)
    list_select_related = ("line", "payout")
    list_filter = ("kind", base.CreatedFilter)
    id_lookups = {"bl": "line", "po": "payout", "bt": "transfer"}
    search_help_text = "Id of a match, a line, a payout or a bank transfer"
    nothing_here = "No line of a bank statement was recognised yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's reference of the payout."""
        return Q(payout__in=Payout.objects.filter(provider_reference=term))

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Undo it: not by who has made it."""
        may = base.from_role(request, MAY_SAY) and row.undone_at is None and row.made_by != person(request)
        return (shown.Doing("Undo", self.address_of("undo", row)),) if may else ()

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and the one that undoes."""
        return [self.route("undo", self.undo, "undo"), *super().get_urls()]

    def undo(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take it back: what it had booked is reversed, and the line is open again."""
        if not base.from_role(request, MAY_SAY):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        effect = _("What was booked for %(line)s is reversed, and the line is open again.") % {"line": row.line}
        act = lambda reason: banking.undo(row.pk, because=reason, by=person(request))  # noqa: E731
        return said(self, request, row, Saying(gettext_lazy("Undo"), _("Undone."), effect, act))
