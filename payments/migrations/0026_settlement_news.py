"""PSPs tell when a settlement file is ready and how payouts stand: choices only, nothing in the database changes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("payments", "0025_reversals"),
    ]

    operations = [
        migrations.AlterField(
            model_name='inboundevent',
            name='kind',
            field=models.CharField(choices=[('payment_updated', 'payment_updated'), ('capture_updated', 'capture_updated'), ('cancel_updated', 'cancel_updated'), ('adjustment_updated', 'adjustment_updated'), ('reversal_updated', 'reversal_updated'), ('refund_updated', 'refund_updated'), ('method_updated', 'method_updated'), ('dispute_updated', 'dispute_updated'), ('fraud_warning', 'fraud_warning'), ('settlement_ready', 'settlement_ready'), ('payout_updated', 'payout_updated'), ('unused', 'unused')], max_length=24),
        ),
    ]
