"""How staff are known: their sessions, second factors and browsers, and how often somebody has guessed."""

from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from payments.kernel import clock, ids, personal

LONGEST_AGENT: Final = 300


class StaffSession(models.Model):
    """Somebody who is signed in, or about to be. `key` is a hash: who reads this table cannot be them."""

    id = ids.IdField("ses")
    key = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what the browser's cookie says.")
    data = models.TextField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="staff_sessions"
    )
    address = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=LONGEST_AGENT, blank=True, default="", help_text="What the browser says it is.")
    started_at = models.DateTimeField(help_text="It ends 8 hours later, whatever happens.")
    seen_at = models.DateTimeField(help_text="Last used, to the minute.")
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "payments"
        indexes = (models.Index(fields=["expires_at"], name="staffsession_ends"),)

    def __str__(self) -> str:
        return f"Session of {self.user.get_username() if self.user else 'nobody yet'}"


class SecondFactor(models.Model):
    """The authenticator app of one person. The secret is encrypted; recovery codes are kept as hashes."""

    id = ids.IdField("fac")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor")
    secret = personal.Bytes()
    last_step = models.BigIntegerField(help_text="The last 30 seconds whose code was taken: none is taken twice.")
    drift = models.SmallIntegerField(default=0, help_text="By how many steps the app's clock is off, as last seen.")
    recovery = ArrayField(models.CharField(max_length=64), default=list, help_text="Hashes of unused recovery codes.")
    enrolled_at = models.DateTimeField(default=clock.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "payments"
        constraints = (
            models.CheckConstraint(condition=models.Q(secret__isnull=False), name="secondfactor_has_a_secret"),
        )

    def __str__(self) -> str:
        return f"Second factor of {self.user.get_username()}"


class KnownBrowser(models.Model):
    """A browser in which somebody has signed in: guessing elsewhere does not keep them out here."""

    id = ids.IdField("kbr")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="known_browsers")
    token = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what its cookie says.")
    address = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=LONGEST_AGENT, blank=True, default="")
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "payments"
        indexes = (models.Index(fields=["user", "address"], name="knownbrowser_address"),)

    def __str__(self) -> str:
        return f"Browser of {self.user.get_username()}"


class SignInGuess(models.Model):
    """How often in a row a proof was wrong, for one account from one place, one account, or one address."""

    id = ids.IdField("gue")
    key = models.CharField(max_length=64, unique=True, help_text="A keyed hash of account and place: names no one.")
    scope = models.CharField(max_length=20, choices=[(one, one) for one in ("pair", "account", "address")])
    account = models.CharField(max_length=64, blank=True, default="", help_text="A keyed hash of the account alone.")
    failures = models.IntegerField()
    last_at = models.DateTimeField()
    waits_until = models.DateTimeField()

    class Meta:
        app_label = "payments"
        constraints = (models.CheckConstraint(condition=models.Q(failures__gte=0), name="signinguess_counts"),)
        indexes = (
            models.Index(fields=["account"], name="signinguess_account"),
            models.Index(fields=["last_at"], name="signinguess_last"),
        )

    def __str__(self) -> str:
        return f"{self.failures} wrong in a row"
