"""Finance uploads what the bank gives: kept as it came, loaded once, refused in words when it does not fit."""

import hashlib
import io
import threading

import pytest
from django.db import IntegrityError, connection, transaction

from payments.kernel.errors import Refusal
from payments.kernel.jobs import Job
from refunds.services import filing
from reporting import banks
from reporting.models import BankAccount, BankLine, BankStatement
from reporting.services import banking, statements
from tests import factories
from tests.byhand import behind_the_guards
from tests.reporting.bank import files
from tests.reporting.bank.world import FAY, FINN, World

CSV = files.sheet(
    [("03.11.2026", "", "Stripe", "PAYOUT", "12,50", "EUR", "112,50")],
    header=tuple(files.GERMAN["columns"].values()),  # type: ignore[attr-defined]  # a dict of texts
)


def test_a_file_is_kept_as_it_came_and_loaded_once(world: World) -> None:
    content = world.file(3, (5_000, "INCOMING"), (-1_000, "FEE"))
    [row] = world.upload(content, name="november 3.xml")
    assert (row.kind, row.name, row.size, row.uploaded_by) == ("camt.053", "november 3.xml", len(content), FAY)
    assert (row.opening_minor, row.closing_minor, row.lines) == (0, 4_000, 2)
    assert filing.read(hashlib.sha256(content).hexdigest()) == content
    assert [one.pk for one in world.upload(content, by=FINN)] == [row.pk], "the same again is the same"
    assert BankLine.objects.count() == 2
    assert Job.objects.filter(name="match_bank_lines").count() == 1
    factories.work()
    factories.assert_books_close()


def test_mt940_and_csv_find_their_account_too(world: World) -> None:
    old = files.mt940(":61:2611031103C12,50NTRFNONREF", opening="C261102EUR100,", closing="C261103EUR112,50")
    [row] = world.upload(old.replace(files.IBAN, "37040044/0532013000").encode(), name="old.sta")
    assert (row.kind, row.account_id) == ("MT940", world.bank.pk)
    statements.change_account(world.bank.pk, iban=files.IBAN, number="", dialect=files.GERMAN)
    [row] = world.upload(CSV.replace(b"03.11", b"04.11").replace(b"112,50", b"125,00"), account=world.bank.pk)
    assert (row.kind, row.opening_minor, row.closing_minor) == ("CSV", 11_250, 12_500)


def test_a_csv_file_without_balances_takes_those_that_a_person_reads_off(world: World) -> None:
    columns = {name: column for name, column in files.GERMAN["columns"].items() if name != "balance"}  # type: ignore[attr-defined]  # a dict of texts
    statements.change_account(world.bank.pk, iban=files.IBAN, number="", dialect={**files.GERMAN, "columns": columns})
    with pytest.raises(Refusal, match="Write the balance before the first line"):
        world.upload(CSV, account=world.bank.pk)
    with pytest.raises(Refusal, match=r"Write balances like 1234.56"):
        world.upload(CSV, account=world.bank.pk, opening="1.234,56", closing="112.50")
    [row] = world.upload(CSV, account=world.bank.pk, opening="100.00", closing="112.50")
    assert (row.opening_minor, row.closing_minor) == (10_000, 11_250)


def test_several_days_in_one_file_are_several_statements_in_order(world: World) -> None:
    days = [world.file(day, (100 * day, "x")) for day in (3, 4)]
    inner = [day.decode().split("</GrpHdr>")[1].split("</BkToCstmrStmt>")[0] for day in days]
    rows = world.upload(files.document(*reversed(inner)))
    assert [(str(row.from_day), row.position) for row in rows] == [("2026-11-03", 1), ("2026-11-04", 2)]
    assert world.upload(files.document(*reversed(inner))) == rows


