"""The audit log: who of the staff did what, from where and why; only to be read."""

from django.contrib import admin
from django.db.models import Q

from payments.admin import base, shown
from payments.kernel.audit import AuditEvent


def done(action: str) -> str:
    """refund.requested -> Refund requested."""
    return shown.plain(action.replace(".", "_"))


@admin.register(AuditEvent)
class AuditEventAdmin(base.ModelAdmin):
    """Something that somebody of the staff did or saw."""

    called = ("audit event", "audit log")
    columns = (
        shown.time_of("at", "When"),
        shown.text_of("by", "Who"),
        shown.Column("What", lambda row, _viewer: done(row.action)),
        shown.Column("With", lambda row, viewer: viewer.reference(row.object_id)),
        shown.said_of("because", "Why"),
    )
    sections = (
        (
            "What happened",
            (
                *columns[:4],
                shown.Column("Why", lambda row, viewer: shown.words(row.because, viewer), wide=True),
                shown.Column("Before", lambda row, viewer: shown.raw(row.before, viewer), wide=True),
                shown.Column("After", lambda row, viewer: shown.raw(row.after, viewer), wide=True),
            ),
        ),
        (
            "Where it stands",
            (
                shown.text_of("address", "From the address"),
                shown.code_of("request_id", "Request"),
                shown.number_of("sequence", "Number"),
                shown.code_of("hash", "Hash"),
                shown.code_of("previous", "Hash of the one before"),
            ),
        ),
    )
    list_filter = (base.CreatedFilter,)
    search_help_text = "Id of an event, a request or an object, a person, an action"
    nothing_here = "Nobody of the staff has done anything yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what it was done to, in which request, by whom, or what it was."""
        return Q(object_id=term) | Q(request_id=term) | Q(by=term) | Q(action=term)
