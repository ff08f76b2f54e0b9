"""The attention queue as a whole: its filters, giving a matter to somebody, letting it rest, and what stands where."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, reasons, shown
from payments.kernel import attention as items
from payments.kernel import clock
from payments.kernel.attention import SEVERITIES, AttentionItem, Severity
from payments.kernel.errors import Refusal
from reporting.admin import transfers
from reporting.uptime import attention

MAY_LOOK_AFTER: Final = "payments.change_attentionitem"


class OpenFilter(admin.SimpleListFilter):
    """Matters that still need a person, and those that rest."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("open", _("Open")), ("mine", _("Open and mine")), ("nobody", _("Open and nobody's")),
                ("snoozed", _("Snoozed")), ("closed", _("Closed"))]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The matters that stand so; what rests is not among the open ones."""
        chosen = self.value()
        if chosen is None:
            return queryset
        found, rests = queryset.filter(closed_at__isnull=chosen != "closed"), Q(snoozed_until__gt=clock.now())
        if chosen == "snoozed":
            return found.filter(rests)
        if chosen == "closed":
            return found
        owner = {"mine": transfers.person(request), "nobody": ""}.get(chosen)
        awake = found.exclude(rests)
        return awake if owner is None else awake.filter(taken_by=owner)


class SeverityFilter(admin.SimpleListFilter):
    """How much it hurts to wait."""

    title = gettext_lazy("severity")
    parameter_name = "severity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [(one.value, shown.said(one.label)) for one in Severity]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The matters of the kinds that are so severe."""
        chosen = self.value()
        kinds = [kind for kind, severity in SEVERITIES.items() if severity == chosen]
        return queryset if chosen is None else queryset.filter(kind__in=kinds)


class AssignForm(forms.Form):
    """To whom, and why."""

    to = forms.ChoiceField(label=_("To whom"))
    reason = reasons.reason_field(gettext_lazy("Why this person? At least five letters."))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        people = User.objects.filter(is_active=True, is_staff=True).filter(
            groups__permissions__codename="change_attentionitem"
        )
        names = people.order_by("username").values_list("username", flat=True).distinct()
        self.fields["to"].choices = [(f"staff {name}", name) for name in names]  # type: ignore[attr-defined]  # a choice


class SnoozeForm(forms.Form):
    """Until when, and why."""

    days = forms.ChoiceField(
        label=_("Until"), choices=[("0.04", _("In an hour")), ("1", _("Tomorrow")), ("3", _("In 3 days")),
                                   ("7", _("In a week")), ("30", _("In 30 days"))], initial="1",
    )  # fmt: skip
    reason = reasons.reason_field(
        gettext_lazy("What do you wait for? At least five letters; whoever looks later reads it.")
    )

    def until(self) -> datetime:
        """The moment that was chosen."""
        return clock.now().astimezone(UTC) + timedelta(days=float(self.cleaned_data["days"]))


TONES: Final[Mapping[str, str]] = {"urgent": "bad", "soon": "wait", "calm": "quiet"}


def severity(row: AttentionItem) -> str:
    """How much it hurts to wait, as a label."""
    found = SEVERITIES[row.kind]  # type: ignore[index]  # the kind's value
    return shown.status(found, shown.capital(found.value), tones=TONES)


def state(row: AttentionItem) -> str:
    """Open, closed, or resting until when."""
    if row.closed_at is not None:
        return shown.status("closed")
    if row.snoozed_until is not None and row.snoozed_until > clock.now():
        return format_html("{} {} {}", shown.status("snoozed"), _("until"), shown.moment(row.snoozed_until))
    return shown.status("open")


def _amounts(found: Mapping[str, int]) -> str:
    return shown.joined(shown.minor(minor, currency) for currency, minor in sorted(found.items()))


PILE_COLUMNS = (
    shown.Column("Matter", lambda pile, _viewer: format_html(
        '<a class="bo-link" href="{}?kind__exact={}&state=open">{}</a>', shown.list_address(AttentionItem),
        pile.kind.value, shown.said(pile.kind.label))),
    shown.Column("Severity", lambda pile, _viewer: shown.status(
        pile.severity, shown.capital(pile.severity.value), tones=TONES)),
    shown.text_of("owner", "Looked after by"),
    shown.number_of("count", "Open"),
    shown.number_of("snoozed", "Of these snoozed"),
    shown.Column("Amount", lambda pile, _viewer: _amounts(pile.amounts), right=True),
    shown.Column("Oldest (UTC)", lambda pile, _viewer: shown.moment(pile.oldest)),
)  # fmt: skip

