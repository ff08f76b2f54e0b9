"""How staff are known: sessions by hashed keys, second factors, browsers, and guesses. Four new tables, no old one."""

import django.contrib.postgres.fields
import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
import payments.kernel.personal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0031_found_by_what_is_said'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SignInGuess',
            fields=[
                ('id', payments.kernel.ids.IdField('gue', primary_key=True, serialize=False)),
                ('key', models.CharField(help_text='A keyed hash of account and place: names no one.', max_length=64, unique=True)),
                ('scope', models.CharField(choices=[('pair', 'pair'), ('account', 'account'), ('address', 'address')], max_length=20)),
                ('account', models.CharField(blank=True, default='', help_text='A keyed hash of the account alone.', max_length=64)),
                ('failures', models.IntegerField()),
                ('last_at', models.DateTimeField()),
                ('waits_until', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['account'], name='signinguess_account'), models.Index(fields=['last_at'], name='signinguess_last')],
                'constraints': [models.CheckConstraint(condition=models.Q(('failures__gte', 0)), name='signinguess_counts')],
            },
        ),
        migrations.CreateModel(
            name='KnownBrowser',
            fields=[
                ('id', payments.kernel.ids.IdField('kbr', primary_key=True, serialize=False)),
                ('token', models.CharField(help_text='SHA-256 of what its cookie says.', max_length=64, unique=True)),
                ('address', models.CharField(blank=True, default='', max_length=45)),
                ('agent', models.CharField(blank=True, default='', max_length=300)),
                ('first_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('last_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='known_browsers', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['user', 'address'], name='knownbrowser_address')],
            },
        ),
        migrations.CreateModel(
            name='SecondFactor',
            fields=[
                ('id', payments.kernel.ids.IdField('fac', primary_key=True, serialize=False)),
                ('secret', payments.kernel.personal.Bytes()),
                ('last_step', models.BigIntegerField(help_text='The last 30 seconds whose code was taken: none is taken twice.')),
                ('drift', models.SmallIntegerField(default=0, help_text="By how many steps the app's clock is off, as last seen.")),
                ('recovery', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, help_text='Hashes of unused recovery codes.', size=None)),
                ('enrolled_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='second_factor', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('secret__isnull', False)), name='secondfactor_has_a_secret')],
            },
        ),
        migrations.CreateModel(
            name='StaffSession',
            fields=[
                ('id', payments.kernel.ids.IdField('ses', primary_key=True, serialize=False)),
                ('key', models.CharField(help_text="SHA-256 of what the browser's cookie says.", max_length=64, unique=True)),
                ('data', models.TextField()),
                ('address', models.CharField(blank=True, default='', max_length=45)),
                ('agent', models.CharField(blank=True, default='', help_text='What the browser says it is.', max_length=300)),
                ('started_at', models.DateTimeField(help_text='It ends 8 hours later, whatever happens.')),
                ('seen_at', models.DateTimeField(help_text='Last used, to the minute.')),
                ('expires_at', models.DateTimeField()),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='staff_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['expires_at'], name='staffsession_ends')],
            },
        ),
    ]
