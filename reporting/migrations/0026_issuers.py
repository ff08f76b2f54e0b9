"""Sums by issuer, and what is usual of them: new tables; and two more kinds of incidents, in a table of few rows."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0025_canaries'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='IssuerBaseline',
            fields=[
                ('pk', models.CompositePrimaryKey('account', 'method', 'country', 'currency', 'issuer', blank=True, editable=False, primary_key=True, serialize=False)),
                ('account', models.CharField(max_length=40)),
                ('method', models.CharField(max_length=24)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('issuer', models.CharField(max_length=40)),
                ('at', models.DateTimeField()),
                ('sums', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='IssuerMinute',
            fields=[
                ('at', models.DateTimeField()),
                ('pk', models.CompositePrimaryKey('at', 'account', 'method', 'country', 'currency', 'issuer', blank=True, editable=False, primary_key=True, serialize=False)),
                ('account', models.CharField(max_length=40)),
                ('method', models.CharField(max_length=24)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('issuer', models.CharField(max_length=40)),
                ('approved', models.IntegerField()),
                ('declined', models.IntegerField()),
                ('asked_minor', models.BigIntegerField()),
                ('not_approved_minor', models.BigIntegerField()),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_kind',
        ),
        migrations.AlterField(
            model_name='incident',
            name='kind',
            field=models.CharField(choices=[('outage', 'Almost nothing is approved'), ('unavailable', 'Providers cannot be reached, or do not answer'), ('approval_drop', 'Fewer payments are approved than usual'), ('decline_shift', 'Payments are declined for other reasons than usual'), ('slow', 'Answers take longer than usual'), ('unfinished', 'Payments are begun and not finished'), ('volume_drop', 'Far fewer people pay than usual'), ('webhook_silence', 'A provider has stopped sending notifications'), ('queue_lag', 'Jobs wait for too long'), ('delivery_lag', 'Clients learn too late what happened'), ('settlement_late', 'A settlement file is late'), ('recovery_backlog', 'Payments whose outcome is not known pile up'), ('card_testing', 'Somebody seems to try stolen cards')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['outage', 'unavailable', 'approval_drop', 'decline_shift', 'slow', 'unfinished', 'volume_drop', 'webhook_silence', 'queue_lag', 'delivery_lag', 'settlement_late', 'recovery_backlog', 'card_testing'])), name='incident_kind'),
        ),
    ]
