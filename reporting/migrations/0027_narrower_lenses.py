"""Three lenses more by day may be kept: of account, of method, and of the day alone."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0026_issuers'),
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
            field=models.SmallIntegerField(choices=[(0, 'all dimensions'), (1, 'account, method and currency'), (2, 'country and currency'), (3, 'account and method'), (4, 'account'), (5, 'method'), (6, 'the day alone')]),
        ),
        AddConstraintNotValid(
            model_name='attemptsday',
            constraint=models.CheckConstraint(condition=models.Q(('lens__in', [0, 1, 2, 3, 4, 5, 6])), name='attempts_day_lens'),
        ),
    ]
