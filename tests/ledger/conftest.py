"""What the ledger's tests share: postings of the recipes, and SQL as a person at the prompt writes it."""

from datetime import datetime
from typing import Any

from django.db import connection

from payments.kernel import ids, money, unit
from payments.ledger import postings
from payments.ledger import services as ledger


def post(
    minor: int = 1999,
    currency: str = "USD",
    *,
    source: str | None = None,
    event: postings.Event = postings.Event.CAPTURED,
    account: str = "stripe-us",
    effective_at: datetime | None = None,
) -> str:
    """Book one movement by its recipe; the id of what moved."""
    source = source or ids.new("cap")
    recipe = {
        postings.Event.CAPTURED: postings.captured,
        postings.Event.CAPTURE_REVERSED: postings.capture_reversed,
        postings.Event.REFUND_SENT: postings.refund_sent,
    }[event]
    with unit.work():
        ledger.post(
            event,
            source,
            recipe(account, money.from_minor(minor, currency)),
            narrative="a movement of the tests",
            refs={"order": "ord_1"},
            effective_at=effective_at,
        )
    return source


def sql(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a person at the database's own prompt would do."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)  # type: ignore[arg-type]  # whatever the adapters know
        return cursor.fetchall() if cursor.description else []
