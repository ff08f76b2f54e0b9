"""People of the staff, payments that they look after, and the time in which they think again."""

from typing import Any

from refunds.models import Refund, RefundLimit
from refunds.policy import Person
from refunds.services import refunds
from tests import factories
from tests.byhand import behind_the_guards

ADA = Person("staff ada", ["support"])
BOB = Person("staff bob", ["support"])
LEA = Person("staff lea", ["support_lead"], approves=True)
LOU = Person("staff lou", ["support_lead"], approves=True)
EVE = Person("staff eve", approves=True)
"""Has the right by mistake, and no role: no limit."""


def limit(role: str, each: int | None, daily: int | None, *, currency: str = "USD") -> None:
    """How it is in an installation where this was agreed to long ago, in minor units."""
    with behind_the_guards():
        RefundLimit.objects.filter(role=role, currency=currency).update(each_minor=each, daily_minor=daily)


def ask(intent: dict[str, Any], amount: int | None = None, *, who: Person = ADA, **facts: Any) -> Refund:
    """A person asks for a refund of a payment."""
    draft = refunds.RefundDraft(payment_intent=intent["id"], amount=amount, reason="goodwill", **facts)
    return refunds.request_as(who, draft, approved_by=None).refund


def undo_window_ends() -> None:
    """Half a minute later: what is held is sent."""
    factories.later("send_refund")
