"""Service levels: how far each is counted, and how many of how many were good, by minute, hour and day."""

from collections.abc import Sequence
from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class ServiceLevel(models.Model):
    """One promise (`reporting.uptime.slo`): up to when it is counted. It burns while its budget goes too fast."""

    name = models.CharField(max_length=16, primary_key=True)
    counted_until = models.DateTimeField()
    burns = models.BooleanField(default=False)

    class Meta:
        app_label = "reporting"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Grain(models.IntegerChoices):
    """How long the time is that a count is about."""

    MINUTE = 0, "Minute"
    HOUR = 1, "Hour"
    DAY = 2, "Day"


class LevelCount(models.Model):
    """How many of what a service level is about were good in the minute, hour or day `at` (UTC).

    Minutes are kept for 14 days, hours for a year, days for ever. What happened to nobody leaves no row.
    """

    pk = models.CompositePrimaryKey("name", "grain", "at")
    name = models.CharField(max_length=16)
    grain = models.SmallIntegerField(choices=Grain)
    at = models.DateTimeField()
    good = models.BigIntegerField()
    total = models.BigIntegerField()

    class Meta:
        app_label = "reporting"
        default_permissions: ClassVar[Sequence[str]] = ()
        constraints = (
            models.CheckConstraint(name="level_count_grain", condition=Q(grain__in=Grain.values)),
            models.CheckConstraint(
                name="level_count_good_of_all", condition=Q(good__gte=0, good__lte=F("total"), total__gt=0)
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.at}: {self.good} of {self.total}"
