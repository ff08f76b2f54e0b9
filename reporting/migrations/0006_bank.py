"""Our accounts at banks, their statements, lines and matches: four new tables, and what the database refuses of them.

One short transaction: what they refer to is held only while the catalogue is written, and it gives up after two seconds.
"""

import django.db.models.deletion
import payments.kernel.clock
import payments.kernel.ids
from django.db import migrations, models


SHORT_WAIT = migrations.RunSQL("SET LOCAL lock_timeout = '2s'", migrations.RunSQL.noop)

# The account's row is locked, so that of two statements at once the later one sees the earlier.
CHECK_STATEMENT = """
CREATE FUNCTION reporting_check_bank_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held text;
BEGIN
    SELECT currency INTO held FROM reporting_bankaccount WHERE id = NEW.account_id FOR UPDATE;
    IF held <> NEW.currency THEN
        RAISE EXCEPTION 'statement % is in %, and its account in %', NEW.id, NEW.currency, held USING ERRCODE = '23514';
    END IF;
    IF EXISTS (SELECT FROM reporting_bankstatement s WHERE s.account_id = NEW.account_id
                  AND s.from_day <= NEW.to_day AND s.to_day >= NEW.from_day) THEN
        RAISE EXCEPTION 'statement %: some of its days are in another statement', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

CHECK_SUM = """
CREATE FUNCTION reporting_check_bank_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    has record;
BEGIN
    SELECT count(*) AS lines, coalesce(sum(amount_minor), 0) AS sum INTO has
      FROM reporting_bankline WHERE statement_id = NEW.id;
    IF has.lines <> NEW.lines OR NEW.opening_minor + has.sum <> NEW.closing_minor THEN
        RAISE EXCEPTION 'statement % does not add up over its % lines', NEW.id, has.lines USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

# Numbers are unique and go up to the statement's count: nothing is added to one that is whole.
CHECK_LINES = """
CREATE FUNCTION reporting_check_bank_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added l JOIN reporting_bankstatement s ON s.id = l.statement_id
                WHERE l.currency <> s.currency OR l.account_id <> s.account_id OR l.number NOT BETWEEN 1 AND s.lines) THEN
        RAISE EXCEPTION 'a line has another account or currency than its statement, or is none of its lines'
              USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

CHECK_MATCH = """
CREATE FUNCTION reporting_check_bank_match() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bank record;
    other record;
BEGIN
    SELECT l.amount_minor, l.currency, a.legal_entity_id, a.code INTO bank
      FROM reporting_bankline l JOIN reporting_bankaccount a ON a.id = l.account_id WHERE l.id = NEW.line_id;
    IF NEW.payout_id IS NOT NULL THEN
        SELECT p.amount_minor * CASE NEW.kind WHEN 'arrived' THEN 1 ELSE -1 END AS amount_minor, p.currency INTO other
          FROM reporting_payout p JOIN payments_provideraccount a ON a.id = p.account_id
         WHERE p.id = NEW.payout_id AND a.legal_entity_id = bank.legal_entity_id;
    ELSE
        SELECT r.amount_minor * CASE NEW.kind WHEN 'transfer' THEN -1 ELSE 1 END AS amount_minor, r.currency INTO other
          FROM refunds_banktransfer t JOIN refunds_refund r ON r.id = t.refund_id
         WHERE t.id = NEW.transfer_id AND t.bank_account = bank.code AND t.decision = 'confirmed';
    END IF;
    IF (bank.amount_minor, bank.currency) IS DISTINCT FROM (other.amount_minor, other.currency) THEN
        RAISE EXCEPTION 'match %: the line has another amount, currency or owner than what it is said to be', NEW.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

ACCOUNT_SAYS = ("id", "code", "legal_entity_id", "currency", "made_by")
STATEMENT_SAYS = (
    "id", "account_id", "kind", "name", "size", "sha256", "position", "reference", "from_day", "to_day",
    "currency", "opening_minor", "closing_minor", "lines", "uploaded_by", "created_at",
)  # fmt: skip
LINE_SAYS = (
    "id", "account_id", "statement_id", "number", "day", "value_day", "amount_minor", "currency", "reference",
    "end_to_end", "counterparty", "text", "bank_reference", "reversal", "folded",
)  # fmt: skip
MATCH_SAYS = ("id", "line_id", "kind", "payout_id", "transfer_id", "number", "because", "made_by")
MATCH_UNDONE = ("undone_by", "undone_because", "undone_at")


def trigger(table, name, when, does, kind="TRIGGER"):
    return migrations.RunSQL(
        f"CREATE {kind} {name} {when.format(table=table)} EXECUTE FUNCTION {does}", migrations.RunSQL.noop
    )


