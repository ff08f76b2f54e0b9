"""Reports that were asked for, and the files that came of it."""

from django.db import models
from django.db.models import Q

from payments.kernel import ids, records
from reporting.states import RUN, RunStatus


class FileFormat(models.TextChoices):
    """How the file is stored; hashes and sizes in the manifest are of the uncompressed bytes."""

    CSV = "csv", "CSV"
    CSV_GZ = "csv.gz", "CSV, gzip"


class ReportRun(records.Stateful, records.Announced):
    """One file of one report over one interval, with the manifest that proves it.

    `client` asked for it by the API and sees its own rows only; without one it is the staff's. `number` counts the
    ready runs of a report: each one's manifest carries the hash of the manifest before it.
    """

    MACHINE = RUN
    LOCK_RANK = 80

    id = ids.IdField("rep")
    client = models.ForeignKey("payments.ApiClient", null=True, blank=True, on_delete=models.PROTECT)
    report = models.CharField(max_length=40)
    report_version = models.PositiveSmallIntegerField()
    parameters = models.JSONField()
    format = models.CharField(max_length=8, choices=FileFormat, default=FileFormat.CSV)
    status = models.CharField(max_length=10, default=RUN.initial, choices=[(s.value, s.value) for s in RunStatus])
    requested_by = models.CharField(max_length=80)
    rows = models.BigIntegerField(default=0, help_text="Rows written so far; when it is ready, all of them.")
    size = models.BigIntegerField(default=0, help_text="Bytes of the uncompressed file.")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="Of the uncompressed file.")
    file = models.CharField(max_length=120, blank=True, default="", help_text="Its name in the reports' directory.")
    tied = models.BooleanField(null=True, help_text="Whether its control totals are those of the ledger.")
    manifest = models.JSONField(null=True, blank=True)
    number = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        permissions = (("download_untied_report", "Can download a report that does not tie"),)
        constraints = (
            models.CheckConstraint(name="report_run_status", condition=Q(status__in=RUN.states)),
            models.CheckConstraint(name="report_run_format", condition=Q(format__in=FileFormat.values)),
            models.CheckConstraint(
                name="report_run_ready_is_proven",
                condition=~Q(status="ready")
                | Q(tied__isnull=False, manifest__isnull=False, number__isnull=False, ready_at__isnull=False)
                & ~Q(sha256="")
                & ~Q(file=""),
            ),
            models.UniqueConstraint(fields=["report", "number"], name="report_run_number"),
        )
        indexes = (models.Index(fields=["client", "id"], name="report_run_client"),)

    def __str__(self) -> str:
        return f"{self.report} {self.status}"
