"""Canaries for people: synthetic payments, and what came of each."""

from typing import Any

from django.contrib import admin

from payments.admin import base, shown
from reporting.models import CanaryRun


def _outcome(row: CanaryRun) -> str:
    tone = {"good": "good", "": "wait"}.get(row.outcome, "bad")
    return shown.status(row.outcome or "under_way", row.get_outcome_display(), {row.outcome or "under_way": tone})


@admin.register(CanaryRun)
class CanaryRunAdmin(base.ModelAdmin):
    """Each synthetic payment."""

    called = ("canary", "canaries")
    columns = (
        shown.time_of("began_at", "Sent"),
        shown.linked("account"),
        shown.Column("Outcome", lambda row, _: _outcome(row)),
        shown.number_of("milliseconds"),
        shown.text_of("detail"),
    )
    sections = (
        ("About", (*columns, shown.linked("through", "Tried at"), shown.time_of("ended_at"),
                   shown.code_of("provider_reference"))),
    )  # fmt: skip
    list_select_related = ("account", "through")
    list_filter = ("account", "outcome")
    nothing_here = "No canary was sent yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """For whom, and what came of it."""
        return shown.joined((row.account.code, _outcome(row)), " ")
