"""Which site the back office is: Django asks its app, before any page registers itself."""

from django.contrib.admin.apps import AdminConfig
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Unfold's site. Its pages come from the apps; the ways in stand in config.urls, before it."""


class BackOfficeConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "config.backoffice.Site"
