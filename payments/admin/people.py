"""Staff and their roles: only who administers users sees these."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold import admin as unfold
from unfold import forms

from payments.admin import base, shown
from payments.kernel import audit

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(DjangoUserAdmin, unfold.ModelAdmin):  # type: ignore[misc,type-arg]  # unfold has no types
    """Somebody who works here. What they may do follows from their roles (`manage.py roles`).

    Nobody gives rights to themselves, and superusers are made and changed by superusers alone. Who leaves is made
    inactive: what they did stays on record under their name.
    """

    form = forms.UserChangeForm
    add_form = forms.UserCreationForm
    change_password_form = forms.AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Who", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )

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


@admin.register(Group)
class GroupAdmin(base.ModelAdmin):
    """A role. What it allows is said by `manage.py roles` and the same everywhere; nobody changes it by hand."""

    called = ("role", "roles")
    columns = (shown.text_of("name", "Role"),)
    sections = (
        (
            "About",
            (shown.text_of("name", "Role"),
             shown.Column("It allows", lambda row, _: shown.stacked(_rights(row)), wide=True)),
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
        return row.name

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Its name."""
        return f"Role {row.name}"

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Who has it."""
        members = row.user_set.order_by("username")
        return (shown.table("Who has it", members, MEMBERS, viewer, empty="Nobody has this role."),)


def _rights(row: Any) -> list[str]:
    """Django's names of what a role allows."""
    rights: Mapping[str, str] = dict(row.permissions.values_list("codename", "name"))
    return [rights[name].removeprefix("Can ").capitalize() for name in sorted(rights)]
