"""Reports that come by themselves, who has taken a file, and CSV for Excel. Short locks on a small table."""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0021_settlement'),
        ('reporting', '0002_settlement'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='ReportDownload',
            fields=[
                ('id', payments.kernel.ids.IdField('rd', primary_key=True, serialize=False)),
                ('way', models.CharField(choices=[('page', 'From the back office'), ('api', 'By the API'), ('link', 'By a link')], max_length=4)),
                ('by', models.CharField(max_length=80)),
                ('at', models.DateTimeField(default=payments.kernel.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name='ReportSchedule',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('rs', primary_key=True, serialize=False)),
                ('report', models.CharField(max_length=40)),
                ('rhythm', models.CharField(choices=[('daily', 'Every day, about the day before'), ('weekly', 'Every Monday, about the week before'), ('monthly', 'On the first of a month, about the month before')], max_length=8)),
                ('hour', models.PositiveSmallIntegerField(default=3)),
                ('timezone', models.CharField(default='UTC', max_length=64)),
                ('currency', models.CharField(blank=True, default='', help_text='Empty: every currency.', max_length=3)),
                ('format', models.CharField(choices=[('csv', 'CSV'), ('excel.csv', 'CSV for Excel'), ('csv.gz', 'CSV, gzip')], default='csv', max_length=10)),
                ('notify', models.EmailField(blank=True, default='', help_text='Who is written to when a file is ready.', max_length=254)),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('made_by', models.CharField(max_length=80)),
                ('paused_by', models.CharField(blank=True, default='', max_length=80)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='reportrun',
            name='report_run_format',
        ),
        migrations.AddField(
            model_name='reportrun',
            name='file_kept',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AlterField(
            model_name='reportrun',
            name='format',
            field=models.CharField(choices=[('csv', 'CSV'), ('excel.csv', 'CSV for Excel'), ('csv.gz', 'CSV, gzip')], default='csv', max_length=10),
        ),
        migrations.AddField(
            model_name='reportdownload',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='downloads', to='reporting.reportrun'),
        ),
        migrations.AddIndex(
            model_name='reportschedule',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='report_schedule_due'),
        ),
        migrations.AddConstraint(
            model_name='reportschedule',
            constraint=models.CheckConstraint(condition=models.Q(('rhythm__in', ['daily', 'weekly', 'monthly'])), name='report_schedule_rhythm'),
        ),
        migrations.AddConstraint(
            model_name='reportschedule',
            constraint=models.CheckConstraint(condition=models.Q(('hour__lt', 24)), name='report_schedule_hour'),
        ),
        migrations.AddConstraint(
            model_name='reportschedule',
            constraint=models.CheckConstraint(condition=models.Q(('format__in', ['csv', 'excel.csv', 'csv.gz'])), name='report_schedule_format'),
        ),
        migrations.AddConstraint(
            model_name='reportschedule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', False), ('paused_by', '')), models.Q(('due_at__isnull', True), models.Q(('paused_by', ''), _negated=True)), _connector='OR'), name='report_schedule_due_or_paused'),
        ),
        migrations.AddField(
            model_name='reportrun',
            name='schedule',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='reporting.reportschedule'),
        ),
        migrations.AddConstraint(
            model_name='reportrun',
            constraint=models.CheckConstraint(condition=models.Q(('format__in', ['csv', 'excel.csv', 'csv.gz'])), name='report_run_format'),
        ),
        migrations.AddConstraint(
            model_name='reportrun',
            constraint=models.UniqueConstraint(fields=('schedule', 'parameters'), name='report_run_scheduled_once'),
        ),
        migrations.AddConstraint(
            model_name='reportdownload',
            constraint=models.CheckConstraint(condition=models.Q(('way__in', ['page', 'api', 'link'])), name='report_download_way'),
        ),
    ]
