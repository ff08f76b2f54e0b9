"""The database itself keeps the books: SQL by hand that does not balance, or rewrites history, is refused."""

import uuid
from collections.abc import Callable

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from payments.kernel import clock, ids, money, unit
from payments.ledger import postings, selectors
from payments.ledger import services as ledger
from payments.ledger.models import Account, Entry, Transfer
from tests.ledger.conftest import post, sql

pytestmark = pytest.mark.django_db

Entered = tuple[str, int, str]  # account code, minor units, currency


def account(code: str, currency: str) -> uuid.UUID:
    """The id of an account; it is made when it is missing."""
    row, _ = Account.objects.get_or_create(code=code, currency=currency, defaults={"id": uuid.uuid4(), "kind": "both"})
    return row.pk


def write(*entered: Entered, table: str = "payments_entry", transfer: uuid.UUID | None = None) -> uuid.UUID:
    """Write a transfer and its entries by hand, in one transaction, and let the deferred rules look at it."""
    with transaction.atomic():
        if transfer is None:
            transfer = ids.uuid7()
            sql(
                "INSERT INTO payments_transfer (id, event, source_id, effective_at, booked_at, narrative, refs)"
                " VALUES (%s, 'captured', %s, now(), now(), 'by hand', '{}')",
                transfer,
                ids.new("cap"),
            )
        if entered:
            rows = [(ids.uuid7(), transfer, account(code, of), minor, of) for code, minor, of in entered]
            values = ", ".join(["(%s, %s, %s, %s, %s, now())"] * len(rows))
            sql(
                f"INSERT INTO {table} (id, transfer_id, account_id, amount_minor, currency, booked_at) VALUES {values}",
                *(value for row in rows for value in row),
            )
        commit_rules()
    return transfer


