"""API keys and what was asked with them: rolled and ended by people, and the log of requests."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, clients, fresh, lists, several, shown
from payments.kernel import audit
from payments.rest import keys
from payments.rest.models import ApiKey, ApiRequest

OVERLAPS: Final = (
    ("0", gettext_lazy("The old key ends at once")),
    ("1", gettext_lazy("1 hour")),
    ("24", gettext_lazy("1 day")),
    ("168", gettext_lazy("1 week")),
    ("720", gettext_lazy("30 days")),
)


class RollForm(several.ReasonForm):
    """How long both keys work, and why."""

    overlap = forms.ChoiceField(label=gettext_lazy("Both keys work for"), choices=OVERLAPS, initial="24")
    field_order = ("overlap", "reason")


@admin.register(ApiKey)
class ApiKeyAdmin(base.ModelAdmin):
    """One key: its public beginning, and when and from where it was used. The key itself is nowhere."""

    called = ("API key", "API keys")
    columns = (
        shown.Column("Key", lambda row, _viewer: str(row)),
        shown.Column("State", lambda row, _: clients.state(row)),
        shown.linked("client"),
        shown.choice_of("kind"),
        shown.time_of("last_used_at"),
    )
    sections = (
        (
            "About",
            (*columns, shown.list_of("scopes", none="None"), shown.time_of("created_at"), shown.time_of("expires_at"),
             shown.time_of("revoked_at"), shown.reference_of("rotated_from_id", "Rotated from")),
        ),
    )  # fmt: skip
    list_select_related = ("client",)
    search_help_text = "The eight characters after sk_ or pk_, or an id"
    nothing_here = "There is no key yet: `manage.py apikey` makes one."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the beginning that logs and the client show."""
        return Q(prefix=term.removeprefix("sk_").removeprefix("pk_")[:8])

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was asked with it last, and from where."""
        asked = ApiRequest.objects.filter(key=row).select_related("client", "key").order_by("-pk")[: shown.ROWS + 1]
        empty = _("Nothing was asked with it in the last 30 days.")
        return (shown.table("Newest requests", list(asked), REQUEST_COLUMNS, viewer, empty=empty),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Roll it, or end it."""
        if row.revoked_at is not None or not self.may(request, "change"):
            return ()
        return (
            shown.Doing(_("Roll"), self.address_of("roll", row)),
            shown.Doing(_("Revoke"), self.address_of("revoke", row)),
        )

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, roll and revoke."""
        ours = (self.route(name, getattr(self, name), name) for name in ("roll", "revoke"))
        return [*ours, *super().get_urls()]

    def roll(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long both work and why; the new key is shown once, in this answer alone."""
        row = self._usable(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = RollForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            text = keys.rotate(row, overlap=timedelta(hours=int(said["overlap"])))
            audit.record("api_key.rolled", row.pk, because=said["reason"], after={"overlap_hours": said["overlap"]})
            context = {"row": row, "key": text, "what": str(row), "back": shown.address(ApiKey, row.pk)}
            answer = self.page(request, "admin/new_key.html", _("The new key"), context)
            answer["Cache-Control"] = "no-store"
            return answer
        effect = _("A new key is made that may do the same. It is shown once: give it to who runs the program.")
        return self._asks(request, row, form, (_("Roll"), effect))

    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, then end it everywhere within five seconds."""
        row = self._usable(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = several.ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            keys.revoke(row)
            audit.record("api_key.revoked", row.pk, because=form.cleaned_data["reason"])
            messages.success(request, _("It is revoked: whoever uses it is refused within five seconds."))
            return HttpResponseRedirect(shown.address(ApiKey, row.pk))
        effect = _("Whoever uses it is refused within five seconds, for good. Payments that have begun still end.")
        return self._asks(request, row, form, (_("Revoke"), effect))

    def _asks(self, request: HttpRequest, row: ApiKey, form: forms.Form, said: tuple[str, str]) -> HttpResponse:
        words, effect = said
        context = {"row": row, "form": form, "effect": effect, "button": words, "what": str(row), "danger": True,
                   "back": shown.address(ApiKey, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", words, context)

    def _usable(self, request: HttpRequest, object_id: str) -> Any:
        """A key that may still be used, for who may end it and has said who they are; or the answer why not."""
        if not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if row.revoked_at is not None:
            messages.warning(request, _("It is revoked already. Nothing was changed."))
            return HttpResponseRedirect(shown.address(ApiKey, row.pk))
        return fresh.required(request, shown.address(ApiKey, row.pk)) or row


class AnswerFilter(admin.SimpleListFilter):
    """How requests ended."""

    title = gettext_lazy("answer")
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("good", _("Served")), ("refused", _("Refused (4xx)")), ("broken", _("Our fault (5xx)"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002  Django's
        """The requests that ended so."""
        bounds = {"good": (0, 399), "refused": (400, 499), "broken": (500, 599)}.get(self.value() or "")
        return queryset if bounds is None else queryset.filter(status__range=bounds)


def _answer(row: ApiRequest) -> str:
    tone = "succeeded" if row.status < 400 else "failed"
    return format_html("{} {}", shown.status(tone, str(row.status)), row.code)


def _asked(row: ApiRequest, viewer: shown.Viewer) -> str:
    """What was asked, its ids by their ends."""
    return f"{row.method} {'/'.join(map(shown.short, shown.masked(row.path, viewer).split('/')))}"


REQUEST_COLUMNS = (
    shown.Column("Request", lambda row, viewer: viewer.link(row, _asked(row, viewer))),
    shown.Column("Answer", lambda row, _viewer: _answer(row)),
    shown.Column("Took", lambda row, _viewer: f"{row.microseconds / 1000:,.1f}\N{NO-BREAK SPACE}ms", right=True),
    shown.text_of("key"),
    shown.text_of("address", "From"),
    shown.time_of("at", "When"),
)
"""For tables of other pages too: a payment's timeline, a key's page."""


@admin.register(ApiRequest)
class ApiRequestAdmin(base.ModelAdmin):
    """One request to the API, without its body; kept for thirty days."""

    called = ("API request", "API requests")
    columns = (*REQUEST_COLUMNS[:3], shown.linked("client"), *REQUEST_COLUMNS[3:])
    sections = (
        (
            "About",
            (*columns[1:], shown.text_of("operation"), shown.code_of("request_id"), shown.code_of("idempotency_key"),
             shown.Column("Objects", lambda row, viewer: shown.joined(map(viewer.reference, row.object_ids)))),
        ),
    )  # fmt: skip
    list_select_related = ("client", "key")
    list_filter = (AnswerFilter, lists.CreatedFilter)
    search_help_text = "Id of a request or of an object, an idempotency key, or the beginning of an API key"
    nothing_here = "No request is in the log. It is written a second later, and kept for thirty days."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what a client can tell us of a request; every way has its index."""
        if term.startswith(("sk_", "pk_")):
            return Q(key__in=list(ApiKey.objects.filter(prefix=term[3:11]).values_list("pk", flat=True)))
        known = Q(request_id=term) | Q(object_ids__contains=[term])
        return known | Q(idempotency_key=term) if term else base.NOWHERE

    def headline(self, row: Any, viewer: shown.Viewer) -> object:
        """What was asked."""
        return f"{row.method} {shown.masked(row.path, viewer)}"
