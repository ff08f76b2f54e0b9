"""Every check of refunds sees what it is there for: each violation is planted behind the rules' back and found."""

from collections.abc import Callable

import pytest
from django.db import connection

from payments.gateway.models import ProviderCall
from payments.kernel import ids, unit
from payments.kernel.jobs import Queue
from payments.ledger import postings
from payments.ledger import services as ledger
from refunds.models import Refund, RefundLine
from tests import factories
from tests.byhand import behind_the_guards


def another_object(refund: Refund) -> None:
    call = ProviderCall.objects.get(owner_id=refund.pk)
    call.pk, call.provider_reference = ids.new("call"), "re_another"
    call.save(force_insert=True)


def smaller(refund: Refund) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_paymentintent SET amount_refunded_minor = amount_refunded_minor - 1")


def line_changed(refund: Refund) -> None:
    RefundLine.objects.update(amount_minor=1)


def posted_twice(refund: Refund) -> None:
    with unit.work():
        ledger.post(
            postings.Event.REFUND_SENT,
            "re_nobody",
            postings.refund_sent("stripe-us", refund.amount),
            narrative="nobody's refund",
            refs={},
        )


def abandoned(refund: Refund) -> None:
    with behind_the_guards():
        Refund.objects.filter(pk=refund.pk).update(status="pending", settled_at=None)


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (another_object, "refund_one_object"),
        (smaller, "refund_reservations"),
        (line_changed, "refund_lines_add_up"),
        (posted_twice, "refunds_in_flight"),
        (abandoned, "refund_owned"),
        (abandoned, "refund_posted"),
    ],
)
def test_what_is_wrong_is_found(shop: factories.Shop, plant: Callable[[Refund], None], found: str) -> None:
    order = shop.order(500)
    shop.confirm(shop.intent(order))
    line = {"line": order["lines"][0]["id"], "quantity": 1}
    refund_id = shop.post("refunds", {"order": order["id"], "lines": [line], "reason": "damaged"})["id"]
    factories.work(Queue.MONEY)
    assert factories.broken() == []

    plant(Refund.objects.get(pk=refund_id))
    assert found in {line.partition(":")[0] for line in factories.broken()}
