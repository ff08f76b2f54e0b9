"""The few lines that move money to the bank or into the next batch are found among millions: a small index."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0026_settlement_news'),
        ('reporting', '0010_books_of_banks'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(condition=models.Q(('type__in', ['payout', 'payout_returned', 'carried'])), fields=['account', 'payout_reference'], name='settlement_line_moves'),
        ),
    ]
