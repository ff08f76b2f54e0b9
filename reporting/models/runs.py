"""Reports that were asked for, and the files that came of it."""

from django.db import models
from django.db.models import Q

from payments.kernel import clock, ids, records
from reporting.states import RUN, RunStatus


class FileFormat(models.TextChoices):
    """How the file is stored; hashes and sizes in the manifest are of the uncompressed bytes."""

    CSV = "csv", "CSV"
    EXCEL = "excel.csv", "CSV for Excel"
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
    format = models.CharField(max_length=10, choices=FileFormat, default=FileFormat.CSV)
    status = models.CharField(max_length=10, default=RUN.initial, choices=[(s.value, s.value) for s in RunStatus])
    requested_by = models.CharField(max_length=80)
    schedule = models.ForeignKey("ReportSchedule", null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    rows = models.BigIntegerField(default=0, help_text="Rows written so far; when it is ready, all of them.")
    expected = models.BigIntegerField(
        null=True, blank=True, help_text="About how many rows it will have, while it runs."
    )
    size = models.BigIntegerField(default=0, help_text="Bytes of the uncompressed file.")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="Of the uncompressed file.")
    file = models.CharField(max_length=120, blank=True, default="", help_text="Its name in the reports' directory.")
    file_kept = models.BooleanField(default=True, db_default=True)
    tied = models.BooleanField(null=True, help_text="Whether its control totals are those of the ledger.")
    manifest = models.JSONField(null=True, blank=True)
    number = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "reporting"
        permissions = (
            ("download_report", "Can download a report"),
            ("download_untied_report", "Can download a report that does not tie"),
        )
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
            models.UniqueConstraint(fields=["schedule", "parameters"], name="report_run_scheduled_once"),
        )
        indexes = (models.Index(fields=["client", "id"], name="report_run_client"),)

    def __str__(self) -> str:
        return f"{self.report} {self.status}"


class Rhythm(models.TextChoices):
    """How often a report comes by itself, and which days it is then about."""

    DAILY = "daily", "Every day, about the day before"
    WEEKLY = "weekly", "Every Monday, about the week before"
    MONTHLY = "monthly", "On the first of a month, about the month before"


class ReportSchedule(records.Record):
    """A report that comes by itself: at `hour` o'clock in `timezone`, when its days are over. `due_at` is when next.

    One that is paused has no `due_at`; when it goes on, it goes on with the next days, and does not catch up.
    """

    LOCK_RANK = 79

    id = ids.IdField("rs")
    report = models.CharField(max_length=40)
    rhythm = models.CharField(max_length=8, choices=Rhythm)
    hour = models.PositiveSmallIntegerField(default=3)
    timezone = models.CharField(max_length=64, default="UTC")
    currency = models.CharField(max_length=3, blank=True, default="", help_text="Empty: every currency.")
    format = models.CharField(max_length=10, choices=FileFormat, default=FileFormat.CSV)
    notify = models.EmailField(blank=True, default="", help_text="Who is written to when a file is ready.")
    due_at = models.DateTimeField(null=True, blank=True)
    made_by = models.CharField(max_length=80)
    paused_by = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        app_label = "reporting"
        constraints = (
            models.CheckConstraint(name="report_schedule_rhythm", condition=Q(rhythm__in=Rhythm.values)),
            models.CheckConstraint(name="report_schedule_hour", condition=Q(hour__lt=24)),
            models.CheckConstraint(name="report_schedule_format", condition=Q(format__in=FileFormat.values)),
            models.CheckConstraint(
                name="report_schedule_due_or_paused",
                condition=Q(due_at__isnull=False, paused_by="") | Q(due_at__isnull=True) & ~Q(paused_by=""),
            ),
        )
        indexes = (models.Index(fields=["due_at"], name="report_schedule_due", condition=Q(due_at__isnull=False)),)

    def __str__(self) -> str:
        return f"{self.report}, {self.rhythm}"


class Way(models.TextChoices):
    """How a file left."""

    PAGE = "page", "From the back office"
    API = "api", "By the API"
    LINK = "link", "By a link"


class ReportDownload(models.Model):
    """Somebody has taken the file of a report, or its manifest. Append-only."""

    id = ids.IdField("rd")
    run = models.ForeignKey(ReportRun, on_delete=models.PROTECT, related_name="downloads")
    way = models.CharField(max_length=4, choices=Way)
    by = models.CharField(max_length=80)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "reporting"
        constraints = (models.CheckConstraint(name="report_download_way", condition=Q(way__in=Way.values)),)

    def __str__(self) -> str:
        return f"{self.by}, {self.get_way_display()}"
