"""The history of money's rows: what changed in them otherwise than by a payment's own course, kept by triggers."""

from typing import Final

from django.db import models

from payments.kernel import ids

TABLES: Final = (
    "payments_order", "payments_paymentintent", "payments_paymentattempt", "payments_capture",
    "payments_provideraccount", "payments_feecontract", "payments_routingrule", "payments_killswitch",
    "payments_trafficshift",
    "refunds_refund", "refunds_dispute", "refunds_refundlimit", "refunds_banktransfer",
    "reporting_payout", "reporting_discrepancy", "reporting_close",
    "auth_user", "auth_user_groups", "auth_user_user_permissions",
)  # fmt: skip
"""Whose rows are watched; a test counts their triggers."""


class Operation(models.TextChoices):
    """What was done to a row."""

    INSERT = "insert", "Added"
    UPDATE = "update", "Changed"
    DELETE = "delete", "Deleted"
    TRUNCATE = "truncate", "Emptied"


class RowChange(models.Model):
    """One row changed, or one table emptied: which columns, from what to what, by whom. Written by triggers alone.

    `by` is who of the staff asked, where a request did; else the database's role. What the platform does by itself
    through a unit of work is not here: it leaves state changes, events with what was before, and postings.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    at = models.DateTimeField()
    table_name = models.CharField(max_length=63)
    object_id = models.CharField(max_length=80)
    operation = models.CharField(max_length=8, choices=Operation)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    by = models.CharField(max_length=120)
    request_id = models.CharField(max_length=64, blank=True, default="")
    program = models.CharField(max_length=64, blank=True, default="", help_text="What the connection calls itself.")

    class Meta:
        app_label = "payments"
        verbose_name = "row change"
        indexes = (
            models.Index(fields=["object_id", "id"], name="rowchange_object"),
            models.Index(fields=["request_id"], name="rowchange_request", condition=~models.Q(request_id="")),
        )

    def __str__(self) -> str:
        return f"{self.get_operation_display()}: {self.object_id or self.table_name}"
