"""Disputes with their stages, movements and files, and warnings of fraud: five new tables.

Whoever waits for a lock on the tables that they refer to gives up soon, and `migrate` is run again.
"""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0017_what_disputes_need'),
        ('refunds', '0003_less_what_is_disputed'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('event_sequence', models.PositiveIntegerField(default=0, editable=False)),
                ('id', payments.kernel.ids.IdField('dp', primary_key=True, serialize=False)),
                ('order_id', models.CharField(blank=True, default='', max_length=40)),
                ('provider_reference', models.CharField(help_text="The PSP's id of the dispute.", max_length=80)),
                ('currency', models.CharField(max_length=3)),
                ('amount_minor', models.BigIntegerField(default=0)),
                ('amount_withdrawn_minor', models.BigIntegerField(default=0)),
                ('amount_lost_minor', models.BigIntegerField(default=0)),
                ('status', models.CharField(choices=[('inquiry', 'inquiry'), ('needs_response', 'needs_response'), ('under_review', 'under_review'), ('won', 'won'), ('lost', 'lost'), ('accepted', 'accepted'), ('expired', 'expired'), ('withdrawn', 'withdrawn')], default='inquiry', max_length=16)),
                ('stage', models.CharField(choices=[('inquiry', 'Inquiry'), ('chargeback', 'Chargeback'), ('second', 'Second'), ('arbitration', 'Arbitration')], max_length=12)),
                ('reason', models.CharField(choices=[('fraudulent', 'Fraud: the cardholder says it was somebody else'), ('unrecognized', 'The customer does not recognise the payment'), ('product_not_received', 'Goods or service not received'), ('product_unacceptable', 'Defective, or not as described'), ('credit_not_processed', 'A refund that was promised did not come'), ('duplicate', 'Charged twice, or paid by other means'), ('subscription_canceled', 'Canceled, and charged all the same'), ('debit_not_authorized', 'The debit was not authorised'), ('processing_error', 'The bank cannot take the payment as it was made'), ('noncompliant', "Against the scheme's rules"), ('general', 'Another reason')], default='general', max_length=24)),
                ('network_reason_code', models.CharField(blank=True, default='', help_text="The scheme's own.", max_length=24)),
                ('respond_by', models.DateTimeField(blank=True, null=True)),
                ('defendable', models.BooleanField(blank=True, help_text='Empty: the PSP does not say.', null=True)),
                ('said', models.JSONField(blank=True, default=dict)),
                ('opened_at', models.DateTimeField(help_text='When the PSP first told of it.')),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('look_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
                ('attempt', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='payments.paymentattempt')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.apiclient')),
                ('intent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='payments.paymentintent')),
            ],
            options={'permissions': (('accept_dispute', 'Can let the customer keep the money'),)},
        ),
        migrations.CreateModel(
            name='DisputeMovement',
            fields=[
                ('id', payments.kernel.ids.IdField('dpm', primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('withdrawn', 'Taken by the PSP'), ('reinstated', 'Given back by the PSP'), ('lost', 'Written off as lost'), ('recovered', 'No loss after all')], max_length=10)),
                ('currency', models.CharField(max_length=3)),
                ('amount_minor', models.BigIntegerField()),
                ('moved_at', models.DateTimeField(help_text='As the PSP says.')),
                ('told_by', models.CharField(max_length=80)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
                ('dispute', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='movements', to='refunds.dispute')),
            ],
        ),
        migrations.CreateModel(
            name='DisputeStage',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('dps', primary_key=True, serialize=False)),
                ('stage', models.CharField(choices=[('inquiry', 'Inquiry'), ('chargeback', 'Chargeback'), ('second', 'Second'), ('arbitration', 'Arbitration')], max_length=12)),
                ('texts', models.JSONField(blank=True, default=dict)),
                ('answer', models.CharField(blank=True, choices=[('submit', 'Evidence was submitted'), ('accept', 'The dispute was accepted')], default='', max_length=8)),
                ('answer_by', models.CharField(blank=True, default='', max_length=80)),
                ('answer_because', models.CharField(blank=True, default='', max_length=500)),
                ('answer_at', models.DateTimeField(blank=True, null=True)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('call_id', models.CharField(blank=True, default='', max_length=40)),
                ('dispute', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stages', to='refunds.dispute')),
            ],
        ),
        migrations.CreateModel(
            name='DisputeFile',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('dpf', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('receipt', 'receipt'), ('shipping_documentation', 'shipping_documentation'), ('service_documentation', 'service_documentation'), ('customer_communication', 'customer_communication'), ('customer_signature', 'customer_signature'), ('refund_policy', 'refund_policy'), ('duplicate_documentation', 'duplicate_documentation'), ('other', 'other')], help_text='What it proves.', max_length=32)),
                ('filename', models.CharField(max_length=120)),
                ('content_type', models.CharField(max_length=40)),
                ('size', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('uploaded_by', models.CharField(max_length=80)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('stage', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='refunds.disputestage')),
            ],
        ),
        migrations.CreateModel(
            name='FraudWarning',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('event_sequence', models.PositiveIntegerField(default=0, editable=False)),
                ('id', payments.kernel.ids.IdField('fw', primary_key=True, serialize=False)),
                ('order_id', models.CharField(blank=True, default='', max_length=40)),
                ('provider_reference', models.CharField(help_text="The PSP's id of the warning.", max_length=80)),
                ('kind', models.CharField(blank=True, default='', help_text="The scheme's word for the fraud.", max_length=40)),
                ('actionable', models.BooleanField(blank=True, help_text='A refund may still prevent the dispute. Empty: the PSP does not say.', null=True)),
                ('said_at', models.DateTimeField(help_text='When the PSP said so last.')),
                ('warned_at', models.DateTimeField(help_text='When the PSP said so first.')),
                ('decision', models.CharField(blank=True, choices=[('refunded', 'The money was given back'), ('kept', 'The money is kept: the payment is good'), ('disputed', 'It became a dispute')], default='', max_length=10)),
                ('decided_by', models.CharField(blank=True, default='', max_length=80)),
                ('decided_because', models.CharField(blank=True, default='', max_length=500)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
                ('attempt', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='payments.paymentattempt')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.apiclient')),
                ('intent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fraud_warnings', to='payments.paymentintent')),
            ],
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(fields=['client', 'id'], name='dispute_client'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(fields=['attempt'], name='dispute_attempt'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(condition=models.Q(('order_id', ''), _negated=True), fields=['order_id'], name='dispute_order'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(condition=models.Q(('look_at__isnull', False)), fields=['look_at'], name='dispute_look_at'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['respond_by'], name='dispute_open'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(fields=['opened_at'], name='dispute_opened'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['inquiry', 'needs_response', 'under_review', 'won', 'lost', 'accepted', 'expired', 'withdrawn'])), name='dispute_status'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('stage__in', ['inquiry', 'chargeback', 'second', 'arbitration'])), name='dispute_stage'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['fraudulent', 'unrecognized', 'product_not_received', 'product_unacceptable', 'credit_not_processed', 'duplicate', 'subscription_canceled', 'debit_not_authorized', 'processing_error', 'noncompliant', 'general'])), name='dispute_reason'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount_lost_minor__gte', 0), ('amount_minor__gte', 0)), name='dispute_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount_lost_minor', 0), ('amount_lost_minor__lte', models.F('amount_withdrawn_minor')), _connector='OR'), name='dispute_loss_within_withdrawn'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('status__in', ['inquiry', 'needs_response', 'under_review'])), models.Q(models.Q(('status__in', ['inquiry', 'needs_response', 'under_review']), _negated=True), ('closed_at__isnull', False)), _connector='OR'), name='dispute_closed'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(fields=('account', 'provider_reference'), name='dispute_provider_reference'),
        ),
        migrations.AddIndex(
            model_name='disputemovement',
            index=models.Index(fields=['dispute', 'id'], name='dispute_movement_dispute'),
        ),
        migrations.AddConstraint(
            model_name='disputemovement',
            constraint=models.UniqueConstraint(fields=('account', 'key'), name='dispute_movement_once'),
        ),
        migrations.AddConstraint(
            model_name='disputemovement',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='dispute_movement_positive'),
        ),
        migrations.AddConstraint(
            model_name='disputemovement',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['withdrawn', 'reinstated', 'lost', 'recovered'])), name='dispute_movement_kind'),
        ),
        migrations.AddConstraint(
            model_name='disputestage',
            constraint=models.UniqueConstraint(fields=('dispute', 'stage'), name='dispute_stage_once'),
        ),
        migrations.AddConstraint(
            model_name='disputestage',
            constraint=models.CheckConstraint(condition=models.Q(('stage__in', ['inquiry', 'chargeback', 'second', 'arbitration'])), name='dispute_stage_known'),
        ),
        migrations.AddConstraint(
            model_name='disputestage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answer_at__isnull', True), ('answered_at__isnull', True)), models.Q(('answer__in', ['submit', 'accept']), ('answer_at__isnull', False), models.Q(('answer_by', ''), _negated=True)), _connector='OR'), name='dispute_answer'),
        ),
        migrations.AddConstraint(
            model_name='disputestage',
            constraint=models.CheckConstraint(condition=models.Q(('answer', 'accept'), ('answer_because', ''), _negated=True), name='dispute_accepted_because'),
        ),
        migrations.AddConstraint(
            model_name='disputefile',
            constraint=models.CheckConstraint(condition=models.Q(('size__gt', 0)), name='dispute_file_size'),
        ),
        migrations.AddIndex(
            model_name='fraudwarning',
            index=models.Index(fields=['client', 'id'], name='fraud_warning_client'),
        ),
        migrations.AddIndex(
            model_name='fraudwarning',
            index=models.Index(condition=models.Q(('decision', '')), fields=['warned_at'], name='fraud_warning_open'),
        ),
        migrations.AddConstraint(
            model_name='fraudwarning',
            constraint=models.UniqueConstraint(fields=('account', 'provider_reference'), name='fraud_warning_reference'),
        ),
        migrations.AddConstraint(
            model_name='fraudwarning',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decision', '')), models.Q(('decided_at__isnull', False), ('decision__in', ['refunded', 'kept', 'disputed']), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='fraud_warning_decided'),
        ),
    ]
