"""Staff and their groups: only who administers users sees these."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from unfold import admin as unfold
from unfold import forms

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(DjangoUserAdmin, unfold.ModelAdmin):  # type: ignore[misc,type-arg]  # unfold has no types
    """Somebody who works here. What they may do follows from their groups (`manage.py roles`)."""

    form = forms.UserChangeForm
    add_form = forms.UserCreationForm
    change_password_form = forms.AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    filter_horizontal = ()


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, unfold.ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A role."""
