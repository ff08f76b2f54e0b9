"""What customers may pay with again, and which provider accounts keep it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q

from payments.admin import base, lists, shown
from payments.gateway.models import ProviderAccount
from payments.intents.models import PaymentAttempt
from payments.methods.models import MethodSuccess, Payer, PaymentMethod, PaymentMethodToken


def _expiry(row: Any) -> str:
    return f"{row.exp_month:02}/{row.exp_year}" if row.exp_month and row.exp_year else shown.NOTHING


METHOD_COLUMNS = (
    shown.Column("Saved method", lambda row, viewer: viewer.link(row, str(row))),
    shown.text_of("wallet"),
    shown.Column("Expires", lambda row, _: _expiry(row)),
    shown.time_of("created_at"),
    shown.time_of("deleted_at"),
)
TOKEN_COLUMNS = (
    shown.Column("Kept by", lambda row, viewer: viewer.link(row, row.account.code)),
    shown.time_of("created_at", "Kept since"),
    shown.time_of("retired_at", "Pays no more since"),
    shown.time_of("forgotten_at", "Forgotten there"),
)
ATTEMPT_COLUMNS = (
    shown.Column("Attempt", lambda row, viewer: viewer.link(row, shown.amount(row.amount))),
    shown.status_of(),
    shown.flag_of("off_session", "Without the customer"),
    shown.time_of("created_at"),
)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(base.ModelAdmin):
    """A card or wallet that PSPs keep for a customer; its tokens are nobody's to read."""

    called = ("saved method", "saved methods")
    columns = (
        METHOD_COLUMNS[0],
        shown.method_of(),
        *METHOD_COLUMNS[1:3],
        shown.reference_of("customer_id", "Customer"),
        *METHOD_COLUMNS[3:],
    )
    sections = (
        (
            "About",
            (
                shown.method_of(),
                shown.text_of("brand"),
                shown.code_of("last4", "Ends in"),
                *METHOD_COLUMNS[1:3],
                shown.reference_of("customer_id", "Customer"),
                shown.linked("client"),
                *METHOD_COLUMNS[3:],
            ),
        ),
    )
    list_select_related = ("client",)
    list_filter = (lists.CreatedFilter,)
    id_lookups = {"cus": "customer"}
    search_help_text = "The last four digits, id of a saved method or of a customer"
    nothing_here = "No customer has saved a payment method yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the last four digits, as customers read them from their card."""
        digits = term.removeprefix("•").strip()
        return Q(last4=digits) & ~Q(last4="") if len(digits) == 4 else base.NOWHERE

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Who keeps it, and what was paid with it."""
        tokens = row.tokens.select_related("account").order_by("pk")
        attempts = PaymentAttempt.objects.filter(intent__customer=row.customer_id, saved_method=row).order_by("-pk")
        return (
            shown.table("Kept by", tokens, TOKEN_COLUMNS, viewer, empty="No provider account keeps it."),
            shown.table("Paid with it", attempts, ATTEMPT_COLUMNS, viewer, empty="Nothing was paid with it yet."),
        )


@admin.register(PaymentMethodToken)
class PaymentMethodTokenAdmin(base.ModelAdmin):
    """That a provider account keeps a method. The token itself is nobody's to read."""

    called = ("kept method", "kept methods")
    columns = (*TOKEN_COLUMNS[:1], shown.reference_of("payment_method_id", "Saved method"), *TOKEN_COLUMNS[1:])
    sections = (("About", (*columns, shown.code_of("payer", "PSP's customer"))),)
    list_select_related = ("account",)
    list_filter = ("account", lists.CreatedFilter)
    id_lookups = {"pm": "payment_method"}
    search_help_text = "Id of a saved method"
    nothing_here = "No provider account keeps a payment method yet."


@admin.register(Payer)
class PayerAdmin(base.ModelAdmin):
    """As whom a PSP knows a customer."""

    called = ("PSP's customer", "PSPs' customers")
    columns = (
        shown.Column("PSP's customer", lambda row, viewer: viewer.link(row, row.reference)),
        shown.linked("account", "Provider account"),
        shown.reference_of("customer_id", "Customer"),
        shown.time_of("created_at"),
    )
    sections = (("About", columns),)
    list_select_related = ("account",)
    id_lookups = {"cus": "customer"}
    search_help_text = "The PSP's reference, or id of a customer"
    nothing_here = "No PSP has made a customer yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's reference."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(account_id__in=accounts, reference=term)


def _share(row: Any) -> str:
    return f"{100 * row.paid // row.tried} %" if row.tried else shown.NOTHING


@admin.register(MethodSuccess)
class MethodSuccessAdmin(base.ModelAdmin):
    """How often customers have paid with a method of late: methods are offered in this order."""

    called = ("success of a method", "successes of methods")
    columns = (
        shown.Column("Method", lambda row, viewer: viewer.link(row, shown.method(row.method))),
        shown.text_of("country"),
        shown.number_of("tried", "Tried"),
        shown.number_of("paid", "Paid"),
        shown.Column("Share", lambda row, _: _share(row)),
        shown.time_of("measured_at", "Measured"),
    )
    sections = (("About", columns),)
    list_filter = ("country", "method")
    nothing_here = "Nobody has measured yet: it is done every hour, of the attempts of the last 14 days."
