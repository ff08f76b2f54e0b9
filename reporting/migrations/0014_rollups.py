"""Sums by minute, hour and day, money at rest, exchange rates. New tables: nothing that is there is touched."""

import django.contrib.postgres.fields
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0013_report_expected'),
    ]

    operations = [
        migrations.CreateModel(
            name='AtRest',
            fields=[
                ('pk', models.CompositePrimaryKey('what', 'currency', 'age', blank=True, editable=False, primary_key=True, serialize=False)),
                ('what', models.CharField(max_length=24)),
                ('currency', models.CharField(max_length=3)),
                ('age', models.SmallIntegerField(choices=[(0, 'Less than an hour'), (1, 'Less than a day'), (2, '1 to 7 days'), (3, '7 to 30 days'), (4, 'More than 30 days')])),
                ('count', models.IntegerField()),
                ('amount_minor', models.BigIntegerField()),
                ('oldest_at', models.DateTimeField()),
                ('at', models.DateTimeField(default=payments.kernel.clock.now)),
            ],
            options={
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='AttemptsHour',
            fields=[
                ('at', models.DateTimeField()),
                ('account', models.CharField(max_length=40)),
                ('method', models.CharField(max_length=24)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('channel', models.CharField(max_length=8)),
                ('attempts', models.IntegerField()),
                ('approved', models.IntegerField()),
                ('declined_hard', models.IntegerField()),
                ('declined_soft', models.IntegerField()),
                ('declined_customer', models.IntegerField()),
                ('declined_fraud', models.IntegerField()),
                ('declined_technical', models.IntegerField()),
                ('unavailable', models.IntegerField()),
                ('unknown', models.IntegerField()),
                ('waiting', models.IntegerField()),
                ('abandoned', models.IntegerField()),
                ('asked_minor', models.BigIntegerField()),
                ('approved_minor', models.BigIntegerField()),
                ('not_approved_minor', models.BigIntegerField()),
                ('buckets', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('pk', models.CompositePrimaryKey('at', 'account', 'method', 'country', 'currency', 'channel', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='AttemptsMinute',
            fields=[
                ('at', models.DateTimeField()),
                ('account', models.CharField(max_length=40)),
                ('method', models.CharField(max_length=24)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('channel', models.CharField(max_length=8)),
                ('attempts', models.IntegerField()),
                ('approved', models.IntegerField()),
                ('declined_hard', models.IntegerField()),
                ('declined_soft', models.IntegerField()),
                ('declined_customer', models.IntegerField()),
                ('declined_fraud', models.IntegerField()),
                ('declined_technical', models.IntegerField()),
                ('unavailable', models.IntegerField()),
                ('unknown', models.IntegerField()),
                ('waiting', models.IntegerField()),
                ('abandoned', models.IntegerField()),
                ('asked_minor', models.BigIntegerField()),
                ('approved_minor', models.BigIntegerField()),
                ('not_approved_minor', models.BigIntegerField()),
                ('buckets', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('pk', models.CompositePrimaryKey('at', 'account', 'method', 'country', 'currency', 'channel', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='TallyDay',
            fields=[
                ('at', models.DateTimeField()),
                ('what', models.CharField(choices=[('created', 'Payments that were begun'), ('confirmed', 'Payments that somebody tried to pay'), ('authorized', 'Payments for which money was reserved or taken'), ('captured', 'Payments for which money was taken'), ('refund', 'Refunds that gave money back, or may still: by reason'), ('refund_ended', 'Refunds that gave nothing back: by how they ended'), ('dispute', 'Disputes: by how they stand')], max_length=12)),
                ('label', models.CharField(max_length=24)),
                ('account', models.CharField(max_length=40)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('count', models.IntegerField()),
                ('amount_minor', models.BigIntegerField()),
                ('pk', models.CompositePrimaryKey('at', 'what', 'label', 'account', 'country', 'currency', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='TallyHour',
            fields=[
                ('at', models.DateTimeField()),
                ('what', models.CharField(choices=[('created', 'Payments that were begun'), ('confirmed', 'Payments that somebody tried to pay'), ('authorized', 'Payments for which money was reserved or taken'), ('captured', 'Payments for which money was taken'), ('refund', 'Refunds that gave money back, or may still: by reason'), ('refund_ended', 'Refunds that gave nothing back: by how they ended'), ('dispute', 'Disputes: by how they stand')], max_length=12)),
                ('label', models.CharField(max_length=24)),
                ('account', models.CharField(max_length=40)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('count', models.IntegerField()),
                ('amount_minor', models.BigIntegerField()),
                ('pk', models.CompositePrimaryKey('at', 'what', 'label', 'account', 'country', 'currency', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='TallyMinute',
            fields=[
                ('at', models.DateTimeField()),
                ('what', models.CharField(choices=[('created', 'Payments that were begun'), ('confirmed', 'Payments that somebody tried to pay'), ('authorized', 'Payments for which money was reserved or taken'), ('captured', 'Payments for which money was taken'), ('refund', 'Refunds that gave money back, or may still: by reason'), ('refund_ended', 'Refunds that gave nothing back: by how they ended'), ('dispute', 'Disputes: by how they stand')], max_length=12)),
                ('label', models.CharField(max_length=24)),
                ('account', models.CharField(max_length=40)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('count', models.IntegerField()),
                ('amount_minor', models.BigIntegerField()),
                ('pk', models.CompositePrimaryKey('at', 'what', 'label', 'account', 'country', 'currency', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='AttemptsDay',
            fields=[
                ('at', models.DateTimeField()),
                ('account', models.CharField(max_length=40)),
                ('method', models.CharField(max_length=24)),
                ('country', models.CharField(max_length=2)),
                ('currency', models.CharField(max_length=3)),
                ('channel', models.CharField(max_length=8)),
                ('attempts', models.IntegerField()),
                ('approved', models.IntegerField()),
                ('declined_hard', models.IntegerField()),
                ('declined_soft', models.IntegerField()),
                ('declined_customer', models.IntegerField()),
                ('declined_fraud', models.IntegerField()),
                ('declined_technical', models.IntegerField()),
                ('unavailable', models.IntegerField()),
                ('unknown', models.IntegerField()),
                ('waiting', models.IntegerField()),
                ('abandoned', models.IntegerField()),
                ('asked_minor', models.BigIntegerField()),
                ('approved_minor', models.BigIntegerField()),
                ('not_approved_minor', models.BigIntegerField()),
                ('buckets', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('counts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('pk', models.CompositePrimaryKey('lens', 'at', 'account', 'method', 'country', 'currency', 'channel', blank=True, editable=False, primary_key=True, serialize=False)),
                ('lens', models.SmallIntegerField(choices=[(0, 'all dimensions'), (1, 'account, method and currency'), (2, 'country and currency')])),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'constraints': [models.CheckConstraint(condition=models.Q(('lens__in', [0, 1, 2])), name='attempts_day_lens')],
            },
        ),
        migrations.CreateModel(
            name='ExchangeRate',
            fields=[
                ('id', payments.kernel.ids.IdField('fx', primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3)),
                ('day', models.DateField()),
                ('per_euro', models.DecimalField(decimal_places=10, max_digits=20)),
                ('source', models.CharField(max_length=80)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('currency', 'day'), name='rate_of_a_day'), models.CheckConstraint(condition=models.Q(('per_euro__gt', 0)), name='rate_positive')],
            },
        ),
        migrations.CreateModel(
            name='RollupMark',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('until', models.DateTimeField(help_text='Everything that happened before this is counted.', null=True)),
                ('seen', models.BigIntegerField(default=0)),
                ('counted_at', models.DateTimeField(null=True)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='rollup_one_mark')],
            },
        ),
    ]
