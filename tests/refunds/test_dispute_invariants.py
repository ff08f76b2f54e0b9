"""Each invariant of disputes sees what breaks it, done by hand behind the guards."""

import pytest

from payments.connectors.disputes import Standing
from tests import factories
from tests.byhand import behind_the_guards, sql
from tests.refunds.quarrel import Quarrel

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("dispute_sums", "UPDATE payments_paymentintent SET amount_disputed_minor = 1999"),
        ("dispute_movements_add_up", "UPDATE refunds_dispute SET amount_withdrawn_minor = 1999"),
        ("dispute_movements_add_up", "UPDATE refunds_dispute SET status = 'lost', closed_at = now()"),
        ("dispute_movement_posted", "UPDATE payments_transfer SET source_id = 'dpm_0' WHERE event LIKE 'dispute_%%'"),
        ("disputes_held", "UPDATE refunds_dispute SET amount_lost_minor = 5"),
        ("dispute_owned", "UPDATE refunds_dispute SET look_at = NULL"),
        ("dispute_owned", "UPDATE payments_attentionitem SET closed_at = now() WHERE kind = 'fraud_warning'"),
    ],
)
def test_what_breaks_it_is_seen(shop: factories.Shop, check: str, statement: str) -> None:
    other = Quarrel(shop, "dp_other")
    other.warn()
    quarrel = Quarrel(shop)
    quarrel.tell(quarrel.news(0, taken=2000, standing=Standing.NEEDS_RESPONSE))
    assert factories.broken() == []
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the commit has been looked at
    with behind_the_guards():
        sql(statement.replace("%%", "%"))
    assert check in {found.partition(":")[0] for found in factories.broken()}
