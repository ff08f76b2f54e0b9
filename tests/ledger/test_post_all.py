"""Booking many movements at once: all of them, each once, or none."""

import pytest
from django.db import IntegrityError, connection, transaction

from payments.ledger import selectors, services
from payments.ledger.models import Transfer
from payments.ledger.postings import Event

FEES = """
SELECT 'sl_' || n AS source_id, now() AS effective_at, 'A fee' AS narrative, '{"n": 1}'::jsonb AS refs,
       side.code, 'EUR'::text AS currency, (side.sign * n)::bigint AS amount_minor
  FROM generate_series(1, %(many)s) AS n,
       (VALUES ('psp_fees/x', 1), ('psp_receivable/x', %(other)s)) AS side (code, sign)"""


@pytest.fixture
def db_with_rules(transactional_db: None) -> None:
    """Deferred triggers fire at commits only."""


def book(many: int, other: int = -1) -> int:
    """Fees of 1, 2, 3… cents."""
    with transaction.atomic():
        return services.post_all(Event.FEE_CHARGED, FEES, {"many": many, "other": other})


def test_each_is_booked_and_the_trial_balance_is_zero(db_with_rules: None) -> None:
    assert book(100) == 100
    balances = selectors.trial_balance()
    assert balances == {("psp_fees/x", "EUR"): 5050, ("psp_receivable/x", "EUR"): -5050}
    assert Transfer.objects.filter(event="fee_charged").count() == 100


def test_what_was_booked_before_is_passed_over(db_with_rules: None) -> None:
    book(3)
    assert book(5) == 2
    assert selectors.trial_balance()["psp_fees/x", "EUR"] == 15


def test_one_that_does_not_balance_takes_all_with_it(db_with_rules: None) -> None:
    with pytest.raises(IntegrityError, match="sum to"):
        book(3, other=-2)
    assert not Transfer.objects.exists()


def test_two_kinds_in_one_transaction(db_with_rules: None) -> None:
    with transaction.atomic():
        services.post_all(Event.FEE_CHARGED, FEES, {"many": 2, "other": -1})
        services.post_all(Event.FEE_TAXED, FEES.replace("psp_fees", "fee_tax"), {"many": 2, "other": -1})
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(amount_minor) FROM payments_entry")
        assert cursor.fetchone() == (0,)
    assert selectors.trial_balance()["psp_receivable/x", "EUR"] == -6


def test_each_entry_finds_its_transfer_by_key_and_not_among_all_of_its_transaction(db_with_rules: None) -> None:
    book(2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payments_transfer")  # no transaction that the planner knows of has many
        with transaction.atomic():
            services.post_all(Event.FEE_TAXED, FEES, {"many": 500, "other": -1})
            cursor.execute("SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'payments_transfer'")
            (found,) = cursor.fetchone()
    assert found < 20_000, "by key, or all 2,500 at once: but not 500 for each of a thousand entries"


def test_one_connection_books_what_comes_from_columns_of_any_type(db_with_rules: None) -> None:
    for _ in range(5):  # so often that the statements are kept prepared
        book(1)
    assert book_of("code::varchar(40), currency::varchar(3)") == 1


def book_of(types: str) -> int:
    """A fee whose account is told in these types."""
    fees = f"SELECT source_id, effective_at, narrative, refs, {types}, amount_minor FROM ({FEES}) AS fee"
    with transaction.atomic():
        return services.post_all(Event.FEE_TAXED, fees, {"many": 1, "other": -1})
