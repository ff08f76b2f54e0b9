"""The unique key of jobs counts among those that wait: one that runs is followed by the next, and does not swallow it.

Without locking the table: the new indexes are built concurrently, then the old one goes. After a failure on the way it
runs again from the start.
"""

from django.db import migrations, models

BUILD = [
    "DROP INDEX CONCURRENTLY IF EXISTS job_ready_key",  # one that a failed build has left is not valid
    "CREATE UNIQUE INDEX CONCURRENTLY job_ready_key ON payments_job (unique_key) WHERE state = 'ready'",
]
BUILD_RUNNING = [
    "DROP INDEX CONCURRENTLY IF EXISTS job_running_key",
    "CREATE INDEX CONCURRENTLY job_running_key ON payments_job (unique_key) WHERE state = 'running'",
]
REBUILD_OLD = [
    "DROP INDEX CONCURRENTLY IF EXISTS job_unique_key",
    "CREATE UNIQUE INDEX CONCURRENTLY job_unique_key ON payments_job (unique_key) WHERE NOT (state = 'dead')",
]


def drop(name):
    return f"DROP INDEX CONCURRENTLY IF EXISTS {name}"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("payments", "0004_months_with_the_owners_rights")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(BUILD, drop("job_ready_key"))],
            state_operations=[
                migrations.AddConstraint(
                    model_name="job",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("state", "ready")), fields=("unique_key",), name="job_ready_key"
                    ),
                )
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(BUILD_RUNNING, drop("job_running_key"))],
            state_operations=[
                migrations.AddIndex(
                    model_name="job",
                    index=models.Index(
                        condition=models.Q(("state", "running")), fields=["unique_key"], name="job_running_key"
                    ),
                )
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(drop("job_unique_key"), REBUILD_OLD)],
            state_operations=[migrations.RemoveConstraint(model_name="job", name="job_unique_key")],
        ),
    ]
