"""Staff and their roles: only who administers users sees these."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms as django_forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import admin as unfold
from unfold import forms

from payments.admin import base, fresh, reasons, shown
from payments.kernel import audit
from payments.staff import factors, guesses, sessions

admin.site.unregister([User, Group])


class FactorFilter(admin.SimpleListFilter):
    """Who may sign in and has not set up a second factor."""

    title = gettext_lazy("second factor")
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("none", gettext_lazy("None yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """Those without one."""
        wanted = {"is_active": True, "is_staff": True, "second_factor": None}
        return queryset.filter(**wanted) if self.value() == "none" else queryset


@admin.register(User)
class UserAdmin(DjangoUserAdmin, unfold.ModelAdmin):  # type: ignore[misc,type-arg]  # unfold has no types
    """Somebody who works here. What they may do follows from their roles (`manage.py roles`).

    Nobody gives rights to themselves, and superusers are made and changed by superusers alone. Who leaves is made
    inactive: what they did stays on record under their name.
    """

    form = forms.UserChangeForm
    change_form_before_template = "admin/parts/user_help.html"
    add_form = forms.UserCreationForm
    change_password_form = forms.AdminPasswordChangeForm
    list_display = ("username", "roles", "email", "is_active", "signed_in_last")
    sortable_by = ()
    list_filter = ("is_active", "is_staff", FactorFilter, "groups")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Who"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("What they may do"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (gettext_lazy("When"), {"fields": ("last_login", "date_joined")}),
    )

    @admin.display(description=gettext_lazy("Roles"))
    def roles(self, row: Any) -> str:
        """What they may do."""
        names = [
            *(shown.role(group.name) for group in row.groups.all()),
            *([_("Superuser")] if row.is_superuser else []),
        ]
        return ", ".join(names) or _("None")

    @admin.display(description=gettext_lazy("Signed in last (UTC)"))
    def signed_in_last(self, row: Any) -> str:
        """To the second, like every time here."""
        return shown.moment(row.last_login)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Everybody, with their roles."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.prefetch_related("groups")

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list by its name."""
        answer: HttpResponse = super().changelist_view(request, {"title": _("Users"), **(extra_context or {})})
        return answer

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What this person may not set of that one."""
        fixed = ["last_login", "date_joined"]
        if not request.user.is_superuser:
            fixed.append("is_superuser")
        if obj is not None and obj.pk == request.user.pk:
            fixed += ["is_active", "is_staff", "groups"]
        return fixed

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers are changed by superusers alone."""
        may = bool(super().has_change_permission(request, obj))
        return may and (obj is None or not obj.is_superuser or bool(request.user.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's
        """Nobody is deleted."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's
        """Signed: the history of rows says who it was."""
        audit.sign()
        super().save_model(request, obj, form, change)

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002  Django's signature
    ) -> Any:
        """What Django keeps of a change, in its transaction; the audit log has before and after as well."""
        names = [name for name in form.changed_data if "password" not in name]
        before, after = (
            {name: _names(values.get(name)) for name in names} for values in (form.initial, form.cleaned_data)
        )
        if len(names) < len(form.changed_data):
            after["credentials"] = "set"
        user = getattr(form, "instance", None) or form.user
        action = "user.added" if add else "user.changed"
        audit.record(action, user.get_username(), before={} if add else before, after=after)
        return super().construct_change_message(request, form, formsets, add)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and helping somebody to sign in."""
        view = self.admin_site.admin_view(self.help_in)
        return [path("<path:object_id>/help/", view, name="auth_user_help"), *super().get_urls()]

    def changeform_view(self, request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
        """Rights are given by who has just shown who they are."""
        if request.method == "POST" and (ask := fresh.required(request)) is not None:
            return ask
        return super().changeform_view(request, *given, **named)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Another password for somebody: whoever is signed in as them is signed out."""
        if (ask := fresh.required(request)) is not None:
            return ask
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            sessions.end_all(int(id), but=request.session.session_key or "")
        return answer

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """What somebody may do has changed: they sign in anew, and who has left is out at once."""
        before = set(form.instance.groups.values_list("name", flat=True))
        super().save_related(request, form, formsets, change)
        after = set(form.instance.groups.values_list("name", flat=True))
        if change and (before != after or {"is_active", "is_staff", "is_superuser"} & set(form.changed_data)):
            sessions.end_all(form.instance.pk)

    def help_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Help somebody who cannot sign in, or end what should not be signed in; never oneself."""
        row = self.get_object(request, object_id)
        if row is None or row.pk == request.user.pk or not self.has_change_permission(request, row):
            raise PermissionDenied
        if (ask := fresh.required(request)) is not None:
            return ask
        form = HelpForm(request.POST if request.method == "POST" else None)
        back = reverse("admin:auth_user_change", args=[row.pk])
        if form.is_valid():
            for wish in form.cleaned_data["wishes"]:
                messages.success(request, _helped(row, wish, form.cleaned_data["reason"]))
            self.log_change(request, row, form.cleaned_data["reason"])
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request), "form": form, "back": back, "what": row.get_username(),
            "title": _("Help to sign in"), "list_title": _("Users"), "list_url": reverse("admin:auth_user_changelist"),
            "effect": _("Be sure that it is them who ask: call them back, or stand beside them."),
            "button": _("Do it"), "danger": True,
        }  # fmt: skip
        return TemplateResponse(request, "admin/confirm.html", context)


def _helped(row: User, wish: str, reason: str) -> str:
    if wish == "factor":
        gone = factors.remove(row, because=reason)
        sessions.end_all(row.pk)
        return _("The second factor is gone: they set up another one.") if gone else _("There was no second factor.")
    if wish == "guesses":
        audit.record("user.guesses_forgiven", row.get_username(), because=reason)
        guesses.forgive(row.get_username())
        return _("Wrong tries are forgotten.")
    audit.record("user.sessions_ended", row.get_username(), because=reason)
    sessions.end_all(row.pk)
    return _("They are signed out everywhere.")


class HelpForm(django_forms.Form):
    """What helps them, and why."""

    wishes = django_forms.MultipleChoiceField(
        label=gettext_lazy("What helps"),
        widget=django_forms.CheckboxSelectMultiple,
        choices=(
            ("factor", gettext_lazy("Take the second factor away: the phone and the recovery codes are lost")),
            ("guesses", gettext_lazy("Forget wrong tries: they wait no longer")),
            ("sessions", gettext_lazy("Sign them out everywhere")),
        ),
    )
    reason = django_forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, min_length=5,
        validators=[reasons.no_card_number],
        widget=django_forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("How do you know that it is them? At least five letters; it is kept on record."),
    )  # fmt: skip


