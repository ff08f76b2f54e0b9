"""The tie-out for people: what is unexplained per account and currency, what it is made of, and what PSPs said."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from moneyed import Money

from payments.admin import base, shown
from payments.kernel import money
from reporting import selectors
from reporting.admin import differences
from reporting.models import Discrepancy, PspBalance, TieOut
from reporting.services import tieout

WORDS: Final = {
    "cap": gettext_lazy("Captures that no settlement has told yet"),
    "re": gettext_lazy("Refunds that no settlement has told yet, or that are on their way"),
    "dpm": gettext_lazy("Disputes that no settlement has told yet"),
    "po": gettext_lazy("Payouts that no settlement has told yet"),
    "balance": gettext_lazy("Its balance"),
    "since": gettext_lazy("What it settled since then"),
    "carried": gettext_lazy("Carried into the next batch"),
    "set_aside": gettext_lazy("From before the account's cut-over"),
    "missing_here": gettext_lazy("Settled, and not known here"),
    "missing_at_psp": gettext_lazy("Booked, and not settled in time"),
    "amount_differs": gettext_lazy("Settled with another amount"),
    "duplicate": gettext_lazy("Settled twice"),
    "balance_differs": gettext_lazy("Accepted as it is"),
}
"""What the sums behind the figures are called."""


class NewestFilter(admin.SimpleListFilter):
    """The newest of each account and currency, unless somebody wants all."""

    title = gettext_lazy("which")
    parameter_name = "which"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("all", _("Earlier ones too")), ("unexplained", _("Newest, something unexplained"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """Without a choice: the newest."""
        if self.value() == "all":
            return queryset
        later = TieOut.objects.filter(account=OuterRef("account"), currency=OuterRef("currency"))
        newest = queryset.filter(~Exists(later.filter(as_of__gt=OuterRef("as_of"))))
        return newest.exclude(unexplained_minor=0) if self.value() == "unexplained" else newest


def _figure(name: str, title: str) -> shown.Column:
    return shown.Column(title, lambda row, _: shown.amount(_money(row, getattr(row, name))), right=True)


def _money(row: TieOut, minor: int) -> Money:
    return money.from_minor(minor, row.currency)


def unexplained(row: TieOut) -> object:
    """The one figure that counts, with its colour."""
    text = shown.amount_text(_money(row, row.unexplained_minor))
    return shown.status("tied" if row.unexplained_minor == 0 else "not_tied", text)


FIGURES: Final = (
    _figure("psp_minor", gettext_noop("The PSP says")),
    _figure("ledger_minor", gettext_noop("Our books say")),
    _figure("timing_minor", gettext_noop("A matter of time")),
    _figure("open_minor", gettext_noop("Differences with a name")),
)


@admin.register(TieOut)
class TieOutAdmin(base.ModelAdmin):
    """What we say a PSP owes us, and what it says itself."""

    called = ("tie-out", "tie-outs")
    columns = (
        shown.Column("Account", lambda row, _: f"{row.account.code} · {row.currency}"),
        shown.Column("Unexplained", lambda row, _: unexplained(row)),
        *FIGURES,
        shown.time_of("as_of"),
    )
    sections = (
        (
            "The figures",
            (
                shown.Column("Unexplained", lambda row, _: unexplained(row)),
                *FIGURES,
                shown.linked("account", "Provider account"),
                shown.time_of("as_of"),
                shown.Column("Held against", lambda row, _: str(row.parts.get("how", shown.NOTHING))),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = (NewestFilter, "account")
    ordering = ("account__code", "currency", "-as_of")
    search_help_text = "Id of a tie-out"
    nothing_here = "No PSP has said yet what it owes us."

    def headline(self, row: Any, viewer: shown.Viewer) -> object:  # noqa: ARG002  the base's
        """What is unexplained, and where."""
        text = shown.amount_text(_money(row, row.unexplained_minor))
        return _("Unexplained amount %(text)s at %(code)s") % {"text": text, "code": row.account.code}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The sums behind the figures, the differences with a name, and what is only a matter of time, item by item."""
        columns = (
            shown.Column("What", lambda part, _: WORDS.get(part[0], shown.capital(shown.plain(part[0])))),
            shown.Column("Sum", lambda part, _: shown.amount(_money(row, part[1])), right=True),
        )
        parts: Mapping[str, Mapping[str, int]] = row.parts
        titles = {
            "ledger": _("Our books"),
            "timing": _("A matter of time"),
            "psp": _("The PSP"),
            "open": _("With a name"),
        }
        sums = [
            shown.table(title, sorted(parts.get(side, {}).items()), columns, viewer, empty="Nothing.")
            for side, title in titles.items()
        ]
        open_now = Discrepancy.objects.filter(
            account=row.account, currency=row.currency, status__in=("open", "proposed")
        )
        named = shown.table(
            "Differences that are open now",
            open_now.select_related("account").order_by("since"),
            (LINK, *differences.COLUMNS),
            viewer,
            empty="None.",
        )
        waits = shown.table("Not settled yet", tieout.waiting(row), ITEMS, viewer, empty="Nothing waits.")
        return (*sums, named, waits)


def home() -> list[tuple[str, object, str]]:
    """For the first page of who may see it: account and currency, the unexplained amount, and where it is explained."""
    return [
        (f"{code} · {currency}", unexplained(row), shown.address(TieOut, row.pk))
        for (code, currency), row in sorted(selectors.unexplained().items())
    ]


LINK: Final = shown.Column("", lambda row, viewer: viewer.link(row, _("Open")))
ITEMS: Final = (
    shown.Column("What", lambda item, viewer: viewer.reference(item.movement_id)),
    shown.Column("Amount", lambda item, _: shown.amount(item.amount), right=True),
    shown.time_of("since", "Booked"),
)


@admin.register(PspBalance)
class PspBalanceAdmin(base.ModelAdmin):
    """What a PSP said it owes us."""

    called = ("PSP balance", "PSP balances")
    columns = (
        shown.Column("Account", lambda row, _: row.account.code),
        shown.Column("Balance", lambda row, _: shown.joined(_texts(row.amounts))),
        shown.time_of("as_of"),
    )
    sections = (("About", columns),)
    list_select_related = ("account",)
    list_filter = ("account",)
    ordering = ("-as_of",)
    search_help_text = "Id of a balance"
    nothing_here = "No PSP was asked yet."


def _texts(amounts: Mapping[str, int]) -> list[str]:
    return [shown.amount_text(money.from_minor(minor, currency)) for currency, minor in sorted(amounts.items())]
