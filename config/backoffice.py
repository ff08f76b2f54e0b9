"""Which site the back office is: Django asks its app, before any page registers itself."""

from typing import Any

from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.module_loading import import_string
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Unfold's site. Its pages come from the apps; the ways in stand in config.urls, before it."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff; with a second factor where it is asked of everybody: also who was signed in before it was."""
        proven = not settings.SECOND_FACTOR or bool(request.session.get("second_factor"))
        return proven and bool(super().has_permission(request))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """The tables of one app; those of all, which every page would gather anew, are in the menu."""
        found: list[dict[str, Any]] = super().get_app_list(request, app_label) if app_label else []
        return found

    def get_sidebar_list(self, request: HttpRequest) -> list[Any]:
        """The menu as it is written (`unfold/helpers/app_list.html`): it needs nothing of what unfold works out."""
        side: Any = settings.UNFOLD["SIDEBAR"]
        written: list[Any] = import_string(side["navigation"])(request)
        return written


class BackOfficeConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "config.backoffice.Site"
