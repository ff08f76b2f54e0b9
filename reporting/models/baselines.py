"""What is usual of payments: decayed sums, learned every hour from what was counted, never changed by hand."""

from collections.abc import Sequence
from typing import ClassVar, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class BaselineKind(models.TextChoices):
    """What the sums are of; `uptime.baselines` says what stands in them, in which order."""

    CELL = "cell", "Attempts of one account, method, country, currency and channel"
    HOUR = "hour", "Attempts of one account and method in one hour of the week"
    ANSWERS = "answers", "Answers of one account and method, by bucket of how long they took"
    WEBHOOKS = "webhooks", "Notifications and approved attempts of one account"
    SPREAD = "spread", "How much more one method varies than chance lets it"


BASELINE_KEY: Final = ("kind", "account", "method", "country", "currency", "channel", "hour")


class Baseline(models.Model):
    """Sums as of `at`; what is older counts less. `hour` is that of the week (0: Monday 00:00 UTC), of hours alone."""

    pk = models.CompositePrimaryKey(*BASELINE_KEY)
    kind = models.CharField(max_length=8, choices=BaselineKind)
    account = models.CharField(max_length=40)
    method = models.CharField(max_length=24)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    channel = models.CharField(max_length=8)
    hour = models.SmallIntegerField()
    at = models.DateTimeField()
    sums = ArrayField(models.FloatField())

    class Meta:
        app_label = "reporting"
        default_permissions: ClassVar[Sequence[str]] = ()
        constraints = (
            models.CheckConstraint(name="baseline_kind", condition=Q(kind__in=BaselineKind.values)),
            models.CheckConstraint(name="baseline_hour", condition=Q(hour__gte=0, hour__lt=168)),
        )


class BaselineMark(models.Model):
    """How far it is learned: one row. Hours that began before `until` are in the sums, each once."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    until = models.DateTimeField(null=True)

    class Meta:
        app_label = "reporting"
        default_permissions: ClassVar[Sequence[str]] = ()
        constraints = (models.CheckConstraint(name="baseline_one_mark", condition=Q(id=1)),)


class IssuerBaseline(models.Model):
    """The same of issuers, of what was answered: those of which few cards are paid with are `other`."""

    pk = models.CompositePrimaryKey("account", "method", "country", "currency", "issuer")
    account = models.CharField(max_length=40)
    method = models.CharField(max_length=24)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    issuer = models.CharField(max_length=40)
    at = models.DateTimeField()
    sums = ArrayField(models.FloatField())

    class Meta:
        app_label = "reporting"
        default_permissions: ClassVar[Sequence[str]] = ()
