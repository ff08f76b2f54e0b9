"""Reading the ledger: balances, the journal of one object, and the proofs that it holds."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import Prefetch, Sum, prefetch_related_objects
from moneyed import Money

from payments.kernel import ids, invariants, money
from payments.ledger.models import Entry, Transfer

MILLISECOND: Final = timedelta(milliseconds=1)


def balance(account: str, currency: str, *, as_of: datetime | None = None) -> Money:
    """The balance of one account, debit positive, of entries booked before `as_of` (now when absent)."""
    entries = Entry.objects.filter(account__code=account, currency=currency)
    if as_of is not None:
        entries = entries.filter(booked_at__lt=as_of)
    return money.from_minor(int(entries.aggregate(sum=Sum("amount_minor"))["sum"] or 0), currency)


def balances(accounts: Sequence[UUID], *, within: timedelta) -> Mapping[UUID, int] | None:
    """Account id -> balance in minor units, debit positive; None when adding them up takes longer than `within`.

    For pages that must answer: at millions of entries a sum is for reports.
    """
    rows = Entry.objects.filter(account__in=accounts).values_list("account_id").annotate(sum=Sum("amount_minor"))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{within / MILLISECOND:.0f}"])
            return {account: int(total) for account, total in rows.order_by()}
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            return None
        raise


def trial_balance() -> Mapping[tuple[str, str], int]:
    """(account code, currency) -> balance in minor units, debit positive. Sums to zero per currency."""
    rows = Entry.objects.values_list("account__code", "currency").annotate(sum=Sum("amount_minor")).order_by()
    return {(code, currency): int(total) for code, currency, total in rows}


def journal(source_ids: Sequence[str]) -> Sequence[Transfer]:
    """The transfers of these movements with their entries and accounts, oldest first."""
    found = list(Transfer.objects.filter(source_id__in=source_ids).order_by("id"))
    if found:
        since = ids.not_before(min(one.booked_at for one in found))
        entries = Entry.objects.filter(pk__gte=since).select_related("account")
        prefetch_related_objects(found, Prefetch("entries", entries))
    return found


def lines_of(transfer_ids: Sequence[str]) -> Mapping[str, str]:
    """Transfer -> its lines in words, debit positive, as `psp/stripe-us 19.99 USD, captured/… -19.99 USD`."""
    found: dict[str, list[str]] = {}
    entries = Entry.objects.filter(transfer_id__in=transfer_ids).select_related("account").order_by("id")
    for entry in entries:
        amount = money.text(money.from_minor(entry.amount_minor, entry.currency))
        found.setdefault(str(entry.transfer_id), []).append(f"{entry.account.code} {amount}")
    return {transfer: ", ".join(lines) for transfer, lines in found.items()}


invariants.declare(
    10,
    "ledger_zero_sum",
    "Every transfer sums to zero per currency and has two entries or more",
    """SELECT t.id::text, 'sums to ' || coalesce(sum(e.amount_minor), 0) || ' over ' || count(e.id) || ' entries'
         FROM payments_transfer t LEFT JOIN payments_entry e ON e.transfer_id = t.id
        GROUP BY t.id, e.currency HAVING coalesce(sum(e.amount_minor), 0) <> 0 OR count(e.id) < 2""",
    "SELECT count(*) FROM payments_transfer",
)
invariants.declare(
    10,
    "ledger_currency",
    "Every entry has its account's currency",
    """SELECT e.id::text, e.currency || ' in ' || a.code || ' ' || a.currency
         FROM payments_entry e JOIN payments_account a ON a.id = e.account_id WHERE a.currency <> e.currency""",
    "SELECT count(*) FROM payments_entry",
)
invariants.declare(
    10,
    "ledger_trial_balance",
    "The trial balance is zero per currency",
    """SELECT currency, 'off by ' || sum(amount_minor) FROM payments_entry
        GROUP BY currency HAVING sum(amount_minor) <> 0""",
    "SELECT count(DISTINCT currency) FROM payments_entry",
)
