"""Journals for the company's general ledger: one per day, legal entity and currency, as a list and for QuickBooks."""

from typing import Final

from reporting.reports import base, chart
from reporting.reports.base import Column, Control, Kind, Report

LINES: Final = f"""(
    WITH moved AS (
        SELECT t.effective_at::date AS day, e.account_id, e.amount_minor,
               coalesce(p.legal_entity_id, ours.legal_entity_id, (
                   SELECT paid.legal_entity_id FROM payments_paymentattempt a
                     JOIN payments_provideraccount paid ON paid.id = a.account_id
                    WHERE a.id = substr(nullif(t.refs ->> 'attempt', ''), 5)::uuid)) AS company_id
          FROM payments_transfer t
          JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
          LEFT JOIN payments_provideraccount p ON p.code = t.place
          LEFT JOIN reporting_bankaccount ours ON ours.code = t.place
         WHERE {base.WITHIN})
    SELECT day, company_id, account_id, amount_minor > 0 AS debit, sum(abs(amount_minor)) AS minor, count(*) AS entries
      FROM moved GROUP BY 1, 2, 3, 4) b
  JOIN payments_account account ON account.id = b.account_id
  LEFT JOIN payments_legalentity company ON company.id = b.company_id
  {chart.NAMED}"""  # noqa: S608  our own SQL
"""A movement is of the company in whose books it is; where nobody says whose its bank account is, of the payment's."""

OTHER_SIDE: Final = f"""
WITH moved AS MATERIALIZED ({base.BOTH_SIDES})
SELECT word, currency, entries, minor
  FROM moved, LATERAL (VALUES (%(debit)s, credits), (%(credit)s, debits)) AS must (word, minor)"""  # noqa: S608  ours
"""Debits must be the credits of the same movements, and credits their debits."""

ORDER: Final = """b.day, b.company_id, account.currency, b.debit DESC, account.code COLLATE "C\""""
NUMBER: Final = """to_char(b.day, 'YYYYMMDD') || '-' || account.currency
       || coalesce('-' || right(replace(b.company_id::text, '-', ''), 8), '')"""
"""At most 21 characters, which is what QuickBooks takes."""
NAME: Final = "coalesce(gl.name, account.code)"
WORDS: Final = "account.code || ', ' || b.entries || CASE WHEN b.entries = 1 THEN ' entry' ELSE ' entries' END"
DEBIT, CREDIT = "CASE WHEN b.debit THEN b.minor END", "CASE WHEN NOT b.debit THEN b.minor END"

REPORT: Final = Report(
    name="gl_journal",
    version=1,
    title="Journal for the general ledger",
    use="Use this when you book what happened into your accounting system: one journal per day, company and currency, "
    "with one line per account and side, called as your chart of accounts calls it. Debits of a journal are its "
    "credits.",
    control=Control(query=OTHER_SIDE, sums=("debit_minor", "credit_minor"), count="entries"),
    source=LINES,
    order=ORDER,
    binds=lambda: {**chart.binds(), "debit": "debit", "credit": "credit"},
    columns=(
        base.VERSION,
        Column("journal_no", Kind.WORD, NUMBER, "The journal; all its lines carry it."),
        Column("journal_date", Kind.DAY, "b.day", "The day, when the money moved."),
        Column("legal_entity", Kind.TEXT, "company.name", "The company; empty where nobody can say which."),
        Column("currency", Kind.WORD, "account.currency", "ISO 4217."),
        Column("gl_number", Kind.TEXT, "gl.number", "The account's number in the general ledger, where you have said."),
        Column("gl_account", Kind.TEXT, NAME, "Its name there; a sub-account stands behind a colon."),
        *base.money_columns("debit", DEBIT, "Empty for a credit."),
        *base.money_columns("credit", CREDIT, "Empty for a debit."),
        Column("account", Kind.TEXT, "account.code", "The account of our ledger."),
        Column("description", Kind.TEXT, WORDS, "What the line sums up."),
        Column("entries", Kind.COUNT, "b.entries", "How many entries of our ledger it sums up."),
    ),
)

QUICKBOOKS: Final = Report(
    name="gl_journal_quickbooks",
    version=1,
    title="Journal for QuickBooks Online",
    use="Use this when you keep your books in QuickBooks Online: the same journals under the names that its import of "
    "journal entries asks for (dates as month/day/year). The last columns are for our proof, leave them unmapped. "
    "One company's lines go into one QuickBooks company: Location says whose they are.",
    control=Control(query=OTHER_SIDE, sums=("Debits_minor", "Credits_minor"), count="Entries"),
    source=LINES,
    order=ORDER,
    binds=lambda: {**chart.binds(), "debit": "Debits", "credit": "Credits"},
    # quickbooks.intuit.com: Import journal entries in QuickBooks Online; all lines of one JournalNo are one entry
    columns=(
        Column("JournalNo", Kind.WORD, NUMBER, "The journal; all its lines carry it."),
        Column("JournalDate", Kind.WORD, "to_char(b.day, 'MM/DD/YYYY')", "The day, as month/day/year."),
        Column("AccountName", Kind.TEXT, NAME, "As in your chart of accounts; a sub-account stands behind a colon."),
        Column("Debits", Kind.AMOUNT, DEBIT, "Empty for a credit."),
        Column("Credits", Kind.AMOUNT, CREDIT, "Empty for a debit."),
        Column("Description", Kind.TEXT, WORDS, "What the line sums up."),
        Column("Currency", Kind.WORD, "account.currency", "ISO 4217; one journal has one currency."),
        Column("Location", Kind.TEXT, "company.name", "The company."),
        Column("Debits_minor", Kind.MINOR, DEBIT, "Debits in minor units."),
        Column("Credits_minor", Kind.MINOR, CREDIT, "Credits in minor units."),
        Column("Entries", Kind.COUNT, "b.entries", "How many entries of our ledger the line sums up."),
    ),
)
