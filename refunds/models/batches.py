"""Bulk refunds: files that were uploaded, and their rows."""

from django.db import models
from django.db.models import F, Q

from payments.kernel import ids, records
from refunds.models.refunds import Refund
from refunds.states import BATCH, BatchStatus


class RefundBatch(records.Stateful):
    """An uploaded file of refunds: checked first, approved as a whole by a second person, then refunded row by row.

    `repeats` is an earlier upload of the very same file, which must be confirmed. `fitting` counts the rows that are to
    be refunded, as they were checked last; what those rows say is kept as it was approved.
    """

    MACHINE = BATCH
    LOCK_RANK = 55

    id = ids.IdField("rb")
    status = models.CharField(max_length=16, default=BATCH.initial, choices=[(s.value, s.value) for s in BatchStatus])
    name = models.CharField(max_length=120, help_text="What the file was called.")
    sha256 = models.CharField(max_length=64, help_text="Of the file as it was uploaded.")
    rows = models.PositiveIntegerField(help_text="Rows that say something.")
    empty = models.PositiveIntegerField(default=0, help_text="Empty rows, which are passed over.")
    fitting = models.PositiveIntegerField(default=0)
    with_duplicates = models.BooleanField(default=False, help_text="What looks like the same refund twice is meant.")
    repeats = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="repeated_by")
    repeat_confirmed = models.BooleanField(default=False)
    uploaded_by = models.CharField(max_length=80)
    asked_by = models.CharField(max_length=80, blank=True, default="")
    approved_by = models.CharField(max_length=80, blank=True, default="")
    checked_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Until then all of it can be called back.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "refunds"
        verbose_name_plural = "refund batches"
        constraints = (
            models.CheckConstraint(name="refund_batch_status", condition=Q(status__in=BATCH.states)),
            models.CheckConstraint(
                name="refund_batch_maker_is_not_checker",
                condition=~Q(approved_by=F("uploaded_by")) & (Q(approved_by="") | ~Q(approved_by=F("asked_by"))),
            ),
            models.CheckConstraint(
                name="refund_batch_approved_before_it_runs",
                condition=~Q(status__in=["approved", "running", "paused", "finished"])
                | (~Q(approved_by="") & ~Q(asked_by="") & Q(approved_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="refund_batch_repeat_is_meant",
                condition=Q(repeats__isnull=True)
                | Q(repeat_confirmed=True)
                | ~Q(status__in=["needs_approval", "approved", "running", "paused", "finished"]),
            ),
            models.UniqueConstraint(
                fields=["sha256"], name="refund_batch_file_is_known", condition=Q(repeats__isnull=True)
            ),
        )
        indexes = (models.Index(fields=["sha256"], name="refund_batch_file"),)

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


class RefundBatchRow(models.Model):
    """One row of a batch: what it says, what the check said to it, and the refund that it became.

    `written` and `amount_written` are the cells as they stand in the file; without an `amount` it is all that is left.
    `amount_minor` of `currency` is what goes back. A row ends once: with its refund (the first, where several payments
    had to give it back), or with why there is none.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    batch = models.ForeignKey(RefundBatch, on_delete=models.PROTECT, related_name="lines", db_index=False)
    number = models.PositiveIntegerField(help_text="As a spreadsheet counts: the header is row 1.")
    written = models.CharField(max_length=80)
    amount_written = models.CharField(max_length=40)
    currency_written = models.CharField(max_length=8, blank=True, default="")
    readable = models.BooleanField()
    object_id = models.CharField(max_length=40, blank=True, default="")
    amount = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    reason = models.CharField(max_length=24, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    verdict = models.CharField(max_length=24, blank=True, default="")
    words = models.CharField(max_length=300, blank=True, default="")
    currency = models.CharField(max_length=3, blank=True, default="")
    amount_minor = models.BigIntegerField(null=True, blank=True)
    confirmed = models.BooleanField(default=False, help_text="It looks like another one and is meant all the same.")
    refund = models.ForeignKey(
        Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="batch_rows", db_index=False
    )
    refusal = models.CharField(max_length=60, blank=True, default="")
    refused_because = models.CharField(max_length=300, blank=True, default="")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "refunds"
        constraints = (
            models.UniqueConstraint(fields=["batch", "number"], name="refund_batch_row_once"),
            models.UniqueConstraint(
                fields=["refund"], name="refund_batch_row_one_refund", condition=Q(refund__isnull=False)
            ),
            models.CheckConstraint(
                name="refund_batch_row_ends_once",
                condition=Q(done_at__isnull=True, refund__isnull=True, refusal="")
                | Q(done_at__isnull=False, refund__isnull=False, refusal="")
                | (Q(done_at__isnull=False, refund__isnull=True) & ~Q(refusal="")),
            ),
            models.CheckConstraint(
                name="refund_batch_row_fits_with_amount",
                condition=~Q(verdict="fits") | (Q(readable=True, amount_minor__gt=0) & ~Q(currency="")),
            ),
        )
        indexes = (
            models.Index(
                fields=["batch", "number"],
                name="refund_batch_row_waits",
                condition=Q(verdict="fits", done_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"row {self.number}: {self.verdict}"
