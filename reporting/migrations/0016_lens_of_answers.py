"""One lens more by day, account and method alone: how fast PSPs answer is read from few rows."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0015_lines_of_their_file'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name='attemptsday',
            name='attempts_day_lens',
        ),
        migrations.AlterField(
            model_name='attemptsday',
            name='lens',
            field=models.SmallIntegerField(choices=[(0, 'all dimensions'), (1, 'account, method and currency'), (2, 'country and currency'), (3, 'account and method')]),
        ),
        migrations.AddConstraint(
            model_name='attemptsday',
            constraint=models.CheckConstraint(condition=models.Q(('lens__in', [0, 1, 2, 3])), name='attempts_day_lens'),
        ),
    ]
