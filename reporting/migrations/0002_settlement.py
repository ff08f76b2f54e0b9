"""Settlement files and their lines, payouts, discrepancies, tie-outs: new tables only."""

import django.db.models.deletion
import django.db.models.expressions
import payments.kernel.clock
import payments.kernel.ids
import payments.kernel.records
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0021_settlement'),
        ('reporting', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SettlementFile',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('st', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('payout', 'payout'), ('batch', 'batch'), ('activity', 'activity')], max_length=10)),
                ('reference', models.CharField(max_length=80)),
                ('name', models.CharField(help_text='As the PSP calls it.', max_length=200)),
                ('day', models.DateField(blank=True, help_text='The day that it is about, where it is about one.', null=True)),
                ('source', models.CharField(choices=[('fetched', 'Fetched from the PSP'), ('uploaded', 'Uploaded')], max_length=8)),
                ('uploaded_by', models.CharField(blank=True, default='', max_length=80)),
                ('file', models.CharField(max_length=200)),
                ('size', models.BigIntegerField(help_text='Bytes.')),
                ('sha256', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('stored', 'stored'), ('loaded', 'loaded'), ('refused', 'refused')], default='stored', max_length=10)),
                ('problem', models.TextField(blank=True, default='', help_text='Why it was refused, in words for finance.')),
                ('lines', models.PositiveIntegerField(default=0)),
                ('set_aside', models.PositiveIntegerField(default=0, help_text="Lines of before the account's cut-over.")),
                ('loaded_at', models.DateTimeField(blank=True, null=True)),
                ('matched_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='settlement_files', to='payments.provideraccount')),
            ],
        ),
        migrations.CreateModel(
            name='SettlementLine',
            fields=[
                ('id', payments.kernel.ids.IdField('sl', primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='Its place among the lines of its file, from 1.')),
                ('key', models.CharField(max_length=80)),
                ('type', models.CharField(choices=[('capture', 'capture'), ('refund', 'refund'), ('dispute', 'dispute'), ('fee', 'fee'), ('reserve', 'reserve'), ('payout', 'payout'), ('payout_returned', 'payout_returned'), ('carried', 'carried'), ('correction', 'correction'), ('unknown', 'unknown')], max_length=16)),
                ('psp_type', models.CharField(help_text="The PSP's own word.", max_length=60)),
                ('occurred_at', models.DateTimeField()),
                ('gross_minor', models.BigIntegerField()),
                ('gross_currency', models.CharField(max_length=3)),
                ('settled_minor', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('fee_minor', models.BigIntegerField(default=0)),
                ('tax_minor', models.BigIntegerField(default=0)),
                ('net_minor', models.GeneratedField(db_persist=True, expression=django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('settled_minor'), '-', models.F('fee_minor')), '-', models.F('tax_minor')), output_field=models.BigIntegerField())),
                ('rate', models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True)),
                ('payment_reference', models.CharField(blank=True, default='', max_length=80)),
                ('movement_reference', models.CharField(blank=True, default='', max_length=80)),
                ('our_reference', models.CharField(blank=True, default='', max_length=80)),
                ('payout_reference', models.CharField(blank=True, default='', max_length=80)),
                ('method', models.CharField(blank=True, default='', max_length=40)),
                ('detail', models.CharField(blank=True, default='', max_length=300)),
                ('match', models.CharField(choices=[('waiting', 'Not compared yet'), ('matched', 'It is what we have booked'), ('booked', 'Booked from this line: a fee, a payout, a reserve'), ('amount_differs', 'We have booked another amount'), ('missing_here', 'We know of no such movement'), ('duplicate', 'The PSP has told this movement before'), ('unknown_type', 'A kind of line that we do not know'), ('set_aside', "From before the account's cut-over")], default='waiting', max_length=16)),
                ('movement_id', models.CharField(blank=True, default='', max_length=40)),
                ('xid', payments.kernel.records.TransactionId(db_default=models.Func(function='pg_current_xact_id'), editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='reporting.settlementfile')),
            ],
        ),
        migrations.CreateModel(
            name='TieOut',
            fields=[
                ('id', payments.kernel.ids.IdField('tie', primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3)),
                ('as_of', models.DateTimeField(default=payments.kernel.clock.now)),
                ('ledger_minor', models.BigIntegerField(help_text='The balance of psp_receivable.')),
                ('timing_minor', models.BigIntegerField(help_text='Of it, what no settlement line has told yet.')),
                ('psp_minor', models.BigIntegerField(help_text='What the PSP says, or what its batches carry.')),
                ('open_minor', models.BigIntegerField(help_text='Of the unexplained, what open discrepancies account for.')),
                ('unexplained_minor', models.BigIntegerField()),
                ('parts', models.JSONField(default=dict, help_text='The sums behind the figures, by movement.')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
            ],
        ),
        migrations.CreateModel(
            name='Discrepancy',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('disc', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('amount_differs', 'The PSP settled another amount than we booked'), ('fee_differs', 'The PSP charged another fee than its contract says'), ('fx', 'The PSP converted at another rate than it says'), ('missing_at_psp', 'We booked it, and the PSP has not settled it in time'), ('missing_here', 'The PSP settled something that we do not know'), ('duplicate', 'The PSP settled the same movement twice'), ('unknown_type', 'The PSP moved money for a reason that we do not know'), ('correction', 'The PSP corrected its own books'), ('payout_differs', 'The lines of a payout do not sum to it'), ('file_conflict', 'The PSP sent another content for a file that was loaded'), ('file_missing', 'A settlement file did not come'), ('missing_at_bank', 'A payout did not arrive at our bank in time'), ('bank_unexplained', 'Our bank shows something that no payout explains'), ('balance_differs', "The PSP's balance is not what ledger and lines say")], max_length=20)),
                ('subject_id', models.CharField(max_length=80)),
                ('currency', models.CharField(max_length=3)),
                ('amount_minor', models.BigIntegerField()),
                ('detail', models.TextField()),
                ('evidence', models.JSONField(blank=True, default=dict)),
                ('proposal', models.JSONField(blank=True, default=dict)),
                ('status', models.CharField(choices=[('open', 'open'), ('proposed', 'proposed'), ('settled', 'settled'), ('accepted', 'accepted'), ('cleared', 'cleared')], default='open', max_length=10)),
                ('since', models.DateTimeField(help_text='When what does not agree happened: its age counts from here.')),
                ('opened_at', models.DateTimeField(default=payments.kernel.clock.now)),
                ('taken_by', models.CharField(blank=True, default='', max_length=80)),
                ('taken_at', models.DateTimeField(blank=True, null=True)),
                ('settled_by', models.CharField(blank=True, default='', help_text='Who said what it was.', max_length=80)),
                ('settled_because', models.CharField(blank=True, default='', max_length=500)),
                ('approved_by', models.CharField(blank=True, default='', help_text='The second person, above a limit.', max_length=80)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='payments.provideraccount')),
            ],
            options={
                'verbose_name_plural': 'discrepancies',
                'indexes': [models.Index(condition=models.Q(('status__in', ['open', 'proposed'])), fields=['account', 'since'], name='discrepancy_open'), models.Index(fields=['subject_id'], name='discrepancy_subject')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['open', 'proposed', 'settled', 'accepted', 'cleared'])), name='discrepancy_status'), models.CheckConstraint(condition=models.Q(('kind__in', ['amount_differs', 'fee_differs', 'fx', 'missing_at_psp', 'missing_here', 'duplicate', 'unknown_type', 'correction', 'payout_differs', 'file_conflict', 'file_missing', 'missing_at_bank', 'bank_unexplained', 'balance_differs'])), name='discrepancy_kind'), models.CheckConstraint(condition=models.Q(('approved_by', ''), models.Q(('approved_by', models.F('settled_by')), _negated=True), _connector='OR'), name='discrepancy_maker_is_not_checker'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['settled', 'accepted']), _negated=True), models.Q(models.Q(('settled_by', ''), _negated=True), models.Q(('settled_because', ''), _negated=True)), _connector='OR'), name='discrepancy_settled_says_why'), models.UniqueConstraint(condition=models.Q(('status__in', ['open', 'proposed'])), fields=('subject_id', 'kind'), name='discrepancy_one_open')],
            },
        ),
        migrations.CreateModel(
            name='Payout',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('po', primary_key=True, serialize=False)),
                ('provider_reference', models.CharField(max_length=80)),
                ('currency', models.CharField(max_length=3)),
                ('amount_minor', models.BigIntegerField()),
                ('automatic', models.BooleanField(default=True)),
                ('status', models.CharField(choices=[('announced', 'announced'), ('paid', 'paid'), ('arrived', 'arrived'), ('failed', 'failed'), ('canceled', 'canceled')], default='announced', max_length=10)),
                ('announced_at', models.DateTimeField(help_text='As the PSP says.')),
                ('arrives_on', models.DateField(blank=True, null=True)),
                ('trace', models.CharField(blank=True, default='', help_text='By which our bank knows it.', max_length=80)),
                ('proven', models.BooleanField(blank=True, null=True)),
                ('detail', models.CharField(blank=True, default='', max_length=300)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='payments.provideraccount')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status__in', ['announced', 'paid'])), fields=['arrives_on'], name='payout_on_its_way')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['announced', 'paid', 'arrived', 'failed', 'canceled'])), name='payout_status'), models.CheckConstraint(condition=models.Q(('amount_minor', 0), _negated=True), name='payout_not_zero'), models.UniqueConstraint(fields=('account', 'provider_reference'), name='payout_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='settlementfile',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['stored', 'loaded', 'refused'])), name='settlement_file_status'),
        ),
        migrations.AddConstraint(
            model_name='settlementfile',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['payout', 'batch', 'activity'])), name='settlement_file_kind'),
        ),
        migrations.AddConstraint(
            model_name='settlementfile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'refused'), _negated=True), models.Q(('problem', ''), _negated=True), _connector='OR'), name='settlement_file_refused_says_why'),
        ),
        migrations.AddConstraint(
            model_name='settlementfile',
            constraint=models.UniqueConstraint(fields=('account', 'reference', 'sha256'), name='settlement_file_content_once'),
        ),
        migrations.AddConstraint(
            model_name='settlementfile',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['stored', 'loaded'])), fields=('account', 'reference'), name='settlement_file_reference_once'),
        ),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(fields=['file', 'number'], name='settlement_line_file'),
        ),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(condition=models.Q(('movement_id', ''), _negated=True), fields=['movement_id'], name='settlement_line_movement'),
        ),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(fields=['account', 'payment_reference'], name='settlement_line_payment'),
        ),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(fields=['account', 'payout_reference'], name='settlement_line_payout'),
        ),
        migrations.AddIndex(
            model_name='settlementline',
            index=models.Index(condition=models.Q(('match__in', ['waiting', 'amount_differs', 'missing_here', 'unknown_type'])), fields=['account', 'match'], name='settlement_line_open'),
        ),
        migrations.AddConstraint(
            model_name='settlementline',
            constraint=models.UniqueConstraint(fields=('account', 'key'), name='settlement_line_once'),
        ),
        migrations.AddConstraint(
            model_name='settlementline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('gross_currency', models.F('currency')), _negated=True), ('gross_minor', models.F('settled_minor')), _connector='OR'), name='settlement_line_one_currency'),
        ),
        migrations.AddConstraint(
            model_name='tieout',
            constraint=models.CheckConstraint(condition=models.Q(('unexplained_minor', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('psp_minor'), '-', models.F('ledger_minor')), '+', models.F('timing_minor')), '-', models.F('open_minor')))), name='tie_out_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='tieout',
            constraint=models.UniqueConstraint(fields=('account', 'currency', 'as_of'), name='tie_out_once'),
        ),
    ]
