"""Journals for the general ledger: balanced, called as the company calls its accounts, and read back by others."""

import csv
import io
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

from beancount import loader
from beancount.core import data
from django.db import connection
from pytest_django.fixtures import Settings

from config.environment import GlAccount
from payments.gateway.models import LegalEntity, ProviderAccount
from tests import factories
from tests.refunds.psp import Psp
from tests.reporting import desk as desks
from tests.reporting import month, settlement
from tests.reporting.desk import Desk, File


def balanced(file: File, journal: str, debit: str, credit: str) -> int:
    """How many journals there are; each of them must have two lines or more, and debits that are credits."""
    found: dict[str, list[Decimal]] = defaultdict(list)
    for row in file.rows:
        assert bool(row[debit]) is not bool(row[credit]), "a line is a debit or a credit"
        found[row[journal]].append(Decimal(row[debit] or 0) - Decimal(row[credit] or 0))
    assert all(len(lines) > 1 and not sum(lines) for lines in found.values())
    return len(found)


def test_there_is_a_balanced_journal_for_each_day_company_and_currency(desk: Desk) -> None:
    month.october(desk)
    second = LegalEntity.objects.create(name="Europe BV", functional_currency="EUR")
    ProviderAccount.objects.filter(code="stripe-eu").update(legal_entity=second)
    file = desk.book("gl_journal", **desks.OCTOBER)

    days = {(row["journal_date"], row["legal_entity"], row["currency"]) for row in file.rows}
    assert balanced(file, "journal_no", "debit", "credit") == len(days) == 9
    assert ("2026-10-05", "Europe BV", "EUR") in days
    assert all(len(row["journal_no"]) <= 21 for row in file.rows)
    assert file.minor("debit") == desk.book("trial_balance", **desks.OCTOBER).minor("debits")
    assert file.manifest["tied"] is True
    third = [row for row in file.rows if row["journal_date"] == "2026-10-03"]
    assert [(row["gl_account"], row["debit"], row["credit"], row["description"]) for row in third] == [
        ("PSP receivable:stripe-us", "19.99", "", "psp_receivable/stripe-us, 1 entry"),
        ("Order clearing", "", "19.99", "order_clearing, 1 entry"),
    ]


def test_accounts_are_called_as_the_company_calls_them_from_a_day_on(desk: Desk, settings: Settings) -> None:
    month.october(desk)
    before = desk.book("gl_journal", **desks.OCTOBER)
    settings.GL_ACCOUNTS = [
        GlAccount(code="psp_receivable", number="1210", name="Card money", since=date(2026, 10, 5)),
        GlAccount(code="psp_receivable/stripe-us", number="1211", name="Stripe clearing", since=date(2026, 10, 16)),
        GlAccount(code="order_clearing", number="2400", name="Owed to shops", since=date(2026, 11, 1)),
    ]
    file = desk.book("gl_journal", **desks.OCTOBER)
    called = {(row["journal_date"], row["gl_number"], row["gl_account"]) for row in file.rows
              if row["account"].startswith("psp_receivable")}  # fmt: skip
    assert called >= {("2026-10-03", "", "PSP receivable:stripe-us"), ("2026-10-05", "1210", "Card money:stripe-eu"),
                      ("2026-10-20", "1211", "Stripe clearing")}  # fmt: skip
    assert {row["gl_account"] for row in file.rows if row["account"] == "order_clearing"} == {"Order clearing"}

    settings.GL_ACCOUNTS = settings.GL_ACCOUNTS[2:]
    assert desk.book("gl_journal", **desks.OCTOBER).raw == before.raw, "lines of later days change nothing"


def test_what_left_a_bank_belongs_to_the_company_of_the_payment(
    desk: Desk, sim: factories.Simulator, simulator: str
) -> None:
    """No provider account has a part in it; the payment that it gives back has."""
    month.transferred(desk, sim, Psp(simulator))
    file = desk.book("gl_journal", **desks.OCTOBER)

    assert {row["legal_entity"] for row in file.rows} == {
        ProviderAccount.objects.get(code="stripe-us").legal_entity.name
    }
    assert "Bank:main-usd" in [row["gl_account"] for row in file.rows]
    assert balanced(file, "journal_no", "debit", "credit") == 4
    factories.assert_books_close()


QUICKBOOKS = ["JournalNo", "JournalDate", "AccountName", "Debits", "Credits", "Description", "Currency", "Location"]


