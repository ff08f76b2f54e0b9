"""Sums by minute, hour and day of what happened to payments: what dashboards and alarms read instead of these."""

from collections.abc import Sequence
from typing import ClassVar, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from payments.kernel import clock


class Rollup(models.Model):
    """A sum over everything that began in the minute, hour or day `at` (UTC). Derived, and never changed by hand."""

    at = models.DateTimeField()

    class Meta:
        abstract = True
        default_permissions: ClassVar[Sequence[str]] = ()


class Attempts(Rollup):
    """What became of the attempts to pay that began then. Amounts are minor units of the one currency.

    Each attempt is counted once besides in `attempts`: as approved (also when it was released or has run out later),
    declined by what the decline tells us to do, unavailable (proof that nothing happened), unknown, waiting (for the
    customer or the PSP), or abandoned (it ended without an answer). `not_approved_minor` is what was declined, could
    not be asked for, or is not known.

    `buckets` and `counts` are the sketch of how long the PSPs took to answer: bucket b holds the answers that took up
    to 1.1^b milliseconds and longer than 1.1^(b-1); sketches are added bucket by bucket. `channel` is web, ios, android
    or, where nobody has said, empty. By day there are also the same sums seen through a narrower `lens`.
    """

    account = models.CharField(max_length=40)
    method = models.CharField(max_length=24)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    channel = models.CharField(max_length=8)
    attempts = models.IntegerField()
    approved = models.IntegerField()
    declined_hard = models.IntegerField()
    declined_soft = models.IntegerField()
    declined_customer = models.IntegerField()
    declined_fraud = models.IntegerField()
    declined_technical = models.IntegerField()
    unavailable = models.IntegerField()
    unknown = models.IntegerField()
    waiting = models.IntegerField()
    abandoned = models.IntegerField()
    asked_minor = models.BigIntegerField()
    approved_minor = models.BigIntegerField()
    not_approved_minor = models.BigIntegerField()
    buckets = ArrayField(models.SmallIntegerField())
    counts = ArrayField(models.IntegerField())

    class Meta(Rollup.Meta):
        abstract = True


DIMENSIONS: Final = ("account", "method", "country", "currency", "channel")


class AttemptsMinute(Attempts):
    """Kept for 14 days."""

    pk = models.CompositePrimaryKey("at", *DIMENSIONS)

    class Meta(Attempts.Meta):
        app_label = "reporting"


class AttemptsHour(Attempts):
    """Kept for a year."""

    pk = models.CompositePrimaryKey("at", *DIMENSIONS)

    class Meta(Attempts.Meta):
        app_label = "reporting"


class Lens(models.IntegerChoices):
    """Which dimensions a sum tells apart; the others are empty. From `ANSWERS` on currencies are mixed: those sums tell
    no amounts."""

    EVERYTHING = 0, "all dimensions"
    PROVIDERS = 1, "account, method and currency"
    COUNTRIES = 2, "country and currency"
    ANSWERS = 3, "account and method"
    ACCOUNTS = 4, "account"
    METHODS = 5, "method"
    DAYS = 6, "the day alone"


class AttemptsDay(Attempts):
    """Kept for ever."""

    pk = models.CompositePrimaryKey("lens", "at", *DIMENSIONS)
    lens = models.SmallIntegerField(choices=Lens)

    class Meta(Attempts.Meta):
        app_label = "reporting"
        default_permissions = ("view",)
        constraints = (models.CheckConstraint(name="attempts_day_lens", condition=Q(lens__in=Lens.values)),)


class IssuerMinute(Rollup):
    """What was answered of the attempts that began then, by who has issued the card. Kept for two days.

    The forty issuers of a minute with the most attempts are told apart, and `other` is all others. Attempts of which
    nobody says the issuer are in no sum: those without an answer, and those that are no card's.
    """

    pk = models.CompositePrimaryKey("at", "account", "method", "country", "currency", "issuer")
    account = models.CharField(max_length=40)
    method = models.CharField(max_length=24)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    issuer = models.CharField(max_length=40)
    approved = models.IntegerField()
    declined = models.IntegerField()
    asked_minor = models.BigIntegerField()
    not_approved_minor = models.BigIntegerField()

    class Meta(Rollup.Meta):
        app_label = "reporting"


class Counted(models.TextChoices):
    """What is counted besides attempts; `label` says more."""

    CREATED = "created", "Payments that were begun"
    CONFIRMED = "confirmed", "Payments that somebody tried to pay"
    AUTHORIZED = "authorized", "Payments for which money was reserved or taken"
    CAPTURED = "captured", "Payments for which money was taken"
    REFUND = "refund", "Refunds that gave money back, or may still: by reason"
    REFUND_ENDED = "refund_ended", "Refunds that gave nothing back: by how they ended"
    DISPUTE = "dispute", "Disputes: by how they stand"


class Tally(Rollup):
    """How many of what began then, and their amount in minor units; a payment counts where it was begun."""

    what = models.CharField(max_length=12, choices=Counted)
    label = models.CharField(max_length=24)
    account = models.CharField(max_length=40)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    count = models.IntegerField()
    amount_minor = models.BigIntegerField()

    class Meta(Rollup.Meta):
        abstract = True


TALLIED: Final = ("what", "label", "account", "country", "currency")


class TallyMinute(Tally):
    """Kept for 14 days."""

    pk = models.CompositePrimaryKey("at", *TALLIED)

    class Meta(Tally.Meta):
        app_label = "reporting"


class TallyHour(Tally):
    """Kept for a year."""

    pk = models.CompositePrimaryKey("at", *TALLIED)

    class Meta(Tally.Meta):
        app_label = "reporting"


class TallyDay(Tally):
    """Kept for ever."""

    pk = models.CompositePrimaryKey("at", *TALLIED)

    class Meta(Tally.Meta):
        app_label = "reporting"
        default_permissions = ("view",)


class RollupMark(models.Model):
    """How far all this is counted: one row. `seen` is the transaction (xid8) below which all had ended at that time."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    until = models.DateTimeField(null=True, help_text="Everything that happened before this is counted.")
    seen = models.BigIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "reporting"
        default_permissions = ()
        constraints = (models.CheckConstraint(name="rollup_one_mark", condition=Q(id=1)),)


class Age(models.IntegerChoices):
    """How long money has been where it is."""

    HOUR = 0, "Less than an hour"
    DAY = 1, "Less than a day"
    WEEK = 2, "1 to 7 days"
    MONTH = 3, "7 to 30 days"
    OLDER = 4, "More than 30 days"


class AtRest(models.Model):
    """Money that is on its way, as it was found at `at`: what it waits for, how old it is, how much. Newest only."""

    pk = models.CompositePrimaryKey("what", "currency", "age")
    what = models.CharField(max_length=24)
    currency = models.CharField(max_length=3)
    age = models.SmallIntegerField(choices=Age)
    count = models.IntegerField()
    amount_minor = models.BigIntegerField()
    oldest_at = models.DateTimeField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "reporting"
        default_permissions = ("view",)