def stays(table, name, columns, sentence, unless="true"):
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    when = (
        f"BEFORE UPDATE OF {', '.join(columns)} ON {{table}} FOR EACH ROW"
        f" WHEN ({unless} AND ({old}) IS DISTINCT FROM ({new}))"
    )
    return trigger(table, name, when, f"payments_refuse('{sentence}')")


def never_gone(table, sentence):
    does = f"payments_refuse('{sentence}')"
    return [
        trigger(table, "never_deleted", "BEFORE DELETE ON {table} FOR EACH ROW", does),
        trigger(table, "no_truncate", "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", does),
    ]


def function(create):
    name = create.split("FUNCTION ")[1].split("()")[0]
    return migrations.RunSQL(create, f"DROP FUNCTION {name}() CASCADE")


def guards():
    account, statement, line, match = (f"reporting_bank{what}" for what in ("account", "statement", "line", "match"))
    return [
        *map(function, (CHECK_STATEMENT, CHECK_SUM, CHECK_LINES, CHECK_MATCH)),
        stays(account, "what_stays", ACCOUNT_SAYS, "a bank account keeps its code, currency and legal entity"),
        *never_gone(account, "a bank account is never deleted"),
        trigger(statement, "fits_account", "BEFORE INSERT ON {table} FOR EACH ROW", "reporting_check_bank_statement()"),
        trigger(
            statement,
            "adds_up",
            "AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
            "reporting_check_bank_sum()",
            "CONSTRAINT TRIGGER",
        ),
        stays(statement, "what_stays", STATEMENT_SAYS, "a bank statement never changes"),
        *never_gone(statement, "a bank statement is never deleted"),
        trigger(
            line,
            "fits_statement",
            "AFTER INSERT ON {table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
            "reporting_check_bank_lines()",
        ),
        stays(line, "what_stays", LINE_SAYS, "a bank line keeps what the bank said"),
        *never_gone(line, "a bank line is never deleted"),
        trigger(match, "fits_line", "BEFORE INSERT ON {table} FOR EACH ROW", "reporting_check_bank_match()"),
        stays(match, "what_stays", MATCH_SAYS, "a match keeps what it says"),
        stays(match, "undone_once", MATCH_UNDONE, "a match is undone once", "OLD.undone_at IS NOT NULL"),
        *never_gone(match, "a match is undone, never deleted"),
    ]


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0021_settlement'),
        ('refunds', '0010_acquirer_reference'),
        ("reporting", "0005_settlement_stays"),
    ]

    operations = [
        SHORT_WAIT,
        migrations.CreateModel(
            name='BankAccount',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('ba', primary_key=True, serialize=False)),
                ('code', models.SlugField(max_length=40, unique=True)),
                ('currency', models.CharField(max_length=3)),
                ('iban', models.CharField(blank=True, default='', max_length=34)),
                ('number', models.CharField(blank=True, default='', help_text='As statements write it, without IBAN.', max_length=40)),
                ('dialect', models.JSONField(blank=True, default=dict)),
                ('made_by', models.CharField(max_length=80)),
                ('legal_entity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='payments.legalentity')),
            ],
        ),
        migrations.CreateModel(
            name='BankLine',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('bl', primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='Its place in the statement, from 1.')),
                ('day', models.DateField(help_text='Booked by the bank.')),
                ('value_day', models.DateField()),
                ('amount_minor', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('reference', models.CharField(blank=True, default='', max_length=80)),
                ('end_to_end', models.CharField(blank=True, default='', max_length=80)),
                ('counterparty', models.CharField(blank=True, default='', max_length=140)),
                ('text', models.CharField(blank=True, default='', max_length=2000)),
                ('bank_reference', models.CharField(blank=True, default='', max_length=80)),
                ('reversal', models.BooleanField(default=False)),
                ('folded', models.TextField(blank=True, default='')),
                ('status', models.CharField(choices=[('waiting', 'Not compared yet'), ('matched', 'It is a payout, or a refund that we paid'), ('choose', 'Several payouts could be it: choose'), ('unexplained', 'Nothing of ours explains it'), ('set_aside', 'Not ours: somebody has said why')], default='waiting', max_length=12)),
                ('said_by', models.CharField(blank=True, default='', help_text='Who has set it aside.', max_length=80)),
                ('said_because', models.CharField(blank=True, default='', max_length=200)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='reporting.bankaccount')),
            ],
        ),
        migrations.CreateModel(
            name='BankMatch',
            fields=[
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('id', payments.kernel.ids.IdField('bm', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('arrived', 'The payout has arrived'), ('sent_back', 'Our bank has sent the payout back'), ('transfer', 'A refund that finance has paid from here'), ('returned', 'Such a refund has come back')], max_length=10)),
                ('number', models.PositiveIntegerField(default=1)),
                ('because', models.CharField(help_text='How it was recognised, or why a person says so.', max_length=200)),
                ('made_by', models.CharField(max_length=80)),
                ('undone_by', models.CharField(blank=True, default='', max_length=80)),
                ('undone_because', models.CharField(blank=True, default='', max_length=200)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='reporting.bankline')),
                ('payout', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bank_matches', to='reporting.payout')),
                ('transfer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bank_matches', to='refunds.banktransfer')),
            ],
            options={
                'verbose_name_plural': 'bank matches',
            },
        ),
        migrations.CreateModel(
            name='BankStatement',
            fields=[
                ('id', payments.kernel.ids.IdField('bs', primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='camt.053, MT940 or CSV.', max_length=10)),
                ('name', models.CharField(help_text='What the file was called.', max_length=200)),
                ('size', models.BigIntegerField(help_text='Bytes.')),
                ('sha256', models.CharField(max_length=64)),
                ('position', models.PositiveIntegerField()),
                ('reference', models.CharField(blank=True, default='', help_text="The bank's number of it.", max_length=80)),
                ('from_day', models.DateField()),
                ('to_day', models.DateField()),
                ('currency', models.CharField(max_length=3)),
                ('opening_minor', models.BigIntegerField()),
                ('closing_minor', models.BigIntegerField()),
                ('lines', models.PositiveIntegerField()),
                ('uploaded_by', models.CharField(max_length=80)),
                ('created_at', models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='reporting.bankaccount')),
            ],
        ),
        migrations.AddField(
            model_name='bankline',
            name='statement',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='reporting.bankstatement'),
        ),
        migrations.AddConstraint(
            model_name='bankaccount',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('iban', ''), _negated=True), models.Q(('number', ''), _negated=True), _connector='OR'), name='bank_account_is_named'),
        ),
        migrations.AddConstraint(
            model_name='bankaccount',
            constraint=models.UniqueConstraint(condition=models.Q(('iban', ''), _negated=True), fields=('iban', 'currency'), name='bank_account_iban'),
        ),
        migrations.AddConstraint(
            model_name='bankaccount',
            constraint=models.UniqueConstraint(condition=models.Q(('number', ''), _negated=True), fields=('number', 'currency'), name='bank_account_number'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['arrived', 'sent_back', 'transfer', 'returned'])), name='bank_match_kind'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['arrived', 'sent_back']), ('payout__isnull', False), ('transfer__isnull', True)), models.Q(('kind__in', ['transfer', 'returned']), ('payout__isnull', True), ('transfer__isnull', False)), _connector='OR'), name='bank_match_is_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('undone_at__isnull', True), ('undone_by', '')), models.Q(('undone_at__isnull', False), models.Q(('undone_by', ''), _negated=True), models.Q(('undone_because', ''), _negated=True), models.Q(('undone_by', models.F('made_by')), _negated=True)), _connector='OR'), name='bank_match_undone_by_another'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.UniqueConstraint(condition=models.Q(('undone_at__isnull', True)), fields=('line',), name='bank_match_line_is_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.UniqueConstraint(condition=models.Q(('payout__isnull', False), ('undone_at__isnull', True)), fields=('payout', 'kind'), name='bank_match_payout_once'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.UniqueConstraint(condition=models.Q(('transfer__isnull', False), ('undone_at__isnull', True)), fields=('transfer', 'kind'), name='bank_match_transfer_once'),
        ),
        migrations.AddConstraint(
            model_name='bankmatch',
            constraint=models.UniqueConstraint(condition=models.Q(('payout__isnull', False)), fields=('payout', 'number'), name='bank_match_number'),
        ),
        migrations.AddIndex(
            model_name='bankstatement',
            index=models.Index(fields=['account', 'to_day'], name='bank_statement_days_of'),
        ),
        migrations.AddConstraint(
            model_name='bankstatement',
            constraint=models.CheckConstraint(condition=models.Q(('from_day__lte', models.F('to_day'))), name='bank_statement_days'),
        ),
        migrations.AddConstraint(
            model_name='bankstatement',
            constraint=models.UniqueConstraint(fields=('sha256', 'position'), name='bank_statement_file_once'),
        ),
        migrations.AddIndex(
            model_name='bankline',
            index=models.Index(condition=models.Q(('status__in', ['waiting', 'choose', 'unexplained'])), fields=['account', 'day'], name='bank_line_open'),
        ),
        migrations.AddConstraint(
            model_name='bankline',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'matched', 'choose', 'unexplained', 'set_aside'])), name='bank_line_status'),
        ),
        migrations.AddConstraint(
            model_name='bankline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'set_aside'), _negated=True), models.Q(models.Q(('said_by', ''), _negated=True), models.Q(('said_because', ''), _negated=True)), _connector='OR'), name='bank_line_set_aside_says_why'),
        ),
        migrations.AddConstraint(
            model_name='bankline',
            constraint=models.UniqueConstraint(fields=('statement', 'number'), name='bank_line_once'),
        ),
        *guards(),
    ]