def test_quickbooks_reads_the_same_journals(desk: Desk) -> None:
    """By another reader than the one that wrote it, and by the types that an import insists on."""
    month.october(desk)
    file = desk.book("gl_journal_quickbooks", **desks.OCTOBER)

    assert list(file.rows[0])[: len(QUICKBOOKS)] == QUICKBOOKS
    assert balanced(file, "JournalNo", "Debits", "Credits") == 9
    for row in csv.DictReader(io.StringIO(file.raw.decode(), newline=""), strict=True):
        read = datetime.strptime(row["JournalDate"], "%m/%d/%Y")  # noqa: DTZ007  a day has no time zone
        assert row["JournalNo"].startswith(f"{read:%Y%m%d}-{row['Currency']}-")
        assert Decimal(row["Debits"] or row["Credits"]) > 0, "a sign would turn the line around"
        assert row["AccountName"].count(":") <= 1
        assert '"' not in row["AccountName"]
    generic = desk.book("gl_journal", **desks.OCTOBER)
    assert [(row["JournalNo"], row["AccountName"], row["Debits"], row["Credits"]) for row in file.rows] == [
        (row["journal_no"], row["gl_account"], row["debit"], row["credit"]) for row in generic.rows]  # fmt: skip
    assert [total["movement"] for total in file.manifest["control_totals"][:2]] == ["Credits", "Credits"]
    assert file.manifest["tied"] is True


def account(code: str) -> str:
    """`psp_receivable/stripe-us` as beancount writes accounts: words with capitals, sub-accounts behind a colon."""
    return "Assets:" + ":".join(part.replace("_", "-").title() for part in code.split("/"))


def beancount_of(file: File) -> str:
    """The journals of a file as beancount's plain text, with every account opened."""
    lines = [f"2026-01-01 open {name}" for name in sorted({account(row["account"]) for row in file.rows})]
    journals: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in file.rows:
        journals[row["journal_no"]].append(row)
    for number, rows in journals.items():
        lines.append(f'{rows[0]["journal_date"]} * "{number}"')
        lines += [
            f"  {account(row['account'])}  {row['debit'] or '-' + row['credit']} {row['currency']}" for row in rows
        ]
    return "\n".join(lines)


def test_another_bookkeeper_takes_the_journal_and_comes_to_the_same(desk: Desk) -> None:
    """Beancount keeps books of its own: it refuses what does not balance, to the unit of each currency."""
    settlement.october(month.october(desk))
    file = desk.book("gl_journal", **desks.OCTOBER)
    entries, errors, _ = loader.load_string(beancount_of(file))

    assert errors == []
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings if isinstance(entry, data.Transaction) else ():
            assert posting.units is not None
            assert posting.units.number is not None
            sums[posting.account, posting.units.currency] += posting.units.number
    trial = desk.book("trial_balance", **desks.OCTOBER)
    assert dict(sums) == {
        (account(row["account"]), row["currency"]): Decimal(row["debits"]) - Decimal(row["credits"])
        for row in trial.rows if row["entries"] != "0"}  # fmt: skip

    file.raw = file.raw.replace(b",19.99,1999,", b",19.98,1998,", 1)
    assert "does not balance" in loader.load_string(beancount_of(file))[1][0].message


def test_a_database_can_load_the_journal(desk: Desk) -> None:
    """Read back with types, header matched by name, and every journal summed there."""
    month.october(desk)
    file = desk.book("gl_journal", **desks.OCTOBER)
    header = file.raw.split(b"\r\n", 1)[0].decode().split(",")
    kinds = {"journal_date": "date", "debit": "numeric", "credit": "numeric", "entries": "bigint"}
    columns = ", ".join(f"{name} {kinds.get(name, 'bigint' if name.endswith('_minor') else 'text')}" for name in header)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE journal ({columns})")
        with cursor.copy("COPY journal FROM STDIN (FORMAT csv, HEADER MATCH)") as copy:
            copy.write(file.raw)
        cursor.execute("SELECT count(*), count(DISTINCT journal_no), sum(debit_minor) FROM journal")
        assert cursor.fetchone() == (len(file.rows), 9, sum(file.minor("debit").values()))
        cursor.execute("SELECT journal_no FROM journal GROUP BY 1 HAVING sum(debit) <> sum(credit) OR count(*) < 2")
        assert cursor.fetchall() == []
        cursor.execute("DROP TABLE journal")
