"""How staff are signed in: sessions, second factors, known browsers and guesses; only to be read."""

from typing import Final

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, shown
from payments.admin.account import browser
from payments.staff.models import KnownBrowser, SecondFactor, SignInGuess, StaffSession

SCOPES: Final = {
    "pair": gettext_lazy("An account, from one place"),
    "account": gettext_lazy("An account, from places that are new to it"),
    "address": gettext_lazy("An address, with any account"),
}
WHO = shown.Column("Who", lambda row, _viewer: row.user.get_username() if row.user else _("Nobody yet"))
BROWSER = shown.Column("Browser", lambda row, _: browser(row.agent))


class OfSomebody(base.ModelAdmin):
    """Rows of one person, found by the name that they sign in with."""

    list_select_related = ("user",)
    search_help_text = "Name of a user"

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By name."""
        return Q(user__username=term)


@admin.register(StaffSession)
class StaffSessionAdmin(OfSomebody):
    """Somebody who is signed in; ended on the page *Help to sign in* of the user."""

    called = ("session", "sessions")
    columns = (WHO, BROWSER, shown.text_of("address"), shown.time_of("started_at", "Since"),
               shown.time_of("seen_at", "Last used"))  # fmt: skip
    sections = (("About", (*columns, shown.time_of("expires_at", "Ends at the latest"))),)
    nothing_here = "Nobody is signed in."


@admin.register(SecondFactor)
class SecondFactorAdmin(OfSomebody):
    """Somebody's authenticator app; taken away on the page *Help to sign in* of the user."""

    called = ("second factor", "second factors")
    columns = (WHO, shown.time_of("enrolled_at", "Set up"), shown.time_of("used_at", "Last used"),
               shown.Column("Recovery codes left", lambda row, _: str(len(row.recovery)), right=True))  # fmt: skip
    sections = (("About", columns),)
    nothing_here = "Nobody has set up a second factor."


@admin.register(KnownBrowser)
class KnownBrowserAdmin(OfSomebody):
    """A browser in which somebody has signed in before, and which guessing elsewhere does not keep out."""

    called = ("known browser", "known browsers")
    columns = (WHO, BROWSER, shown.text_of("address"), shown.time_of("first_at", "First sign-in"),
               shown.time_of("last_at", "Last sign-in"))  # fmt: skip
    sections = (("About", columns),)
    nothing_here = "Nobody has signed in yet."


@admin.register(SignInGuess)
class SignInGuessAdmin(base.ModelAdmin):
    """Wrong passwords or codes in a row. Whose, is kept as a hash alone: a name may be a password."""

    called = ("wrong sign-ins", "wrong sign-ins")
    columns = (
        shown.Column("Counted for", lambda row, _: SCOPES[row.scope]),
        shown.number_of("failures", "Wrong in a row"),
        shown.time_of("last_at", "Last"),
        shown.time_of("waits_until", "Nothing is looked at until"),
    )
    sections = (("About", columns),)
    list_filter = ("scope",)
    nothing_here = "Nobody has entered a wrong password or code."