def commit_rules() -> None:
    """Let the rules that wait for the commit look at what is there now."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET CONSTRAINTS ALL DEFERRED")


def this_month() -> str:
    """The partition that entries of today land in."""
    return f"payments_entry_{clock.now():%Y%m}"


def test_what_balances_is_taken() -> None:
    write(("a", 100, "USD"), ("b", -100, "USD"))
    write(("a", 70, "USD"), ("b", 30, "USD"), ("c", -100, "USD"))
    write(("a", 100, "USD"), ("b", -100, "USD"), ("a", 5, "EUR"), ("b", -5, "EUR"))
    assert Entry.objects.count() == 9


UNBALANCED: list[list[Entered]] = [
    [("a", 100, "USD"), ("b", -99, "USD")],
    [("a", 100, "USD"), ("b", -100, "EUR")],
    [("a", 100, "USD")],
    [("a", 100, "USD"), ("b", -100, "USD"), ("a", 1, "EUR")],
]


@pytest.mark.parametrize("entered", UNBALANCED)
@pytest.mark.parametrize("straight", [False, True], ids=["by the table", "straight into the partition"])
def test_entries_that_do_not_sum_to_zero_are_refused(entered: list[Entered], *, straight: bool) -> None:
    with pytest.raises(IntegrityError, match="sum to"):
        write(*entered, table=this_month() if straight else "payments_entry")
    assert not Entry.objects.exists()
    assert not Transfer.objects.exists()


def test_what_balances_straight_into_a_partition_is_an_entry_like_any_other() -> None:
    write(("a", 100, "USD"), ("b", -100, "USD"), table=this_month())
    assert Entry.objects.count() == 2


def test_a_transfer_without_entries_is_refused() -> None:
    with pytest.raises(IntegrityError, match="fewer than two entries"):
        write()


def test_an_entry_of_nothing_is_refused() -> None:
    with pytest.raises(IntegrityError, match="ledger_entry_not_zero"):
        write(("a", 0, "USD"), ("b", 0, "USD"))


def enter(at: uuid.UUID, table: str = "payments_entry") -> None:
    """Book 5 EUR on the account of this id, against one that is as it should be."""
    transfer = ids.uuid7()
    statement = (
        "WITH t AS (INSERT INTO payments_transfer (id, event, source_id, effective_at, booked_at, narrative, refs)"
        f" VALUES (%s, 'captured', 'cap_1', now(), now(), '', '{{}}')) INSERT INTO {table} (id, transfer_id, account_id"
        ", amount_minor, currency, booked_at) VALUES (%s, %s, %s, 5, 'EUR', now()), (%s, %s, %s, -5, 'EUR', now())"
    )
    with transaction.atomic():
        sql(statement, transfer, ids.uuid7(), transfer, at, ids.uuid7(), transfer, account("b", "EUR"))


@pytest.mark.parametrize("straight", [False, True], ids=["by the table", "straight into the partition"])
def test_an_entry_in_another_currency_than_its_account_is_refused(*, straight: bool) -> None:
    with pytest.raises(IntegrityError, match="another currency than its account"):
        enter(account("a", "USD"), this_month() if straight else "payments_entry")
    assert not Entry.objects.exists()


@pytest.mark.parametrize("straight", [False, True], ids=["by the table", "straight into the partition"])
def test_an_entry_on_an_account_that_is_not_there_is_refused(*, straight: bool) -> None:
    with pytest.raises(IntegrityError, match="another currency than its account"):
        enter(uuid.uuid4(), this_month() if straight else "payments_entry")
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("straight", [False, True], ids=["by the table", "straight into the partition"])
def test_nothing_is_added_to_a_transfer_of_an_earlier_transaction(*, straight: bool) -> None:
    table = this_month() if straight else "payments_entry"
    transfer = write(("a", 100, "USD"), ("b", -100, "USD"))
    with pytest.raises(IntegrityError, match="comes after its transfer"):
        write(("a", 7, "USD"), ("b", -7, "USD"), transfer=transfer, table=table)
    assert Entry.objects.count() == 2


def test_entries_of_no_transfer_are_refused() -> None:
    with pytest.raises(IntegrityError, match="comes after its transfer"):
        write(("a", 7, "USD"), ("b", -7, "USD"), transfer=uuid.uuid4())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments_transfer SET narrative = 'nothing happened'",
        "DELETE FROM payments_transfer",
        "TRUNCATE payments_transfer CASCADE",
        "UPDATE payments_entry SET amount_minor = amount_minor * 2",
        "DELETE FROM payments_entry",
        "TRUNCATE payments_entry",
        "UPDATE {part} SET amount_minor = amount_minor * 2",
        "DELETE FROM {part}",
        "TRUNCATE {part}",
        "TRUNCATE payments_entry_default",
        "WITH gone AS (DELETE FROM payments_entry RETURNING 1) SELECT count(*) FROM gone",
        "MERGE INTO payments_transfer t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO payments_transfer SELECT * FROM payments_transfer"
        " ON CONFLICT (id) DO UPDATE SET narrative = 'nothing happened'",
    ],
)
def test_what_was_booked_stays_as_it_was(statement: str) -> None:
    post()
    commit_rules()
    before = sql("SELECT * FROM payments_transfer"), sql("SELECT * FROM payments_entry ORDER BY id")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement.format(part=this_month()))
    assert (sql("SELECT * FROM payments_transfer"), sql("SELECT * FROM payments_entry ORDER BY id")) == before


@pytest.mark.parametrize(
    "act",
    [
        lambda: Transfer.objects.update(narrative=""),
        lambda: Transfer.objects.all()._raw_delete(Transfer.objects.db),
        lambda: Entry.objects.update(amount_minor=1),
        lambda: Entry.objects.all().delete(),
        lambda: Entry.objects.all()[0].save(),
        lambda: Entry.objects.all()[0].delete(),
    ],
)
def test_not_even_by_way_of_the_models(act: Callable[[], object]) -> None:
    post()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act()


@pytest.mark.django_db(transaction=True)
def test_the_same_event_of_the_same_movement_is_booked_once_and_takes_its_unit_with_it() -> None:
    source = post()

    def again() -> None:
        with unit.work():
            lines = postings.captured("stripe-us", money.from_minor(1, "USD"))
            ledger.post(postings.Event.CAPTURED, source, lines, narrative="again", refs={})

    with pytest.raises(IntegrityError, match="ledger_booked_once"):
        again()
    assert selectors.trial_balance() == {("psp_receivable/stripe-us", "USD"): 1999, ("order_clearing", "USD"): -1999}
    assert Transfer.objects.get().narrative == "a movement of the tests"


def test_another_event_of_the_same_movement_is_another_transfer() -> None:
    source = post()
    post(source=source, event=postings.Event.CAPTURE_REVERSED)
    assert [transfer.event for transfer in selectors.journal([source])] == ["captured", "capture_reversed"]
    assert set(selectors.trial_balance().values()) == {0}


def test_an_account_is_one_of_a_code_and_a_currency() -> None:
    account("a", "USD")
    with pytest.raises(IntegrityError, match="ledger_account_code"), transaction.atomic():
        Account.objects.create(id=uuid.uuid4(), code="a", currency="USD", kind="both")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE payments_account SET code = 'psp_receivable/elsewhere'", "a ledger account keeps its code"),
        ("UPDATE payments_account SET currency = 'EUR'", "a ledger account keeps its code"),
        ("UPDATE payments_account SET kind = 'asset'", "a ledger account keeps its code"),
        ("UPDATE payments_account SET id = uuidv7()", "a ledger account keeps its code"),
        ("INSERT INTO payments_account SELECT * FROM payments_account ON CONFLICT (id) DO UPDATE SET kind = 'expense'",
         "a ledger account keeps its code"),
        ("DELETE FROM payments_account", "a ledger account is never deleted"),
        ("TRUNCATE payments_account CASCADE", "is never deleted|append-only"),
    ],
)  # fmt: skip
def test_an_account_stays_what_it_is(statement: str, words: str) -> None:
    account("unused", "USD")
    sql("UPDATE payments_account SET code = code")
    before = sql("SELECT * FROM payments_account")
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        sql(statement)
    assert sql("SELECT * FROM payments_account") == before
