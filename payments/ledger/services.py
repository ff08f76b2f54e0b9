"""Writing the ledger: one transfer with its entries, in the unit of work that moves the state."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection

from payments.kernel import clock, money, unit
from payments.kernel.errors import invariant
from payments.ledger import postings
from payments.ledger.models import Account, Entry, Transfer

_NAMESPACE: Final = uuid.UUID("6f1c2a0e-6f0e-5a53-9d4c-2b8f6d1f7a10")
_known: set[uuid.UUID] = set()


def post(
    event: postings.Event,
    source_id: str,
    lines: postings.Lines,
    *,
    narrative: str,
    refs: Mapping[str, str],
    effective_at: datetime | None = None,
) -> None:
    """Book one movement with the open unit of work.

    Booking the same `event` of the same `source_id` again fails on the unique key and takes the whole unit with
    it: a state that says "captured" and its posting are one commit or none. What moved in books that are closed is
    booked into the open period. Where no line says in whose books it is, the `account` in `refs` does.
    """
    now = clock.now()
    transfer = Transfer(
        event=event,
        source_id=source_id,
        place=postings.place(lines) or refs.get("account"),
        effective_at=effective_at or now,
        booked_at=now,
        narrative=narrative,
        refs=dict(refs),
    )
    entries = [
        Entry(
            transfer=transfer,
            account_id=_account(line.account, line.amount.currency.code),
            amount_minor=money.to_minor(line.amount),
            currency=line.amount.currency.code,
            booked_at=now,
        )
        for line in lines
    ]
    unit.current().add_linked(transfer, entries)


def _account(code: str, currency: str) -> uuid.UUID:
    """The account's id; its row is written with the unit until this process knows that it is committed."""
    key = _key(code, currency)
    if key not in _known:
        unit.current().add(Account(id=key, code=code, currency=currency, kind=postings.kind(code)), once=True)
        unit.after_commit(lambda: _known.add(key))
    return key


def _key(code: str, currency: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, f"{code}|{currency}")


def forget_accounts() -> None:
    """Write account rows anew with the next posting: for whoever has emptied the tables underneath."""
    _known.clear()


_STAGE: Final = """
CREATE TEMP TABLE ledger_movement ON COMMIT DROP AS
SELECT m.* FROM ({movements}) AS m
 WHERE NOT EXISTS (SELECT FROM payments_transfer t WHERE t.event = %(event)s AND t.source_id = m.source_id)"""

_PLACE: Final = """coalesce(min(split_part(code, '/', 2)) FILTER (WHERE code LIKE '%%/%%' AND code NOT LIKE 'bank/%%'),
                min(split_part(code, '/', 2)) FILTER (WHERE code LIKE 'bank/%%'))"""
"""`postings.place`, of the codes of one transfer."""

_BOOK: Final = f"""
WITH parents AS (
    INSERT INTO payments_transfer (id, event, source_id, place, effective_at, booked_at, narrative, refs)
    SELECT uuidv7(%(shift)s), %(event)s, source_id, {_PLACE}, min(effective_at), %(now)s, min(narrative),
           min(refs::text)::jsonb
      FROM ledger_movement GROUP BY source_id
    RETURNING id, source_id)
INSERT INTO payments_entry (id, transfer_id, account_id, amount_minor, currency, booked_at)
SELECT uuidv7(%(shift)s), parents.id, account.id, moved.amount_minor, moved.currency, %(now)s
  FROM ledger_movement moved JOIN parents USING (source_id)
  JOIN payments_account account USING (code, currency)"""  # noqa: S608  our own SQL


def post_all(event: postings.Event, movements: str, params: Mapping[str, Any]) -> int:
    """Book many movements of one event at once, set by set; how many transfers were written.

    `movements` is a SELECT of entries: `source_id, effective_at, narrative, refs, code, currency, amount_minor` (debit
    positive; `code` is the account's), its parameters `params`. A movement that was booked before is passed over.
    Call it inside a transaction: the database refuses the whole of it when one movement does not balance.
    """
    invariant(connection.in_atomic_block, "many movements are booked in a transaction")
    now = clock.now()
    with connection.cursor() as cursor:
        # ids are of our moment, not of the server's: readers find the partitions of entries by when they were booked
        cursor.execute("SELECT %s::timestamptz - clock_timestamp()", [now])
        bound = {**params, "event": event.value, "now": now, "shift": cursor.fetchone()[0]}
        cursor.execute("DROP TABLE IF EXISTS pg_temp.ledger_movement")
        cursor.execute(_STAGE.format(movements=movements), bound)
        cursor.execute("ANALYZE ledger_movement")  # else millions are joined as if they were a handful
        # one type whatever the SELECT had: psycopg keeps the statement prepared
        cursor.execute("SELECT DISTINCT code::text, currency::text FROM ledger_movement")
        accounts = [
            Account(id=_key(code, currency), code=code, currency=currency, kind=postings.kind(code))
            for code, currency in cursor.fetchall()
        ]
        Account.objects.bulk_create(accounts, ignore_conflicts=True)
        cursor.execute(_BOOK, bound)
        cursor.execute("SELECT count(DISTINCT source_id) FROM ledger_movement")
        return int(cursor.fetchone()[0])