def test_days_that_are_there_already_are_refused_whole(world: World) -> None:
    content = world.file(3, (5_000, "INCOMING"))
    [row] = world.upload(content)
    with pytest.raises(Refusal, match=f"with the same balances, from another file .{row.pk}"):
        world.upload(content.replace(b"INCOMING", b"OTHERWISE"))
    with pytest.raises(Refusal, match="with another content"):
        world.upload(content.replace(b"50.00", b"60.00"))
    assert BankStatement.objects.count() == 1
    assert BankLine.objects.count() == 1


def test_a_statement_goes_on_where_the_one_before_it_ended(world: World) -> None:
    world.upload(world.file(3, (5_000, "x")))
    world.balance = 4_000
    with pytest.raises(Refusal, match=r"ended 2026-11-03 with 50.00 EUR and began 2026-11-04 with 40.00 EUR"):
        world.upload(world.file(4, (1_000, "x")))
    world.balance = 4_000
    world.upload(world.file(6, (1_000, "x")))  # the fifth may still come
    world.balance = 5_000
    with pytest.raises(Refusal, match=r"ended 2026-11-05 with 47.00 EUR and began 2026-11-06 with 40.00 EUR"):
        world.upload(world.file(5, (-300, "x")))


def test_what_is_not_ours_or_not_yet_is_refused_in_words(world: World) -> None:
    content = world.file(3, (5_000, "x"))
    for changed, words in (
        (content.replace(files.IBAN.encode(), b"NL91ABNA0417164300"), "There is no bank account NL91ABNA0417164300"),
        (content.replace(b"EUR", b"USD"), "in USD: write it down first"),
        (content.replace(f"<IBAN>{files.IBAN}</IBAN>".encode(), b""), "does not say which account"),
        (content.replace(b"2026-11", b"2199-11"), "which has not come yet"),
        (content.replace(b"<Amt Ccy='EUR'>50.00", b"<Amt Ccy='EUR'>50.01", 1), "does not add up|Lines are missing"),
        (b"PK\x03\x04", "a workbook or an archive"),
    ):
        with pytest.raises(Refusal, match=words):
            world.upload(changed)
    assert BankStatement.objects.count() == 0
    other = statements.Draft(
        code="second-eur", legal_entity=world.bank.legal_entity_id, currency="EUR", number="4711", dialect={}
    )
    second = statements.open_account(other, by=FAY)
    with pytest.raises(Refusal, match="about main-eur, not about second-eur"):
        world.upload(content, account=second.pk)


def test_accounts_are_written_down_once_and_in_order(world: World) -> None:
    said = {"legal_entity": world.bank.legal_entity_id, "dialect": {}}
    for facts, words in (
        ({"code": "new", "currency": "EUR", "iban": "DE00370400440532013000"}, "no IBAN"),
        ({"code": "new", "currency": "EUR"}, "Write the IBAN, or the number"),
        ({"code": "main-usd", "currency": "EUR", "number": "1"}, "main-usd holds USD"),
        ({"code": "new", "currency": "EURO", "number": "1"}, "three letters"),
        ({"code": "main-eur", "currency": "EUR", "number": "1"}, "with this code, IBAN or number"),
        ({"code": "new", "currency": "EUR", "iban": files.IBAN}, "with this code, IBAN or number"),
        ({"code": "new", "currency": "EUR", "number": "1", "dialect": {"separator": ";"}}, "Choose one of"),
    ):
        with pytest.raises(Refusal, match=words):
            statements.open_account(statements.Draft(**{**said, **facts}), by=FAY)  # type: ignore[arg-type]  # by name
    assert BankAccount.objects.count() == 1


def test_two_people_upload_the_same_days_at_once(world: World) -> None:
    contents = [world.file(3, (5_000, "x"))]
    contents.append(contents[0].replace(b"AddtlNtryInf>x", b"AddtlNtryInf>y"))
    said: list[str] = []

    def one(content: bytes) -> None:
        try:
            statements.upload(statements.Upload(file=io.BytesIO(content), name="x"), by=FAY)
            said.append("loaded")
        except (Refusal, IntegrityError) as refusal:
            said.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["BankStatementOverlaps", "loaded"]
    assert (BankStatement.objects.count(), BankLine.objects.count()) == (1, 1)


