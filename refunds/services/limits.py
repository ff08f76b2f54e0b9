"""By whose word a refund goes, and how far that word counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from moneyed import Money

from payments.kernel import clock, money
from refunds import policy, selectors
from refunds.services import refusals

DAY: Final = timedelta(hours=24)
"""A day is the last 24 hours: what counts until midnight counts twice around it."""


@dataclass(frozen=True, slots=True)
class Word:
    """Somebody by whose limit refunds go, under the name that stands with them."""

    name: str
    client_id: str | None = None
    roles: Sequence[str] = ()


def of_client(client_id: str) -> Word:
    """All keys of an API client count as one: whoever steals one gets no further than with another."""
    return Word(f"client:{client_id}", client_id=client_id)


def of_person(person: policy.Person) -> Word:
    """A person, by the widest limit of his roles."""
    return Word(person.name, roles=person.roles)


def beyond(word: Word, amount: Money, *, of: Money | None = None) -> str:
    """Why an amount needs somebody else's word too; "" when it does not. `of` is all that was asked for with it.

    After "", whoever else asks by the same word and currency waits until the caller's transaction has ended: a hundred
    at once do not pass a limit together.
    """
    currency = amount.currency.code
    limit = _limit(word, currency)
    why = policy.beyond(limit, of or amount, 0)
    if why or limit is None or limit.daily is None:
        return why
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"refunds.limit {word.name} {currency}"]
        )
    return policy.beyond(limit, amount, selectors.let_go(word.name, currency, since=clock.now() - DAY))


def beyond_by_many(word: Word, largest: Money, total: Money) -> str:
    """The same of many refunds that come to `total`, as things stand: each is asked about again when its turn comes."""
    currency = total.currency.code
    before = selectors.let_go(word.name, currency, since=clock.now() - DAY)
    return policy.beyond(_limit(word, currency), largest, before + money.to_minor(total - largest))


def alone(word: Word, currency: str) -> int | None:
    """How many minor units go back on this word now, without a second person; None for any amount. Read, not locked."""
    limit = _limit(word, currency)
    if limit is None:
        return 0
    left = None
    if limit.daily is not None:
        left = max(limit.daily - selectors.let_go(word.name, currency, since=clock.now() - DAY), 0)
    known = [amount for amount in (limit.each, left) if amount is not None]
    return min(known) if known else None


def _limit(word: Word, currency: str) -> policy.Limit | None:
    if word.client_id is not None:
        return selectors.limit_of_client(word.client_id, currency)
    return selectors.limit_of_roles(word.roles, currency)


def refuse_unless_decides(person: policy.Person, requested_by: str) -> None:
    """Nobody decides without the right to, or about what he has asked for."""
    if not person.approves:
        raise refusals.ApprovalNotAllowed("Refunds are approved and rejected by support leads.")
    if person.name == requested_by:
        raise refusals.ApprovalNeedsAnotherPerson("You asked for this refund yourself: somebody else decides.")
