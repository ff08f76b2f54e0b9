"""Synthetic payments: what came of each. They are in no book, no report and no sum, and no client learns of them."""

from collections.abc import Sequence
from typing import ClassVar

from django.db import models
from django.db.models import Q

from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, records


class CanaryOutcome(models.TextChoices):
    """What a canary shows."""

    UNDER_WAY = "", "Under way"
    GOOD = "good", "Approved, and canceled again"
    NOT_APPROVED = "not_approved", "Not approved"
    NOT_CANCELED = "not_canceled", "Approved, and not canceled"
    UNAVAILABLE = "unavailable", "The PSP cannot be reached"
    UNKNOWN = "unknown", "The PSP has not answered"
    BROKEN = "broken", "It could not be tried"


class CanaryRun(records.Record):
    """One payment with a test card at an account's test environment, reserved and canceled at once.

    Its id is its idempotency key and its reference at the PSP: committed before the call, so that what dies is sent
    again as the same payment. `account` is whom it stands for, `through` the account that it was made at.
    """

    id = ids.IdField("cnr")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    through = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    began_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=CanaryOutcome, blank=True, default="")
    milliseconds = models.PositiveIntegerField(null=True, blank=True, help_text="Until it was approved, or was not.")
    provider_reference = models.CharField(max_length=80, blank=True, default="")
    detail = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        app_label = "reporting"
        default_permissions: ClassVar[Sequence[str]] = ("view",)
        constraints = (
            models.CheckConstraint(name="canary_outcome", condition=Q(outcome__in=CanaryOutcome.values)),
            models.CheckConstraint(
                name="canary_ends_somehow",
                condition=Q(outcome="", ended_at__isnull=True) | (~Q(outcome="") & Q(ended_at__isnull=False)),
            ),
            models.UniqueConstraint(
                fields=["account"], name="canary_one_at_a_time", condition=Q(ended_at__isnull=True)
            ),
        )
        indexes = (models.Index(fields=["account", "id"], name="canary_account"),)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.get_outcome_display()}"
