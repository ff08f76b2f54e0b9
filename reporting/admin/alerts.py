"""What was wrong and who was told: alerts, what each channel knows of them, and the messages as they were sent."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q

from payments.admin import base, shown
from reporting.admin.queue import TONES
from reporting.models import Alert, AlertMessage, Notice


def _stands(row: Alert) -> str:
    if row.closed_at is not None:
        return shown.status("closed", "Over", {"closed": "good"})
    return shown.status("taken", "Looked after") if row.taken_by else shown.status("open", "Open", {"open": "bad"})


def _scope(row: Any, none: str = "Everywhere") -> str:
    return ", ".join(f"{name} {value}" for name, value in row.scope.items()) or none


def _sent(row: AlertMessage) -> str:
    if row.sent_at is not None:
        return shown.status("delivered", "Taken")
    return shown.status("failed", "Given up") if row.gave_up_at is not None else shown.status("pending", "On its way")


NOTICES = (
    shown.linked("channel"),
    shown.choice_of("told", "Knows"),
    shown.time_of("told_at", "Told"),
    shown.choice_of("wish", "Is told next"),
    shown.time_of("due_at", "When"),
    shown.Column("Silenced", lambda row, viewer: viewer.link(row.silence)),
    shown.Column("Message", lambda row, viewer: viewer.reference(row.message_id or "")),
)
MESSAGES = (
    shown.time_of("created_at", "Written"),
    shown.Column("Message", lambda row, viewer: viewer.link(row)),
    shown.Column("Stands", lambda row, _: _sent(row)),
    shown.number_of("attempts", "Tries"),
    shown.number_of("status", "HTTP"),
    shown.text_of("problem"),
)


@admin.register(Alert)
class AlertAdmin(base.ModelAdmin):
    """Everything that was wrong, whether or not somebody was told."""

    columns = (
        shown.said_of("words", "What"),
        shown.Column("Stands", lambda row, _: _stands(row)),
        shown.Column("Severity", lambda row, _: shown.status(row.severity, tones=TONES)),
        shown.choice_of("source", "From"),
        shown.Column("Where", lambda row, _: _scope(row)),
        shown.time_of("opened_at"),
        shown.time_of("closed_at", "Over"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.text_of("kind"),
                shown.reference_of("key", "About what"),
                shown.text_of("taken_by", "Looked after by"),
                shown.raw_of("more", "Facts"),
            ),
        ),
    )
    list_filter = ("source", "severity")
    search_help_text = "What it is about: an id of an incident or a matter"
    nothing_here = "Nothing was ever wrong."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what it is about."""
        return Q(key=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its words, and how it stands."""
        return shown.joined((shown.recite(row.words), _stands(row)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Which channels know of it."""
        notices = row.notices.select_related("channel", "silence").order_by("pk")
        return (shown.table("Who was told", notices, NOTICES, viewer, empty="No rule is about it: nobody was told."),)


@admin.register(Notice)
class NoticeAdmin(base.ModelAdmin):
    """What one channel knows of one alert."""

    called = ("notice", "notices of alerts")
    columns = (shown.linked("alert", "Of what"), *NOTICES)
    sections = (("About", (*columns, shown.number_of("repeat_minutes", "Again after minutes"))),)
    list_select_related = ("alert", "channel", "silence")
    list_filter = ("channel",)
    nothing_here = "No channel was told anything yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What of which alert."""
        return shown.recite(f"{row.get_told_display()}: {row.alert.words}")


@admin.register(AlertMessage)
class AlertMessageAdmin(base.ModelAdmin):
    """What was sent, and what the channel said to it."""

    called = ("alert message", "alert messages")
    columns = (shown.linked("channel"), *MESSAGES)
    sections = (
        (
            "About",
            (
                shown.linked("channel"),
                shown.flag_of("test", "Only a test"),
                shown.Column("Stands", lambda row, _: _sent(row)),
                shown.time_of("created_at", "Written"),
                shown.time_of("sent_at", "Taken"),
                shown.number_of("attempts", "Tries"),
                shown.number_of("status", "HTTP"),
                shown.text_of("problem"),
                shown.number_of("milliseconds"),
                shown.raw_of("requests", "As it was sent"),
            ),
        ),
    )
    list_select_related = ("channel",)
    list_filter = ("channel", "test")
    nothing_here = "Nothing was sent yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What it says, line by line."""
        return shown.stacked(row.lines[:20])

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The alerts that it told of."""
        rows = row.notices.select_related("alert", "channel", "silence").order_by("pk")
        columns = (shown.linked("alert", "Of what"), *NOTICES[1:-1])
        return (shown.table("Alerts in it", rows, columns, viewer, empty="It told of none, or they were told since."),)
