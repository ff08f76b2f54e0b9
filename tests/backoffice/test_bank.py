"""Finance at the bank's window: accounts, statements, what their lines are, and payouts that do not come."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from payments.gateway import accounts
from payments.gateway.models import LegalEntity, ProviderAccount
from payments.kernel import clock
from payments.ledger import services as ledger
from reporting.models import BankAccount, BankLine, BankMatch, BankStatement
from reporting.services import banking
from tests import factories
from tests.backoffice import pages
from tests.backoffice import test_transfers as people
from tests.reporting.bank import files
from tests.reporting.bank.world import World, at

fay, finn, words = people.fay, people.finn, people.words

ACCOUNTS, STATEMENTS = pages.list_of("reporting", "bankaccount"), pages.list_of("reporting", "bankstatement")
LINES, PAYOUTS = pages.list_of("reporting", "bankline"), pages.list_of("reporting", "payout")

GERMAN = {name: str(value) for name, value in files.GERMAN.items() if name != "columns"}


@pytest.fixture
def psp(transactional_db: None, settings: Any, tmp_path: Path) -> ProviderAccount:
    """A company with an account at a PSP, and none at a bank yet."""
    settings.EVIDENCE_DIR = tmp_path
    accounts.forget()
    ledger.forget_accounts()
    entity = LegalEntity.objects.create(name="Shop Europe B.V.", functional_currency="EUR")
    return ProviderAccount.objects.create(code="stripe-test", psp="stripe", legal_entity=entity)


@pytest.fixture
def world(psp: ProviderAccount, fay: Client) -> World:
    """The same, whose bank account finance has written down."""
    answer = fay.post(f"{ACCOUNTS}new/", account(psp), follow=True)
    assert "Written down." in words(answer)
    return World(psp, BankAccount.objects.get())


def account(psp: ProviderAccount, **facts: str) -> dict[str, str]:
    """What is written down of an account."""
    said = {
        "code": "main-eur",
        "legal_entity": psp.legal_entity_id,
        "currency": "eur",
        "iban": files.IBAN,
        "number": "",
    }
    return {**said, **facts}


def upload(browser: Client, content: bytes, **facts: str) -> Any:
    """Finance uploads a file."""
    file = SimpleUploadedFile("statement.xml", content)
    return browser.post(f"{STATEMENTS}new/", {"file": file, "account": "", **facts}, follow=True)


def test_an_account_is_written_down_with_what_is_wrong_said_beside_it(fay: Client, psp: ProviderAccount) -> None:
    for wrong, said in (
        ({"iban": "DE00 3704 0044 0532 0130 00"}, "This is no IBAN"),
        ({"iban": ""}, "Write the IBAN, or the number"),
        ({"separator": ";"}, "Choose one of"),
        ({"column_day": "Date"}, "Choose one of comma"),
        (
            {"separator": ";", "decimal": ",", "dates": "DD.MM.YYYY", "encoding": "utf-8", "column_day": "Tag"},
            "one col",
        ),
        ({"legal_entity": ""}, "This field is required"),
    ):
        assert said in words(fay.post(f"{ACCOUNTS}new/", account(psp, **wrong))), wrong
    assert not BankAccount.objects.exists()
    answer = words(fay.post(f"{ACCOUNTS}new/", account(psp), follow=True))
    assert "bank/main-eur" in answer
    assert "No statement was uploaded yet." in answer
    row = BankAccount.objects.get()
    edit = pages.page_of("reporting", "bankaccount", row.pk, "edit")
    columns = {f"column_{name}": column for name, column in files.GERMAN["columns"].items()}  # type: ignore[attr-defined]  # a dict of texts
    assert "Written down." in words(fay.post(edit, {"iban": files.IBAN, **GERMAN, **columns}, follow=True))
    row.refresh_from_db()
    assert row.dialect == files.GERMAN
    assert 'value="Buchungstag"' in fay.get(edit).content.decode(), "what was said is there to be changed"


def test_a_statement_is_uploaded_and_its_lines_are_known(fay: Client, world: World) -> None:
    world.payout(5_000, "po_arrives1")
    content = world.file(3, (5_000, "STRIPE PO_ARRIVES1"), (-490, "ACCOUNT FEE"))
    for wrong, said in (
        (content.replace(b"50.00", b"51.00", 1), "does not add up"),
        (content[:300], "the file is cut off"),
        (b"%PDF-1.7", "This is a PDF"),
        (b"", "The file is empty"),
        (b"Date;Amount", "This is neither camt.053 nor MT940"),
    ):
        assert said in words(upload(fay, wrong)), said
    assert "Choose a file." in words(fay.post(f"{STATEMENTS}new/", {"account": ""}))

    assert "2 lines are loaded; they are compared now." in words(upload(fay, content))
    factories.work()
    row = BankStatement.objects.get()
    shown = pages.text(fay, pages.page_of("reporting", "bankstatement", row.pk))
    assert "50.00 EUR Known The payout has arrived: po_" in shown
    assert "−4.90 EUR Unexplained" in shown
    assert "The first statement of this account" in shown
    assert "2 lines are loaded" in words(upload(fay, content)), "the same again is the same"
    assert BankStatement.objects.count() == 1
    assert "was loaded before, with another content" in words(
        upload(fay, content.replace(b"4.90", b"4.91").replace(b"45.10", b"45.09"))
    )
    file = fay.get(pages.page_of("reporting", "bankstatement", row.pk, "file"))
    assert file.content == content
    assert LogEntry.objects.filter(change_message="Downloaded the file").count() == 1
    factories.assert_books_close()


def test_somebody_chooses_among_equal_payouts_and_another_one_undoes(fay: Client, finn: Client, world: World) -> None:
    first, second = world.payout(5_000, "po_first"), world.payout(5_000, "po_second")
    upload(fay, world.file(3, (5_000, "INCOMING")))
    factories.work()
    line = BankLine.objects.get()
    page = pages.page_of("reporting", "bankline", line.pk)
    assert "50.00 EUR Choose" in pages.text(fay, LINES, status__exact="choose")
    choose = pages.page_of("reporting", "bankline", line.pk, "choose")
    html = fay.get(page).content.decode()
    assert f"{choose}?payout={first.pk}" in html
    assert f"{choose}?payout={second.pk}" in html
    assert "Only another person can undo it." in pages.text(fay, choose, payout=second.pk)
    for strange in ("", "po_nothing", "po_" + "0" * 32):
        answer = words(fay.get(choose, {"payout": strange}, follow=True))
        assert "It cannot be this payout, or not any more." in answer
    fay.post(f"{choose}?payout={second.pk}", {"reason": "no"})
    assert not BankMatch.objects.exists(), "without a reason nothing is booked"
    reason = {"reason": "The PSP's advice has its date."}
    assert "Booked." in words(fay.post(f"{choose}?payout={second.pk}", reason, follow=True))
    assert world.in_ledger() == {"bank": 5_000, "transit": 5_000}
    match = BankMatch.objects.get()
    undo = pages.page_of("reporting", "bankmatch", match.pk, "undo")
    assert undo not in fay.get(pages.page_of("reporting", "bankmatch", match.pk)).content.decode()
    assert "somebody else of finance does. Nothing was changed." in words(fay.post(undo, reason, follow=True))
    assert undo in finn.get(pages.page_of("reporting", "bankmatch", match.pk)).content.decode()
    assert "Undone." in words(finn.post(undo, {"reason": "It was the other one."}, follow=True))
    assert world.in_ledger() == {"bank": 0, "transit": 10_000}
    factories.assert_books_close()


def test_what_is_not_ours_is_set_aside_and_payouts_that_do_not_come_stand_in_a_list(fay: Client, world: World) -> None:
    world.payout(7_700, "po_never", due=3)
    upload(fay, world.file(3, (100, "RENT")))
    factories.work()
    with clock.at(at(20)):
        banking.watch()
    assert "77.00 EUR On its way stripe-test po_never" in pages.text(fay, PAYOUTS, bank="late")
    line = BankLine.objects.get()
    address = {name: pages.page_of("reporting", "bankline", line.pk, name) for name in ("set_aside", "look_again")}
    assert "Set aside." in words(fay.post(address["set_aside"], {"reason": "Of the landlord."}, follow=True))
    assert "1.00 EUR Not ours" in pages.text(fay, LINES)
    again = words(fay.post(address["set_aside"], {"reason": "Of the landlord."}, follow=True))
    assert "This line is not ours: somebody has said why. Nothing was changed." in again
    assert "It is compared anew." in words(fay.post(address["look_again"], follow=True))
    payout = world.payout(7_700, "po_never", due=3)
    said = pages.text(fay, pages.page_of("reporting", "payout", payout.pk))
    assert "A payout did not arrive at our bank in time, or not all of it −77.00 EUR Open" in said
    assert "No line is this payout yet." in said


@pytest.mark.parametrize("role", ["support", "support_lead", "engineer", "admin", "nobody"])
def test_only_finance_says_what_the_bank_says(staff: Any, fay: Client, world: World, role: str) -> None:
    world.payout(5_000, "po_arrives1")
    upload(fay, world.file(3, (5_000, "PO_ARRIVES1"), (100, "FROM ERIKA")))
    factories.work()
    match, line = BankMatch.objects.get(), BankLine.objects.get(amount_minor=100)
    statement = BankStatement.objects.get()
    browser = staff(role)
    for address in (
        f"{ACCOUNTS}new/", f"{STATEMENTS}new/",
        pages.page_of("reporting", "bankaccount", world.bank.pk, "edit"),
        pages.page_of("reporting", "bankstatement", statement.pk, "file"),
        *(pages.page_of("reporting", "bankline", line.pk, name) for name in ("choose", "set_aside", "look_again")),
        pages.page_of("reporting", "bankmatch", match.pk, "undo"),
    ):  # fmt: skip
        assert browser.get(address).status_code == 403, address
        assert browser.post(address, {"reason": "because I can"}).status_code == 403, address
    reads = 200 if role == "admin" else 403
    for model, pk in (("bankaccount", world.bank.pk), ("bankstatement", statement.pk), ("bankline", line.pk)):
        assert browser.get(pages.page_of("reporting", model, pk)).status_code == reads
    assert world.in_ledger() == {"bank": 5_000, "transit": 0}
