"""The ledger: accounts, transfers, entries. Their models are the ledger's own, so they are asked for by name."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from moneyed import Money

from payments.admin import base, lists, shown
from payments.kernel import money
from payments.ledger import selectors as ledger

Account: Any = apps.get_model("payments", "Account")
Transfer: Any = apps.get_model("payments", "Transfer")
Entry: Any = apps.get_model("payments", "Entry")

SIDES = (
    shown.Column("Debit", lambda row, _: _side(row, 1), right=True),
    shown.Column("Credit", lambda row, _: _side(row, -1), right=True),
)


QUICK: Final = timedelta(seconds=1)
"""Longer than this a list of accounts does not add up; reports do."""


class AccountList(base.ChangeList):
    """Accounts, each with its balance, where adding them up is quick."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows, each with its `balance`."""
        super().get_results(request)
        rows = list(self.result_list)
        _add_up(rows)
        self.result_list = rows


def _add_up(rows: Sequence[Any]) -> None:
    found = ledger.balances([row.pk for row in rows], within=QUICK)
    for row in rows:
        row.balance = None if found is None else found.get(row.pk, 0)


def _balance(row: Any) -> str:
    """Debit or credit in words: a minus alone says nothing to who does not keep books."""
    if row.balance is None:
        return _("too many entries to add up here")
    side = "debit" if row.balance > 0 else "credit" if row.balance < 0 else ""
    places = money.exponent(row.currency)
    return shown.joined((shown.amount(Money(Decimal(abs(row.balance)).scaleb(-places), row.currency)), side), " ")


def _side(row: Any, sign: int) -> str:
    minor = row.amount_minor * sign
    return shown.amount(money.from_minor(minor, row.currency)) if minor > 0 else ""


@admin.register(Account)
class AccountAdmin(base.ModelAdmin):
    """One account of the ledger in one currency."""

    called = ("ledger account", "ledger accounts")
    columns = (shown.text_of("code", "Account"), shown.text_of("currency"), shown.text_of("kind"),
               shown.Column("Balance", lambda row, _: _balance(row), right=True))  # fmt: skip
    sections = (("About", columns),)
    list_filter = ("kind",)
    ordering = ("code", "currency")
    search_help_text = "Code of the account"
    nothing_here = "Nothing has been posted yet: accounts appear with their first posting."

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002  Django's signature
        """The list with balances."""
        return AccountList

    def facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The page, with the balance."""
        _add_up([row])
        return super().facts(request, row)

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its code."""
        return Q(code=term)

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Its code."""
        return _("Account %(row)s") % {"row": row}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was posted last."""
        entries = Entry.objects.filter(account=row).select_related("transfer").order_by("-booked_at", "-pk")
        columns = (shown.time_of("booked_at", "Booked"), shown.linked("transfer"), *SIDES)
        return (shown.table("Newest entries", entries, columns, viewer, empty="Nothing has been posted to it."),)


@admin.register(Transfer)
class TransferAdmin(base.ModelAdmin):
    """One movement of money: what is debited and credited."""

    called = ("ledger transfer", "ledger transfers")
    columns = (
        shown.said_of("narrative", "What happened"),
        shown.text_of("event"),
        shown.reference_of("source_id", "Source"),
        shown.time_of("booked_at", "Booked"),
    )
    sections = (
        (
            "About",
            (
                *columns,
                shown.time_of("effective_at", "Effective"),
                shown.time_of("original_effective_at", "Original date, in closed books"),
                shown.text_of("place", "Account"),
                shown.raw_of("refs", "Belongs to"),
            ),
        ),
    )
    list_filter = ("event", lists.CreatedFilter)
    id_lookups = {"cap": "source_id", "re": "source_id"}
    search_help_text = "Id of a transfer, a capture or a refund"
    nothing_here = "Nothing has been posted yet: the first capture writes the first transfer."

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Its entries; debits and credits are the same."""
        entries = row.entries.select_related("account").order_by("pk")
        columns = (shown.linked("account"), *SIDES)
        return (shown.table("Entries", entries, columns, viewer, empty="It has no entries."),)


@admin.register(Entry)
class EntryAdmin(base.ModelAdmin):
    """One line of the journal."""

    called = ("ledger entry", "ledger entries")
    columns = (shown.time_of("booked_at", "Booked"), shown.linked("account"), *SIDES, shown.linked("transfer"))
    sections = (("About", columns),)
    list_select_related = ("account", "transfer")
    list_filter = (lists.CreatedFilter,)
    id_lookups = {"tr": "transfer"}
    search_help_text = "Id of an entry or a transfer"
    nothing_here = "Nothing has been posted yet."
