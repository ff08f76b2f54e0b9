"""Reasons for a person, and movements of the ledger, that disputes bring: only Python knows the choices."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("payments", "0016_disputes_at_the_psp"),
    ]

    operations = [
        migrations.AlterField(
            model_name='attentionitem',
            name='kind',
            field=models.CharField(choices=[('unknown_outcome', "The PSP's answer is not known"), ('amount_differs', 'The PSP answered with another amount or currency'), ('overpayment', 'More was taken than was asked for and cannot be given back by itself'), ('auto_refund_limit', 'Automatic refunds stopped at their limit'), ('refund_bounced', 'A refund came back after it had succeeded'), ('over_returned', 'More went back than was taken'), ('authorization_expiring', 'An authorisation expires soon and is not captured'), ('cancel_refused', 'The PSP refuses to cancel a payment that nobody wants'), ('dispute_due', 'A dispute must be answered soon'), ('dispute_overdue', 'A dispute was not answered in time, or the bank does not decide it'), ('dispute_refused', 'The PSP did not take the answer to a dispute'), ('fraud_warning', 'A payment was reported as fraud: refund before it becomes a dispute?'), ('rule_rolled_back', 'A routing rule did worse than its control and was rolled back'), ('unmatched_event', 'The PSP reports something that we do not know')], max_length=24),
        ),
        migrations.AlterField(
            model_name='transfer',
            name='event',
            field=models.CharField(choices=[('captured', 'captured'), ('capture_reversed', 'capture_reversed'), ('refund_sent', 'refund_sent'), ('refund_succeeded', 'refund_succeeded'), ('refund_failed', 'refund_failed'), ('refund_bounced', 'refund_bounced'), ('dispute_withdrawn', 'dispute_withdrawn'), ('dispute_reinstated', 'dispute_reinstated'), ('dispute_lost', 'dispute_lost'), ('dispute_recovered', 'dispute_recovered')], max_length=24),
        ),
    ]
