"""Programs that call the API, and the idempotency keys that they used."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _

from payments.admin import base, lists, shown
from payments.kernel import clock
from payments.rest.models import ApiClient, ApiKey, IdempotencyKey


def state(row: ApiKey) -> str:
    """Whether a key may still be used."""
    if row.revoked_at is not None:
        return shown.status("revoked")
    if row.expires_at is not None and row.expires_at <= clock.now():
        return shown.status("expired")
    return shown.status("active")


KEY_COLUMNS = (
    shown.Column("Key", lambda row, viewer: viewer.link(row, str(row))),
    shown.Column("State", lambda row, _: state(row)),
    shown.choice_of("kind"),
    shown.time_of("last_used_at"),
    shown.time_of("expires_at"),
)


@admin.register(ApiClient)
class ApiClientAdmin(base.ModelAdmin):
    """A program of the merchant; it sees its own objects and no others."""

    called = ("API client", "API clients")
    columns = (shown.text_of("name"), shown.text_of("brand"), shown.time_of("created_at"))
    sections = (
        (
            "About",
            (*columns, shown.list_of("return_urls", "Customers may be sent to", none="Nowhere"),
             shown.Column(
                 "An unpaid order stays open",
                 lambda row, _viewer: _("%(days)s days") % {"days": row.order_lifetime_days},
             ))
        ),
    )  # fmt: skip
    search_help_text = "Name or id"
    nothing_here = "No program may call the API yet: `manage.py apikey` makes the first key."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its name."""
        return Q(name=term)

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Its keys."""
        empty = _("It has no key.")
        return (shown.table("Keys", row.keys.order_by("-pk"), KEY_COLUMNS, viewer, empty=empty),)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(base.ModelAdmin):
    """What a client's key was answered with; forgotten after thirty days."""

    columns = (
        shown.code_of("key"),
        shown.text_of("operation"),
        shown.linked("client"),
        shown.reference_of("object_id", "About"),
        shown.number_of("status", "HTTP status"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (*columns, shown.code_of("body_hash", "Hash of what was asked"),
             shown.Column("What was answered", lambda row, viewer: shown.raw_bytes(row.body, viewer), wide=True)),
        ),
    )  # fmt: skip
    list_select_related = ("client",)
    list_filter = (lists.CreatedFilter,)
    search_help_text = "Id of the row"
    nothing_here = "No client has sent a key yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """The key."""
        return row.key
