"""The ledger: accounts, transfers, entries. Their models are the ledger's own, so they are asked for by name."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q

from payments.admin import base, lists, shown
from payments.kernel import money

Account: Any = apps.get_model("payments", "Account")
Transfer: Any = apps.get_model("payments", "Transfer")
Entry: Any = apps.get_model("payments", "Entry")

SIDES = (
    shown.Column("Debit", lambda row, _: _side(row, 1)),
    shown.Column("Credit", lambda row, _: _side(row, -1)),
)


def _side(row: Any, sign: int) -> str:
    minor = row.amount_minor * sign
    return shown.amount(money.from_minor(minor, row.currency)) if minor > 0 else ""


@admin.register(Account)
class AccountAdmin(base.ModelAdmin):
    """One account of the ledger in one currency."""

    called = ("ledger account", "ledger accounts")
    columns = (shown.text_of("code", "Account"), shown.text_of("currency"), shown.text_of("kind"))
    sections = (("About", columns),)
    list_filter = ("kind",)
    ordering = ("code", "currency")
    search_help_text = "Code of the account"
    nothing_here = "Nothing has been posted yet: accounts appear with their first posting."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its code."""
        return Q(code=term)

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Its code."""
        return f"Account {row}"

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
        shown.text_of("narrative", "What happened"),
        shown.text_of("event"),
        shown.reference_of("source_id", "Source"),
        shown.time_of("booked_at", "Booked"),
    )
    sections = (
        ("About", (*columns, shown.time_of("effective_at", "Money moved"), shown.raw_of("refs", "Belongs to"))),
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