BEHIND: Final[Mapping[str, str]] = {
    "unknown": "/admin/payments/paymentattempt/?status__exact=unknown",
    "sent": "/admin/payments/paymentattempt/?status__exact=sent",
    "processing": "/admin/payments/paymentattempt/?status__exact=pending",
    "authorized": "/admin/payments/paymentattempt/?status__exact=authorized",
    "refund_held": "/admin/refunds/refund/?status__exact=held",
    "refund_unknown": "/admin/refunds/refund/?status__exact=unknown",
    "refund_pending": "/admin/refunds/refund/?status__exact=pending",
    "dispute": "/admin/refunds/dispute/?status__exact=needs_response",
    "payout": "/admin/reporting/payout/",
    "file": "/admin/reporting/discrepancy/?kind__exact=file_missing",
    "notification": "/admin/payments/inboundevent/?state__exact=waiting",
    "delivery": "/admin/payments/delivery/?state__exact=pending",
    "job": "/admin/payments/job/?state__exact=dead",
}
"""The list behind each state."""


def _age(longest: timedelta) -> str:
    if longest < timedelta(0):
        return _("%(what)s days before it is due") % {"what": -longest.days}
    if longest >= timedelta(days=1):
        return _("%(days)s days") % {"days": longest.days}
    return _("%(int)s min") % {"int": int(longest.total_seconds() // 60)} if longest else _("None")


REST_COLUMNS = (
    shown.Column("State", lambda rest, _viewer: format_html(
        '<a class="bo-link" href="{}">{}</a>', BEHIND[rest.state.name], _(rest.state.words))),
    shown.Column("Longest", lambda rest, _viewer: _age(rest.state.longest)),
    shown.number_of("count", "All"),
    shown.Column("Too long", lambda rest, _viewer: shown.status("failed", f"{rest.late:,}") if rest.late else "0",
                 right=True),
    shown.Column("Amount of these", lambda rest, _viewer: _amounts(rest.amounts), right=True),
    shown.Column("Oldest (UTC)", lambda rest, _viewer: shown.moment(rest.oldest)),
)  # fmt: skip


def tables(viewer: shown.Viewer) -> tuple[shown.Table, shown.Table]:
    """What needs whom, and money at rest."""
    empty = _("Nothing needs a person. That is how it should be.")
    return (
        shown.table("What needs whom", attention.piles(), PILE_COLUMNS, viewer, empty=empty),
        shown.table("Money at rest", attention.resting(), REST_COLUMNS, viewer, empty=""),
    )


class Looking(base.ModelAdmin):
    """What people do about who looks after a matter, and when."""

    change_list_template = "admin/queue.html"

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and ours."""
        site = self.admin_site
        all_of_it = path("overview/", site.admin_view(self.overview), name="payments_attentionitem_overview")
        ours = (self.route(name, getattr(self, name), name) for name in ("assign", "snooze", "wake"))
        return [all_of_it, *ours, *super().get_urls()]

    def overview(self, request: HttpRequest) -> HttpResponse:
        """What needs whom, and money at rest."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        viewer = shown.Viewer(request.user)
        return self.page(request, "admin/overview.html", str(_("What stands where")), {"tables": tables(viewer)})

    def whose(self, row: AttentionItem) -> list[tuple[str, str, str, bool]]:
        """Offers that are the same for every open matter."""
        found = [("assign", str(_("Give it to somebody")), "", False)]
        if row.snoozed_until is not None and row.snoozed_until > clock.now():
            return [*found, ("wake", str(_("Bring it back now")), "", False)]
        return [*found, ("snooze", str(_("Snooze")), "", False)]

    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give it to somebody, with the reason."""
        form = AssignForm(request.POST or None)

        def act(row: AttentionItem) -> None:
            items.assign(row.pk, to=form.cleaned_data["to"], because=form.cleaned_data["reason"])

        said = (str(_("Give it to somebody")), str(_("Their name stands on it from now on.")))
        return self._filled(request, object_id, form, said, act)

    def snooze(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let it rest for a while, with the reason."""
        form = SnoozeForm(request.POST or None)

        def act(row: AttentionItem) -> None:
            by = transfers.person(request)
            items.snooze(row.pk, until=form.until(), because=form.cleaned_data["reason"], by=by)

        effect = _("It leaves the open ones and comes back by itself; sooner, where it becomes more urgent.")
        return self._filled(request, object_id, form, (str(_("Snooze")), str(effect)), act)

    def wake(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Bring it back before its time."""
        said = (str(_("Bring it back now")), str(_("It is among the open ones again.")))
        return self._filled(request, object_id, None, said, lambda row: items.wake(row.pk))

    def _filled(
        self, request: HttpRequest, object_id: str, form: forms.Form | None, said: tuple[str, str],
        act: Callable[[AttentionItem], None],
    ) -> HttpResponse:  # fmt: skip
        """Show the form, and do it once it is filled in."""
        if not base.from_role(request, MAY_LOOK_AFTER):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back = shown.address(AttentionItem, row.pk)
        if request.method == "POST" and (form is None or form.is_valid()):
            try:
                act(row)
                messages.success(request, said[0])
            except Refusal as refusal:
                messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return HttpResponseRedirect(back)
        context = {
            "row": row,
            "form": form,
            "effect": said[1],
            "button": said[0],
            "what": shown.said(row.get_kind_display()),
            "back": back,
        }
        return self.page(request, "admin/confirm.html", said[0], context)
