"""Which site the back office is: Django asks its app, before any page registers itself."""

from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Unfold's site. Its pages come from the apps; the ways in stand in config.urls, before it."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff; with a second factor where it is asked of everybody: also who was signed in before it was."""
        proven = not settings.SECOND_FACTOR or bool(request.session.get("second_factor"))
        return proven and bool(super().has_permission(request))


class BackOfficeConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "config.backoffice.Site"
