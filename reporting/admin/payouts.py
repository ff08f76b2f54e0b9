"""Payouts: what PSPs have sent to our banks, and what has not come there yet."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import base, shown
from payments.kernel import clock
from payments.kernel.records import StateChange
from reporting import banks
from reporting.admin import banklines
from reporting.models import Discrepancy, Payout
from reporting.services import arrivals

HISTORY: Final = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


class BankFilter(admin.SimpleListFilter):
    """Whether the bank has shown it."""

    title = gettext_lazy("at the bank")
    parameter_name = "bank"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("waiting", _("Waits for the bank")), ("late", _("Late")), ("arrived", _("Arrived"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The payouts that stand so."""
        match self.value():
            case "waiting":
                return queryset.filter(status__in=banks.ON_ITS_WAY)
            case "late":
                day = clock.now().date() - timedelta(days=arrivals.LATE)
                return queryset.filter(status__in=banks.ON_ITS_WAY, arrives_on__lt=day)
            case "arrived":
                return queryset.filter(status="arrived")
        return queryset


def _due(row: Payout) -> str:
    """When it should be at the bank, and how late it is."""
    if row.arrives_on is None:
        return shown.NOTHING
    late = (clock.now().date() - row.arrives_on).days
    waits = row.status in banks.ON_ITS_WAY and late > 0
    if not waits:
        return str(row.arrives_on)
    words = ngettext("%(day)s (%(count)s day ago)", "%(day)s (%(count)s days ago)", late)
    return words % {"day": row.arrives_on, "count": late}


@admin.register(Payout)
class PayoutAdmin(base.ModelAdmin):
    """Money that a PSP has sent to our bank, or has taken from there."""

    called = ("payout", "payouts")
    columns = (
        shown.amount_of("amount"),
        banklines.STATE_OF_PAYOUT,
        shown.text_of("account.code", "From"),
        shown.code_of("provider_reference", "PSP's reference"),
        shown.Column("Due at the bank", lambda row, _: _due(row)),
        shown.time_of("announced_at", "Announced"),
    )
    sections = (
        (
            "About",
            (
                *columns[2:],
                shown.code_of("trace", "By which the bank knows it"),
                shown.flag_of("automatic", "Made by the PSP itself"),
                shown.Column(
                    "Its lines sum to it", lambda row, _viewer: {True: _("Yes"), False: _("No")}.get(row.proven, "–")
                ),
                shown.said_of("detail", "What the PSP says"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = (BankFilter, "status", "account")
    ordering = ("-announced_at", "-pk")
    id_lookups = {"pa": "account", "bl": "bank_matches__line"}
    search_help_text = "Id of a payout or bank line, the PSP's reference, or the bank's"
    nothing_here = "No PSP has told of a payout yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what the PSP or the bank calls it."""
        accounts = list(Payout.objects.order_by().values_list("account", flat=True).distinct())
        return Q(account__in=accounts, provider_reference=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and where it is."""
        return shown.joined((shown.amount(row.amount), banklines.payout_stands(row)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The bank's lines, what does not agree, and what happened."""
        matches = row.bank_matches.select_related("line").order_by("pk")
        found = [shown.table("At the bank", matches, banklines.MATCHES, viewer, empty="No line is this payout yet.")]
        differences = Discrepancy.objects.filter(subject_id=row.pk).order_by("pk")
        if differences:
            found.append(shown.table("Differences", differences, banklines.DIFFERENCES, viewer, empty=""))
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        return [*found, shown.table("What happened", moves, HISTORY, viewer, empty="It was announced.")]
