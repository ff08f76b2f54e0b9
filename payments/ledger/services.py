"""Writing the ledger: one transfer with its entries, in the unit of work that moves the state."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from payments.kernel import clock, money, unit
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
    it: a state that says "captured" and its posting are one commit or none.
    """
    now = clock.now()
    transfer = Transfer(
        event=event,
        source_id=source_id,
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
    key = uuid.uuid5(_NAMESPACE, f"{code}|{currency}")
    if key not in _known:
        unit.current().add(Account(id=key, code=code, currency=currency, kind=postings.kind(code)), once=True)
        unit.after_commit(lambda: _known.add(key))
    return key


def forget_accounts() -> None:
    """Write account rows anew with the next posting: for whoever has emptied the tables underneath."""
    _known.clear()
