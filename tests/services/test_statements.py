"""How many SQL statements and commits a call costs: held here, because every one is paid 127 times a second at peak."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.ledger import services as ledger
from tests import factories

Capture = Callable[..., AbstractContextManager[list[object]]]

FRAMES = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK")


@contextmanager
def at_most(statements: int, units: int) -> Iterator[None]:
    """Count what the block sends: statements without the frames around them, and units of work."""
    with CaptureQueriesContext(connection) as captured:
        yield
    sent = [query["sql"] for query in captured]
    counted = [sql for sql in sent if not sql.startswith(FRAMES)]
    told = "\n".join(sql[:110] for sql in counted)
    assert len(counted) <= statements, f"{len(counted)} statements:\n{told}"
    assert sum(sql.startswith("SAVEPOINT") for sql in sent) <= units  # a unit inside the test's own transaction


@pytest.fixture
def warm(shop: factories.Shop, django_capture_on_commit_callbacks: Capture) -> Iterator[factories.Shop]:
    """A process that has taken a payment before: keys, accounts and ledger accounts are known."""
    with django_capture_on_commit_callbacks(execute=True):
        shop.paid()
    yield shop
    ledger.forget_accounts()


def test_an_order(warm: factories.Shop) -> None:
    with at_most(6, units=1):
        warm.order()


def test_an_intent(warm: factories.Shop) -> None:
    order = warm.order()
    with at_most(6, units=1):
        warm.intent(order)


def test_a_refund(warm: factories.Shop) -> None:
    """Beside reading the payment with its disputes and writing the refund: the limit, its lock, what has gone by it."""
    paid = warm.paid()
    warm.post("refunds", {"payment_intent": paid["id"], "amount": 1, "reason": "goodwill"})
    with at_most(14, units=1):
        warm.post("refunds", {"payment_intent": paid["id"], "amount": 2, "reason": "goodwill"})


def test_a_confirmation(warm: factories.Shop) -> None:
    intent = warm.intent()
    with at_most(16, units=2):
        assert warm.confirm(intent)["status"] == "succeeded"
