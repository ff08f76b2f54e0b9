"""What became of jobs that failed, and who did what about them. A table that nobody knows yet."""

from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids


class Migration(migrations.Migration):

    dependencies = [("payments", "0037_request_log")]

    operations = [
        migrations.CreateModel(
            name="JobRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=payments.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("job_id", models.UUIDField(help_text="The job may be gone.")),
                ("name", models.CharField(max_length=60)),
                ("arguments", models.JSONField(default=dict)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("failed", "Failed, and comes back"),
                            ("dead", "Failed for the last time"),
                            ("succeeded", "Succeeded after it had failed"),
                            ("replayed", "Brought back by a person"),
                            ("canceled", "Canceled by a person"),
                        ],
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True, default="")),
                ("because", models.CharField(blank=True, default="", max_length=200)),
                ("by", models.CharField(blank=True, default="", max_length=120)),
                ("at", models.DateTimeField(default=payments.kernel.clock.now)),
            ],
            options={
                "verbose_name": "run of a job",
                "verbose_name_plural": "runs of jobs",
                "indexes": [
                    models.Index(fields=["job_id", "id"], name="job_run_job"),
                    models.Index(fields=["name", "id"], name="job_run_name"),
                ],
            },
        ),
    ]
