"""Who may take the files of reports need not be who has them written."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0011_lines_of_payouts'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='reportrun',
            options={'permissions': (('download_report', 'Can download a report'), ('download_untied_report', 'Can download a report that does not tie'))},
        ),
    ]
