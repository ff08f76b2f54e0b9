"""Exchange rates for people: by which figures of several currencies are shown in one."""

from django.contrib import admin
from django.db.models import Q

from payments.admin import base, shown
from reporting.models import ExchangeRate


@admin.register(ExchangeRate)
class ExchangeRateAdmin(base.ModelAdmin):
    """What currencies are worth on dashboards. Nothing is booked by it."""

    called = ("exchange rate", "exchange rates")
    columns = (
        shown.text_of("currency"),
        shown.Column("Day", lambda row, _: row.day.isoformat()),
        shown.Column("For one euro", lambda row, _: f"{row.per_euro.normalize():f}", right=True),
        shown.said_of("source", "Who says so"),
    )
    sections = (("About", columns),)
    ordering = ("-day", "currency")
    search_help_text = "A currency: USD"
    nothing_here = "No PSP has converted anything yet, and no list was loaded."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the currency."""
        return Q(currency=term.upper())