def test_the_database_refuses_what_the_code_never_does(world: World) -> None:
    payout = world.payout(5_000, "po_first")
    statement = world.statement(3, (5_000, "po_first"))
    line = world.line(5_000)
    match = line.matches.get()
    for sql, words in (
        ("UPDATE reporting_bankline SET amount_minor = 1", "keeps what the bank said"),
        ("DELETE FROM reporting_bankline", "never deleted"),
        ("UPDATE reporting_bankstatement SET closing_minor = 1", "never changes"),
        ("UPDATE reporting_bankaccount SET currency = 'USD'", "keeps its code, currency"),
        ("UPDATE reporting_bankmatch SET made_by = 'x'", "keeps what it says"),
        ("DELETE FROM reporting_bankmatch", "never deleted"),
        ("UPDATE reporting_bankmatch SET undone_by = 'staff x', undone_at = now()", "bank_match_undone_by_another"),
        (
            "INSERT INTO reporting_bankline SELECT (r).* FROM (SELECT jsonb_populate_record(l, jsonb_build_object('id',"
            " uuidv7(), 'number', 2)) AS r FROM reporting_bankline l) x",
            "none of its lines",
        ),
        (
            "INSERT INTO reporting_bankstatement SELECT (r).* FROM (SELECT jsonb_populate_record(s, jsonb_build_object("
            "'id', uuidv7(), 'position', 2)) AS r FROM reporting_bankstatement s) x",
            "some of its days are in another statement",
        ),
        (
            "INSERT INTO reporting_bankstatement SELECT (r).* FROM (SELECT jsonb_populate_record(s, jsonb_build_object("
            "'id', uuidv7(), 'position', 2, 'from_day', '2026-11-04', 'to_day', '2026-11-04')) AS r"
            " FROM reporting_bankstatement s) x",
            "does not add up",
        ),
        (
            "INSERT INTO reporting_bankmatch SELECT (r).* FROM (SELECT jsonb_populate_record(m, jsonb_build_object("
            "'id', uuidv7(), 'number', 2, 'kind', 'sent_back')) AS r FROM reporting_bankmatch m) x",
            "another amount, currency or owner",
        ),
    ):
        with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert (statement.pk, payout.pk) == (line.statement_id, match.payout_id)


def test_the_proofs_find_what_was_tampered_with(world: World) -> None:
    world.payout(5_000, "po_first")
    world.statement(3, (5_000, "po_first"))
    factories.assert_books_close()
    with behind_the_guards(), connection.cursor() as cursor:
        cursor.execute("UPDATE reporting_bankmatch SET undone_at = now(), undone_by = 'x', undone_because = 'y'")
    found = {one.partition(":")[0] for one in factories.broken()}
    assert found == {"bank_line_booked", "cash_in_transit"}


def test_a_worker_that_dies_between_matches_leaves_each_whole(world: World) -> None:
    for number in range(3):
        world.payout(1_000 + number, f"po_number{number}")
    world.statement(3, *((1_000 + number, f"PO_NUMBER{number}") for number in range(3)), work=False)
    account = world.bank.pk
    pairs = banks.pairs(world.bank)
    assert [(pair.named, pair.certain) for pair in pairs] == [(True, True)] * 3
    assert banking._matched(pairs[0])
    factories.assert_books_close()
    assert banking.match(account) == 2
    factories.assert_books_close()


def test_many_lines_are_loaded_and_matched_set_by_set(world: World) -> None:
    for number in range(40):
        world.payout(10_000 + number, f"po_payout{number:03}x")
    lines = [(10_000 + number, f"PO_PAYOUT{number:03}X") for number in range(40)]
    world.statement(3, *lines, *((-100, f"CARD FEE {number}") for number in range(5_000)))
    assert BankLine.objects.filter(status="matched").count() == 40
    assert BankLine.objects.filter(status="unexplained").count() == 5_000
    factories.assert_books_close()