def _names(value: object) -> object:
    """Roles by their names, whatever the form calls them."""
    if isinstance(value, QuerySet | list | tuple):
        return sorted(str(one) for one in value)
    return value


MEMBERS = (
    shown.Column("User", lambda row, viewer: viewer.link(row, row.get_username())),
    shown.flag_of("is_active", "Active"),
    shown.time_of("last_login"),
)

ROLE = shown.Column("Role", lambda row, _viewer: shown.role(row.name))


@admin.register(Group)
class GroupAdmin(base.ModelAdmin):
    """A role. What it allows is said by `manage.py roles` and the same everywhere; nobody changes it by hand."""

    called = ("role", "roles")
    columns = (ROLE,)
    sections = (
        (
            "About",
            (ROLE, shown.Column("It allows", lambda row, _: format_html(
                '<div class="bo-many">{}</div>', shown.stacked(_rights(row))), wide=True)),
        ),
    )  # fmt: skip
    ordering = ("name",)
    search_help_text = "Name of a role"
    nothing_here = "There is no role yet: `manage.py roles` makes them."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its name."""
        return Q(name=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its name."""
        return shown.role(row.name)

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Its name."""
        return _("Role %(name)s") % {"name": shown.role(row.name)}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Who has it."""
        members = row.user_set.order_by("username")
        return (shown.table("Who has it", members, MEMBERS, viewer, empty="Nobody has this role."),)


VERBS: Final[Mapping[str, Any]] = {
    "view": gettext_lazy("See: %(what)s"),
    "add": gettext_lazy("Make: %(what)s"),
    "change": gettext_lazy("Change: %(what)s"),
    "delete": gettext_lazy("Delete: %(what)s"),
}


def _rights(row: Any) -> list[str]:
    """What a role allows: what Django calls by a verb and a table, and rights that have words of their own."""
    found = []
    for one in row.permissions.select_related("content_type"):
        verb, _sign, table = one.codename.partition("_")
        model = one.content_type.model_class()
        if verb in VERBS and model is not None and table == one.content_type.model:
            page = admin.site._registry.get(model)
            what = page.plural if isinstance(page, base.ModelAdmin) else _(str(model._meta.verbose_name_plural))
            found.append(str(VERBS[verb] % {"what": what}))
        else:
            found.append(_(one.name.removeprefix("Can ").capitalize()))
    return sorted(found)
