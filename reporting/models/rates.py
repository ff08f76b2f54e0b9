"""Exchange rates, by which figures of several currencies are shown in one. Nothing is booked by them."""

from django.db import models
from django.db.models import Q

from payments.kernel import ids


class ExchangeRate(models.Model):
    """How many units of a currency one euro was worth on a day, and who says so."""

    id = ids.IdField("fx")
    currency = models.CharField(max_length=3)
    day = models.DateField()
    per_euro = models.DecimalField(max_digits=20, decimal_places=10)
    source = models.CharField(max_length=80)

    class Meta:
        app_label = "reporting"
        constraints = (
            models.UniqueConstraint(fields=["currency", "day"], name="rate_of_a_day"),
            models.CheckConstraint(name="rate_positive", condition=Q(per_euro__gt=0)),
        )

    def __str__(self) -> str:
        return f"1 EUR = {self.per_euro.normalize():f} {self.currency}"
